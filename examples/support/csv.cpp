#include "support/csv.h"

#include <ramp/core/error.h>
#include <filesystem>
#include <iomanip>

namespace support {

Csv::Csv(std::string path, std::initializer_list<std::string> columns) : path_(std::move(path)) {
  for (const std::string& column : columns) header_ += (header_.empty() ? "" : ",") + column;
  if (path_.empty()) return;
  std::error_code none;
  const auto status = std::filesystem::status(path_, none);
  // Opening a pipe would wait for its reader.
  if (exists(status) && !is_regular_file(status)) ramp::fail("csv", "expected a regular file, got ", path_);
  check(std::ofstream(path_, std::ios::app));
}

bool Csv::begin_row() {
  if (path_.empty()) return false;
  if (!file_.is_open()) {
    file_.open(path_);
    file_ << std::setprecision(9) << header_ << '\n';
  }
  return true;
}

void Csv::check(const std::ostream& file) const {
  if (!file) ramp::fail("csv", "expected a file that can be written, got ", path_);
}

}  // namespace support
