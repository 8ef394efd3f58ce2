// What ramp takes for the work that compare.py asks for: benchmark THREADS, then requests on the standard input (server.h).
//
//   fma                       GFLOP/s of fused multiply-adds
//   copy BYTES                GB/s of copying that many, reading and writing counted
//   step NET BATCH MODE       seconds a training step; small, wide or deep; eager or captured
//   op NAME                   seconds of an operation on 8 x 8 tensors; add, relu, matmul or backward
//   map FORMULA N DIRECTION   seconds of an activation over N elements; forward or backward
//   first                     nothing, after one training step: for the time from the program's start
//   memory                    the peak of this process, in MiB, after an epoch of wide over 60,000 images of bytes

#include <fstream>

#include "ceilings.h"
#include "ramp/core/array_ops.h"
#include "ramp/ramp.h"
#include "server.h"

namespace {

using namespace ramp;

Sequential network(const std::string& name) {
  if (name == "small") return Sequential{Dense(784, 128), ReLU(), Dense(128, 10)};
  if (name == "wide") return Sequential{Dense(784, 512), ReLU(), Dense(512, 512), ReLU(), Dense(512, 10)};
  if (name != "deep") fail("benchmark", "a net is small, wide or deep, got ", name);
  Sequential model;
  for (int i = 0; i < 10; ++i) {
    model.push_back(Dense(i == 0 ? 784 : 128, 128));
    model.push_back(ReLU());
  }
  model.push_back(Dense(128, 10));
  return model;
}

double step(std::istream& words) {
  std::string net, mode;
  int64_t batch = 0;
  words >> net >> batch >> mode;
  manual_seed(1);
  Sequential model = network(net);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const auto train = [&](const Tensor& images, const Tensor& labels) {
    Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    return loss;
  };
  auto captured = capture(train);
  // Eight batches in turn, as an epoch brings a new one each time.
  std::vector<std::pair<Tensor, Tensor>> batches;
  for (int i = 0; i < 8; ++i) batches.emplace_back(randn({batch, 784}), uniform({batch}, 0, 10).to(int32));
  size_t next = 0;
  return seconds([&] {
    const auto& [images, labels] = batches[next++ % batches.size()];
    if (mode == "captured") captured(images, labels);
    else train(images, labels);
  });
}

double operation(std::istream& words) {
  std::string name;
  words >> name;
  const Tensor a = randn({8, 8}), b = randn({8, 8});
  Tensor w = randn({8, 8}).set_requires_grad();
  if (name == "add") return seconds([&] { a + b; });
  if (name == "relu") return seconds([&] { relu(a); });
  if (name == "matmul") return seconds([&] { matmul(a, b); });
  if (name != "backward") fail("benchmark", "an op is add, relu, matmul or backward, got ", name);
  return seconds([&] { sum(matmul(a, w)).backward(); });
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
  const Array x = randn({n}).array(), y = map(f, x), gradient = randn({n}).array();
  if (direction == "forward") return seconds([&] { map(f, x); });
  return seconds([&] { map_gradient(f, x, y, gradient); });
}

double first(std::istream&) {
  Sequential model = network("small");
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Tensor loss = cross_entropy(model(randn({128, 784})), uniform({128}, 0, 10).to(int32));
  loss.backward();
  sgd.step();
  return 0;
}

double memory(std::istream&) {
  manual_seed(1);
  const data::Dataset set{.images = Array({60000, 784}, uint8), .labels = Array({60000}, int32), .pixels = {}};
  for (int64_t i = 0; i < set.images.numel(); ++i) set.images.data<uint8_t>()[i] = static_cast<uint8_t>(i * 31);
  for (int64_t i = 0; i < set.size(); ++i) set.labels.data<int32_t>()[i] = static_cast<int32_t>(i % 10);
  Sequential model = network("wide");
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  for (auto [images, labels] : data::Loader(set, {.batch_size = 1024, .shuffle = true})) {
    Tensor loss = cross_entropy(model(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }
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
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  try {
    set_num_threads(threads);
  } catch (const std::exception& error) {
    std::cerr << "benchmark: " << error.what() << '\n';
    return 2;
  }
  return serve({{"fma", [=](std::istream&) { return fma_rate(threads); }},
                {"copy",
                 [=](std::istream& words) {
                   int64_t bytes = 0;
                   words >> bytes;
                   return copy_rate(threads, bytes);
                 }},
                {"step", step},
                {"op", operation},
                {"map", activation},
                {"first", first},
                {"memory", memory}});
}
