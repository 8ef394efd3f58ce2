#pragma once
// What the standard output is: a terminal that a person watches, or a file or pipe.

#include <string>

namespace support {

/// Whether the standard output is a terminal whose lines can be redrawn: any but TERM=dumb.
bool watched();
/// Its width; 80 where there is none.
int columns();
/// Whether the locale's character set is UTF-8, so that block characters may be printed.
bool utf8();

/// A number with a fixed count of decimals.
std::string fixed(double value, int decimals);
/// 98.25 %
std::string percent(double share, int decimals = 2);

}  // namespace support
