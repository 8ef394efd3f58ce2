// What an activation costs against ReLU and a memory copy: in cache, out of cache and in a training step.

#include <chrono>
#include <cmath>

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

namespace {

struct Contender {
  Choice layer;
  Unary formula;
};
template <class F>
Contender contender(const std::string& name, const std::string& color, const F& formula) {
  return {choice(name, color, [=] { return ActivationOf<F>(formula); }), formula};
}
const std::vector<Contender> contenders{
    contender("ReLU", "relu", formula::ReLU{}), contender("leaky 0.01", "leaky_relu", formula::LeakyReLU{0.01}),
    contender("ELU", "elu", formula::ELU{}),    contender("SELU", "selu", formula::SELU{}),
    contender("GELU", "gelu", formula::GELU{}), contender("softplus", "softplus", formula::Softplus{}),
    contender("tanh", "tanh", formula::Tanh{}), contender("sigmoid", "sigmoid", formula::Sigmoid{}),
};
constexpr size_t relu = 0, sigmoid = 7;

using Rounds = std::vector<double>;  // a time for each

Estimate ratio(const Rounds& a, const Rounds& b) {
  Rounds ratios;
  for (size_t round = 0; round < a.size(); ++round) ratios.push_back(a[round] / b[round]);
  return estimate(ratios);
}

/// One kind of work, and what each contender takes for it.
struct Place {
  std::string name, unit;
  std::vector<Rounds> forward = std::vector<Rounds>(contenders.size()), backward = forward, both = forward;
  Rounds copy = {};

  void add(size_t i, double forward_time, double backward_time) {
    forward[i].push_back(forward_time);
    backward[i].push_back(backward_time);
    both[i].push_back(forward_time + backward_time);
  }
  Estimate times_relu(size_t i) const { return ratio(both[i], both[relu]); }
};

/// Nanoseconds of one call: the fastest of ten timings, as whatever else the machine does can only slow one down.
template <class F>
double time(Device device, int calls, F f) {
  const Tensor probe = zeros({1}, {.device = device});
  double fastest = INFINITY;
  f();  // finds memory, fills the caches
  for (int timing = 0; timing < 10; ++timing) {
    (void)probe.item();  // waits for the device
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < calls; ++call) f();
    (void)probe.item();
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    fastest = std::min(fastest, taken.count() / calls);
  }
  return fastest;
}

/// Over an array.
Place elementwise(Study& study, const std::string& name, Device device, int64_t numbers, int calls) {
  Place place{name, "ns a number"};
  const Array x = randn({numbers}, {.device = device}).array(), gradient = randn({numbers}, {.device = device}).array();
  const Array target(x.shape(), x.dtype(), device);
  const auto n = static_cast<double>(numbers);
  for (int round = 1; round <= study.seeds(); ++round) {
    study.doing(name + ", round " + std::to_string(round));
    place.copy.push_back(time(device, calls, [&] { copy(x, target); }) / n);
    for (size_t i = 0; i < contenders.size(); ++i) {
      const Unary& f = contenders[i].formula;
      const Array y = map(f, x);
      place.add(i, time(device, calls, [&] { map(f, x); }) / n,
                time(device, calls, [&] { map_gradient(f, x, y, gradient); }) / n);
      study.advance(1);
    }
  }
  return place;
}

/// Of 784-256-256-10 on a batch of 128; the update counts as backward.
Place training(Study& study, const std::string& name, Device device) {
  Place place{name, "ms a step"};
  const Tensor images = randn({128, 784}, {.device = device});
  const Tensor labels = zeros({128}, {.dtype = int32, .device = device});
  for (int round = 1; round <= study.seeds(); ++round) {
    study.doing(name + ", round " + std::to_string(round));
    for (size_t i = 0; i < contenders.size(); ++i) {
      Sequential model = mlp(widths(784, 256, 2, 10), contenders[i].layer);
      model.to(device);
      optim::SGD sgd(model.parameters(), {.learning_rate = 0.01});
      const double forward = time(device, 5, [&] { cross_entropy(model(images), labels); });
      const double step = time(device, 5, [&] {
        sgd.zero_grad();
        cross_entropy(model(images), labels).backward();
        sgd.step();
      });
      place.add(i, forward / 1e6, (step - forward) / 1e6);
      study.advance(1);
    }
  }
  return place;
}

void report(Study& study, const Place& place, Csv& csv) {
  Table table({place.name + ", " + place.unit, "forward", "backward", "both, times ReLU's", "times a copy"});
  for (size_t i = 0; i < contenders.size(); ++i) {
    const std::string& name = contenders[i].layer.name;
    table.row({name, plus_minus(estimate(place.forward[i]), 2), plus_minus(estimate(place.backward[i]), 2),
               plus_minus(place.times_relu(i), 2),
               place.copy.empty() ? "-" : plus_minus(ratio(place.both[i], place.copy), 1)});
    for (size_t r = 0; r < place.both[i].size(); ++r)
      csv.row(place.name, name, r + 1, place.unit, place.forward[i][r], place.backward[i][r]);
  }
  for (size_t r = 0; r < place.copy.size(); ++r) csv.row(place.name, "copy", r + 1, place.unit, place.copy[r], "NA");
  study.print('\n' + table.text());
}

Panel panel(const std::vector<Place>& places) {
  Panel panel{"", {""}, {"time forward and backward, ReLU's = 1", true}, {}};
  panel.x.from = -0.3;
  panel.x.to = static_cast<double>(places.size()) - 0.7;
  for (const Place& place : places) panel.x.names.push_back(place.name);
  for (size_t i = 0; i < contenders.size(); ++i) {
    Series series{contenders[i].layer.name, contenders[i].layer.color, {}};
    for (const Place& place : places) {
      const Estimate times = place.times_relu(i);
      series.points.push_back({static_cast<double>(series.points.size()), times.mean, times.error});
    }
    panel.series.push_back(series);
  }
  Series copies{"copy", "grey", {}, Mark::line, true};
  for (size_t p = 0; p < places.size(); ++p)
    if (const Place& place = places[p]; !place.copy.empty())
      copies.points.push_back({static_cast<double>(p), ratio(place.copy, place.both[relu]).mean});
  panel.series.push_back(copies);
  return panel;
}

void conclude(Study& study, const std::vector<Place>& places) {
  std::string ratios, counts, title = "Sigmoid's time as a multiple of ReLU's: ";
  size_t dearer = 0;
  for (const Place& place : places) {
    const Rounds &slow = place.both[sigmoid], &fast = place.both[relu];
    const Estimate change = difference(slow, fast), times = place.times_relu(sigmoid);
    dearer += beyond_noise(change) && change.mean > 0;
    const std::string comma = &place == &places.front() ? "" : ", ", where = " (" + place.name + ')';
    ratios += comma + plus_minus(times, 2) + where;
    counts += comma + std::to_string(count_below(fast, slow)) + where;
    title += comma + fixed(times.mean, 2) + where;
  }
  const std::string rounds = std::to_string(study.seeds()) + " rounds";
  study.verdict({"that ReLU costs less than sigmoid, as it needs no exponential",
                 "forward and backward, sigmoid takes as a multiple of ReLU's time " + ratios,
                 dearer == places.size() ? "holds here"
                 : dearer > 0            ? "holds here in part"
                                         : "does not hold here",
                 "beyond the noise in " + std::to_string(dearer) + " of " + std::to_string(places.size()) +
                     " settings; sigmoid the slower in " + counts + " of " + rounds});
  study.save(
      {title, {panel(places)}, "means over " + rounds + ", each the fastest of ten timings, bars: standard error"});
}

void measure(Study& study) {
  constexpr int64_t few = 4096, many = 1 << 24;  // 16 kB, which a core's first cache holds, and 64 MB an array
  const bool has_cuda = Device::best().is_cuda();
  study.print(std::to_string(num_threads()) + (num_threads() == 1 ? " thread" : " threads") +
              (has_cuda ? "" : ", no CUDA device") + '\n');
  study.plan((has_cuda ? 5 : 3) * study.seeds() * static_cast<double>(contenders.size()));

  std::vector<Place> places{training(study, "training step", Device::cpu())};
  if (has_cuda) places.push_back(training(study, "training step on CUDA", Device::cuda()));
  if (has_cuda) places.push_back(elementwise(study, "on CUDA", Device::cuda(), many, 100));
  places.push_back(elementwise(study, "out of cache", Device::cpu(), many, 1));
  places.push_back(elementwise(study, "in cache", Device::cpu(), few, 1000));

  Csv csv = study.csv({"place", "activation", "round", "unit", "forward", "backward"});
  for (const Place& place : places) report(study, place, csv);
  conclude(study, places);
}

}  // namespace

int main(int argc, char** argv) {
  return studies::run(argc, argv,
                      {.name = "cost",
                       .text = "Times activations against ReLU and a memory copy, in as many rounds as --seeds says.",
                       .seeds = 10,
                       .quick_seeds = 3},
                      measure);
}
