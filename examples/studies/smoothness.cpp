// The kink of ReLU at 0: does it make training bounce, and does the smooth ELU learn faster?

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

/// One number w on its way down f(w) + f(-w), whose minimum is at 0: w after 0, 1, ... 200 steps.
std::vector<double> descend(const Unary& f) {
  const Tensor w = scalar(1.03, {.dtype = float64, .requires_grad = true});
  optim::SGD sgd({w}, {.learning_rate = 0.1});
  std::vector<double> path{w.item()};
  for (int step = 1; step <= 200; ++step) {
    sgd.zero_grad();
    (map(f, w) + map(f, -w)).backward();
    sgd.step();
    path.push_back(w.item());
  }
  return path;
}

struct Descent {
  std::string name, color;
  std::vector<double> path;
};

/// The activations of the ELU paper's comparison (Clevert, Unterthiner & Hochreiter 2016).
const std::vector<Choice> choices{
    choice("ReLU", "relu", [] { return ReLU(); }),
    choice("leaky 0.1", "leaky_relu", [] { return LeakyReLU(0.1); }),
    choice("ELU", "elu", [] { return ELU(); }),
};
constexpr size_t relu = 0, leaky = 1, elu = 2;

/// What happened to one activation, by epoch and seed.
struct History {
  std::vector<std::vector<double>> loss, median;
};

/// The median over all hidden units of a unit's mean activation on the images.
double median_activation(const Sequential& model, Tensor x) {
  const NoGrad quiet;
  std::vector<float> means;
  for (const auto& [name, layer] : model.children()) {
    x = (*layer)(x);
    if (dynamic_cast<const Activation*>(layer.get()) == nullptr) continue;
    const std::vector<float> of_layer = mean(x, 0).to_vector<float>();
    means.insert(means.end(), of_layer.begin(), of_layer.end());
  }
  const auto middle = means.begin() + static_cast<std::ptrdiff_t>(means.size() / 2);
  std::nth_element(means.begin(), middle, means.end());
  return *middle;
}

/// The loss averaged over the epochs, by seed: low for what learns fast.
std::vector<double> mean_over_epochs(const std::vector<std::vector<double>>& values) {
  std::vector<double> means(values.front().size());
  for (const std::vector<double>& epoch : values)
    for (size_t seed = 0; seed < means.size(); ++seed) means[seed] += epoch[seed] / static_cast<double>(values.size());
  return means;
}

std::string short_text(double value) {
  std::ostringstream text;
  text << std::setprecision(4) << value;
  return text.str();
}

std::vector<Descent> descend_all(Study& study) {
  std::vector<Descent> all{{"ReLU", "relu", descend(formula::ReLU{})},
                           {"leaky 0.2", "leaky_relu", descend(formula::LeakyReLU{0.2})},
                           {"ELU", "elu", descend(formula::ELU{})},
                           {"softplus", "softplus", descend(formula::Softplus{})}};
  Csv csv = study.csv({"activation", "step", "w"}, "bounce");
  Table table({"f(w) + f(-w) from w = 1.03, rate 0.1", "after 199 steps", "after 200 steps"});
  for (const Descent& d : all) {
    table.row({d.name, short_text(d.path[199]), short_text(d.path[200])});
    for (size_t step = 0; step < d.path.size(); ++step) csv.row(d.name, step, d.path[step]);
  }
  study.print('\n' + table.text());
  return all;
}

std::vector<History> train(Study& study, const data::Split& split) {
  const size_t epochs = study.quick() ? 3 : 10;
  study.plan(static_cast<double>(split.train.size() * study.seeds()) * static_cast<double>(epochs * choices.size()));
  const Tensor some_images = data::Loader(split.test, {.batch_size = 2000}).begin()->inputs;

  Csv csv = study.csv({"activation", "seed", "epoch", "train_loss", "median_activation"});
  std::vector<History> histories(choices.size());
  for (int seed = 1; seed <= study.seeds(); ++seed)
    for (size_t c = 0; c < choices.size(); ++c) {
      study.doing(choices[c].name + ", seed " + std::to_string(seed));
      manual_seed(static_cast<uint64_t>(seed));
      Sequential model = mlp(widths(split.train.inputs.size(1), 128, 8, classes), choices[c]);
      optim::SGD sgd(model.parameters(), {.learning_rate = 0.01});
      const data::Loader loader(split.train, {.batch_size = 64, .shuffle = true});
      History& history = histories[c];
      history.loss.resize(epochs);
      history.median.resize(epochs);
      for (size_t epoch = 0; epoch < epochs; ++epoch) {
        history.loss[epoch].push_back(train_epoch(model, sgd, loader, study));
        history.median[epoch].push_back(median_activation(model, some_images));
        csv.row(choices[c].name, seed, epoch + 1, history.loss[epoch].back(), history.median[epoch].back());
      }
    }
  return histories;
}

void print(Study& study, const std::vector<History>& histories) {
  const size_t epochs = histories[elu].loss.size();
  const std::string last = std::to_string(epochs);
  Table table({"784-(8x128)-10", "loss, epoch 1", "loss, epoch " + last, "minus ReLU's", "median activation"});
  for (size_t c = 0; c < choices.size(); ++c) {
    const History& history = histories[c];
    table.row({choices[c].name, plus_minus(estimate(history.loss.front()), 4),
               plus_minus(estimate(history.loss.back()), 4),
               c == relu ? "" : plus_minus(difference(history.loss.back(), histories[relu].loss.back()), 4),
               plus_minus(estimate(history.median.back()), 3)});
  }
  study.print('\n' + table.text());
}

std::vector<Panel> panels(const std::vector<Descent>& descents, const std::vector<History>& histories) {
  Panel bounce{"Descent on f(w) + f(-w), rate 0.1", {"step"}, {"|w|, the distance from the minimum", true}, {}};
  for (const Descent& d : descents) {
    Series series{d.name, d.color, {}};
    for (size_t step = 0; step <= 60; ++step)
      series.points.push_back({static_cast<double>(step), std::abs(d.path[step])});
    bounce.series.push_back(series);
  }
  Panel loss{"784-(8x128)-10, rate 0.01", {"epoch"}, {"training loss", true}, {}};
  Panel median{"The mean activation of its units", {"epoch"}, {"median over the units"}, {}};
  for (size_t c = 0; c < choices.size(); ++c) {
    Series losses{choices[c].name, choices[c].color, {}}, medians = losses;
    for (size_t epoch = 0; epoch < histories[c].loss.size(); ++epoch) {
      const Estimate l = estimate(histories[c].loss[epoch]), m = estimate(histories[c].median[epoch]);
      const auto x = static_cast<double>(epoch + 1);
      losses.points.push_back({x, l.mean, l.error});
      medians.points.push_back({x, m.mean, m.error});
    }
    loss.series.push_back(losses);
    median.series.push_back(medians);
  }
  return {bounce, loss, median};
}

void study_smoothness(Study& study) {
  const data::Split split = study.data();
  const std::vector<Descent> descents = descend_all(study);
  const std::vector<History> histories = train(study, split);
  print(study, histories);

  const std::vector<double>&kinked = descents[0].path, &smooth = descents[2].path;
  const bool bounces = kinked[200] * kinked[199] < 0 && std::abs(smooth[200]) < 0.01 * std::abs(kinked[200]);
  const std::vector<double> of_relu = mean_over_epochs(histories[relu].loss);
  const std::vector<double> of_leaky = mean_over_epochs(histories[leaky].loss);
  const std::vector<double> of_elu = mean_over_epochs(histories[elu].loss);
  const Estimate against_relu = difference(of_elu, of_relu), against_leaky = difference(of_elu, of_leaky);
  const bool clear = beyond_noise(against_relu) && beyond_noise(against_leaky);
  const bool faster = clear && against_relu.mean < 0 && against_leaky.mean < 0;
  const std::string end = "w ends at " + short_text(kinked[199]) + ", " + short_text(kinked[200]) +
                          ", ... with ReLU and " + short_text(smooth[200]) + " with ELU";
  study.verdict({"that ReLU's kink makes training bounce around a minimum, and that the smooth ELU learns faster",
                 end + "; ELU changes the training loss, averaged over the epochs, by " + plus_minus(against_relu, 4) +
                     " against ReLU and by " + plus_minus(against_leaky, 4) + " against leaky 0.1",
                 bounces && faster   ? "holds here"
                 : bounces && !clear ? "holds here for the bounce, while the speed of learning differs within the noise"
                 : bounces           ? "holds here for the bounce, but not for the speed of learning"
                 : faster            ? "holds here for the speed of learning, but not for the bounce"
                                     : "does not hold here",
                 "ELU's loss is below ReLU's in " + of_seeds(count_below(of_elu, of_relu), of_relu.size()) +
                     " and below leaky 0.1's in " + of_seeds(count_below(of_elu, of_leaky), of_relu.size())});
  const double share = against_relu.mean / estimate(of_relu).mean;
  study.save({std::string(bounces ? "ReLU bounces around a minimum, ELU arrives" : "ReLU does not bounce") +
                  "; ELU's training loss is " + percent(std::abs(share), 0) + (share < 0 ? " below" : " above") +
                  " ReLU's",
              panels(descents, histories), "", 1280});
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(argc, argv,
                      {.name = "smoothness",
                       .text = "Follows one number to a minimum with smooth and kinked activations, and trains the ELU "
                               "paper's network of eight hidden layers.",
                       .quick_seeds = 3},
                      study_smoothness);
}
