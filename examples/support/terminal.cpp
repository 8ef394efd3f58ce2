#include "support/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <ramp/core/text.h>
#include <cstdlib>
#include <string_view>

namespace support {

bool watched() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

int columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

bool utf8() {
  // POSIX: the first of these that is set and not empty decides.
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    for (const char* spelling : {"UTF-8", "utf-8", "UTF8", "utf8"})
      if (locale.find(spelling) != locale.npos) return true;
    return false;
  }
  return false;
}

std::string fixed(double value, int decimals) { return ramp::format_number(value, std::chars_format::fixed, decimals); }

std::string percent(double share, int decimals) { return fixed(100 * share, decimals) + " %"; }

}  // namespace support
