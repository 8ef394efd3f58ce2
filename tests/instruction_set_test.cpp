// RAMP_ISA, which is read once a process: so these tests run this program again with it.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "ramp/core/cpu/kernels.h"

namespace ramp {
namespace {

/// What this program prints with RAMP_ISA and a filter of tests.
std::string output(const std::string& isa, const std::string& filter) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command = "env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX RAMP_ISA='" + isa + "' '" + program +
                              "' --gtest_filter='" + filter + "' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  EXPECT_TRUE(pipe);
  std::string text;
  for (char buffer[1024]; size_t n = std::fread(buffer, 1, sizeof buffer, pipe);) text.append(buffer, n);
  pclose(pipe);
  return text;
}

TEST(InstructionSet, IsTheOneThatWasAskedFor) {
  if (const char* wanted = std::getenv("RAMP_ISA")) {
    EXPECT_STREQ(instruction_set(), wanted);
  }
}

TEST(InstructionSet, IsAnyThatTheBuildAndTheProcessorHave) {
  const std::string same = "InstructionSet.IsTheOneThatWasAskedFor";
  EXPECT_NE(output(instruction_set(), same).find("[  PASSED  ] 1 test"), std::string::npos);
#ifdef __x86_64__
  for (const char* isa : {"baseline", "avx2", "avx512"}) {
    const std::string text = output(isa, same);
    const bool passed = text.find("[  PASSED  ] 1 test") != std::string::npos,
               lacks = text.find(std::string("[RAMP_ISA] this processor lacks ") + isa) != std::string::npos,
               native = text.find(std::string("[RAMP_ISA] expected an instruction set of this build (native), got ") +
                                  isa) != std::string::npos;
    const std::string best = instruction_set();
    EXPECT_TRUE(best == "native" ? native : passed || (lacks && best != "avx512" && best != isa)) << text;
  }
#endif
}

TEST(InstructionSet, IsNoUnknownOne) {
  for (const char* isa : {"avx", "AVX2", ""}) {
    const std::string text = output(isa, "InstructionSet.IsTheOneThatWasAskedFor");
    const std::string message = "[RAMP_ISA] expected an instruction set of this build (";
    EXPECT_NE(text.find(message), std::string::npos) << text;
    EXPECT_NE(text.find(std::string("), got ") + isa), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace ramp
