#include "studies/support/estimate.h"

#include <ramp/core/error.h>
#include <algorithm>
#include <cmath>

#include "support/terminal.h"

namespace studies {

Estimate estimate(const std::vector<double>& values) {
  if (values.empty()) ramp::fail("estimate", "expected at least one value, got none");
  const auto n = static_cast<double>(values.size());
  Estimate result{0, 0, static_cast<int>(values.size())};
  for (const double value : values) result.mean += value / n;
  if (values.size() == 1) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.error = std::sqrt(squares / (n - 1) / n);
  return result;
}

Estimate difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) ramp::fail("difference", "expected pairs, got ", a.size(), " and ", b.size(), " values");
  std::vector<double> differences(a.size());
  std::transform(a.begin(), a.end(), b.begin(), differences.begin(), std::minus());
  return estimate(differences);
}

bool beyond_noise(const Estimate& difference) {
  // 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom.
  static constexpr double quantiles[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  if (difference.count < 2) return false;
  const auto freedom = std::min<size_t>(static_cast<size_t>(difference.count) - 1, std::size(quantiles));
  return std::abs(difference.mean) > quantiles[freedom - 1] * difference.error;
}

int count_below(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) ramp::fail("count_below", "expected pairs, got ", a.size(), " and ", b.size(), " values");
  int count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += a[i] < b[i];
  return count;
}

std::string of_seeds(int count, size_t seeds) {
  return std::to_string(count) + " of " + std::to_string(seeds) + (seeds == 1 ? " seed" : " seeds");
}

std::string plus_minus(const Estimate& estimate, int decimals) {
  const std::string mean = support::fixed(estimate.mean, decimals);
  if (estimate.count < 2) return mean;
  return mean + (support::utf8() ? " ± " : " +- ") + support::fixed(estimate.error, decimals);
}

}  // namespace studies
