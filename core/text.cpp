#include "ramp/core/text.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace ramp {

std::string format_number(double value, std::chars_format format, int precision) {
  // Room for the longest: a sign, all digits of the largest number, a point and the decimals.
  std::string text(static_cast<size_t>(std::numeric_limits<double>::max_exponent10 + 8 + std::max(precision, 6)), ' ');
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  text.resize(static_cast<size_t>(end - text.data()));
  return text;
}

std::string with_separators(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

namespace {

/// How many characters of UTF-8 a text has: bytes that continue a character do not count.
size_t characters(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string aligned(std::string text, size_t width, bool left) {
  if (left && characters(text) > width) {
    while (characters(text) + 3 > width) text.pop_back();
    text += "...";
  }
  const std::string space(width - std::min(width, characters(text)), ' ');
  return left ? text + space : space + text;
}

}  // namespace

std::vector<size_t> column_widths(const TextRows& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], characters(row[i]));
  return widths;
}

std::string text_table(const TextRows& rows, const std::vector<size_t>& widths, size_t left, size_t gap) {
  const std::string rule(std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1)), '-');
  std::string text;
  for (const auto& row : rows) {
    std::string line = row.empty() ? rule : "";
    for (size_t i = 0; i < row.size(); ++i)
      line += std::string(i > 0 ? gap : 0, ' ') + aligned(row[i], widths[i], i < left);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

}  // namespace ramp
