#include "ramp/layers/metrics.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/data/loader.h"
#include "ramp/core/text.h"

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
      layer->train(training);  // outer layers first, so that inner layers get their own mode back
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

/// The labels, after checking that they fit the logits.
std::vector<int32_t> checked_labels(const char* op, const Tensor& logits, const Tensor& labels) {
  if (logits.rank() != 2) fail(op, "expected logits [n, C], got ", logits.shape());
  if (labels.dtype() != int32) fail(op, "expected int32 labels, got ", labels.dtype());
  const int64_t n = logits.size(0), classes = logits.size(1);
  if (labels.shape() != Shape{n}) fail(op, "expected labels ", Shape{n}, ", got ", labels.shape());
  if (n == 0 || classes == 0) fail(op, "a batch needs rows and classes, got logits ", logits.shape());
  std::vector<int32_t> wanted = labels.to_vector<int32_t>();
  for (size_t row = 0; row < wanted.size(); ++row)
    if (wanted[row] < 0 || wanted[row] >= classes)
      fail(op, "labels must lie in [0, ", classes, "), got ", wanted[row], " at row ", row);
  return wanted;
}

}  // namespace

double accuracy(const Tensor& logits, const Tensor& labels) {
  const std::vector<int32_t> wanted = checked_labels("accuracy", logits, labels);
  const std::vector<int32_t> predicted = argmax(logits, 1).to_vector<int32_t>();
  int64_t right = 0;
  for (size_t row = 0; row < wanted.size(); ++row) right += predicted[row] == wanted[row];
  return static_cast<double>(right) / static_cast<double>(wanted.size());
}

double top_k_accuracy(const Tensor& logits, const Tensor& labels, int64_t k) {
  const std::vector<int32_t> wanted = checked_labels("top_k_accuracy", logits, labels);
  const auto classes = static_cast<size_t>(logits.size(1));
  if (k < 1 || k > logits.size(1)) fail("top_k_accuracy", "k must lie in [1, ", classes, "], got ", k);
  const std::vector<double> z = logits.to(float64).to_vector<double>();
  // As in argmax, a NaN is larger than every number.
  const auto ahead = [](double a, double b, bool first) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && (first || !std::isnan(b));
    return a > b || (a == b && first);
  };
  int64_t right = 0;
  for (size_t row = 0; row < wanted.size(); ++row) {
    const double* logit = z.data() + row * classes;
    const auto label = static_cast<size_t>(wanted[row]);
    int64_t before = 0;
    for (size_t c = 0; c < classes; ++c) before += c != label && ahead(logit[c], logit[label], c < label);
    right += before < k;
  }
  return static_cast<double>(right) / static_cast<double>(wanted.size());
}

ConfusionMatrix confusion_matrix(const Tensor& logits, const Tensor& labels) {
  const std::vector<int32_t> wanted = checked_labels("confusion_matrix", logits, labels);
  const std::vector<int32_t> predicted = argmax(logits, 1).to_vector<int32_t>();
  const auto classes = static_cast<size_t>(logits.size(1));
  ConfusionMatrix matrix{logits.size(1), std::vector<int64_t>(classes * classes)};
  for (size_t row = 0; row < wanted.size(); ++row)
    ++matrix.counts[static_cast<size_t>(wanted[row]) * classes + static_cast<size_t>(predicted[row])];
  return matrix;
}

namespace {

/// Throws Error unless the matrix, whose members are public, has classes and a count for each pair of them.
void check(const ConfusionMatrix& matrix) {
  if (matrix.classes < 1) fail("ConfusionMatrix", "expected at least one class, got ", matrix.classes);
  const auto classes = static_cast<size_t>(matrix.classes), size = matrix.counts.size();
  if (size % classes != 0 || size / classes != classes)
    fail("ConfusionMatrix", "expected ", classes, " x ", classes, " counts for ", classes, " classes, got ", size);
}

}  // namespace

int64_t ConfusionMatrix::operator()(int64_t true_class, int64_t predicted) const {
  check(*this);
  if (true_class < 0 || true_class >= classes || predicted < 0 || predicted >= classes)
    fail("ConfusionMatrix", "expected classes from 0 to ", classes - 1, ", got ", true_class, " and ", predicted);
  return counts[static_cast<size_t>(true_class * classes + predicted)];
}

std::string ConfusionMatrix::table(const std::vector<std::string>& names) const {
  check(*this);
  if (!names.empty() && static_cast<int64_t>(names.size()) != classes)
    fail("ConfusionMatrix", "expected ", classes, " names, got ", names.size());
  const auto right_aligned = [](const std::string& text, size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
  };
  std::vector<std::string> titles;
  size_t title_width = 0, cell = std::to_string(classes - 1).size();
  for (int64_t c = 0; c < classes; ++c) {
    const std::string number = std::to_string(c);
    const bool named = !names.empty() && names[static_cast<size_t>(c)] != number;
    titles.push_back(named ? names[static_cast<size_t>(c)] + ' ' + number : number);
    title_width = std::max(title_width, titles.back().size());
  }
  for (const int64_t count : counts) cell = std::max(cell, std::to_string(count).size());
  ++cell;

  std::string text = std::string(title_width, ' ') + " |";
  for (int64_t c = 0; c < classes; ++c) text += right_aligned(std::to_string(c), cell);
  text += " |  right\n" + std::string(title_width + 1, '-') + '+' +
          std::string(cell * static_cast<size_t>(classes) + 1, '-') + "+-------\n";
  for (int64_t c = 0; c < classes; ++c) {
    text += right_aligned(titles[static_cast<size_t>(c)], title_width) + " |";
    int64_t total = 0;
    for (int64_t predicted = 0; predicted < classes; ++predicted) {
      const int64_t count = (*this)(c, predicted);
      total += count;
      text += right_aligned(count > 0 ? std::to_string(count) : ".", cell);
    }
    const double share = 100 * static_cast<double>((*this)(c, c)) / static_cast<double>(total);
    text += " |" + right_aligned(total > 0 ? format_number(share, std::chars_format::fixed, 1) + '%' : "-", 7) + '\n';
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix) { return out << matrix.table(); }

double accuracy(Layer& model, const data::Dataset& dataset) {
  const Tensor logits = predict(model, dataset);  // first, as it checks the set
  return accuracy(logits, Tensor(dataset.labels));
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
