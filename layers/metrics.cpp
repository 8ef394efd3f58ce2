#include "ramp/layers/metrics.h"

#include "ramp/core/autograd.h"
#include "ramp/core/data/loader.h"
#include "ramp/core/ops.h"

namespace ramp {
namespace {

/// Puts a model into evaluation mode and every layer back into its own mode afterwards.
class Evaluation {
 public:
  explicit Evaluation(Layer& model) {
    remember(model);
    model.eval();
  }
  ~Evaluation() {
    for (const auto& [layer, training] : modes_)
      layer->train(training);  // outer layers first, so that inner ones have the last word
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

 private:
  void remember(Layer& layer) {
    modes_.emplace_back(&layer, layer.training());
    for (const auto& [name, child] : layer.children()) remember(*child);
  }
  std::vector<std::pair<Layer*, bool>> modes_;
};

}  // namespace

double accuracy(const Tensor& logits, const Tensor& labels) {
  if (logits.rank() != 2) fail("accuracy", "expected logits [n, C], got ", logits.shape());
  if (labels.dtype() != int32) fail("accuracy", "expected int32 labels, got ", labels.dtype());
  const int64_t n = logits.size(0), classes = logits.size(1);
  if (labels.shape() != Shape{n}) fail("accuracy", "expected labels ", Shape{n}, ", got ", labels.shape());
  if (n == 0 || classes == 0) fail("accuracy", "a batch needs rows and classes, got logits ", logits.shape());

  const std::vector<int32_t> predicted = argmax(logits, 1).to_vector<int32_t>(), wanted = labels.to_vector<int32_t>();
  int64_t right = 0;
  for (size_t row = 0; row < wanted.size(); ++row) {
    if (wanted[row] < 0 || wanted[row] >= classes)
      fail("accuracy", "labels must lie in [0, ", classes, "), got ", wanted[row], " at row ", row);
    right += predicted[row] == wanted[row];
  }
  return static_cast<double>(right) / static_cast<double>(n);
}

double accuracy(Layer& model, const data::Dataset& dataset) {
  return accuracy(predict(model, dataset), Tensor(dataset.labels));
}

Tensor predict(Layer& model, const data::Dataset& dataset) {
  const NoGrad no_grad;
  const Evaluation evaluation(model);
  const std::vector<Parameter> parameters = model.parameters();
  std::vector<Tensor> logits;
  for (const auto& [images, labels] : data::Loader(dataset, {.batch_size = 1000})) {
    Tensor x = images;
    if (!parameters.empty()) x = x.to(parameters[0].tensor.device()).to(parameters[0].tensor.dtype());
    logits.push_back(model(x));
  }
  return concat(logits, 0);
}

}  // namespace ramp
