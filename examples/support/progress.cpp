#include "support/progress.h"

#include <ramp/core/text.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>

#include "support/terminal.h"

namespace support {

std::string bar(double share, int width) {
  const int full = std::clamp(static_cast<int>(share * width), 0, width);
  std::string text;
  for (int i = 0; i < width; ++i)
    if (utf8()) text += i < full ? "█" : "░";
    else text += i < full ? '#' : '.';
  return text;
}

std::string what_fits(std::initializer_list<std::string> texts) {
  // A line as wide as the terminal would wrap, and a wrapped line cannot be redrawn.
  for (const std::string& text : texts)
    if (static_cast<int>(text.size()) < columns()) return text;
  return "";
}

std::string minutes(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  char text[32];
  std::snprintf(text, sizeof text, "%lld:%02d", static_cast<long long>(whole / 60), static_cast<int>(whole % 60));
  return text;
}

void Progress::begin_epoch(int epoch) {
  epoch_ = epoch;
  drawn_at_ = 0;
  start_ = Clock::now();
}

void Progress::update(int64_t done, double loss) {
  if (!watched()) return;
  const double seconds = seconds_in_epoch();
  if (seconds - drawn_at_ < 0.1) return;
  drawn_at_ = seconds;
  drawn_ = true;

  const auto done_in_all = static_cast<double>((epoch_ - 1) * samples_ + done);
  const double rate = done_in_all / (seconds_before_ + seconds);
  const double left = (static_cast<double>(epochs_ * samples_) - done_in_all) / rate;
  const double share = static_cast<double>(done) / static_cast<double>(samples_);
  const std::string epochs = std::to_string(epochs_), epoch = std::to_string(epoch_);
  const std::string before = "epoch " + std::string(epochs.size() - epoch.size(), ' ') + epoch + '/' + epochs + ' ';
  const std::string percent = std::to_string(static_cast<int>(100 * share));
  const std::string after = std::string(4 - std::min<size_t>(percent.size(), 3), ' ') + percent + " %  loss " +
                            fixed(loss, 4) + "  " + ramp::with_separators(std::llround(rate)) + " samples/s  " +
                            minutes(left) + " left";
  const int room = columns() - 1 - static_cast<int>(before.size() + after.size());
  std::cout << erase_line
            << (room >= 5 ? before + bar(share, std::min(room, 40)) + after
                          : what_fits({before + percent + " %", percent + " %"}))
            << std::flush;
}

double Progress::end_epoch() {
  const double seconds = seconds_in_epoch();
  seconds_before_ += seconds;
  if (drawn_) std::cout << erase_line << std::flush;
  drawn_ = false;
  return seconds;
}

}  // namespace support
