#pragma once
// Text that reads the same whatever locale the program has set: 1234.5, never 1.234,5.

#include <charconv>
#include <cstdint>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

namespace ramp {

/// The parts one after the other, as a stream prints them.
template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  (text << ... << parts);
  return text.str();
}

/// A number as printf's %.*f (std::chars_format::fixed), %.*e (scientific) or %.*g (general) prints it.
std::string format_number(double value, std::chars_format format, int precision);
/// The digits with a comma between thousands: 60,000.
std::string with_separators(int64_t number);

/// The cells of a table, row by row: as many in each as in the first, or none for a rule across the table.
using TextRows = std::vector<std::vector<std::string>>;
/// The width of each column's longest cell, in characters of UTF-8.
std::vector<size_t> column_widths(const TextRows& rows);
/// The lines of a table whose columns are `gap` spaces apart. The first `left` columns are aligned to the left, where
/// cells longer than their column end in "..."; the others are aligned to the right.
std::string text_table(const TextRows& rows, const std::vector<size_t>& widths, size_t left, size_t gap);

}  // namespace ramp
