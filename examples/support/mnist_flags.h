#pragma once
// The command line of the MNIST program.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ramp/ramp.h>

namespace support {

struct MnistFlags {
  std::vector<int64_t> hidden{};
  std::string activation = "relu";
  double leak = 0.01;
  std::string init = "he_normal";
  double dropout = 0;

  int epochs = 10;
  int64_t batch_size = 128;
  double lr = 0.05;
  double momentum = 0.9;
  double weight_decay = 0;
  int64_t seed = 1;
  int threads = ramp::num_threads();
  std::string device = "auto";
  std::string precision = "float32";

  std::string dataset = "mnist-10k";
  std::string data;  ///< a directory; empty: look in the usual places
  std::string csv;   ///< a file; empty: none

  /// The activation's formula: the named one, and with --leak where it is leaky_relu.
  ramp::Unary formula() const;
  /// What matrix products round to.
  ramp::Precision products() const;
  /// What makes every weight.
  ramp::init::Initializer initializer() const;
};

/// Fills the flags, or returns the exit status to end with: 0 after --help, 2 after a line on the standard error that
/// says what is wrong with the command line.
std::optional<int> parse(int argc, char** argv, MnistFlags& flags);

}  // namespace support
