// Leaky ReLU with slopes from 0 to 0.9: does leaking beat ReLU, and is a slope of 0.2 better than 0.01?

#include <algorithm>
#include <sstream>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

const std::vector<double> slopes{0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9};  // 0 is ReLU
constexpr size_t relu = 0, leaky_001 = 1, leaky_02 = 4, last_usual = 5;    // papers use slopes up to 1/3

std::string name(size_t slope) {
  std::ostringstream text;
  text << slopes[slope];
  return text.str();
}

/// The test error in percent after training from one seed.
double test_error(Study& study, const data::Split& split, double slope, int seed, int epochs) {
  manual_seed(static_cast<uint64_t>(seed));
  const Choice leaky = choice("leaky", "leaky_relu", [=] { return LeakyReLU(slope); });
  Sequential model = mlp(widths(split.train.inputs.size(1), 128, 3, classes), leaky);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.02, .momentum = 0.9});
  const data::Loader loader(split.train, {.batch_size = 64, .shuffle = true});
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    if (epoch == epochs) sgd.set_learning_rate(0.002);  // less of the last batches' noise in the result
    train_epoch(model, sgd, loader, study);
  }
  return 100 * (1 - accuracy(model, split.test));
}

/// What the sweep of one data set came to.
struct Sweep {
  std::string set;
  std::vector<std::vector<double>> errors = std::vector<std::vector<double>>(slopes.size());  // by slope and seed

  Estimate against_relu(size_t slope) const { return difference(errors[slope], errors[relu]); }
  size_t best() const {
    const auto lower = [](const auto& a, const auto& b) { return estimate(a).mean < estimate(b).mean; };
    return static_cast<size_t>(std::min_element(errors.begin(), errors.end(), lower) - errors.begin());
  }
};

void print(Study& study, const Sweep& sweep) {
  Table table({"slope on " + sweep.set, "test error in %", "minus ReLU's", "below ReLU's in"});
  for (size_t i = 0; i < slopes.size(); ++i) {
    const bool leaks = i != relu;
    const int below = count_below(sweep.errors[i], sweep.errors[relu]);
    table.row({leaks ? name(i) : "0 (ReLU)", plus_minus(estimate(sweep.errors[i]), 2),
               leaks ? plus_minus(sweep.against_relu(i), 2) : "",
               leaks ? of_seeds(below, sweep.errors[i].size()) : ""});
  }
  study.print('\n' + table.text());
}

Panel panel(const Sweep& sweep) {
  Series zero{"ReLU", "relu", {}, Mark::line, true}, leaky{"leaky", "leaky_relu", {}};
  Panel panel{sweep.set, {"slope for negative numbers"}, {"test error minus ReLU's, points"}, {}};
  for (size_t i = 0; i < slopes.size(); ++i) {
    const auto x = static_cast<double>(i);
    const Estimate change = sweep.against_relu(i);
    panel.x.names.push_back(name(i));
    zero.points.push_back({x, 0});
    leaky.points.push_back({x, change.mean, change.error});
  }
  panel.series = {zero, leaky};
  return panel;
}

void conclude(Study& study, const std::vector<Sweep>& sweeps) {
  size_t compared = 0, better = 0, worse = 0, steeper_wins = 0, steeper_differs = 0;
  std::string changes, counts, best;
  for (const Sweep& sweep : sweeps) {
    for (size_t i = leaky_001; i <= last_usual; ++i) {
      const Estimate change = sweep.against_relu(i);
      ++compared;
      if (beyond_noise(change)) ++(change.mean < 0 ? better : worse);
    }
    const auto &shallow = sweep.errors[leaky_001], &steep = sweep.errors[leaky_02];
    const Estimate change = difference(steep, shallow);
    steeper_differs += beyond_noise(change);
    steeper_wins += beyond_noise(change) && change.mean < 0;
    const std::string on = " on " + sweep.set, comma = &sweep == &sweeps.front() ? "" : " and ";
    changes += comma + plus_minus(change, 2) + " points" + on;
    counts += comma + of_seeds(count_below(steep, shallow), steep.size()) + on;
    best += comma + name(sweep.best()) + on;
  }
  // Four in five: "nearly always".
  const bool leaking_wins = 5 * better >= 4 * compared, all_steeper_win = steeper_wins == sweeps.size();
  const std::string shares = std::to_string(better) + " of " + std::to_string(compared);
  study.verdict({"that leaky ReLU nearly always beats ReLU, and that a slope of 0.2 beats 0.01",
                 "with slopes from 0.01 to 0.3 the test error is below ReLU's beyond the noise in " + shares +
                     " cases, above it in " + std::to_string(worse) +
                     " and inside the noise in the others; from 0.01 to 0.2 it changes by " + changes +
                     "; the lowest mean is that of slope " + best,
                 leaking_wins && all_steeper_win ? "holds here"
                 : leaking_wins                  ? "holds here for leaking, but not for 0.2 against 0.01"
                 : all_steeper_win               ? "holds here for 0.2 against 0.01, but not for leaking as such"
                 : better + worse + steeper_differs == 0 ? "cannot be told from the noise here"
                                                         : "does not hold here in this generality",
                 "0.2 below 0.01 in " + counts});

  Figure figure{"Leaky ReLU beats ReLU beyond the noise in " + shares + " cases with slopes from 0.01 to 0.3", {}};
  for (const Sweep& sweep : sweeps) figure.panels.push_back(panel(sweep));
  figure.note = "784-(3x128)-10, means over " + std::to_string(study.seeds()) +
                " pairs of equal first weights and data order, bars: standard error";
  study.save(figure);
}

void sweep_slopes(Study& study) {
  const int epochs = study.quick() ? 3 : 5;
  std::vector<data::Split> splits{study.data("mnist")};
  std::vector<Sweep> sweeps{{study.quick() ? "the bundled digits" : "MNIST"}};
  if (!study.quick()) {
    splits.push_back(study.data("fashion-mnist"));
    sweeps.push_back({"Fashion-MNIST"});
  }
  double images = 0;
  for (const data::Split& split : splits) images += static_cast<double>(split.train.size());
  study.plan(images * epochs * study.seeds() * static_cast<double>(slopes.size()));

  Csv csv = study.csv({"data", "slope", "seed", "test_error_percent"});
  for (size_t s = 0; s < splits.size(); ++s) {
    for (int seed = 1; seed <= study.seeds(); ++seed)
      for (size_t i = 0; i < slopes.size(); ++i) {
        study.doing(sweeps[s].set + ", slope " + name(i) + ", seed " + std::to_string(seed));
        sweeps[s].errors[i].push_back(test_error(study, splits[s], slopes[i], seed, epochs));
        csv.row(sweeps[s].set, slopes[i], seed, sweeps[s].errors[i].back());
      }
    print(study, sweeps[s]);
  }
  conclude(study, sweeps);
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(argc, argv,
                      {.name = "leak_sweep",
                       .text = "Trains 784-(3x128)-10 with slopes from 0 to 0.9 for negative numbers and compares the "
                               "test errors.",
                       .quick_seeds = 3},
                      sweep_slopes);
}
