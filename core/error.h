#pragma once
// The exception type of ramp, and the only way to throw it.

#include <stdexcept>
#include <string>

#include "ramp/core/text.h"

namespace ramp {

/// Thrown for every invalid input, before anything is changed. The message reads `[operation] rule, got value`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("[op] " followed by the parts, as a stream prints them).
template <class... Parts>
[[noreturn]] void fail(const std::string& op, const Parts&... parts) {
  throw Error(text_of('[', op, "] ", parts...));
}

}  // namespace ramp
