// How ReLUs die: born dead, in training, for ever; and whether leaky ReLU, PReLU and ELU come back.

#include <algorithm>
#include <cmath>
#include <map>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

// ---- Born dead: bias-free networks of random weights whose output is 0 for every input ------------------------------

/// Of so many networks of one-dimensional input and N units a layer, the share that is dead after each layer: for one
/// input, or for x and -x. All networks are one tensor. The scale of the weights plays no part.
std::vector<double> born_dead(int64_t networks, int64_t units, int layers, bool both_signs) {
  const Tensor x = ones({networks, 1});
  std::vector<Tensor> signals = both_signs ? std::vector{x, -x} : std::vector{x};
  std::vector<double> shares;
  for (int layer = 0; layer < layers; ++layer) {
    const Tensor weights = randn({networks, units, signals[0].size(1)});
    for (Tensor& signal : signals) signal = relu(sum(weights * reshape(signal, {networks, 1, -1}), 2));
    const Tensor largest = max(concat(signals, 1), 1);
    shares.push_back(mean((largest == 0.0).to(float32)).item());
  }
  return shares;
}

/// The probability for one input: each unit is negative with probability 1/2, and one layer without a positive unit
/// ends it.
double dead_by_formula(int64_t units, int layers) { return 1 - std::pow(1 - std::exp2(-units), layers); }

struct Births {
  int64_t networks;
  double largest_deviation = 0;  // of a measured share from the formula, in standard errors
  Panel panel{"Born dead; lines: 1 - (1 - 2^-N)^H", {"layers H"}, {"dead networks, %"}, {}};
};

Births measure_births(Study& study) {
  constexpr int layers = 20;
  const int64_t networks = study.quick() ? 2000 : 10000;
  Csv csv = study.csv({"units", "layers", "formula", "one_input", "both_signs"}, "born_dead");
  Table table({"units", "5: formula", "one input", "x and -x", "20: formula", "one input", "both signs"});
  Births births{networks};
  manual_seed(1);
  for (const int64_t units : {2, 3, 4, 5, 10}) {
    const std::vector<double> one = born_dead(networks, units, layers, false);
    const std::vector<double> both = born_dead(networks, units, layers, true);
    Series measured{"N = " + std::to_string(units), "relu", {}, Mark::points}, formula{"", "grey", {}};
    std::vector<std::string> cells{std::to_string(units)};
    for (int layer = 1; layer <= layers; ++layer) {
      const auto i = static_cast<size_t>(layer) - 1;
      const double p = dead_by_formula(units, layer), error = std::sqrt(p * (1 - p) / static_cast<double>(networks));
      births.largest_deviation = std::max(births.largest_deviation, std::abs(one[i] - p) / error);
      csv.row(units, layer, p, one[i], both[i]);
      measured.points.push_back({static_cast<double>(layer), 100 * one[i]});
      formula.points.push_back({static_cast<double>(layer), 100 * p});
      if (layer == 5 || layer == layers)
        for (const double share : {p, one[i], both[i]}) cells.push_back(fixed(100 * share, 1));
    }
    table.row(cells);
    births.panel.series.push_back(formula);
    births.panel.series.push_back(measured);
  }
  study.print("Networks born dead after 5 and after 20 layers, in % of " + with_separators(networks) + "\n\n");
  study.print(table);
  return births;
}

// ---- Dead for ever: one unit, killed by one step too large ----------------------------------------------------------

struct Recovery {
  std::vector<double> outputs;  // after the blow, and after each step from there
  bool frozen;                  // the parameters have the same bits as after the blow
  /// The first step after which the output stays within 0.001 of the target to the end.
  std::optional<size_t> steps(double target) const {
    size_t step = outputs.size();
    while (step > 0 && std::abs(outputs[step - 1] - target) < 1e-3) --step;
    return step == outputs.size() ? std::nullopt : std::optional(step);
  }
};

/// y = f(wx + b) at x = 1, from w = 1 and b = 0: a step of rate 10 towards 0 makes w = -9 and b = -10, and steps of
/// rate 0.01 towards the target try to mend it.
Recovery recover(const Choice& activation, double target, int steps) {
  Sequential model{Dense(1, 1, {.init = init::constant(1)})};
  activation.append(model);
  const Tensor x = ones({1, 1});
  optim::SGD sgd(model.parameters(), {.learning_rate = 10});
  const auto step_towards = [&](double value) {
    const Tensor y = model(x), loss = 0.5 * mse(y, full({1, 1}, value));
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return y.item();
  };
  const auto parameters = [&] {
    std::vector<float> values;
    for (const Parameter& p : model.parameters()) values.push_back(p.tensor.to_vector<float>()[0]);
    return values;
  };

  step_towards(0);
  const std::vector<float> after_blow = parameters();
  sgd.set_learning_rate(0.01);
  Recovery recovery;
  for (int step = 0; step <= steps; ++step) recovery.outputs.push_back(step_towards(target));
  recovery.frozen = parameters() == after_blow;
  return recovery;
}

struct Recoveries {
  bool relu_frozen;
  std::optional<size_t> leaky_steps, elu_steps;
  Panel panel{"One unit after a step too large", {"step", true}, {"output (target: 5)", false, -6, 7}, {}};
};

Recoveries measure_recoveries(Study& study) {
  constexpr double target = 5;
  constexpr int steps = 20000;
  Csv csv = study.csv({"activation", "step", "output"}, "recovery");
  Table table({"one unit", "after the blow", "20,000 steps on", "at 5 within 0.001", "parameters"});
  Recoveries result;
  for (const Choice& activation :
       {choice("ReLU", "relu", [] { return ReLU(); }), choice("leaky 0.2", "leaky_relu", [] { return LeakyReLU(0.2); }),
        choice("leaky 0.01", "leaky_relu", [] { return LeakyReLU(0.01); }),
        choice("PReLU", "prelu", [] { return PReLU(); }), choice("ELU", "elu", [] { return ELU(); })}) {
    const Recovery recovery = recover(activation, target, steps);
    const std::optional<size_t> within = recovery.steps(target);
    if (activation.name == "ReLU") result.relu_frozen = recovery.frozen;
    if (activation.name == "leaky 0.2") result.leaky_steps = within;
    if (activation.name == "ELU") result.elu_steps = within;
    table.row({activation.name, fixed(recovery.outputs.front(), 3), fixed(recovery.outputs.back(), 3),
               within ? with_separators(static_cast<int64_t>(*within)) + " steps" : "never",
               recovery.frozen ? "the same bits" : "changed"});
    Series series{activation.name, activation.color, {}};
    series.dashed = activation.name == "leaky 0.01";
    for (size_t step = 1; step < recovery.outputs.size(); step += step / 20 + 1) {
      csv.row(activation.name, step, recovery.outputs[step]);
      series.points.push_back({static_cast<double>(step), recovery.outputs[step]});
    }
    result.panel.series.push_back(series);
  }
  study.print("\n");
  study.print(table);
  return result;
}

// ---- Dying in training ----------------------------------------------------------------------------------------------

struct Run {
  double dead_at_start = 0, died = 0, dead = 0, accuracy = 0;  // in %; who died was alive at the start
  bool finite = false;                                         // the loss
};

/// Whether they are 0 for every test image, for the units of all hidden layers.
std::vector<bool> dead_units(Sequential& model, const data::Dataset& test) {
  const NoGrad no_grad;
  std::vector<bool> dead;
  for (const auto& [images, labels] : data::Loader(test, {.batch_size = test.size()})) {
    Tensor x = images;
    for (const auto& [name, layer] : model.children()) {
      x = (*layer)(x);
      if (dynamic_cast<const Dense*>(layer.get())) continue;
      for (const float ever : max((x != 0.0).to(float32), 0).to_vector<float>()) dead.push_back(ever == 0);
    }
  }
  return dead;
}

double share(const std::vector<bool>& units) {
  return 100 * static_cast<double>(std::count(units.begin(), units.end(), true)) / static_cast<double>(units.size());
}

Run train(const Choice& activation, int depth, double rate, uint64_t seed, const data::Split& data, Study& study) {
  study.doing(activation.name + ", " + std::to_string(depth) + " layers, rate " + fixed(rate, 2));
  manual_seed(seed);
  Sequential model = mlp(widths(data.train.inputs.size(1), 128, depth, classes), activation);
  const std::vector<bool> at_start = dead_units(model, data.test);
  optim::SGD sgd(model.parameters(), {.learning_rate = rate});
  const data::Loader loader(data.train, {.batch_size = 64, .shuffle = true});
  Run run;
  run.finite = std::isfinite(train_epoch(model, sgd, loader, study));
  const std::vector<bool> after = dead_units(model, data.test);
  std::vector<bool> died(after.size());
  std::transform(after.begin(), after.end(), at_start.begin(), died.begin(), std::greater());
  run.dead_at_start = share(at_start);
  run.died = share(died);
  run.dead = share(after);
  run.accuracy = 100 * accuracy(model, data.test);
  return run;
}

/// The runs of one depth and rate, one for each seed. Where the loss was no number, nothing else is one either.
struct Cell {
  std::vector<Run> runs;
  bool none_diverged() const {
    return std::all_of(runs.begin(), runs.end(), [](const Run& run) { return run.finite; });
  }
  Estimate of(double Run::* value) const {
    std::vector<double> values;
    for (const Run& run : runs)
      if (run.finite) values.push_back(run.*value);
    return values.empty() ? Estimate{NAN, 0, 0} : estimate(values);
  }
  std::string text(double Run::* value) const {
    const Estimate result = of(value);
    const auto lost = runs.size() - static_cast<size_t>(result.count);
    const std::string diverged = lost ? std::to_string(lost) + " diverged" : "";
    return result.count == 0 ? diverged : plus_minus(result, 1) + (lost ? ", " + diverged : "");
  }
};

/// By activation, depth and rate.
using Grid = std::map<std::string, std::map<int, std::map<double, Cell>>>;

struct Training {
  std::vector<int> depths;
  std::vector<double> rates;
  std::vector<Choice> activations;  // ReLU first, at all depths; the others at the last
  Grid grid;

  /// The rates at which no ReLU network of any depth diverged, so that depths are compared at the same rates.
  std::vector<double> sound_rates() const {
    std::vector<double> sound;
    for (const double rate : rates)
      if (std::all_of(depths.begin(), depths.end(),
                      [&](int depth) { return grid.at("ReLU").at(depth).at(rate).none_diverged(); }))
        sound.push_back(rate);
    return sound;
  }
  /// A value of the ReLU networks of one depth, a seed at a time: the mean over the sound rates.
  std::vector<double> of_relus(int depth, int seeds, double Run::* value) const {
    std::vector<double> means;
    for (size_t seed = 0; seed < static_cast<size_t>(seeds); ++seed) {
      std::vector<double> of_rates;
      for (const double rate : sound_rates()) of_rates.push_back(grid.at("ReLU").at(depth).at(rate).runs[seed].*value);
      means.push_back(estimate(of_rates).mean);
    }
    return means;
  }
};

Training measure_training(Study& study) {
  const data::Split data = study.data();
  Training training;
  training.depths = study.quick() ? std::vector{2, 16} : std::vector{2, 4, 8, 16};
  training.rates = study.quick() ? std::vector{0.03, 0.1, 0.3} : std::vector{0.01, 0.03, 0.1, 0.3};
  training.activations = {choice("ReLU", "relu", [] { return ReLU(); }),
                          choice("leaky 0.01", "leaky_relu", [] { return LeakyReLU(0.01); }),
                          choice("PReLU", "prelu", [] { return PReLU(); }), choice("ELU", "elu", [] { return ELU(); })};
  study.plan(static_cast<double>(training.rates.size() * (training.depths.size() + training.activations.size() - 1)) *
             study.seeds() * static_cast<double>(data.train.size()));

  Csv csv = study.csv({"activation", "layers", "rate", "seed", "dead_at_start", "died", "dead", "accuracy", "finite"});
  for (const Choice& activation : training.activations)
    for (const int depth : training.depths) {
      if (activation.name != "ReLU" && depth != training.depths.back()) continue;
      for (const double rate : training.rates)
        for (int seed = 1; seed <= study.seeds(); ++seed) {
          const Run run = train(activation, depth, rate, static_cast<uint64_t>(seed), data, study);
          csv.row(activation.name, depth, rate, seed, run.dead_at_start, run.died, run.dead, run.accuracy, run.finite);
          training.grid[activation.name][depth][rate].runs.push_back(run);
        }
    }
  return training;
}

void print(const Training& training, Study& study) {
  std::vector<std::string> dead_header{"dead ReLUs, %", "start"}, died_header{"died in training, %"},
      accuracy_header{"accuracy, %"};
  for (auto* header : {&dead_header, &died_header, &accuracy_header})
    for (const double rate : training.rates) header->push_back("rate " + fixed(rate, 2));
  Table dead(dead_header), died(died_header), accuracy(accuracy_header);
  for (const int depth : training.depths) {
    const auto& cells = training.grid.at("ReLU").at(depth);
    const std::string name = std::to_string(depth) + " layers";
    std::vector<std::string> after{name, cells.begin()->second.text(&Run::dead_at_start)}, meanwhile{name};
    for (const auto& [rate, cell] : cells) {
      after.push_back(cell.text(&Run::dead));
      meanwhile.push_back(cell.text(&Run::died));
    }
    dead.row(after);
    died.row(meanwhile);
  }
  const int deepest = training.depths.back();
  for (const Choice& activation : training.activations) {
    std::vector<std::string> row{activation.name + ", " + std::to_string(deepest) + " layers"};
    for (const auto& [rate, cell] : training.grid.at(activation.name).at(deepest))
      row.push_back(cell.text(&Run::accuracy));
    accuracy.row(row);
  }
  study.print("\nAfter one epoch, 128 units a layer: units that are 0 for every test image, and test accuracy\n\n");
  study.print(dead);
  study.print("\nOf all units, those that were alive at the start and are dead after the epoch\n\n");
  study.print(died);
  study.print("\n");
  study.print(accuracy);
}

void draw(const Training& training, const std::string& title, Study& study) {
  const int deepest = training.depths.back();
  Panel dead{"Dead ReLUs after one epoch, where no seed diverged", {"hidden layers"}, {"dead units, %"}, {}};
  const auto& by_depth = training.grid.at("ReLU");
  const auto add = [&](const std::string& name, double rate, double Run::* value, bool dashed) {
    Series series{name, dashed ? "grey" : "relu", {}, Mark::line, dashed};
    for (const int depth : training.depths) {
      const Cell& cell = by_depth.at(depth).at(rate);
      if (!cell.none_diverged()) continue;  // the mean of the survivors would not be that of the rate
      const Estimate share = cell.of(value);
      const double aside = 0.08 * static_cast<double>(dead.series.size());  // bars side by side
      series.points.push_back({depth + aside, share.mean, share.error});
    }
    if (series.points.size() > 1) dead.series.push_back(series);  // one point is no line by depth
  };
  add("at the start", training.rates.front(), &Run::dead_at_start, true);
  for (const double rate : training.rates) add("rate " + fixed(rate, 2), rate, &Run::dead, false);

  Panel cures{std::to_string(deepest) + " layers after one epoch, where no seed diverged",
              {"learning rate", true},
              {"test accuracy, %"},
              {}};
  cures.x.ticks = training.rates;
  for (const Choice& activation : training.activations) {
    Series series{activation.name, activation.color, {}};
    for (const auto& [rate, cell] : training.grid.at(activation.name).at(deepest)) {
      if (!cell.none_diverged()) continue;
      const Estimate accuracy = cell.of(&Run::accuracy);
      const double aside = 0.97 + 0.02 * static_cast<double>(cures.series.size());  // bars side by side
      series.points.push_back({rate * aside, accuracy.mean, accuracy.error});
    }
    if (!series.points.empty()) cures.series.push_back(series);
  }
  study.save({title, {dead, cures}, "", 1100}, "training");
}

std::string came_back(const std::optional<size_t>& steps) {
  return steps ? "is back after " + with_separators(static_cast<int64_t>(*steps)) + " steps" : "never comes back";
}

void study(Study& study) {
  const Births births = measure_births(study);
  const Recoveries recoveries = measure_recoveries(study);
  study.print("\n");
  const Training training = measure_training(study);
  print(training, study);

  const int shallow = training.depths.front(), deep = training.depths.back();
  const auto of = [&](int depth, double Run::* value) { return training.of_relus(depth, study.seeds(), value); };
  const std::vector<double> born_few = of(shallow, &Run::dead_at_start), born_many = of(deep, &Run::dead_at_start),
                            after_few = of(shallow, &Run::dead), after_many = of(deep, &Run::dead),
                            died_few = of(shallow, &Run::died), died_many = of(deep, &Run::died);
  std::vector<double> change_few, change_many;  // those who came back are taken off
  for (size_t seed = 0; seed < born_few.size(); ++seed) {
    change_few.push_back(after_few[seed] - born_few[seed]);
    change_many.push_back(after_many[seed] - born_many[seed]);
  }
  const auto grows = [](const std::vector<double>& few, const std::vector<double>& many) {
    const Estimate growth = difference(many, few);
    return beyond_noise(growth) && growth.mean > 0;
  };
  const bool as_formula = births.largest_deviation < 4, births_grow = grows(born_few, born_many),
             deaths_grow = grows(died_few, died_many), changes_grow = grows(change_few, change_many);
  const bool revived = beyond_noise(estimate(change_many)) && estimate(change_many).mean < 0;
  const std::string deaths = std::string(estimate(died_many).mean > estimate(died_few).mean ? "more" : "no more") +
                             " units die in the deeper network" + (deaths_grow ? "" : ", though not beyond the noise") +
                             (revived ? ", and more come back there than die" : "");
  const std::vector<double> sound = training.sound_rates();
  const std::string at_rates = sound.size() == 1
                                   ? " at rate " + fixed(sound.front(), 2)
                                   : " at rates from " + fixed(sound.front(), 2) + " to " + fixed(sound.back(), 2);
  const bool leaky_cures = recoveries.relu_frozen && recoveries.leaky_steps;
  study.verdict(
      {"that ReLUs die, for ever, the more the deeper the network, and that leaky ReLU cures it",
       "networks are born dead as the formula says within " + fixed(births.largest_deviation, 1) +
           " standard errors; of the units, " + plus_minus(estimate(born_few), 1) + " % are dead at the start with " +
           std::to_string(shallow) + " layers and " + plus_minus(estimate(born_many), 1) + " % with " +
           std::to_string(deep) + ", and an epoch" + at_rates + " changes that by " +
           plus_minus(estimate(change_few), 1) + " and " + plus_minus(estimate(change_many), 1) + " points, as " +
           plus_minus(estimate(died_few), 1) + " and " + plus_minus(estimate(died_many), 1) +
           " % die in it and others come back; a single killed unit " +
           (recoveries.relu_frozen ? "keeps its bits for 20,000 steps" : "changes") + " as a ReLU, while leaky 0.2 " +
           came_back(recoveries.leaky_steps) + " and ELU " + came_back(recoveries.elu_steps),
       !as_formula || !leaky_cures || !births_grow ? "does not hold here in full"
       : changes_grow                              ? "holds here"
                      : "holds here for a unit alone and for what is born dead; in training " + deaths,
       "with " + std::to_string(deep) + " layers more born dead in " +
           of_seeds(count_below(born_few, born_many), born_few.size()) + ", more dying in training in " +
           std::to_string(count_below(died_few, died_many)) + ", the change in all greater in " +
           std::to_string(count_below(change_few, change_many))});

  Figure figure{std::string("A dead ReLU ") + (recoveries.relu_frozen ? "never comes back" : "changes") +
                    ", leaky 0.2 " + came_back(recoveries.leaky_steps),
                {births.panel, recoveries.panel}};
  figure.note = "left: " + with_separators(births.networks) + " networks a line; right: one run, exact";
  study.save(figure);
  draw(training,
       "Dead ReLUs with " + std::to_string(deep) + " layers: " + fixed(estimate(born_many).mean, 1) +
           " % at the start, " + fixed(estimate(after_many).mean, 1) + " % after an epoch" + at_rates,
       study);
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(argc, argv,
                      {.name = "dying_relu",
                       .text = "Counts networks that are born dead and units that die in training, and watches whether "
                               "a dead unit comes back."},
                      ::study);
}
