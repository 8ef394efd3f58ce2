#pragma once

namespace ramp::cpu {

/// Chooses, by measurement, whether the replays of a captured step run on the thread pool or on the calling thread
/// alone. A step that could save too little never uses the pool. The faster mode is kept: the pool may be the slower
/// one, as when another program keeps a processor busy. Of every 256 replays the last 4 try the other mode; a trial
/// that is already slower ends early. Both modes cut the work into the same pieces, so the bits are the same.
class Autotune {
 public:
  /// `spared`: how much work the pool saves the calling thread at best, in grains (parallel.h).
  explicit Autotune(double spared = 0) : worth_it_(spared >= 5) {}  // about 50 us: waking a thread may take as long

  bool worth_it() const { return worth_it_; }
  /// Whether the next replay is to use the pool. Only if worth_it().
  bool next() const { return sharing_ != (count_ >= usual); }
  /// Reports how long that replay took.
  void note(double seconds) {
    (++count_ <= usual ? taken_ : tried_) += seconds;
    if (count_ <= usual) return;
    const double taken = taken_ / usual;
    if (count_ < usual + trials && tried_ < trials * taken) return;
    const double other = tried_ / (count_ - usual);
    // A few trials may miss an occasional slowdown of the other mode, so they are averaged in gradually.
    known_ = known_ == 0 ? other : 0.75 * known_ + 0.25 * other;
    if (known_ < taken) {
      sharing_ = !sharing_;
      known_ = taken;
    }
    count_ = 0;
    taken_ = tried_ = 0;
  }

 private:
  static constexpr int usual = 252, trials = 4;

  bool worth_it_, sharing_ = true;
  int count_ = 0;                 // replays in this period
  double taken_ = 0, tried_ = 0;  // total seconds of the usual replays, and of the trials
  double known_ = 0;              // seconds per replay of the mode that is not in use; 0 before the first trial
};

}  // namespace ramp::cpu
