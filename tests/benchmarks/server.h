#pragma once
// The two sides of a comparison speak the same language: a program reads a line that says what to measure, measures it for
// a moment, and prints a line with the result. So compare.py can ask both in turn, and drift hits both.

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

/// Seconds a call of f takes: the median of five rounds, together about `budget` seconds, after warming up.
inline double seconds(const std::function<void()>& f, double budget = 0.2) {
  using Clock = std::chrono::steady_clock;
  const auto time = [&](int calls) {
    const auto begin = Clock::now();
    for (int i = 0; i < calls; ++i) f();
    return std::chrono::duration<double>(Clock::now() - begin).count() / calls;
  };
  for (int i = 0; i < 4; ++i) f();  // past the warm-up of a captured step
  const int calls = std::max(1, static_cast<int>(budget / 5 / std::max(time(1), 1e-9)));
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) rounds.push_back(time(calls));
  std::nth_element(rounds.begin(), rounds.begin() + 2, rounds.end());
  return rounds[2];
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
