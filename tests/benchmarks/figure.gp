# gnuplot -e "folder='DIR'" figure.gp: how many times faster than PyTorch, from DIR/results.csv.
set datafile separator ","
set terminal svg size 900,330 enhanced font "Helvetica,14" background rgb "white"
set output folder."/speed.svg"
set multiplot layout 1,3 title "Training steps: samples a second, ramp to PyTorch (the better of eager and compiled)" font ",15"
set logscale xy
set xrange [0.7:12000]
set yrange [0.7:32]
set xtics ("1" 1, "32" 32, "128" 128, "1024" 1024, "8192" 8192) font ",11"
set ytics ("1x" 1, "2x" 2, "4x" 4, "8x" 8, "16x" 16, "32x" 32)
set grid ytics lc rgb "#dddddd" lt 1
set xlabel "batch" offset 0,0.5
set tmargin 4
set key top right samplen 2 font ",12"
# Batch and ratio of one net.
of(net, threads) = sprintf("< awk -F, '$1==\"ratio\" && $2==%d && $3==\"%s\" && $5 ~ /^captured/ {print $4\",\"$6}' '%s/results.csv'", threads, net, folder)
threads = system("awk -F, '$1==\"ratio\"{t[$2]=1} END{for (k in t) print k}' '".folder."/results.csv' | sort -n | tr '\\n' ' '")
do for [i=1:3] {
  net = word("small wide deep", i)
  set title word("784-128-10 784-512-512-10 784-(10x128)-10", i) font ",13"
  plot 1 with lines lc rgb "#888888" dt 2 notitle, \
       for [k=1:words(threads)] of(net, int(word(threads, k))) using 1:2 with linespoints lw 2 pt 7 ps 0.6 \
         lc rgb word("#0072B2 #D55E00 #009E73", k) title word(threads, k)." thread".(word(threads, k) eq "1" ? "" : "s")
}
unset multiplot
