#pragma once
// Text that reads the same whatever locale the program has set: 1234.5, never 1.234,5.

#include <charconv>
#include <locale>
#include <sstream>
#include <string>

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

}  // namespace ramp
