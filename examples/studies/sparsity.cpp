// How many of ReLU's outputs are 0, what an L1 penalty adds, and whether sparsity counters over-fitting.

#include <map>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

/// The penalties that are compared; Glorot, Bordes & Bengio 2011 took 0.001.
constexpr double penalties[] = {0, 1e-4, 1e-3};
constexpr double chosen = 1e-3;
constexpr int hidden_layers = 3;

std::string name(double penalty) {
  if (penalty == 0) return "no penalty";
  return penalty == 1e-4 ? "L1 0.0001" : "L1 0.001";
}

/// The network's logits; adds the sum of |y| over the outputs y of all ReLUs to `l1`.
Tensor forward(Sequential& model, Tensor x, Tensor& l1) {
  for (const auto& [name, layer] : model.children()) {
    x = (*layer)(x);
    if (layer->gain())  // which activations have
      l1 = l1.defined() ? l1 + l1_penalty(x) : l1_penalty(x);
  }
  return x;
}

/// The share of zeros among each ReLU layer's outputs for the test images.
std::vector<double> zeros_by_layer(Sequential& model, const data::Dataset& test) {
  const Diagnostics diagnostics(model);
  predict(model, test);
  std::vector<double> shares;
  for (const LayerStatistics& layer : diagnostics.rows())
    if (!layer.layer.starts_with("Dense")) shares.push_back(100 * *layer.zeros);
  return shares;
}

double mean_of(const std::vector<double>& values) { return estimate(values).mean; }

struct Run {
  std::vector<std::vector<double>> zeros;  // in %, by epoch, 0 the start, and layer
  double train_error, test_error;          // in %, in the end
};

Run train(const data::Dataset& images, const data::Dataset& test, double penalty, int epochs, uint64_t seed,
          Study& study) {
  manual_seed(seed);
  Sequential model =
      mlp(widths(images.inputs.size(1), 256, hidden_layers, classes), choice("ReLU", "relu", [] { return ReLU(); }));
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.05, .momentum = 0.9});
  const data::Loader loader(images, {.batch_size = 100, .shuffle = true});
  Run run{{zeros_by_layer(model, test)}, 0, 0};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (auto [x, labels] : loader) {
      const auto n = static_cast<double>(labels.numel());
      Tensor l1, logits = forward(model, x, l1);
      Tensor loss = cross_entropy(logits, labels);
      if (penalty > 0) loss = loss + penalty / n * l1;  // a mean over images, as the loss is
      sgd.zero_grad();
      loss.backward();
      sgd.step();
      study.advance(n);
    }
    run.zeros.push_back(zeros_by_layer(model, test));
  }
  run.train_error = 100 * (1 - accuracy(model, images));
  run.test_error = 100 * (1 - accuracy(model, test));
  return run;
}

/// What one training set gave, by penalty.
struct Results {
  int64_t images;
  int epochs;
  std::map<double, std::vector<Run>> runs;

  std::vector<double> test_errors(double penalty) const {
    std::vector<double> errors;
    for (const Run& run : runs.at(penalty)) errors.push_back(run.test_error);
    return errors;
  }
  std::vector<double> train_errors(double penalty) const {
    std::vector<double> errors;
    for (const Run& run : runs.at(penalty)) errors.push_back(run.train_error);
    return errors;
  }
  /// The share of zeros after an epoch, over all layers or in one.
  Estimate zeros(double penalty, size_t epoch, std::optional<size_t> layer = {}) const {
    std::vector<double> shares;
    for (const Run& run : runs.at(penalty))
      shares.push_back(layer ? run.zeros[epoch][*layer] : mean_of(run.zeros[epoch]));
    return estimate(shares);
  }
};

Panel zeros_while_training(const Results& results) {
  Panel panel{
      "Zeros, " + with_separators(results.images) + " images", {"epoch"}, {"zeros among ReLU's outputs, %"}, {}};
  for (const double penalty : penalties) {
    Series series{name(penalty), "relu", {}};
    for (int epoch = 0; epoch <= results.epochs; ++epoch) {
      const Estimate zeros = results.zeros(penalty, static_cast<size_t>(epoch));
      series.points.push_back({static_cast<double>(epoch), zeros.mean, zeros.error});
    }
    panel.series.push_back(series);
  }
  return panel;
}

Panel zeros_in_layers(const Results& results) {
  Panel panel{"At the start and after training", {"hidden layer"}, {"zeros among ReLU's outputs, %"}, {}};
  panel.x.names = {"", "1", "2", "3"};
  const auto add = [&](const std::string& name, double penalty, int epoch, bool dashed) {
    Series series{name, "relu", {}, Mark::line, dashed};
    for (size_t layer = 0; layer < hidden_layers; ++layer) {
      const Estimate zeros = results.zeros(penalty, static_cast<size_t>(epoch), layer);
      series.points.push_back({static_cast<double>(layer) + 1, zeros.mean, zeros.error});
    }
    panel.series.push_back(series);
  };
  add("start", 0, 0, true);
  for (const double penalty : penalties) add(name(penalty), penalty, results.epochs, false);
  return panel;
}

void study(Study& study) {
  const auto [train_set, test] = study.data();
  std::vector<Results> all{{1000, study.quick() ? 15 : 60, {}}, {train_set.size(), study.quick() ? 2 : 6, {}}};
  double work = 0;
  for (const Results& results : all)
    work += static_cast<double>(results.images * results.epochs * study.seeds()) * std::size(penalties);
  study.plan(work);

  Csv csv = study.csv({"images", "penalty", "seed", "epoch", "layer", "zeros"}, "zeros");
  Csv errors = study.csv({"images", "penalty", "seed", "train_error", "test_error"});
  Table table({"images", "penalty", "zeros, start", "zeros, end", "train error", "test error"});
  for (Results& results : all)
    for (const double penalty : penalties) {
      for (int seed = 1; seed <= study.seeds(); ++seed) {
        study.doing(with_separators(results.images) + " images, " + name(penalty) + ", seed " + std::to_string(seed));
        const Run run = train(train_set.subset(0, results.images), test, penalty, results.epochs,
                              static_cast<uint64_t>(seed), study);
        for (size_t epoch = 0; epoch < run.zeros.size(); ++epoch)
          for (size_t layer = 0; layer < hidden_layers; ++layer)
            csv.row(results.images, penalty, seed, epoch, layer + 1, run.zeros[epoch][layer] / 100);
        errors.row(results.images, penalty, seed, run.train_error / 100, run.test_error / 100);
        results.runs[penalty].push_back(run);
      }
      table.row({with_separators(results.images), name(penalty), plus_minus(results.zeros(penalty, 0), 1),
                 plus_minus(results.zeros(penalty, static_cast<size_t>(results.epochs)), 1),
                 plus_minus(estimate(results.train_errors(penalty)), 2),
                 plus_minus(estimate(results.test_errors(penalty)), 2)});
    }
  study.print("\nShares of zeros among ReLU's outputs, and of wrong answers, in %\n\n");
  study.print(table);

  // The claim is one about over-fitting, so it is judged by the penalty's effect on the test error, seed by seed.
  std::string effects, seeds;
  int lowered = 0, raised = 0;
  for (const Results& results : all) {
    const std::vector<double> plain = results.test_errors(0), sparse = results.test_errors(chosen);
    const Estimate change = difference(sparse, plain);
    const std::string with_images = " with " + with_separators(results.images) + " images",
                      sep = seeds.empty() ? "" : " and ";
    effects += sep + "by " + plus_minus(change, 2) + " points" + with_images;
    seeds += sep + of_seeds(count_below(sparse, plain), plain.size()) + with_images;
    if (beyond_noise(change)) ++(change.mean < 0 ? lowered : raised);
  }
  const Results& full = all.back();
  const auto last = static_cast<size_t>(full.epochs);
  const Estimate start = full.zeros(0, 0), plain_end = full.zeros(0, last), sparse_end = full.zeros(chosen, last);
  study.verdict({"that ReLU's activation is sparse, and that sparsity counters over-fitting as L1 does",
                 plus_minus(start, 1) + " % of the outputs are 0 at the start, " + plus_minus(plain_end, 1) +
                     " % after training and " + plus_minus(sparse_end, 1) +
                     " % with an L1 penalty of 0.001, which changes the test error " + effects,
                 lowered == 2   ? "holds here"
                 : lowered == 1 ? "holds here for sparsity, and against over-fitting with one of the two sets"
                 : raised > 0   ? "holds here for sparsity, not for over-fitting"
                                : "holds here for sparsity, while its effect on over-fitting is inside the noise",
                 "a lower test error in " + seeds});

  Panel effect{"Does sparsity help?", {"zeros after training, %"}, {"test error, %", false, 0}, {}};
  for (const Results& results : all) {
    Series series{with_separators(results.images) + " images", "relu", {}};
    for (const double penalty : penalties) {
      const Estimate error = estimate(results.test_errors(penalty));
      series.points.push_back(
          {results.zeros(penalty, static_cast<size_t>(results.epochs)).mean, error.mean, error.error});
    }
    effect.series.push_back(series);
  }
  study.save({"Half of ReLU's outputs are 0 at the start; an L1 penalty makes it " + fixed(sparse_end.mean, 0) + " %",
              {zeros_in_layers(full), zeros_while_training(full), effect},
              "",
              1280});
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(
      argc, argv,
      {.name = "sparsity",
       .text = "Counts the zeros among ReLU's outputs layer by layer, at the start and in training, with "
               "and without an L1 penalty, and what they do to the test error with few and many images."},
      ::study);
}
