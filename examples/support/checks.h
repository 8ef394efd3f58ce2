#pragma once
// Checks of what stands on a command line, for CLI11.

#include <CLI/CLI.hpp>
#include <charconv>
#include <optional>
#include <string>

namespace support {

/// A check, called with the text; `rule` completes "expected ...".
template <class Fits>
CLI::Validator expect(const std::string& rule, Fits fits) {
  return {[=](const std::string& text) { return fits(text) ? "" : "expected " + rule + ", got '" + text + "'"; }, ""};
}

template <class T>
std::optional<T> read(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

inline CLI::Validator whole(int64_t low, int64_t high) {
  return expect("a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                [=](const std::string& text) {
                  const auto value = read<int64_t>(text);
                  return value && low <= *value && *value <= high;
                });
}

/// The text in lines that fit beside a column of flags.
inline std::string wrap(const std::string& text, size_t width) {
  std::string wrapped;
  size_t begin = 0;
  while (text.size() - begin > width) {
    const size_t space = text.rfind(' ', begin + width);
    wrapped += text.substr(begin, space - begin) + '\n';
    begin = space + 1;
  }
  return wrapped + text.substr(begin);
}

}  // namespace support
