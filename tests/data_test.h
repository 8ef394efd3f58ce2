#pragma once
// What the tests of files, data sets and loaders share.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "error_of.h"
#include "ramp/core/autograd/create.h"
#include "ramp/core/data/dataset.h"

namespace ramp {

namespace fs = std::filesystem;
using data::Dataset;

/// A directory of the test's own, gone afterwards.
class Data : public testing::Test {
 protected:
  Data() {
    std::string pattern = (fs::temp_directory_path() / "ramp-data-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
    directory_ = fs::canonical(pattern);
  }
  ~Data() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  fs::path directory_;
};

template <class Bits>
std::string big_endian(Bits value) {
  std::string bytes;
  for (int shift = 8 * sizeof(Bits) - 8; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

inline std::string header(int type, const std::vector<uint32_t>& sizes) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  for (const uint32_t size : sizes) bytes += big_endian(size);
  return bytes;
}

template <class T>
std::vector<T> values(const Array& array) {
  return {array.data<T>(), array.data<T>() + array.numel()};
}

/// n rows of two bytes, (i, 255 - i), which batches hold divided by 255; target i % 10.
inline Dataset numbered(int n) {
  std::vector<uint8_t> inputs;
  std::vector<int32_t> targets;
  for (int i = 0; i < n; ++i) {
    inputs.push_back(static_cast<uint8_t>(i));
    inputs.push_back(static_cast<uint8_t>(255 - i));
    targets.push_back(i % 10);
  }
  Dataset set(from_vector(inputs, {n, 2}, Device::cpu()), from_vector(targets, {n}, Device::cpu()));
  set.standardization = data::Standardization(0, 255);
  return set;
}

}  // namespace ramp
