#include "ramp/core/text.h"

#include <algorithm>
#include <limits>

namespace ramp {

std::string format_number(double value, std::chars_format format, int precision) {
  // Room for the longest: a sign, all digits of the largest number, a point and the decimals.
  std::string text(static_cast<size_t>(std::numeric_limits<double>::max_exponent10 + 8 + std::max(precision, 6)), ' ');
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  text.resize(static_cast<size_t>(end - text.data()));
  return text;
}

}  // namespace ramp
