#pragma once
// Tables of numbers from CSV files.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ramp/core/data/dataset.h"

namespace ramp::data {

/// A column of a table by its name in the header, or by its number: from 0 on, or from -1, the last, backwards.
using Column = std::variant<int, std::string>;

struct CsvOptions {
  std::vector<Column> targets = {-1};  ///< in this order; all other columns are inputs
  bool labels = false;              ///< the one target is a class, a whole number from 0 on: targets become int32 [n]
  DType dtype = float32;            ///< of inputs, and of targets that are no labels; or float64
  char separator = ',';             ///< , ; | : or a tab
  std::optional<bool> header = {};  ///< the first line names the columns; unset: it does if none of it is a number
};

/// Reads a table of numbers: inputs [n, columns] and targets [n, columns], or int32 [n] of labels, from a regular file.
/// `load_csv("houses.csv", {.targets = {"price"}})`. Lines end in LF or CR LF; empty ones are left out. Fields may have
/// spaces or tabs around them and may be quoted ("", doubled, is a quote), within one line. Numbers have a decimal
/// point whatever the locale. A line may have up to 2^24 bytes; while it is read the table takes up to three times the
/// memory that it has afterwards.
///
/// Throws Error, with line, column (from 1 on) and path, for a field that is empty, no number, not finite, out of the
/// range of float64 or of `dtype`, or no label; for a line with more or fewer fields than the first; and for a quote
/// that does not end. Throws Error when the file cannot be read or holds no rows, when a target column is not there, is
/// named twice or is the name of two, when no inputs are left, and for options that make no sense.
Dataset load_csv(const std::string& path, const CsvOptions& options = {});

}  // namespace ramp::data
