// The output of Diagnostics: a table, warnings, comma-separated values.

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>

#include "ramp/core/text.h"
#include "ramp/layers/diagnostics.h"

namespace ramp {
namespace {

constexpr size_t columns = 100;

std::string fixed(double x, int decimals) { return format_number(x, std::chars_format::fixed, decimals); }

/// Two or three digits, at most eight characters.
std::string number(std::optional<double> value) {
  if (!value) return "-";
  const double x = *value, size = std::abs(x);
  if (std::isnan(x)) return "nan";  // without its sign
  if (size == 0 || std::isinf(x)) return fixed(x, 0);
  if (size < 0.00995 || size >= 9999.5) return format_number(x, std::chars_format::scientific, 1);
  return fixed(x, size < 0.9995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

std::string share(std::optional<double> x) {
  if (!x) return "-";
  return fixed(100 * *x, *x == 0 || *x == 1 ? 0 : 1) + '%';
}

std::string left(const std::string& text, size_t width) {
  if (text.size() > width) return text.substr(0, width - 3) + "...";
  return text + std::string(width - text.size(), ' ');
}

using Cells = std::array<std::string, 11>;

/// Widths of the columns. The first two fit the longest name and layer, or less if the table would not fit.
std::array<size_t, 11> widths_of(const std::vector<Cells>& lines) {
  std::array<size_t, 11> widths{0, 0, 9, 9, 9, 7, 7, 7, 9, 9, 9};
  size_t rest = columns - 1;  // a gap between the two
  for (size_t i = 2; i < widths.size(); ++i) rest -= widths[i];
  for (const Cells& line : lines)
    for (size_t i : {0, 1}) widths[i] = std::max(widths[i], line[i].size());
  widths[0] = std::min(widths[0], std::max<size_t>(10, rest - std::min(rest, widths[1])));
  widths[1] = std::min(widths[1], rest - widths[0]);
  return widths;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

}  // namespace

std::string Diagnostics::table() const {
  std::vector<Cells> lines{
      {"name", "layer", "mean", "std", "ms ratio", "zeros", "dead", "satur.", "grad out", "grad w", "update"}};
  const std::vector<LayerStatistics> all = rows();
  for (const LayerStatistics& row : all)
    lines.push_back({row.name, row.layer, number(row.mean), number(row.deviation), number(row.mean_square_ratio),
                     share(row.zeros), share(row.dead), share(row.saturated), number(row.output_gradient),
                     number(row.weight_gradient), number(row.update_ratio)});
  const std::array<size_t, 11> widths = widths_of(lines);
  std::string text;
  for (const Cells& line : lines) {
    text += left(line[0], widths[0]) + ' ' + left(line[1], widths[1]);
    for (size_t i = 2; i < line.size(); ++i)
      text += std::string(widths[i] - std::min(widths[i], line[i].size()), ' ') + line[i];
    text += '\n';
    if (&line == &lines.front()) text += std::string(text.size() - 1, '-') + '\n';
  }
  for (const std::string& warning : warnings()) text += warning + '\n';
  return text;
}

std::vector<std::string> Diagnostics::warnings() const {
  std::vector<std::string> lines;
  bool all_finite = true;
  for (const LayerStatistics& row : rows()) {
    if (row.samples == 0) continue;
    if (all_finite && !std::isfinite(*row.mean)) {
      all_finite = false;
      lines.push_back("warning: not all outputs of layer " + row.name + " were finite");
    }
    if (*row.dead <= 0.5) continue;
    const auto dead = std::llround(*row.dead * static_cast<double>(row.units));
    lines.push_back("warning: " + std::to_string(dead) + " of " + std::to_string(row.units) + " units of layer " +
                    row.name + " were 0 for all " + std::to_string(row.samples) + " samples");
  }
  return lines;
}

std::string Diagnostics::csv_header() {
  return "epoch,name,layer,samples,units,mean,deviation,mean_square_ratio,zeros,dead,saturated,output_gradient,"
         "weight_gradient,update_ratio\n";
}

std::string Diagnostics::csv(int64_t epoch) const {
  std::string text;
  for (const LayerStatistics& row : rows()) {
    text += std::to_string(epoch) + ',' + quoted(row.name) + ',' + quoted(row.layer) + ',' +
            std::to_string(row.samples) + ',' + std::to_string(row.units);
    for (const std::optional<double> value :
         {row.mean, row.deviation, row.mean_square_ratio, row.zeros, row.dead, row.saturated, row.output_gradient,
          row.weight_gradient, row.update_ratio})
      text += ',' + (value ? format_number(*value, std::chars_format::general, 9) : std::string());
    text += '\n';
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const Diagnostics& diagnostics) { return out << diagnostics.table(); }

}  // namespace ramp
