#pragma once
// A progress bar for a training run.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace support {

/// `width` characters, of which a share is filled.
std::string bar(double share, int width);
/// The first of the texts (in ASCII) that leaves the terminal's last column free; empty when none does.
std::string what_fits(std::initializer_list<std::string> texts);
/// Seconds, rounded up, as 1:05.
std::string minutes(double seconds);
/// Goes to the start of the terminal's line and clears it.
inline constexpr const char* erase_line = "\r\033[K";

/// One line that redraws itself at most ten times a second while a person watches, and nothing otherwise:
///
///   epoch  3/10 ########........  45 %  loss 0.0512  61,234 samples/s  0:02 left
///
/// The bar is the epoch's, the time left the whole run's, estimated from the time spent in epochs so far.
class Progress {
 public:
  Progress(int epochs, int64_t samples_per_epoch) : epochs_(epochs), samples_(samples_per_epoch) {}

  /// Starts the clock of an epoch, counted from 1.
  void begin_epoch(int epoch);
  /// `done` samples of this epoch have been trained on, at this mean loss.
  void update(int64_t done, double loss);
  /// Takes the bar away and stops the clock. Returns the epoch's seconds.
  double end_epoch();

 private:
  using Clock = std::chrono::steady_clock;
  double seconds_in_epoch() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  int epochs_;
  int64_t samples_;
  int epoch_ = 0;
  double seconds_before_ = 0;  // of the epochs that are over
  double drawn_at_ = 0;        // seconds into the epoch
  bool drawn_ = false;
  Clock::time_point start_;
};

}  // namespace support
