#include "studies/support/figure.h"

#include <ramp/core/error.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "studies/support/labels.h"

namespace studies {
namespace {

constexpr double character = 7.6;  // the mean width in pixels of one at the size of labels

struct Style {
  std::string color;
  int point;  // gnuplot's number of the mark, so that lines differ without colour too
};

const Style& style(const std::string& name) {
  static const std::map<std::string, Style> styles{
      {"relu", {"#0072B2", 7}},     {"leaky_relu", {"#D55E00", 5}}, {"prelu", {"#AA3377", 9}},
      {"rrelu", {"#B8860B", 11}},   {"elu", {"#009E73", 13}},       {"selu", {"#5B4BB7", 4}},
      {"gelu", {"#7F6A00", 6}},     {"tanh", {"#3A9BD9", 15}},      {"sigmoid", {"#222222", 12}},
      {"softplus", {"#C65D9E", 8}}, {"grey", {"#777777", 1}},
  };
  const auto found = styles.find(name);
  if (found == styles.end()) ramp::fail("color", "expected an activation that has a colour, or grey, got ", name);
  return found->second;
}

/// A string in gnuplot's syntax. Backquotes would run a command there and a line break would end the statement; these,
/// quotation marks and backslashes are written as octal numbers.
std::string quoted(const std::string& text) {
  const auto octal = [](int number) { return static_cast<char>('0' + number % 8); };
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && c != '"' && c != '\\' && c != '`') result += c;
    else result += {'\\', octal(byte >> 6), octal(byte >> 3), octal(byte)};
  }
  return result + '"';
}

/// The part of an axis that is shown: what was asked for, else all points with a margin.
Range range(const Axis& axis, const std::vector<Series>& all, bool vertical) {
  double low = INFINITY, high = -INFINITY;
  for (const Series& series : all)
    for (const Point& point : series.points) {
      const double value = vertical ? point.y : point.x, error = vertical ? point.error : 0;
      if (!std::isfinite(value) || (axis.log && value <= 0)) continue;
      low = std::min(low, axis.log && value <= error ? value : value - error);
      high = std::max(high, value + error);
      if (series.mark == Mark::bars) {
        if (!vertical) low = std::min(low, value - 0.6), high = std::max(high, value + 0.6);
        else if (!axis.log) low = std::min(low, 0.0);
      }
    }
  if (!(low <= high)) low = axis.log ? 1 : 0, high = axis.log ? 10 : 1;
  Range result{low, high, axis.log};
  const double margin = vertical ? 0.05 : 0.02;
  if (!axis.from && !(vertical && low == 0)) result.from = result.at(-margin);
  if (!axis.to) result.to = Range{low, high, axis.log}.at(1 + margin);
  if (axis.from) result.from = *axis.from;
  if (axis.to) result.to = *axis.to;
  if (result.from == result.to) result.from -= 1, result.to += 1;
  return result;
}

/// Whether all points are at whole numbers, as epochs are.
bool whole(const std::vector<Series>& all) {
  for (const Series& series : all)
    for (const Point& point : series.points)
      if (point.x != std::floor(point.x)) return false;
  return true;
}

/// One figure as a script for gnuplot.
class Script {
 public:
  explicit Script(const Figure& figure) : figure_(figure) {}

  /// Sizes of letters are relative to `font`, as terminals count them in units of their own.
  std::string text(const std::string& terminal, const std::string& path, int font) {
    title_size_ = font + 3;
    note_size_ = font - 2;
    out_ << "set terminal " << terminal << "\nset output " << quoted(path) << "\nset encoding utf8\n"
         << "set multiplot\nset border 3 lc rgb '#444444'\nset tics nomirror out scale 0.6 tc rgb '#444444'\n"
         << "set grid ytics lc rgb '#e4e4e4' lt 1 lw 1\nset key off\nset bars 0.5\nset style fill solid 0.85 noborder\n"
         << "set boxwidth 0.7\n";
    double fixed_width = 0;
    for (const Panel& panel : figure_.panels) fixed_width += left + right(panel);
    const double plot_width = (figure_.width - fixed_width) / static_cast<double>(figure_.panels.size());
    double x = 0;
    for (const Panel& panel : figure_.panels) {
      draw_panel(panel, x + left, plot_width, &panel == &figure_.panels.front());
      x += left + plot_width + right(panel);
    }
    out_ << "unset multiplot\n";
    return out_.str();
  }

 private:
  static constexpr double left = 78, bottom = 78;
  double top() const {
    const auto lines = 1 + std::count(figure_.title.begin(), figure_.title.end(), '\n');
    return 26 + 22 * static_cast<double>(lines) + (panels_have_titles() ? 22 : 0);
  }
  bool panels_have_titles() const {
    return std::any_of(figure_.panels.begin(), figure_.panels.end(), [](const Panel& p) { return !p.title.empty(); });
  }
  /// Room for the names beside the lines.
  static double right(const Panel& panel) {
    size_t longest = 0;
    for (const Series& series : panel.series)
      if (series.mark != Mark::bars) longest = std::max(longest, series.name.size());
    return 26 + character * static_cast<double>(longest);
  }

  void axis(const char* name, const Axis& axis, const Range& range) {
    out_ << (axis.log ? "set" : "unset") << " logscale " << name << "\nset " << name << "range [" << range.from << ':'
         << range.to << "]\n";
    // Decades for what spans many, else plain numbers.
    const bool decades = axis.log && (range.to / range.from > 1e3 || range.from < 1e-3);
    out_ << "set format " << name << (decades ? " '10^{%L}'" : " '%g'") << "\nset " << name << "tics autofreq\n";
    if (!axis.ticks.empty()) ticks_at(name, axis.ticks);
    else if (axis.log && !decades) ticks_at_1_2_5(name, range);
    if (axis.names.empty()) return;
    out_ << "set " << name << "tics (";
    for (size_t i = 0; i < axis.names.size(); ++i) out_ << (i ? ", " : "") << quoted(axis.names[i]) << ' ' << i;
    out_ << ") noenhanced\n";
  }

  void ticks_at(const char* name, const std::vector<double>& values) {
    out_ << "set " << name << "tics (";
    const char* comma = "";
    for (const double value : values) out_ << comma << value, comma = ", ";
    out_ << ")\n";
  }

  void ticks_at_1_2_5(const char* name, const Range& range) {
    std::vector<double> values;
    for (double decade = std::pow(10, std::floor(std::log10(range.from))); decade <= range.to; decade *= 10)
      for (const int digit : {1, 2, 5})
        if (const double value = digit * decade; value >= range.from && value <= range.to) values.push_back(value);
    ticks_at(name, values);
  }

  void draw_panel(const Panel& panel, double x, double width, bool first) {
    const double w = figure_.width, h = figure_.height, height = h - top() - bottom;
    out_ << "unset label\nset lmargin at screen " << x / w << "\nset rmargin at screen " << (x + width) / w
         << "\nset tmargin at screen " << 1 - top() / h << "\nset bmargin at screen " << bottom / h << '\n';
    if (first) {
      out_ << "set label " << quoted(figure_.title) << " at screen " << 16 / w << ',' << 1 - 26 / h
           << " noenhanced font '," << title_size_ << "' tc rgb '#111111'\n"
           << "set label " << quoted(figure_.note) << " at screen " << 16 / w << ',' << 14 / h << " noenhanced font ',"
           << note_size_ << "' tc rgb '#666666'\n";
    }
    if (!panel.title.empty())
      out_ << "set label " << quoted(panel.title) << " at graph 0," << 1 + 15 / height
           << " noenhanced tc rgb '#222222'\n";
    const Range xs = range(panel.x, panel.series, false), ys = range(panel.y, panel.series, true);
    axis("x", panel.x, xs);
    if (panel.x.names.empty() && !panel.x.log && xs.to - xs.from < 6 && whole(panel.series)) out_ << "set xtics 1\n";
    axis("y", panel.y, ys);
    out_ << "set xlabel " << quoted(panel.x.title)
         << " offset 0,0.4 noenhanced tc rgb '#222222'\n"
         // At a fixed place, however wide the numbers beside the ticks are.
         << "set label " << quoted(panel.y.title) << " at screen " << (x - 62) / w
         << ", graph 0.5 rotate by 90 center noenhanced tc rgb '#222222'\n";
    for (const Label& label : place_labels(panel, xs, ys, 17 / height))
      out_ << "set label " << quoted(label.text) << " at graph " << label.across + 8 / width << ',' << label.height
           << " noenhanced tc rgb '" << style(label.color).color << "'\n";
    curves(panel);
  }

  /// The points as a block of lines "x y low high". Returns its name.
  std::string block(const Series& series, const Axis& y) {
    const std::string name = "$data" + std::to_string(++blocks_);
    out_ << name << " << END\n";
    for (const Point& p : series.points) {
      const bool shown = std::isfinite(p.y) && !(y.log && p.y <= 0);
      const double low = y.log && p.error >= p.y ? p.y : p.y - p.error;  // a bar to 0 has no end on such an axis
      if (shown) out_ << p.x << ' ' << p.y << ' ' << low << ' ' << p.y + p.error;
      out_ << '\n';  // an empty line is a gap
    }
    out_ << "END\n";
    return name;
  }

  void curves(const Panel& panel) {
    std::vector<std::string> bands, lines, points;  // from the back to the front
    for (const Series& series : panel.series) {
      const std::string data = block(series, panel.y), color = " lc rgb '" + style(series.color).color + "'";
      const std::string point = " pt " + std::to_string(style(series.color).point) + " ps 0.8" + color;
      const bool errors = std::any_of(series.points.begin(), series.points.end(), [](Point p) { return p.error > 0; });
      const bool many = series.points.size() > 12;  // too many for a mark and a bar each
      if (series.mark == Mark::bars) {
        lines.push_back(data + " using 1:2 with boxes" + color);
        if (errors) points.push_back(data + " using 1:3:(0):($4-$3) with vectors nohead lw 1.5 lc rgb '#222222'");
        continue;
      }
      if (series.mark == Mark::line)
        lines.push_back(data + " using 1:2 with lines lw 2" + (series.dashed ? " dt (6,4)" : "") + color);
      if (series.mark == Mark::line && many) {
        if (errors) bands.push_back(data + " using 1:3:4 with filledcurves fs transparent solid 0.2" + color);
      } else if (errors) {
        points.push_back(data + " using 1:2:3:4 with yerrorbars lw 1.2" + point);
      } else if (!series.dashed || series.mark == Mark::points) {
        points.push_back(data + " using 1:2 with points" + point);
      }
    }
    out_ << "plot ";
    const char* comma = "";
    for (const auto& layer : {bands, lines, points})
      for (const std::string& plot : layer) out_ << comma << plot, comma = ", \\\n  ";
    out_ << '\n';
  }

  const Figure& figure_;
  std::ostringstream out_;
  int blocks_ = 0, title_size_ = 0, note_size_ = 0;
};

}  // namespace

std::string color(const std::string& name) { return style(name).color; }

bool draw(const Figure& figure, const std::string& path) {
  if (std::system("command -v gnuplot >/dev/null 2>&1") != 0) return false;
  const auto size = [&](int scale) {
    return std::to_string(figure.width * scale) + ',' + std::to_string(figure.height * scale);
  };
  const std::string svg = "svg size " + size(1) + " font 'Helvetica,Arial,sans-serif,13' background 'white'";
  const std::string png =
      "pngcairo size " + size(2) + " font 'Sans,10' fontscale 2 linewidth 2 pointscale 2 background 'white'";
  const std::string file = std::filesystem::absolute(path).string();  // gnuplot takes "|name" for a command
  FILE* gnuplot = popen("LC_ALL=C.UTF-8 gnuplot", "w");  // in the locale C it warns that it cannot print a degree sign
  if (gnuplot == nullptr) ramp::fail("figure", "expected gnuplot to start, got none");
  const std::string script =
      Script(figure).text(svg, file + ".svg", 13) + "reset\n" + Script(figure).text(png, file + ".png", 10);
  std::fwrite(script.data(), 1, script.size(), gnuplot);
  if (const int status = pclose(gnuplot); status != 0)
    ramp::fail("figure", "expected gnuplot to draw ", path, ", got status ", status);
  return true;
}

}  // namespace studies
