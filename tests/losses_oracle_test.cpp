// Losses and their gradients against PyTorch's, tests/oracles/losses.csv.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "ramp/core/autograd/create.h"
#include "ramp/layers/losses.h"

namespace ramp {
namespace {

/// One case of the file; its lines are explained in tests/oracles/losses.py.
struct Case {
  std::string loss, text;
  std::map<std::string, std::string> options;
  std::map<std::string, std::vector<double>> numbers;
};

std::vector<double> read_numbers(std::string text, char separator) {
  std::vector<double> numbers;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, separator);) numbers.push_back(std::stod(word));
  return numbers;
}

std::vector<Case> read_cases() {
  std::ifstream file(RAMP_SOURCE_DIR "/tests/oracles/losses.csv");
  EXPECT_TRUE(file) << "cannot read tests/oracles/losses.csv";
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream in(line);
    std::string loss, options, what, numbers;
    std::getline(in, loss, ',');
    std::getline(in, options, ',');
    std::getline(in, what, ',');
    std::getline(in, numbers);
    if (what == "input") {
      cases.push_back({loss, loss + ' ' + options, {}, {}});
      std::istringstream words(options);
      for (std::string word; words >> word;)
        cases.back().options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    }
    cases.back().numbers[what] = read_numbers(numbers, ' ');
  }
  return cases;
}

Reduction reduction_of(const std::string& name) {
  if (name == "none") return Reduction::none;
  return name == "sum" ? Reduction::sum : Reduction::mean;
}

Tensor labels_of(const std::vector<double>& numbers) {
  return from_vector(std::vector<int32_t>(numbers.begin(), numbers.end()), {static_cast<int64_t>(numbers.size())});
}

Tensor run(Case& c, const Tensor& x) {
  const Reduction reduction = reduction_of(c.options.at("reduction"));
  const std::vector<double>& target = c.numbers.at("target");
  if (c.loss == "cross_entropy")
    return cross_entropy(x, labels_of(target),
                         {.reduction = reduction,
                          .label_smoothing = std::stod(c.options.at("label_smoothing")),
                          .class_weights = read_numbers(c.options.at("class_weights"), ';'),
                          .ignore_index = std::stoi(c.options.at("ignore_index"))});
  if (c.loss == "nll") return nll(x, labels_of(target), reduction);
  const Tensor y = from_vector(target, x.shape());
  if (c.loss == "mse") return mse(x, y, reduction);
  if (c.loss == "l1") return l1(x, y, reduction);
  if (c.loss == "huber") return huber(x, y, {.delta = std::stod(c.options.at("delta")), .reduction = reduction});
  if (c.loss == "binary_cross_entropy_with_logits") return binary_cross_entropy_with_logits(x, y, reduction);
  throw std::runtime_error("no loss is called " + c.loss);
}

void expect_near(const std::vector<double>& got, const std::vector<double>& wanted, const char* what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], 1e-12 * std::max(1.0, std::abs(wanted[i]))) << what << ' ' << i;
}

TEST(Losses, AgreeWithPyTorch) {
  std::set<std::string> losses;
  for (Case& c : read_cases()) {
    SCOPED_TRACE(c.text);
    losses.insert(c.loss);
    const std::vector<double>& input = c.numbers.at("input");
    const auto n = static_cast<int64_t>(input.size());
    const bool labelled = c.loss == "cross_entropy" || c.loss == "nll";
    Tensor x = from_vector(input, labelled ? Shape{n / 4, 4} : Shape{n});
    const Tensor loss = run(c, x.set_requires_grad());
    expect_near(loss.to_vector<double>(), c.numbers.at("loss"), "loss");
    loss.backward(reshape(arange(1, static_cast<double>(loss.numel()) + 1, 1, {.dtype = float64}),
                          {loss.shape().begin(), loss.shape().end()}));
    expect_near(x.grad().to_vector<double>(), c.numbers.at("gradient"), "gradient");
  }
  EXPECT_EQ(losses.size(), 6u);
}

}  // namespace
}  // namespace ramp
