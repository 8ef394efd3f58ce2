#pragma once
// What the studies share: flags, data, progress, tables, CSV, figures and the verdict.
//
//   void study(Study& study) {
//     auto [train, test] = study.data();
//     study.plan(seeds * epochs * train.size());
//     Csv csv = study.csv({"activation", "seed", "test_error"});
//     ... study.advance(n, "ReLU, seed 2"); csv.row("ReLU", 2, 1.85); ...
//     study.print(table);
//     study.verdict({...});
//     study.save(figure);
//   }
//   int main(int argc, char** argv) { return studies::run(argc, argv, {...}, study); }

#include <chrono>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include <ramp/ramp.h>

#include "studies/support/estimate.h"
#include "studies/support/figure.h"
#include "studies/support/table.h"
#include "support/csv.h"
#include "support/terminal.h"

namespace studies {

using ramp::with_separators;
using support::Csv;
using support::fixed;
using support::percent;

struct Description {
  std::string name;  ///< of the program and its files
  std::string text;  ///< for --help: one sentence
  int seeds = 5;     ///< of the full study, unless --seeds says otherwise
  int quick_seeds = 2;
};

/// "<claim>, says the note; measured: <measured>. It <holds> (<certainty>)" in one sentence, all but the claim from the
/// numbers.
struct Verdict {
  std::string claim;      ///< "that ..." as the note has it
  std::string measured;   ///< with numbers and error bars
  std::string holds;      ///< "holds here", "does not hold here", "cannot be told from the noise here", ...
  std::string certainty;  ///< "5 of 5 seeds"
};

class Study {
 public:
  /// What the command line asked for.
  struct Flags {
    bool quick = false;
    int seeds = 0;
    std::string data, out;
  };
  /// Makes the folder `flags.out`. Throws ramp::Error where that cannot be.
  Study(Description description, Flags flags);

  bool quick() const { return flags_.quick; }
  /// The number of seeds; they are 1, 2, ...
  int seeds() const { return flags_.seeds; }

  /// "mnist" or "fashion-mnist"; the bundled digits when quick, whatever the name. Prints which.
  ramp::data::Split data(const std::string& name = "mnist");

  /// How much work lies ahead, in any unit: images to train on, say.
  void plan(double work);
  /// So much of it is done. Redraws the line of progress, if a person watches: `doing` names what is going on.
  void advance(double work, const std::string& doing = "");
  /// Names what is going on from here.
  void doing(const std::string& what) { doing_ = what; }

  /// These print to the screen and to NAME.txt, the record of the run. Throw ramp::Error when the record cannot be
  /// written.
  void print(const std::string& text);
  void print(const Table& table) { print(table.text()); }
  /// One a study, at its end.
  void verdict(const Verdict& verdict);

  /// NAME.csv, or NAME_<part>.csv.
  Csv csv(std::initializer_list<std::string> columns, const std::string& part = "") const;
  /// NAME.svg and NAME.png, or NAME_<part>. Without gnuplot it says so, and the CSV is what there is. The note at the
  /// foot says what data and how many seeds there were, unless the figure has one of its own; the version is added.
  void save(Figure figure, const std::string& part = "");

 private:
  using Clock = std::chrono::steady_clock;
  std::string path(const std::string& part, const std::string& extension) const;
  void clear_line();

  Description description_;
  Flags flags_;
  std::ofstream record_;
  Clock::time_point start_ = Clock::now();
  double planned_ = 0, done_ = 0;
  double drawn_at_ = 0;
  bool drawn_ = false;
  std::string doing_;
  std::string data_;  // the sets' names
};

/// Reads the flags (--quick, --seeds, --data, --out) and runs the study. Returns the exit status: 2 after a line that
/// says what is wrong with the flags, 1 after one that says why the study failed.
int run(int argc, char** argv, const Description& description, const std::function<void(Study&)>& study);

}  // namespace studies
