// Glorot's and He's initialisation under ReLU: signals through 50 layers, and the training of 30.

#include <cmath>
#include <map>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

/// A way to draw weights, for an activation of this gain.
struct Rule {
  std::string name;
  init::Scheme scheme;
};
const std::vector<Rule> rules{
    {"Glorot", [](double) { return init::glorot_normal(); }},
    {"He", [](double) { return init::he_normal(); }},
    {"Glorot x gain", [](double gain) { return init::glorot_normal(gain); }},
    {"He x gain", [](double gain) { return init::he_normal({.gain = gain}); }},
};

/// The mean squares of a network's input and of each layer's output.
std::vector<double> mean_squares(const Choice& activation, const Rule& rule, int64_t width, int depth, uint64_t seed) {
  constexpr int64_t samples = 64;
  manual_seed(seed);
  Sequential model;
  for (int layer = 0; layer < depth; ++layer) {
    model.push_back(Dense(width, width, {.bias = false, .init = init::constant(0)}));  // drawn below
    activation.append(model);
  }
  init::initialize(model, rule.scheme);

  Tensor x = randn({samples, width});
  std::vector<double> result{mean(square(x)).item()};
  for (int64_t layer = 0; layer < model.size(); ++layer) {
    x = model[layer](x);
    if (layer % 2 == 1) result.push_back(mean(square(x)).item());  // after an activation
  }
  return result;
}

struct Signals {
  std::map<std::string, std::map<std::string, Estimate>> log2_a_layer;  // by activation and rule
  Panel panel;
};

Signals measure_signals(Study& study, const std::vector<Choice>& activations) {
  const int depth = 50, networks = study.quick() ? 3 : 10;
  const int64_t width = study.quick() ? 256 : 512;
  Csv csv = study.csv({"activation", "rule", "network", "layer", "mean_square"}, "signal");
  Signals result;
  result.panel = {
      "At the start, " + std::to_string(width) + " units a layer", {"layer"}, {"mean square of the outputs", true}, {}};
  for (const Choice& activation : activations)
    for (const Rule& rule : rules) {
      std::vector<double> changes, logs(depth + 1);
      for (int network = 1; network <= networks; ++network) {
        const std::vector<double> squares =
            mean_squares(activation, rule, width, depth, static_cast<uint64_t>(network));
        changes.push_back(std::log2(squares.back() / squares.front()) / depth);
        for (int layer = 0; layer <= depth; ++layer) {
          logs[layer] += std::log(squares[layer]) / networks;
          csv.row(activation.name, rule.name, network, layer, squares[layer]);
        }
      }
      result.log2_a_layer[activation.name][rule.name] = estimate(changes);

      Series series{activation.name + ", " + rule.name, activation.color, {}};
      series.dashed = rule.name == "Glorot";
      for (int layer = 0; layer <= depth; ++layer)
        series.points.push_back({static_cast<double>(layer), std::exp(logs[layer])});
      const bool shown = activation.name == "ReLU" ? rule.name == "Glorot" || rule.name == "He"
                                                   : activation.name != "ELU" && rule.name == "Glorot";
      if (shown) result.panel.series.push_back(series);
    }
  return result;
}

struct Training {
  std::map<std::string, std::vector<double>> loss;      // of the last epoch, by rule, one for each seed
  std::map<std::string, std::vector<double>> accuracy;  // in the end, in %
  Panel panel;
};

Training train(Study& study) {
  const data::Split data = study.data();
  const Choice relu = choice("ReLU", "relu", [] { return ReLU(); });
  const int epochs = 3;
  constexpr size_t window = 25;  // steps, of which a point of the curve is the mean loss
  study.plan(static_cast<double>(3 * epochs * study.seeds() * data.train.size()));

  Csv csv = study.csv({"rule", "seed", "step", "training_loss"});
  Training result;
  result.panel = {"In training, 30 layers of 64 ReLUs", {"epoch"}, {"training loss"}, {}};
  for (const Rule& rule : {rules[0], rules[2], rules[1]}) {  // He's own gain is ReLU's
    std::vector<std::vector<double>> curves;                 // one for each seed
    for (int seed = 1; seed <= study.seeds(); ++seed) {
      study.doing(rule.name + ", seed " + std::to_string(seed));
      manual_seed(static_cast<uint64_t>(seed));
      Sequential model = mlp(widths(data.train.inputs.size(1), 64, 30, classes), relu);
      init::initialize(model, rule.scheme);
      optim::SGD sgd(model.parameters(), {.learning_rate = 0.01});
      const data::Loader loader(data.train, {.batch_size = 64, .shuffle = true, .drop_last = true});

      std::vector<double> losses, curve;
      double last_epoch = 0;
      for (int epoch = 0; epoch < epochs; ++epoch)
        last_epoch = train_epoch(model, sgd, loader, study, [&](double loss) { losses.push_back(loss); });
      for (size_t step = window; step <= losses.size(); step += window) {
        curve.push_back(0);
        for (size_t i = step - window; i < step; ++i) curve.back() += losses[i] / window;
        csv.row(rule.name, seed, step, curve.back());
      }
      curves.push_back(curve);
      result.loss[rule.name].push_back(last_epoch);
      result.accuracy[rule.name].push_back(100 * accuracy(model, data.test));
    }
    Series series{rule.name, "relu", {}};
    series.dashed = rule.name == "Glorot";
    const auto steps_an_epoch = static_cast<double>(data.train.size() / 64);
    for (size_t i = 0; i < curves[0].size(); ++i) {
      std::vector<double> losses;
      for (const std::vector<double>& curve : curves) losses.push_back(curve[i]);
      const Estimate loss = estimate(losses);
      series.points.push_back({static_cast<double>((i + 1) * window) / steps_an_epoch, loss.mean, loss.error});
    }
    result.panel.series.push_back(series);
  }
  return result;
}

void study(Study& study) {
  const std::vector<Choice> activations{
      choice("ReLU", "relu", [] { return ReLU(); }),
      choice("leaky 0.2", "leaky_relu", [] { return LeakyReLU(0.2); }),
      choice("ELU", "elu", [] { return ELU(); }),
      choice("tanh", "tanh", [] { return Tanh(); }),
  };
  Signals signals = measure_signals(study, activations);
  Table signal_table({"", "Glorot", "theory", "He", "theory", "Glorot x gain", "He x gain"});
  for (const Choice& activation : activations) {
    const auto measured = [&](const char* rule) { return plus_minus(signals.log2_a_layer[activation.name][rule], 3); };
    // E f(z)^2 for normal z is (1 + a^2) / 2 at any scale of z, and n times the weights' variance is 1 with Glorot's
    // rule and 2 with He's.
    const std::optional<double> leak = activation.name == "ReLU"        ? std::optional(0.0)
                                       : activation.name == "leaky 0.2" ? std::optional(0.2)
                                                                        : std::nullopt;
    const auto theory = [&](double n_variance) {
      return leak ? fixed(std::log2(n_variance * (1 + *leak * *leak) / 2), 3) : "";
    };
    signal_table.row({activation.name, measured("Glorot"), theory(1), measured("He"), theory(2),
                      measured("Glorot x gain"), measured("He x gain")});
  }
  study.print("Change of the mean square, as log2 a layer, over 50 layers\n\n");
  study.print(signal_table);
  study.print("\n");

  Training training = train(study);
  Table training_table({"30 layers of ReLU", "training loss, epoch 3", "test accuracy, %"});
  for (const auto& [rule, losses] : training.loss)
    training_table.row({rule, plus_minus(estimate(losses), 3), plus_minus(estimate(training.accuracy[rule]), 1)});
  study.print("\n");
  study.print(training_table);

  const Estimate glorot = signals.log2_a_layer["ReLU"]["Glorot"], he = signals.log2_a_layer["ReLU"]["He"];
  const std::vector<double>&glorot_loss = training.loss["Glorot"], &he_loss = training.loss["He"];
  const bool shrinks = std::abs(glorot.mean + 1) < 0.1 && std::abs(he.mean) < 0.1;
  const bool trains =
      beyond_noise(difference(glorot_loss, he_loss)) && estimate(he_loss).mean < estimate(glorot_loss).mean;
  study.verdict(
      {"that under ReLU Glorot's initialisation lets signals shrink with depth and He's hardly does, and that "
       "training shows it",
       "the mean square changes by 2^(" + plus_minus(glorot, 3) + ") a layer with Glorot's and by 2^(" +
           plus_minus(he, 3) + ") with He's, and after 3 epochs a 30-layer network is at a loss of " +
           plus_minus(estimate(glorot_loss), 3) + " (chance: 2.303) and " + plus_minus(estimate(he_loss), 3),
       shrinks && trains ? "holds here"
       : shrinks         ? "holds here for the signals, while the losses differ within the noise"
                         : "does not hold here",
       "He's loss is lower in " + of_seeds(count_below(he_loss, glorot_loss), he_loss.size())});
  study.save({"Glorot's weights halve a ReLU layer's signal, He's keep it: " + fixed(std::exp2(glorot.mean), 2) +
                  " and " + fixed(std::exp2(he.mean), 2) + " a layer",
              {signals.panel, training.panel},
              "",
              1100});
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(
      argc, argv,
      {.name = "initialization",
       .text = "Measures how signals change through 50 layers with Glorot's and He's first weights, and "
               "trains a 30-layer network from each."},
      ::study);
}
