#pragma once
// What the fuzzers share beside their bytes: a record of what the current input does, and how a finding is reported.

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>

#include "ramp/core/error.h"

namespace fuzz {

/// What the current input has done so far, a line for each action; printed with a finding. LLVMFuzzerTestOneInput
/// clears it.
inline std::ostringstream& record() {
  static std::ostringstream text;
  return text;
}

/// Reports a finding and ends the process by abort(), which libFuzzer and driver.cpp answer with the way to repeat it.
template <class... Parts>
[[noreturn]] void found(const Parts&... parts) {
  std::ostringstream text;
  text << "\nFOUND: ";
  (text << ... << parts);
  text << "\nby this input:\n" << record().str();
  for (const char c : text.str())  // names may hold any bytes
    if ((c >= ' ' && c <= '~') || c == '\n') std::fputc(c, stderr);
    else std::fprintf(stderr, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
  std::fflush(stderr);
  std::abort();
}

/// The value of f(), or nothing after a ramp::Error, whose message must name the operation. Other exceptions are
/// findings.
template <class F>
auto attempt(F&& f) -> std::optional<decltype(f())> {
  try {
    return f();
  } catch (const ramp::Error& error) {
    record() << "  " << error.what() << '\n';
    if (error.what()[0] != '[') found("an Error that names no operation: ", error.what());
  } catch (const std::exception& error) {
    found("an exception that is no ramp::Error: ", error.what());
  }
  return std::nullopt;
}

}  // namespace fuzz
