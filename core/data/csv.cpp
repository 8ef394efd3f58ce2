#include "ramp/core/data/csv.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <string_view>
#include <system_error>

#include "ramp/core/autograd/create.h"

namespace ramp::data {
namespace {

/// A file's lines, one at a time.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : path_(path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    // Opening a pipe would block until it has a writer.
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
      fail("load_csv", path, ": expected a regular file, got something else");
    file_.reset(std::fopen(path.c_str(), "rb"));
    if (!file_) fail("load_csv", path, ": expected a readable file, got ", std::strerror(errno));
  }

  /// The next line that is not empty, without its end. False at the end of the file.
  bool next() {
    do {
      if (!read_line()) return false;
      if (number_ == 1 && line_.starts_with("\xef\xbb\xbf")) line_.erase(0, 3);  // the byte order mark of UTF-8
      if (line_.ends_with('\r')) line_.pop_back();
    } while (line_.find_first_not_of(" \t") == std::string::npos);
    return true;
  }
  const std::string& line() const { return line_; }
  int64_t number() const { return number_; }

 private:
  static constexpr size_t longest = 1 << 24;

  bool read_line() {
    line_.clear();
    ++number_;
    while (true) {
      if (begin_ == end_) {
        begin_ = 0;
        end_ = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
        if (std::ferror(file_.get())) fail("load_csv", path_, ": expected a sound file, got ", std::strerror(errno));
        if (end_ == 0) return !line_.empty();
      }
      const char* const from = buffer_.data() + begin_;
      const auto* const at = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
      const size_t size = at ? static_cast<size_t>(at - from) : end_ - begin_;
      line_.append(from, size);
      begin_ += size + (at != nullptr);
      if (line_.size() > longest)
        fail("load_csv", "expected lines of at most ", longest, " bytes, got more at line ", number_, " of ", path_);
      if (at) return true;
    }
  }

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<char> buffer_ = std::vector<char>(1 << 16);
  size_t begin_ = 0, end_ = 0;  // what the buffer still holds
  std::string line_;
  int64_t number_ = 0;
};

/// The text without spaces and tabs around it.
std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A field as a message shows it.
std::string shown(std::string_view field) {
  std::string text;
  for (const char c : field.substr(0, 40)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return '"' + text + (field.size() > 40 ? "...\"" : "\"");
}

struct Number {
  double value = 0;
  std::errc error = std::errc::invalid_argument;  // errc() where the field is a number that float64 can hold
};
Number parse(std::string_view field) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);  // from_chars knows no plus sign
  Number number;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number.value);
  if (end == field.data() + field.size()) number.error = error;
  return number;
}

/// Reads a table line by line.
class Table {
 public:
  Table(const std::string& path, const CsvOptions& options) : path_(path), options_(options), lines_(path) {}

  Dataset read() {
    if (!lines_.next()) fail("load_csv", path_, ": expected at least one row of numbers, got an empty file");
    split();
    width_ = fields_.size();
    const bool header = options_.header.value_or(std::none_of(
        fields_.begin(), fields_.end(), [](const std::string& f) { return parse(f).error == std::errc(); }));
    if (header) names_ = fields_;
    find_targets();
    if (header && !lines_.next()) fail("load_csv", path_, ": expected at least one row of numbers, got only a header");
    return options_.dtype == float64 ? rows<double>() : rows<float>();
  }

 private:
  /// Throws Error about a field of this line.
  template <class... Parts>
  [[noreturn]] void refuse(size_t column, const Parts&... parts) const {
    fail("load_csv", parts..., " at line ", lines_.number(), ", column ", column + 1, " of ", path_);
  }

  /// Splits the line into fields_.
  void split() {
    const std::string_view line = lines_.line();
    fields_.clear();
    for (size_t at = 0;;) {
      const size_t first = std::min(line.find_first_not_of(" \t", at), line.size());
      size_t end = std::min(line.find(options_.separator, at), line.size());
      if (first < end && line[first] == '"') {
        std::string field;
        size_t quote = first;
        do {
          const size_t close = line.find('"', quote + 1);
          if (close == std::string_view::npos)
            refuse(fields_.size(), "expected a quote that ends on its line, got ", shown(line.substr(first)));
          if (quote != first) field += '"';
          field += line.substr(quote + 1, close - quote - 1);
          quote = close + 1;
        } while (quote < line.size() && line[quote] == '"');
        end = std::min(line.find(options_.separator, quote), line.size());
        if (!trimmed(line.substr(quote, end - quote)).empty())
          refuse(fields_.size(), "expected nothing after a quote, got ", shown(line.substr(first, end - first)));
        fields_.push_back(std::move(field));
      } else {
        fields_.emplace_back(trimmed(line.substr(at, end - at)));
      }
      if (end == line.size()) return;
      at = end + 1;
    }
  }

  /// The column's number. Throws Error if there is none.
  size_t find(const Column& column) const {
    if (const int* number = std::get_if<int>(&column)) {
      const auto width = static_cast<int64_t>(width_);
      if (*number < -width || *number >= width)
        fail("load_csv", path_, ": expected a target column from ", -width, " to ", width - 1, ", got ", *number);
      return static_cast<size_t>(*number < 0 ? *number + width : *number);
    }
    const std::string& name = std::get<std::string>(column);
    const int64_t count = std::count(names_.begin(), names_.end(), name);
    if (names_.empty())
      fail("load_csv", path_, ": expected a header that names the target ", shown(name),
           ", got a first line of numbers");
    if (count != 1)
      fail("load_csv", path_, ": expected one column named ", shown(name), " for the target, got ", count);
    return static_cast<size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
  }

  void find_targets() {
    std::vector<bool> is_target(width_);
    for (const Column& column : options_.targets) {
      const size_t at = find(column);
      if (is_target[at]) fail("load_csv", path_, ": expected each target once, got column ", at + 1, " twice");
      is_target[at] = true;
      targets_.push_back(at);
    }
    for (size_t at = 0; at < width_; ++at)
      if (!is_target[at]) inputs_.push_back(at);
    if (inputs_.empty()) fail("load_csv", path_, ": expected a column that is no target, got ", width_, " in all");
  }

  template <class T>
  T number(size_t column) const {
    const std::string& field = fields_[column];
    const Number number = parse(field);
    if (field.empty()) refuse(column, "expected a number, got an empty field");
    if (number.error == std::errc::invalid_argument) refuse(column, "expected a number, got ", shown(field));
    const DType dtype = number.error == std::errc() ? dtype_of<T>() : float64;
    if (number.error != std::errc() ||
        (std::isfinite(number.value) && std::abs(number.value) > std::numeric_limits<T>::max()))
      refuse(column, "expected a number in the range of ", dtype, ", got ", shown(field));
    if (!std::isfinite(number.value)) refuse(column, "expected a finite number, got ", shown(field));
    return static_cast<T>(number.value);
  }
  int32_t label(size_t column) const {
    const double value = number<double>(column);
    if (value < 0 || value > std::numeric_limits<int32_t>::max() || value != std::floor(value))
      refuse(column, "expected a class, a whole number from 0 on, got ", shown(fields_[column]));
    return static_cast<int32_t>(value);
  }

  /// The numbers of this line and of all that follow.
  template <class T>
  Dataset rows() {
    std::vector<T> inputs, targets;
    std::vector<int32_t> labels;
    int64_t n = 0;
    do {
      split();
      if (fields_.size() != width_)
        fail("load_csv", "expected ", width_, " fields, as in the first line, got ", fields_.size(), " at line ",
             lines_.number(), " of ", path_);
      for (const size_t column : inputs_) inputs.push_back(number<T>(column));
      for (const size_t column : targets_)
        if (options_.labels) labels.push_back(label(column));
        else targets.push_back(number<T>(column));
      ++n;
    } while (lines_.next());
    const auto width = [](const std::vector<size_t>& columns) { return static_cast<int64_t>(columns.size()); };
    const Device cpu = Device::cpu();
    return {from_vector(inputs, {n, width(inputs_)}, cpu),
            options_.labels ? from_vector(labels, {n}, cpu) : from_vector(targets, {n, width(targets_)}, cpu)};
  }

  const std::string& path_;
  const CsvOptions& options_;
  LineReader lines_;
  std::vector<std::string> fields_, names_;  // of this line; of the header, if there is one
  size_t width_ = 0;
  std::vector<size_t> inputs_, targets_;  // their columns
};

}  // namespace

Dataset load_csv(const std::string& path, const CsvOptions& options) {
  if (options.dtype != float32 && options.dtype != float64)
    fail("load_csv", "expected the dtype float32 or float64, got ", options.dtype);
  if (std::string_view(",;|:\t").find(options.separator) == std::string_view::npos)
    fail("load_csv", "expected the separator , ; | : or a tab, got ", shown({&options.separator, 1}));
  if (options.targets.empty()) fail("load_csv", "expected at least one target column, got none");
  if (options.labels && options.targets.size() != 1)
    fail("load_csv", "expected one target column for labels, got ", options.targets.size());
  return Table(path, options).read();
}

}  // namespace ramp::data
