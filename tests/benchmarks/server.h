#pragma once
// The two sides of a comparison speak the same language: a program reads a line that says what to measure, measures it
// for a moment, and prints a line with the result. So compare.py can ask both in turn, and drift hits both.

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

/// Seconds a call of f takes, in a stretch of `calls` that `wait` ends: what a device has only queued is done when it
/// returns.
inline double stretch(const std::function<void()>& f, int calls, const std::function<void()>& wait) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  for (int i = 0; i < calls; ++i) f();
  wait();
  return std::chrono::duration<double>(Clock::now() - begin).count() / calls;
}

/// The median of five stretches.
inline double median(const std::function<void()>& f, int calls, const std::function<void()>& wait) {
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) rounds.push_back(stretch(f, calls, wait));
  std::nth_element(rounds.begin(), rounds.begin() + 2, rounds.end());
  return rounds[2];
}

/// Seconds a call of f takes: the median of five stretches, together about `budget` seconds, after warming up.
inline double seconds(const std::function<void()>& f, double budget = 0.2) {
  const auto at_once = [] {};
  for (int i = 0; i < 4; ++i) f();  // past the warm-up of a captured step
  return median(f, std::max(1, static_cast<int>(budget / 5 / std::max(stretch(f, 1, at_once), 1e-9))), at_once);
}

/// Answers requests until the input ends: `handlers` by a line's first word, each given the rest of the line.
inline int serve(const std::map<std::string, std::function<double(std::istream&)>>& handlers) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    const auto handler = handlers.find(what);
    if (handler == handlers.end()) {
      std::cout << "error: cannot measure " << line << std::endl;
      continue;
    }
    try {
      std::cout << handler->second(words) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error: " << error.what() << std::endl;
    }
  }
  return 0;
}
