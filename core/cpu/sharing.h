#pragma once

namespace ramp::cpu {

/// Whether the caller shares a captured step's replays out to other threads: not when too little would be spared, and not
/// where that proves slower, as beside another program that keeps a processor busy. Of every 256 replays the last few try
/// the other way; a dear trial ends at once. The pieces of the work are the same either way, and so are the bits.
class Sharing {
 public:
  /// For a step that spares the caller so many grains of work at best (parallel.h).
  explicit Sharing(double spared = 0) : worth_it_(spared >= 5) {}  // some 50 us: to wake a thread up may take as long

  bool worth_it() const { return worth_it_; }
  /// Whether to share the next replay out, if it is worth it at all.
  bool next() const { return sharing_ != (count_ >= usual); }
  /// How long that replay took.
  void note(double seconds) {
    (++count_ <= usual ? taken_ : tried_) += seconds;
    if (count_ <= usual) return;
    const double taken = taken_ / usual;
    if (count_ < usual + trials && tried_ < trials * taken) return;
    const double other = tried_ / (count_ - usual);
    // A few trials may miss what makes the other way slow now and then, so they are believed by and by.
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
  int count_ = 0;                 // of replays in this period
  double taken_ = 0, tried_ = 0;  // their seconds, of the usual ones and the trials
  double known_ = 0;              // a replay's, of the way that is not taken; 0 before the first trial
};

}  // namespace ramp::cpu
