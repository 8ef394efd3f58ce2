#pragma once
// What a classifier got right and wrong, to read in a terminal.

#include <iosfwd>
#include <string>
#include <vector>

#include <ramp/ramp.h>

namespace support {

/// Predictions beside the truth, for a whole data set.
struct Report {
  /// From a model's logits [n, classes] for the data set. Throws ramp::Error when they do not fit it.
  Report(const ramp::data::Dataset& set, const ramp::Tensor& logits, std::vector<std::string> class_names);

  /// The mistakes the model was surest of, up to `count`, drawn side by side as wide as the terminal allows, each with
  /// its label, the model's guess and the probability it gave that guess.
  void print_mistakes(std::ostream& out, int count) const;

  ramp::data::Dataset set;
  std::vector<std::string> names;
  std::vector<int32_t> labels, guesses;
  std::vector<float> certainty;  ///< the probability of the guess
};

/// Square grey images, numbers from 0 to 1, drawn as text of the given width and half as many lines: a character cell
/// is about twice as high as wide. Empty margins are cut off first.
std::vector<std::string> draw(const std::vector<float>& pixels, int side, int width);

}  // namespace support
