#pragma once
// Calls that no program should make. Each must be refused with an Error that names the operation and the rule, and must
// leave no trace: a training that goes on afterwards has the same bits as one that was never disturbed.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ramp/ramp.h"

namespace ramp::hostile {

inline constexpr int64_t huge = int64_t{1} << 40;  // no memory holds it, and its square overflows
inline constexpr int64_t farthest = std::numeric_limits<int64_t>::max(), lowest = std::numeric_limits<int64_t>::min();
inline constexpr int least = std::numeric_limits<int>::min(), most = std::numeric_limits<int>::max();
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline const Device nowhere{Device::Kind::cuda, 1000};  // made by hand; no machine has it
inline const Tensor none;

/// What a wrong call may find: a model in the middle of its training and the library's settings.
struct World {
  World() {
    manual_seed(3);
    images = randn({5, 4});
    labels = from_vector(std::vector<int32_t>{0, 1, 2, 1, 0}, {5});
    train();
    cross_entropy(model(images), labels).backward();  // and gradients that wait for a step
  }

  Sequential model = [] {
    manual_seed(1);
    return Sequential{Dense(4, 6), PReLU(6), Dropout(0.5), Dense(6, 3)};
  }();
  optim::SGD sgd{model.parameters(), {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01}};
  Tensor images, labels;
  Tensor x = tensor({{1, 2, 3}, {4, 5, 6}}), wide = tensor({{1, 2, 3}, {4, 5, 6}}, {.dtype = float64});
  Tensor leaf = tensor({1, 2, 3}, {.requires_grad = true}), whole = arange(3, {.dtype = int32});
  Tensor empty = zeros({0, 3});

  void train() {
    const Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }

  /// All that can be seen of it, by name.
  using State = std::vector<std::pair<std::string, std::string>>;
  State state() const {
    State all;
    for (const Parameter& parameter : model.parameters()) {
      all.emplace_back(parameter.name, bits(parameter.tensor));
      all.emplace_back("gradient of " + parameter.name, bits(parameter.tensor.grad()));
    }
    const std::pair<const char*, const Tensor&> tensors[] = {{"images", images}, {"labels", labels}, {"x", x},
                                                             {"wide", wide},     {"leaf", leaf},     {"whole", whole},
                                                             {"empty", empty}};
    for (const auto& [name, tensor] : tensors) all.emplace_back(name, bits(tensor) + bits(tensor.grad()));
    const optim::SGDOptions& o = sgd.options();
    std::ostringstream settings;
    settings << model.summary() << "training " << model.training() << "\nobserved " << model.observed() << "\nrate "
             << o.learning_rate << "\nmomentum " << o.momentum << "\ndecay " << o.weight_decay << "\nseed "
             << default_generator().seed() << "\nticket " << default_generator().ticket() << "\nthreads "
             << num_threads() << "\nprecision " << precision(default_device()) << "\ndevice " << default_device()
             << "\nrecording " << grad_enabled();
    all.emplace_back("settings", settings.str());
    return all;
  }

 private:
  static std::string bits(const Tensor& x) {
    if (!x.defined()) return "undefined";
    const Array host = to_host("bits", x.array());
    std::string all = to_string(host.shape()) + name(host.dtype());
    if (x.numel() > 0) all.append(static_cast<const char*>(host.data<const void>()), static_cast<size_t>(host.bytes()));
    return all;
  }
};

/// An array where the world's tensors are.
inline Array here(const Shape& shape, DType dtype = float32) { return Array(shape, dtype, default_device()); }

/// `call` must throw Error("[op] ..."), with `rule` in what follows.
struct Call {
  const char* what;
  std::function<void(World&)> call;
  const char* op;
  const char* rule;
};

inline void expect_same(const World::State& now, const World::State& before, const char* when) {
  ASSERT_EQ(now.size(), before.size()) << when;
  for (size_t i = 0; i < now.size(); ++i) EXPECT_TRUE(now[i] == before[i]) << before[i].first << " changed " << when;
}

inline void expect_refused(std::initializer_list<Call> calls) {
  const int threads = num_threads();
  const Device device = default_device();
  const World::State undisturbed = [] {
    World world;
    world.train();
    return world.state();
  }();
  for (const Call& call : calls) {
    SCOPED_TRACE(call.what);
    World world;
    const World::State before = world.state();
    std::string message = "nothing thrown";
    try {
      call.call(world);
    } catch (const Error& error) {
      message = error.what();
    } catch (const std::exception& other) {
      message = std::string("not an Error but ") + other.what();
    }
    EXPECT_TRUE(message.starts_with('[' + std::string(call.op) + "] ")) << message << "\nexpected [" << call.op << ']';
    EXPECT_NE(message.find(call.rule), std::string::npos) << message << "\nexpected " << call.rule;
    expect_same(world.state(), before, "in the call");
    world.train();
    expect_same(world.state(), undisturbed, "in the training behind it");
    set_num_threads(threads);
    set_default_device(device);
  }
}

}  // namespace ramp::hostile
