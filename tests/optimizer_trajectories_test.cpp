// The optimizers against PyTorch's trajectories (tests/oracles/optimizers.txt) and closed forms.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "optimizer_test.h"

namespace ramp {
namespace {

using optim::SGD;
using optim::SGDOptions;

constexpr int sizes[] = {6, 5, 1};

/// The oracle's gradient A p + c: see tests/oracles/optimizers.py.
std::vector<double> oracle_gradient(const std::vector<double>& p) {
  std::vector<double> g(12);
  for (int i = 0; i < 12; ++i) {
    g[i] = -(1 + 7 * i % 5) / 4.0;
    for (int j = 0; j < 12; ++j) g[i] += ((i == j ? 1 + i / 8.0 : 0) + ((3 * i + 5 * j) % 7 - 3) / 64.0) * p[j];
  }
  return g;
}

/// One case of the file, for an optimizer with these options; the lines are explained in tests/oracles/optimizers.py.
template <class Options>
struct Case {
  struct Group {
    Options options;
    std::vector<int> members;
  };
  struct Change {
    int step;
    size_t group;
    Options options;
  };
  std::string name;
  std::vector<Group> groups;
  std::set<int> exempt;
  std::vector<Change> changes;
  std::map<int, std::set<int>> skips;
  std::map<int, std::vector<double>> expected;
};

void read_options(std::istream& in, SGDOptions& o) {
  in >> o.learning_rate >> o.momentum >> o.dampening >> o.weight_decay >> o.nesterov;
}
template <class AdamOptions>
void read_options(std::istream& in, AdamOptions& o) {
  in >> o.learning_rate >> o.beta1 >> o.beta2 >> o.epsilon >> o.weight_decay >> o.amsgrad;
}

/// The cases of one optimizer.
template <class Options>
std::vector<Case<Options>> read_cases() {
  using Case = ramp::Case<Options>;
  std::ifstream file(RAMP_SOURCE_DIR "/tests/oracles/optimizers.txt");
  EXPECT_TRUE(file) << "cannot read tests/oracles/optimizers.txt";
  std::vector<Case> cases;
  bool ours = false;
  for (std::string line, word; std::getline(file, line);) {
    std::istringstream in(line);
    in >> word;
    if (word == "case") {
      in >> word;
      ours = word == Options::name;
      if (ours) in >> cases.emplace_back().name;
    } else if (!ours) {
      continue;
    } else if (word == "group") {
      typename Case::Group group;
      read_options(in, group.options);
      in >> word;
      for (int i; in >> i;) group.members.push_back(i);
      cases.back().groups.push_back(group);
    } else if (word == "nodecay") {
      for (int i; in >> i;) cases.back().exempt.insert(i);
    } else if (word == "change") {
      typename Case::Change change{};
      in >> change.step >> change.group;
      read_options(in, change.options);
      cases.back().changes.push_back(change);
    } else if (word == "skip") {
      int i = -1;
      in >> i;
      for (int step; in >> step;) cases.back().skips[i].insert(step);
    } else if (word == "at") {
      int step = 0;
      in >> step;
      for (double x; in >> x;) cases.back().expected[step].push_back(x);
    } else {
      EXPECT_EQ(word, "#");
    }
  }
  return cases;
}

/// Runs a case and returns the largest error, relative to the largest of the twelve numbers.
template <class Options>
double replay(const Case<Options>& c, DType dtype) {
  using Optimizer = optim::OptimizerOf<Options>;
  std::vector<Tensor> p;
  for (int size : sizes) {
    std::vector<double> start;
    for (int i = 0; i < size; ++i) {
      const int k = i + (p.size() > 0 ? sizes[0] : 0) + (p.size() > 1 ? sizes[1] : 0);
      start.push_back((2 * (k % 4) - 3) / 2.0);
    }
    p.push_back(parameter(start, dtype));
  }
  std::vector<typename Optimizer::Group> groups;
  for (const auto& [options, members] : c.groups) {
    groups.push_back({{}, options});
    for (int i : members) groups.back().parameters.emplace_back(std::to_string(i), p[i], !c.exempt.contains(i));
  }
  Optimizer optimizer(groups);

  double worst = 0;
  const auto all = [&] {
    std::vector<double> joined;
    for (const Tensor& x : p)
      for (double value : values(x)) joined.push_back(value);
    return joined;
  };
  for (int step = 1; step <= 100; ++step) {
    for (const auto& change : c.changes)
      if (change.step == step) optimizer.set_options(change.options, change.group);
    optimizer.zero_grad();
    const std::vector<double> g = oracle_gradient(all());
    auto from = g.begin();
    for (int i = 0; i < 3; from += sizes[i], ++i) {
      const auto skip = c.skips.find(i);
      if (skip == c.skips.end() || !skip->second.contains(step)) give_gradient(p[i], {from, from + sizes[i]});
    }
    optimizer.step();
    if (const auto expected = c.expected.find(step); expected != c.expected.end()) {
      const std::vector<double> got = all();
      EXPECT_EQ(got.size(), expected->second.size()) << c.name;
      double scale = 0, error = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        scale = std::max(scale, std::abs(expected->second[i]));
        error = std::max(error, std::abs(got[i] - expected->second[i]));
        if (std::isnan(got[i])) error = std::numeric_limits<double>::infinity();
      }
      worst = std::max(worst, error / scale);
    }
  }
  return worst;
}

template <class Options>
void expect_to_follow(size_t count, DType dtype, double bound) {
  const auto cases = read_cases<Options>();
  ASSERT_EQ(cases.size(), count);
  for (const auto& c : cases) {
    ASSERT_EQ(c.expected.size(), 6u) << c.name;
    EXPECT_LE(replay(c, dtype), bound) << Options::name << ' ' << c.name;
  }
}

TEST(Optimizers, FollowPyTorchInFloat64) {
  expect_to_follow<SGDOptions>(17, float64, 1e-12);
  expect_to_follow<optim::AdamOptions>(10, float64, 1e-12);
  expect_to_follow<optim::AdamWOptions>(10, float64, 1e-12);
}

TEST(Optimizers, FollowPyTorchInFloat32) {
  expect_to_follow<SGDOptions>(17, float32, 2e-6);
  // Adam divides by the root of its second moment, so that small gradients lose as many digits as large ones do.
  expect_to_follow<optim::AdamOptions>(10, float32, 1e-4);
  expect_to_follow<optim::AdamWOptions>(10, float32, 1e-4);
}

// --- closed forms ---------------------------------------------------------------------------------------------------

TEST(Sgd, MomentumOnAConstantGradient) {
  for (DType dtype : {float64, float32}) {
    Tensor p = parameter({0, 1}, dtype);
    SGD sgd({p}, {.learning_rate = 0.01, .momentum = 0.9});
    for (int k = 1; k <= 60; ++k) {
      sgd.zero_grad();
      give_gradient(p, {1, 1});
      sgd.step();
      const double expected = -0.01 * (k - 9 * (1 - std::pow(0.9, k))) * 10;
      const double bound = dtype == float64 ? 1e-13 : 1e-5;
      EXPECT_NEAR(values(p)[0], expected, bound * k);
      EXPECT_NEAR(values(p)[1], 1 + expected, bound * k);
    }
  }
}

TEST(Sgd, DecayAloneShrinksGeometrically) {
  Tensor p = parameter({2}), exempt = parameter({2});
  SGD sgd({{"p", p, true}, {"exempt", exempt, false}}, {.learning_rate = 0.1, .weight_decay = 0.5});
  for (int k = 1; k <= 40; ++k) {
    sgd.zero_grad();
    give_gradient(p, {0});
    give_gradient(exempt, {0});
    sgd.step();
    EXPECT_NEAR(values(p)[0], 2 * std::pow(1 - 0.1 * 0.5, k), 1e-14);
    EXPECT_EQ(values(exempt)[0], 2);
  }
}

TEST(Sgd, RateMultipliesTheVelocityWhenItChanges) {
  Tensor p = parameter({0});
  SGD sgd({p}, {.learning_rate = 1, .momentum = 0.5});
  give_gradient(p, {1});
  sgd.step();  // v = 1
  EXPECT_DOUBLE_EQ(values(p)[0], -1);
  sgd.set_learning_rate(0.1);
  sgd.step();  // v = 1.5; folded into v the rate would give -1 - (0.5 + 0.1)
  EXPECT_DOUBLE_EQ(values(p)[0], -1.15);
}

}  // namespace
}  // namespace ramp
