// Runs a fuzzer without libFuzzer, on inputs that are made from numbers, the same on every machine:
//   fuzz_NAME [--seed S] [--runs N]   runs the inputs of the seeds S, S + 1, .. S + N - 1
//   fuzz_NAME FILE...                 runs the files, libFuzzer's for example
// A finding, a crash, or an input that takes over a minute ends it and prints how to repeat that.

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

char how_to_repeat[4200];  // the seed or the file that runs now

void tell() {
  if (write(STDERR_FILENO, how_to_repeat, std::strlen(how_to_repeat)) < 0) _exit(1);
}
extern "C" void on_signal(int number) {
  constexpr char hang[] = "\nFOUND: an input that takes longer than a minute\n";
  if (number == SIGALRM && write(STDERR_FILENO, hang, sizeof hang - 1) < 0) _exit(1);
  tell();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

/// Number i of a seed (SplitMix64).
uint64_t random_bits(uint64_t seed, uint64_t i) {
  uint64_t x = (seed * 0xd1342543de82ef95 + i + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/// Up to 1,023 bytes; short inputs are as frequent as long ones.
std::vector<uint8_t> input_of(uint64_t seed) {
  const uint64_t shape = random_bits(seed, 0);
  std::vector<uint8_t> input((shape >> 8) % (uint64_t{1} << (4 + shape % 7)));
  for (size_t i = 0; i < input.size(); ++i)
    input[i] = static_cast<uint8_t>(random_bits(seed, 1 + i / 8) >> 8 * (i % 8));
  return input;
}

void run(const char* program, const std::string& what, const std::vector<uint8_t>& input) {
  std::snprintf(how_to_repeat, sizeof how_to_repeat, "\nTo repeat it: %s %s\n", program, what.c_str());
  alarm(60);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  alarm(0);
}

int usage(const char* program) {
  std::cerr << "usage: " << program << " [--seed S] [--runs N] | FILE...\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = 1, runs = 1000;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--seed" || argument == "--runs") {
      const char* value = i + 1 < argc ? argv[++i] : "";
      char* end = nullptr;
      (argument == "--seed" ? seed : runs) = std::strtoull(value, &end, 10);
      if (end == value || *end) return usage(argv[0]);
    } else if (argument.starts_with("-")) {
      return usage(argv[0]);
    } else {
      files.push_back(argument);
    }
  }
  for (const int number : {SIGABRT, SIGALRM}) std::signal(number, on_signal);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(tell);
  else
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(number, on_signal);

  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      std::cerr << argv[0] << ": cannot read " << file << '\n';
      return 2;
    }
    run(argv[0], file, {std::istreambuf_iterator<char>(in), {}});
  }
  if (!files.empty()) return 0;
  for (uint64_t i = 0; i < runs; ++i)
    run(argv[0], "--seed " + std::to_string(seed + i) + " --runs 1", input_of(seed + i));
  std::cout << runs << " inputs from seed " << seed << ": nothing found\n";
}
