#pragma once
// Means over seeds, and what they are worth.

#include <string>
#include <vector>

namespace studies {

/// A mean and its standard error, s / sqrt(n).
struct Estimate {
  double mean = 0, error = 0;
  int count = 0;
};
/// Of one value a seed. The error of a single value is 0: nothing is known of it.
Estimate estimate(const std::vector<double>& values);
/// Of a - b, seed by seed: what the seeds have in common (data order, first weights) drops out.
Estimate difference(const std::vector<double>& a, const std::vector<double>& b);
/// Whether the mean differs from 0 by Student's test at 95 %, two-sided. False for fewer than two values.
bool beyond_noise(const Estimate& difference);

/// In how many seeds a lies below b.
int count_below(const std::vector<double>& a, const std::vector<double>& b);
/// "4 of 5 seeds"
std::string of_seeds(int count, size_t seeds);

/// "97.85 ± 0.04"; "+-" where the locale has no ±, and no error for a single value.
std::string plus_minus(const Estimate& estimate, int decimals);

}  // namespace studies
