// The output of Diagnostics: a table, warnings, comma-separated values.

#include <algorithm>
#include <cmath>
#include <ostream>

#include "ramp/core/text.h"
#include "ramp/layers/diagnostics.h"

namespace ramp {
namespace {

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

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

}  // namespace

std::string Diagnostics::table() const {
  TextRows lines{
      {"name", "layer", "mean", "std", "ms ratio", "zeros", "dead", "satur.", "grad out", "grad w", "update"}, {}};
  for (const LayerStatistics& row : rows())
    lines.push_back({row.name, row.layer, number(row.mean), number(row.deviation), number(row.mean_square_ratio),
                     share(row.zeros), share(row.dead), share(row.saturated), number(row.output_gradient),
                     number(row.weight_gradient), number(row.update_ratio)});
  constexpr size_t rest = 24;  // what the numbers leave of 100 columns; a name may always take 10 of it
  const std::vector<size_t> longest = column_widths(lines);
  const size_t name = std::min(longest[0], std::max<size_t>(10, rest - std::min(rest, longest[1])));
  const size_t layer = std::min(longest[1], rest - name);
  std::string text = text_table(lines, {name, layer, 8, 8, 8, 6, 6, 6, 8, 8, 8}, 2, 1);
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
