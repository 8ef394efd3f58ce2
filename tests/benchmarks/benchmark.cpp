// What ramp takes for the work that compare.py and compare_gpu.py ask for: benchmark THREADS on the CPU, benchmark cuda
// on a GPU, then requests on the standard input (server.h).
//
//   copy BYTES                      GB/s of copying that many, reading and writing counted
//   gemm N PRECISION                TFLOP/s of an N x N x N product; float32, tf32 or bf16
//   empty                           microseconds that a tiny node of a captured step takes
//   step NET BATCH MODE [PRECISION] seconds a training step; small, wide, deep, eight, or adam, which is
//                                   wide trained with Adam; eager or captured
//   op NAME                         seconds of an operation on 8 x 8 tensors; add, relu, matmul or backward
//   map FORMULA N DIRECTION         seconds of an activation over N elements; forward or backward
//   accuracy TARGET SEED            seconds of training on MNIST (data::find) until that share of the test set is right
//   first                           nothing, after one training step: for the time from the program's start
//   fma                             GFLOP/s of fused multiply-adds; CPU
//   memory                          the peak of this process in MiB, after an epoch of wide on 60,000 byte images; CPU
//
// A GPU only queues what it is asked for. Its times are medians of five stretches of 200 calls (20 of the large ones),
// with a stretch before them to warm up, each of which ends by reading from the last result.

#include <fstream>

#include "ceilings.h"
#include "ramp/core/array_ops/array_ops.h"
#include "ramp/ramp.h"
#include "server.h"

namespace {

using namespace ramp;

Device device;  // that all tensors are made on

/// Seconds that f, which returns what it computed, takes.
double measure(const std::function<Array()>& f, int calls = 200) {
  if (!device.is_cuda()) return seconds([&] { f(); });
  Array last;
  const auto call = [&] { last = f(); };
  const auto wait = [&] { Tensor(last.slice(0, {1})).item(); };
  stretch(call, calls, wait);
  return median(call, calls, wait);
}

/// Made where they are used, and no zeros, on which a GPU is faster than on numbers.
Tensor numbers(const Shape& shape) { return uniform(shape, -2, 2); }
Tensor labels(int64_t n) { return uniform({n}, 0, 10).to(int32); }

/// Reads the precision that products are to have; float32 when none is asked for.
void take_precision(std::istream& words) {
  std::string wanted = "float32";
  words >> wanted;
  for (const auto p : {Precision::float32, Precision::tf32, Precision::bf16})
    if (wanted == name(p)) return set_precision(device, p);
  fail("benchmark", "a precision is float32, tf32 or bf16, got ", wanted);
}

Sequential network(const std::string& name) {
  // How wide the hidden layers are, and how many.
  const std::map<std::string, std::pair<int64_t, int>> hidden = {
      {"small", {128, 1}}, {"wide", {512, 2}}, {"deep", {128, 10}}, {"eight", {256, 8}}, {"adam", {512, 2}}};
  if (!hidden.contains(name)) fail("benchmark", "a net is small, wide, deep, eight or adam, got ", name);
  const auto [width, layers] = hidden.at(name);
  Sequential model;
  for (int i = 0; i < layers; ++i) {
    model.push_back(Dense(i == 0 ? 784 : width, width));
    model.push_back(ReLU());
  }
  model.push_back(Dense(width, 10));
  model.to(device);
  return model;
}

/// The peers' optimizers have momentum on the GPU alone.
optim::SGDOptions options(double learning_rate) {
  return {.learning_rate = learning_rate, .momentum = device.is_cuda() ? 0.9 : 0};
}

Tensor update(optim::Optimizer& optimizer, const Tensor& loss) {
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
  return loss;
}

double step(std::istream& words) {
  std::string net, mode;
  int64_t batch = 0;
  words >> net >> batch >> mode;
  take_precision(words);
  manual_seed(1);
  Sequential model = network(net);
  std::unique_ptr<optim::Optimizer> optimizer;
  if (net == "adam") optimizer = std::make_unique<optim::Adam>(model.parameters(), optim::AdamOptions{});
  else optimizer = std::make_unique<optim::SGD>(model.parameters(), options(0.01));
  const auto train = [&](const Tensor& images, const Tensor& labels) {
    return update(*optimizer, cross_entropy(model(images), labels));
  };
  auto captured = capture(train);
  // Eight batches in turn, as an epoch brings a new one each time.
  std::vector<std::pair<Tensor, Tensor>> batches;
  for (int i = 0; i < 8; ++i) batches.emplace_back(numbers({batch, 784}), labels(batch));
  size_t next = 0;
  const auto one = [&] {
    const auto& [images, labels] = batches[next++ % batches.size()];
    return (mode == "captured" ? captured(images, labels) : train(images, labels)).array();
  };
  return measure(one, batch < 65536 ? 200 : 20);
}

double operation(std::istream& words) {
  std::string name;
  words >> name;
  const Tensor a = numbers({8, 8}), b = numbers({8, 8});
  Tensor w = numbers({8, 8}).set_requires_grad();
  if (name == "add") return measure([&] { return (a + b).array(); });
  if (name == "relu") return measure([&] { return relu(a).array(); });
  if (name == "matmul") return measure([&] { return matmul(a, b).array(); });
  if (name != "backward") fail("benchmark", "an op is add, relu, matmul or backward, got ", name);
  return measure([&] {
    const Tensor y = sum(matmul(a, w));
    y.backward();
    return y.array();
  });
}

double activation(std::istream& words) {
  std::string name, direction;
  int64_t n = 0;
  words >> name >> n >> direction;
  const std::map<std::string, Unary> formulas = {
#define RAMP_ENTRY(Struct, function) {#function, formula::Struct{}},
      RAMP_ACTIVATIONS(RAMP_ENTRY)
#undef RAMP_ENTRY
  };
  if (!formulas.contains(name)) fail("benchmark", "no activation ", name);
  const Unary f = formulas.at(name);
  const Array x = numbers({n}).array(), y = map(f, x), gradient = numbers({n}).array();
  if (direction == "forward") return measure([&] { return map(f, x); }, 20);
  return measure([&] { return map_gradient(f, x, y, gradient); }, 20);
}

double gemm(std::istream& words) {
  int64_t n = 0;
  words >> n;
  take_precision(words);
  const Array a = numbers({n, n}).array(), b = numbers({n, n}).array();
  const double flop = 2 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  return flop / 1e12 / measure([&] { return matmul(a, b); }, 20);
}

double copying(std::istream& words) {
  int64_t bytes = 0;
  words >> bytes;
  if (!device.is_cuda()) return copy_rate(num_threads(), bytes);
  const Array from = numbers({bytes / 4}).array(), to = numbers({bytes / 4}).array();
  const auto once = [&] {
    copy(from, to);
    return to;
  };
  return 2e-9 * static_cast<double>(from.bytes()) / measure(once, 20);
}

/// The slope between two chains of additions, each of which is a step's graph.
double empty_node(std::istream&) {
  const Tensor x = numbers({1});
  const auto chain = [&](int nodes) {
    auto captured = capture([&](const Tensor& start) {
      Tensor sum = start;
      for (int i = 0; i < nodes; ++i) sum = sum + start;
      return sum;
    });
    return measure([&] { return captured(x).array(); });
  };
  const double less = chain(100);
  return (chain(600) - less) / 500 * 1e6;
}

/// Trains wide on images that lie on the device as bytes, with captured steps, until `target` of the test set is right.
/// Returns the seconds of training, the first steps' capture included and the evaluation after each epoch left out.
double train_until(double target, const data::Split& mnist) {
  constexpr int64_t batch = 512;
  constexpr int epochs = 40;
  const data::Dataset train = mnist.train.to(device);
  Sequential model = network("wide");
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  auto captured = capture([&](const Tensor& rows) {
    const auto [images, labels] = data::load_batch(train, rows);
    return update(sgd, cross_entropy(model(images), labels));
  });
  double passed = 0, best = 0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    passed += stretch(
        [&] {
          const Tensor order = from_vector(random_permutation(train.size()), {train.size()}, device);
          Tensor loss;
          for (int64_t begin = 0; begin + batch <= order.numel(); begin += batch)
            loss = captured(rows(order, begin, begin + batch));
          loss.item();
        },
        1, [] {});
    best = std::max(best, accuracy(model, mnist.test));
    if (best >= target) return passed;
  }
  fail("benchmark", "expected an accuracy of ", target, " within ", epochs, " epochs, got ", best);
}

double time_to_accuracy(std::istream& words) {
  double target = 1;
  uint64_t seed = 1;
  words >> target >> seed;
  take_precision(words);
  const data::Split mnist = data::load_mnist(data::find("mnist"));
  train_until(0, mnist);  // an epoch of another network, for what a process loads once: see `first`
  manual_seed(seed);
  return train_until(target, mnist);
}

double first(std::istream&) {
  Sequential model = network("small");
  optim::SGD sgd(model.parameters(), options(0.01));
  update(sgd, cross_entropy(model(numbers({128, 784})), labels(128))).item();
  return 0;
}

double memory(std::istream&) {
  manual_seed(1);
  const Array bytes({60000, 784}, uint8), digits({60000}, int32);
  for (int64_t i = 0; i < bytes.numel(); ++i) bytes.data<uint8_t>()[i] = static_cast<uint8_t>(i * 31);
  for (int64_t i = 0; i < digits.numel(); ++i) digits.data<int32_t>()[i] = static_cast<int32_t>(i % 10);
  data::Dataset set{Tensor(bytes), Tensor(digits)};
  set.standardization = data::Standardization(0, 255);
  Sequential model = network("wide");
  optim::SGD sgd(model.parameters(), options(0.1));
  for (auto [images, labels] : data::Loader(set, {.batch_size = 1024, .shuffle = true}))
    update(sgd, cross_entropy(model(images), labels));
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  fail("benchmark", "the peak of memory is read from /proc/self/status, which this system has not");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string where = argc > 1 ? argv[1] : "1";
  std::map<std::string, std::function<double(std::istream&)>> handlers = {
      {"copy", copying}, {"gemm", gemm},      {"empty", empty_node},          {"step", step},
      {"op", operation}, {"map", activation}, {"accuracy", time_to_accuracy}, {"first", first}};
  try {
    if (where == "cuda") {
      device = Device::cuda();
      set_default_device(device);
    } else {
      set_num_threads(std::atoi(where.c_str()));
      handlers["fma"] = [](std::istream&) { return fma_rate(num_threads()); };
      handlers["memory"] = memory;
    }
  } catch (const std::exception& error) {
    std::cerr << "benchmark: " << error.what() << '\n';
    return 1;
  }
  return serve(handlers);
}
