// Which activations still learn in deep networks: the gradient layer by layer, at depths 2 to 30.

#include <cmath>
#include <map>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

constexpr int64_t width = 128, batch_size = 64;
/// Each network is trained with both rates, and the one with the lower training loss counts.
constexpr double learning_rates[] = {0.01, 0.1};

/// One network before and after one epoch.
struct Run {
  std::vector<double> start, after;  // the norm of the gradient by each hidden layer's outputs, the first layer's first
  double loss = INFINITY;            // the mean over the epoch
  double accuracy = 0;
};

std::vector<double> gradient_by_layer(Sequential& model, const data::Dataset& images) {
  Diagnostics diagnostics(model);
  for (auto [x, labels] : data::Loader(images, {.batch_size = images.size()}))
    cross_entropy(model(x), labels).backward();
  model.zero_grad();
  std::vector<double> norms;
  for (const LayerStatistics& layer : diagnostics.rows())
    if (!layer.layer.starts_with("Dense")) norms.push_back(*layer.output_gradient);
  return norms;
}

Run train(const Choice& activation, int depth, uint64_t seed, const data::Split& data, Study& study) {
  const data::Dataset probe = data.test.subset(0, 256);
  Run best;
  for (const double rate : learning_rates) {
    manual_seed(seed);
    Sequential model = mlp(widths(data.train.inputs.size(1), width, depth, classes), activation);
    Run run;
    run.start = gradient_by_layer(model, probe);
    optim::SGD sgd(model.parameters(), {.learning_rate = rate});
    run.loss = train_epoch(model, sgd, data::Loader(data.train, {.batch_size = batch_size, .shuffle = true}), study);
    run.after = gradient_by_layer(model, probe);
    run.accuracy = accuracy(model, data.test);
    if (best.after.empty() || run.loss < best.loss) best = run;
  }
  return best;
}

/// By what factor the gradient changes from a layer to the one before it.
double factor_a_layer(const std::vector<double>& norms) {
  return std::pow(norms.front() / norms.back(), 1 / static_cast<double>(norms.size() - 1));
}

/// The geometric mean over seeds of the norms, the last layer's taken as 1, in the order in which the gradient comes
/// by.
std::vector<Point> curve(const std::vector<Run>& runs, std::vector<double> Run::* norms) {
  std::vector<Point> points;
  const size_t layers = (runs[0].*norms).size();
  for (size_t passed = 0; passed < layers; ++passed) {
    double logs = 0;
    for (const Run& run : runs) logs += std::log((run.*norms)[layers - 1 - passed] / (run.*norms).back());
    points.push_back({static_cast<double>(passed), std::exp(logs / static_cast<double>(runs.size()))});
  }
  return points;
}

/// One value of each seed.
template <class Value>
std::vector<double> each(const std::vector<Run>& runs, Value value) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(value(run));
  return values;
}
std::vector<double> factors_at_start(const std::vector<Run>& runs) {
  return each(runs, [](const Run& run) { return factor_a_layer(run.start); });
}
std::vector<double> accuracies(const std::vector<Run>& runs) {
  return each(runs, [](const Run& run) { return 100 * run.accuracy; });
}

void study(Study& study) {
  const data::Split data = study.data();
  const std::vector<int> depths = study.quick() ? std::vector{2, 10, 20} : std::vector{2, 5, 10, 20, 30};
  const std::vector<Choice> activations{
      choice("sigmoid", "sigmoid", [] { return Sigmoid(); }),
      choice("tanh", "tanh", [] { return Tanh(); }),
      choice("ReLU", "relu", [] { return ReLU(); }),
      choice("leaky 0.2", "leaky_relu", [] { return LeakyReLU(0.2); }),
      choice("ELU", "elu", [] { return ELU(); }),
  };
  study.plan(static_cast<double>(activations.size() * depths.size() * std::size(learning_rates)) * study.seeds() *
             static_cast<double>(data.train.size()));

  Csv csv =
      study.csv({"activation", "depth", "seed", "accuracy", "layer", "gradient_at_start", "gradient_after_epoch"});
  std::map<std::string, std::map<int, std::vector<Run>>> runs;
  for (const Choice& activation : activations)
    for (const int depth : depths)
      for (int seed = 1; seed <= study.seeds(); ++seed) {
        study.doing(activation.name + ", " + std::to_string(depth) + " layers, seed " + std::to_string(seed));
        const Run run = train(activation, depth, static_cast<uint64_t>(seed), data, study);
        for (size_t layer = 0; layer < run.start.size(); ++layer)
          csv.row(activation.name, depth, seed, run.accuracy, layer + 1, run.start[layer], run.after[layer]);
        runs[activation.name][depth].push_back(run);
      }

  std::vector<std::string> header{"", "gradient a layer", "after an epoch"};
  for (const int depth : depths) header.push_back(std::to_string(depth) + " layers");
  Table table(header);
  const int deepest = depths.back();
  Panel start{"At the start, " + std::to_string(deepest) + " layers",
              {"layers passed on the way back"},
              {"gradient norm, 1 at the last layer", true},
              {}};
  Panel after{"After one epoch", {"layers passed on the way back"}, {"gradient norm, 1 at the last layer", true}, {}};
  Panel learned{"What one epoch taught", {"hidden layers"}, {"test accuracy, %"}, {}};
  for (const Choice& activation : activations) {
    const std::vector<Run>& deep = runs[activation.name][deepest];
    std::vector<std::string> cells{
        activation.name, plus_minus(estimate(factors_at_start(deep)), 3),
        plus_minus(estimate(each(deep, [](const Run& run) { return factor_a_layer(run.after); })), 3)};
    Series accuracy{activation.name, activation.color, {}};
    for (const int depth : depths) {
      const Estimate percent = estimate(accuracies(runs[activation.name][depth]));
      cells.push_back(plus_minus(percent, 1));
      accuracy.points.push_back({static_cast<double>(depth), percent.mean, percent.error});
    }
    table.row(cells);
    learned.series.push_back(accuracy);
    start.series.push_back({activation.name, activation.color, curve(deep, &Run::start)});
    after.series.push_back({activation.name, activation.color, curve(deep, &Run::after)});
  }
  study.print("\nThe factor of the gradient from a layer to the one before (" + std::to_string(deepest) +
              " layers), and the test accuracy in % after one epoch\n\n");
  study.print(table);

  const std::vector<Run>&sigmoid = runs["sigmoid"][deepest], &relu = runs["ReLU"][deepest];
  const Estimate of_sigmoid = estimate(factors_at_start(sigmoid)), of_relu = estimate(factors_at_start(relu));
  const int ahead = count_below(accuracies(sigmoid), accuracies(relu));
  const bool vanishes = of_sigmoid.mean < 0.5 && of_relu.mean > 0.5;
  const bool learns = beyond_noise(difference(accuracies(relu), accuracies(sigmoid)));
  study.verdict({"that a sigmoid saturates, so that gradients vanish in deep networks, and that ReLU lets them pass",
                 "through " + std::to_string(deepest) + " layers the gradient changes by a factor of " +
                     plus_minus(of_sigmoid, 3) + " a layer with sigmoids and " + plus_minus(of_relu, 3) +
                     " with ReLUs, and after an epoch they classify " + plus_minus(estimate(accuracies(sigmoid)), 1) +
                     " % and " + plus_minus(estimate(accuracies(relu)), 1) + " %",
                 vanishes && learns ? "holds here"
                 : vanishes         ? "holds here for the gradients, while what is learned differs within the noise"
                                    : "does not hold here",
                 "ReLU is ahead in " + of_seeds(ahead, relu.size())});
  study.save({"A sigmoid passes " + percent(of_sigmoid.mean, 0) + " of the gradient on to the layer before, a ReLU " +
                  percent(of_relu.mean, 0),
              {start, after, learned},
              "",
              1280});
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(argc, argv,
                      {.name = "vanishing_gradient",
                       .text = "Measures the gradient layer by layer in networks of 2 to 30 hidden layers with five "
                               "activations, at the start and after one epoch, and who learns.",
                       .seeds = 3},
                      ::study);
}
