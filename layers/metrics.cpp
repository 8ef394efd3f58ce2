#include "ramp/layers/metrics.h"

#include <algorithm>
#include <ostream>

#include "ramp/core/autograd/autograd.h"
#include "ramp/core/autograd/ops.h"
#include "ramp/core/data/loader.h"
#include "ramp/core/formulas/math.h"
#include "ramp/core/text.h"

namespace ramp {

/// Puts a model into evaluation mode and every layer back into its own mode afterwards. A layer that is in evaluation
/// mode already is only looked at.
class Evaluation {
 public:
  explicit Evaluation(const Layer& model) {
    model.require_whole();
    model.visit("", [this](const std::string&, const Layer& layer) {
      if (layer.training()) trained_.push_back(layer.state_);
    });
    for (const auto& state : trained_) state->training = false;
  }
  ~Evaluation() {
    for (const auto& state : trained_) state->training = true;
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

 private:
  std::vector<std::shared_ptr<Layer::State>> trained_;
};

namespace {

/// The labels, after checking that they fit the logits.
std::vector<int32_t> checked_labels(const char* op, const Tensor& logits, const Tensor& labels) {
  require_labels(op, logits.array(), labels.array());
  return labels.to_vector<int32_t>();
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
  int64_t right = 0;
  for (size_t row = 0; row < wanted.size(); ++row) {
    const double* logit = z.data() + row * classes;
    const auto label = static_cast<size_t>(wanted[row]);
    int64_t before = 0;
    for (size_t c = 0; c < classes; ++c) before += c != label && math::ahead(logit[c], logit[label], c < label);
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
  TextRows rows{{"", "|"}, {}};
  for (int64_t c = 0; c < classes; ++c) {
    const std::string number = std::to_string(c), name = names.empty() ? number : names[static_cast<size_t>(c)];
    rows[0].push_back(number);
    rows.push_back({name == number ? number : name + ' ' + number, "|"});
    int64_t total = 0;
    for (int64_t predicted = 0; predicted < classes; ++predicted) {
      const int64_t count = (*this)(c, predicted);
      total += count;
      rows.back().push_back(count > 0 ? std::to_string(count) : ".");
    }
    const double share = 100 * static_cast<double>((*this)(c, c)) / static_cast<double>(total);
    rows.back().push_back("|");
    rows.back().push_back(total > 0 ? format_number(share, std::chars_format::fixed, 1) + '%' : "-");
  }
  rows[0].push_back("|");
  rows[0].push_back(" right");

  std::vector<size_t> widths = column_widths(rows);
  const auto counts_begin = widths.begin() + 2, counts_end = widths.end() - 2;
  std::fill(counts_begin, counts_end, *std::max_element(counts_begin, counts_end));
  std::string text = text_table(rows, widths, 0, 1);
  const size_t line = text.find('\n') + 1;  // the rule, which the upright lines cross
  for (size_t i = 0; i < line; ++i)
    if (text[i] == '|') text[line + i] = '+';
  return text;
}

std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix) { return out << matrix.table(); }

double accuracy(const Layer& model, const data::Dataset& dataset) {
  const Tensor logits = predict(model, dataset);  // first, as it checks the set
  return accuracy(logits, dataset.targets);
}

Tensor predict(const Layer& model, const data::Dataset& dataset) {
  const NoGrad no_grad;
  const Evaluation evaluation(model);
  const std::vector<Parameter> parameters = model.parameters();
  std::vector<Tensor> outputs;
  for (const auto& [inputs, targets] : data::Loader(dataset, {.batch_size = 1000})) {
    Tensor x = inputs;
    if (!parameters.empty()) x = x.to(parameters[0].tensor.device()).to(parameters[0].tensor.dtype());
    outputs.push_back(model(x));
  }
  return concat(outputs, 0);
}

}  // namespace ramp
