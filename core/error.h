#pragma once
// The one exception of ramp and the one way to throw it.

#include <sstream>
#include <stdexcept>
#include <string>

namespace ramp {

/// Thrown for every wrong input, before anything is changed. The message reads
/// `[operation] rule, got what came`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("[op] " followed by the parts, as a stream prints them).
template <class... Parts>
[[noreturn]] void fail(const std::string& op, const Parts&... parts) {
  std::ostringstream message;
  message << '[' << op << "] ";
  (message << ... << parts);
  throw Error(message.str());
}

}  // namespace ramp
