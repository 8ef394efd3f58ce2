# gnuplot -e "folder='DIR'" figure_gpu.gp: how many times faster than PyTorch and JAX on a GPU, from DIR/results_gpu.csv.
set datafile separator ","
set terminal svg size 900,760 enhanced font "Helvetica,12" background rgb "white"
set output folder."/speed_gpu.svg"
set multiplot layout 3,3 title "Captured training steps on a GPU: the time of others to ramp's" font ",15"
set logscale xy
set xrange [80:100000]
set yrange [0.5:60]
set xtics ("128" 128, "1024" 1024, "65536" 65536) font ",11"
set ytics ("0.5x" 0.5, "1x" 1, "2x" 2, "5x" 5, "10x" 10, "20x" 20, "50x" 50)
set grid ytics lc rgb "#dddddd" lt 1
set key top right samplen 2 font ",10"
# Batch and ratio of one net and precision to one of the others.
of(net, precision, other) = sprintf("< awk -F, '$1==\"ratio\" && $2==\"%s\" && $4==\"%s\" && $5==\"captured to %s\" {print $3\",\"$6; n=1} END{if (!n) print \"1,NaN\"}' '%s/results_gpu.csv'", net, precision, other, folder)
others = "eager graph compile scan"
titles = "'PyTorch eager' 'PyTorch graph' 'torch.compile, graphs' 'JAX scan'"
colours = "#0072B2 #D55E00 #009E73 #CC79A7"
do for [precision in "float32 tf32 bf16"] {
  do for [i=1:3] {
    net = word("small wide eight", i)
    set title word("784-128-10 784-512-512-10 784-(8x256)-10", i).", ".precision font ",12"
    plot 1 with lines lc rgb "#888888" dt 2 notitle, \
         for [k=1:4] of(net, precision, word(others, k)) using 1:2 with linespoints lw 2 pt 7 ps 0.5 \
           lc rgb word(colours, k) title (i == 1 && precision eq "float32") ? word(titles, k) : ""
  }
}
unset multiplot
