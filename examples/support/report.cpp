#include "support/report.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

#include "support/terminal.h"

namespace support {
namespace {

using ramp::Tensor;
using ramp::with_separators;

std::string centred(const std::string& text, size_t width) {
  const size_t room = width > text.size() ? width - text.size() : 0;
  return std::string(room / 2, ' ') + text + std::string(room - room / 2, ' ');
}

/// One image of a data set, from 0 to 1.
std::vector<float> pixels_of(const ramp::data::Dataset& set, int64_t index) {
  std::vector<float> pixels = set.subset(index, index + 1).inputs.to(ramp::float32).to_vector<float>();
  if (set.inputs.dtype() == ramp::uint8)
    for (float& pixel : pixels) pixel /= 255;
  return pixels;
}

}  // namespace

Report::Report(const ramp::data::Dataset& set, const Tensor& logits, std::vector<std::string> class_names)
    : set(set), names(std::move(class_names)) {
  if (logits.shape() != ramp::Shape{set.size(), static_cast<int64_t>(names.size())})
    ramp::fail("report", "expected logits [", set.size(), ", ", names.size(), "], got ", logits.shape());
  labels = set.targets.to_vector<int32_t>();
  guesses = argmax(logits, 1).to_vector<int32_t>();
  certainty = max(softmax(logits.detach()), 1).to_vector<float>();
}

void Report::print_mistakes(std::ostream& out, int count) const {
  std::vector<size_t> wrong;
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] != guesses[i]) wrong.push_back(i);
  if (wrong.empty()) {
    out << "None of the " << with_separators(set.size()) << " was wrong.\n";
    return;
  }
  std::stable_sort(wrong.begin(), wrong.end(), [&](size_t a, size_t b) { return certainty[a] > certainty[b]; });
  out << "Wrong: " << with_separators(static_cast<int64_t>(wrong.size())) << " of " << with_separators(set.size())
      << ". The mistakes the model was surest of:\n\n";

  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(set.inputs.size(1)))));
  constexpr int gap = 2, narrowest = 18;  // the longest caption: "label T-shirt/top"
  const int across = std::clamp((columns() + gap) / (narrowest + gap), 1, count);
  wrong.resize(std::min(wrong.size(), static_cast<size_t>(across)));
  const int width = std::clamp((columns() + gap) / across - gap, narrowest, std::max(side, narrowest)) / 2 * 2;
  std::vector<std::string> lines;
  for (size_t i : wrong) {
    std::vector<std::string> picture;
    if (int64_t{side} * side == set.inputs.size(1))
      picture = draw(pixels_of(set, static_cast<int64_t>(i)), side, width);
    const auto caption = [&](const std::string& text) { picture.push_back(centred(text, static_cast<size_t>(width))); };
    caption("");
    caption("label " + names[static_cast<size_t>(labels[i])]);
    caption("guess " + names[static_cast<size_t>(guesses[i])]);
    caption("sure " + percent(certainty[i], 1));
    lines.resize(picture.size());
    for (size_t k = 0; k < lines.size(); ++k)
      lines[k] += (i == wrong.front() ? "" : std::string(gap, ' ')) + picture[k];
  }
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

namespace {

struct Box {
  double left, top, size;
};

/// The smallest square that holds everything brighter than a trace, with half a pixel around it.
Box ink(const std::vector<float>& pixels, int side) {
  int left = side, right = -1, top = side, bottom = -1;
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      if (pixels[static_cast<size_t>(y * side + x)] > 0.1F) {
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
  if (right < 0) return {0, 0, static_cast<double>(side)};
  const double size = std::max(right - left, bottom - top) + 2;
  return {(left + right + 1 - size) / 2, (top + bottom + 1 - size) / 2, size};
}

/// How much of the pixel at `index` lies between begin and end.
double overlap(int index, double begin, double end) {
  return std::max(0.0, std::min(end, index + 1.0) - std::max(begin, static_cast<double>(index)));
}

/// The mean over the rectangle; outside the image all is black.
double mean(const std::vector<float>& pixels, int side, double x, double y, double width, double height) {
  double total = 0;
  for (int row = std::max(0, static_cast<int>(y)); row < std::min<double>(side, y + height); ++row)
    for (int column = std::max(0, static_cast<int>(x)); column < std::min<double>(side, x + width); ++column)
      total += pixels[static_cast<size_t>(row * side + column)] * overlap(row, y, y + height) *
               overlap(column, x, x + width);
  return total / (width * height);
}

/// One character for two brightnesses, one above the other: a half block at an edge, else a shade.
std::string cell(double upper, double lower) {
  static constexpr const char* shades[] = {" ", "░", "▒", "▓", "█"};
  static constexpr const char* ascii = " .:-=+*#%@";
  const double middle = (upper + lower) / 2;
  if (!utf8()) return std::string(1, ascii[std::clamp(static_cast<int>(middle * 10), 0, 9)]);
  if (upper - lower > 0.4) return "▀";
  if (lower - upper > 0.4) return "▄";
  return shades[std::clamp(static_cast<int>(middle * 5), 0, 4)];
}

}  // namespace

std::vector<std::string> draw(const std::vector<float>& pixels, int side, int width) {
  const Box box = ink(pixels, side);
  const double step = box.size / width;
  std::vector<std::string> lines;
  for (int line = 0; line < width / 2; ++line) {
    std::string text;
    for (int column = 0; column < width; ++column) {
      const double x = box.left + column * step, y = box.top + 2 * line * step;
      text += cell(mean(pixels, side, x, y, step, step), mean(pixels, side, x, y + step, step, step));
    }
    lines.push_back(text);
  }
  return lines;
}

}  // namespace support
