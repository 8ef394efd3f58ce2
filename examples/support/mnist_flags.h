#pragma once
// The command line of the MNIST program.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ramp/ramp.h>

namespace support {

struct MnistFlags {
  std::vector<int64_t> hidden{256, 256};
  std::string activation = "relu";
  double leak = 0.01;
  std::string init = "he_normal";
  double dropout = 0;

  int epochs = 10;
  int64_t batch_size = 64;
  double lr = 0.05;
  double lr_decay = 0.8;
  double momentum = 0.9;
  double weight_decay = 0;
  int64_t seed = 1;
  int threads = ramp::num_threads();

  std::string dataset = "mnist-10k";
  std::string data;  ///< a directory; empty: look in the usual places
  std::string csv;   ///< a file; empty: none

  /// The activation by its formula: that of the name, and of --leak where it has one.
  ramp::Unary formula() const;
  /// The initialiser of every weight. He's take the activation's own gain.
  ramp::init::Initializer initializer() const;
};

/// The flags, or the exit status to end with: 0 after --help, 2 after a line on the standard error that says what is
/// wrong with the command line.
struct MnistCommand {
  MnistFlags flags;
  std::optional<int> exit_status;
};
MnistCommand parse_mnist_command(int argc, char** argv);

}  // namespace support
