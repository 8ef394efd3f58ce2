#pragma once
// A file of comma-separated values; each line is written out as it comes.

#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

namespace support {

class Csv {
 public:
  /// What a file holds is replaced by the first row; an empty path stands for no file. Throws ramp::Error when the file
  /// cannot be written.
  Csv(std::string path, std::initializer_list<std::string> columns);
  /// Cells are text without commas, or numbers.
  template <class... Cells>
  void row(const Cells&... cells) {
    if (!begin_row()) return;
    const char* comma = "";
    ((file_ << std::exchange(comma, ",") << cells), ...);
    check(file_ << std::endl);
  }

 private:
  bool begin_row();
  void check(const std::ostream& file) const;
  std::string path_, header_;
  std::ofstream file_;
};

}  // namespace support
