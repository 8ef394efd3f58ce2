#include "studies/support/study.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "support/checks.h"
#include "support/progress.h"

namespace studies {
namespace {

/// The text in lines of at most 80 columns.
std::string paragraph(const std::string& text) { return support::wrap(text, 80) + '\n'; }

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

/// Fills the flags, or returns the exit status to end with.
std::optional<int> parse(int argc, char** argv, const Description& description, Study::Flags& flags) {
  CLI::App app(description.text, "studies/" + description.name);
  app.get_formatter()->column_width(20);
  app.set_help_flag("-h,--help", "Show this and end");
  const auto help = [](const std::string& text) { return support::wrap(text, 60); };
  app.add_flag("--quick", flags.quick, help("Under a minute, on the bundled digits, with fewer seeds"));
  app.add_option(
         "--seeds", flags.seeds,
         help("Repetitions, each with first weights and data order of its own: " + std::to_string(description.seeds) +
              ", or " + std::to_string(description.quick_seeds) + " with --quick"))
      ->type_name("N")
      ->check(support::whole(1, 1000));
  app.add_option("--data", flags.data,
                 help("The folder that holds mnist/ and fashion-mnist/; otherwise RAMP_DATA and the usual places"))
      ->type_name("DIR");
  app.add_option("--out", flags.out,
                 help("Where the record, the CSV and the figure go; otherwise full/ beside the program, or quick/"))
      ->type_name("DIR");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked_for_help) {
    return app.exit(asked_for_help);
  } catch (const std::exception& error) {
    std::cerr << description.name << ": " << error.what() << " (" << description.name << " --help lists the flags)\n";
    return 2;
  }
  if (flags.seeds == 0) flags.seeds = flags.quick ? description.quick_seeds : description.seeds;
  if (flags.out.empty())
    flags.out = (std::filesystem::path(argv[0]).parent_path() / (flags.quick ? "quick" : "full")).string();
  return std::nullopt;
}

}  // namespace

Study::Study(Description description, Flags flags) : description_(std::move(description)), flags_(std::move(flags)) {
  std::error_code error;
  std::filesystem::create_directories(flags_.out, error);
  record_.open(path("", ".txt"));
  if (!record_) ramp::fail("study", "expected a folder that can be written, got --out ", flags_.out);
  record_ << description_.name << (flags_.quick ? " --quick" : "") << ", seeds 1 to " << flags_.seeds << ", ramp "
          << STUDIES_VERSION << ", " << compiler() << ", " << ramp::num_threads()
          << (ramp::num_threads() == 1 ? " thread\n" : " threads\n");
}

std::string Study::path(const std::string& part, const std::string& extension) const {
  const std::string file = description_.name + (part.empty() ? "" : "_" + part) + extension;
  return (std::filesystem::path(flags_.out) / file).string();
}

ramp::data::Split Study::data(const std::string& name) {
  const bool fashion = name == "fashion-mnist" && !flags_.quick;
  const std::string set = flags_.quick ? "mnist-10k" : name;
  // --data is for the full sets: the digits of --quick come with the source.
  const bool elsewhere = !flags_.data.empty() && !flags_.quick;
  const std::string directory =
      ramp::data::find(set, elsewhere ? (std::filesystem::path(flags_.data) / set).string() : "");
  ramp::data::Split split =
      ramp::data::load_mnist(directory, fashion ? ramp::data::fashion_mnist_pixels : ramp::data::mnist_pixels);
  if (data_.find(set) == data_.npos) data_ += set + ", ";
  print("Data: " + set + ", " + with_separators(split.train.size()) + " to train on, " +
        with_separators(split.test.size()) + " held out\n");
  return split;
}

void Study::plan(double work) {
  planned_ = work;
  done_ = drawn_at_ = 0;
  start_ = Clock::now();
}

void Study::advance(double work, const std::string& doing) {
  done_ += work;
  if (!doing.empty()) doing_ = doing;
  if (!support::watched() || planned_ <= 0) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  if (seconds - drawn_at_ < 0.1) return;
  drawn_at_ = seconds;
  drawn_ = true;

  const double share = std::min(done_ / planned_, 1.0);
  const std::string after =
      ' ' + fixed(100 * share, 0) + " %  " + support::minutes(seconds / share * (1 - share)) + " left  " + doing_;
  const int room = std::min(support::columns() - 1 - static_cast<int>(after.size()), 40);
  std::cout << support::erase_line
            << (room >= 5 ? support::bar(share, room) + after : support::what_fits({fixed(100 * share, 0) + " %"}))
            << std::flush;
}

void Study::clear_line() {
  if (drawn_) std::cout << support::erase_line << std::flush;
  drawn_ = false;
}

void Study::print(const std::string& text) {
  clear_line();
  std::cout << text << std::flush;
  if (!(record_ << text << std::flush))
    ramp::fail("study", "expected a record that can be written, got ", path("", ".txt"));
}

void Study::verdict(const Verdict& verdict) {
  print('\n' + paragraph("Verdict: the note says " + verdict.claim + "; measured: " + verdict.measured + "; it " +
                         verdict.holds + " (" + verdict.certainty + ")."));
}

Csv Study::csv(std::initializer_list<std::string> columns, const std::string& part) const {
  return {path(part, ".csv"), columns};
}

void Study::save(Figure figure, const std::string& part) {
  clear_line();
  if (figure.note.empty())
    figure.note = data_ + "means over " + std::to_string(seeds()) + " seeds, bars: standard error";
  figure.note += std::string("; ramp ") + STUDIES_VERSION + (quick() ? ", quick run" : "");
  std::error_code error;
  const std::string full_path = path(part, ""), near = std::filesystem::proximate(full_path, error).string();
  const std::string shown = error || near.size() >= full_path.size() ? full_path : near;
  // Not part of the record: where the files lie is this machine's affair.
  if (draw(figure, full_path)) std::cout << '\n' << shown << ".svg, .png: the figure\n";
  else std::cout << "\nNo figure: gnuplot is not installed (Debian: gnuplot-nox). The numbers are in the CSV.\n";
}

int run(int argc, char** argv, const Description& description, const std::function<void(Study&)>& study) {
  Study::Flags flags;
  if (const auto status = parse(argc, argv, description, flags)) return *status;
  try {
    Study context(description, flags);
    study(context);
  } catch (const std::exception& error) {
    std::cerr << description.name << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace studies
