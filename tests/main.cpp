// Runs the tests; with RAMP_TEST_DEVICE=cuda, tensors that are given no device are made there.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "ramp/core/array/device.h"
#include "ramp/core/error.h"

int main(int argc, char** argv) {
  // First of all, as parameters of tests are made while they are registered.
  if (const char* device = std::getenv("RAMP_TEST_DEVICE")) {
    try {
      ramp::set_default_device(ramp::Device::parse(device));
    } catch (const ramp::Error& error) {
      std::cout << "skipped: " << error.what() << '\n';
      return 77;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
