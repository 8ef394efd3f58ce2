#pragma once
// Suites that run on every device: TEST_P(OnDevices, Name) with device() and dtype(). What this build or machine lacks
// is skipped and says why.

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "ramp/core/array/device.h"
#include "ramp/core/array/dtype.h"

namespace ramp {

class OnDevices : public testing::TestWithParam<std::tuple<const char*, DType>> {
 protected:
  void SetUp() override {
    try {
      device_ = Device::parse(std::get<0>(GetParam()));
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }
  Device device() const { return device_; }
  DType dtype() const { return std::get<1>(GetParam()); }
  /// What one operation may be off by, relative to 1 + the size of the result.
  double tolerance() const { return dtype() == float64 ? 1e-10 : 1e-5; }

 private:
  Device device_;
};

inline std::string title(const testing::TestParamInfo<OnDevices::ParamType>& info) {
  return std::string(std::get<0>(info.param)) + '_' + name(std::get<1>(info.param));
}

/// To follow a suite's class: class Foo : public OnDevices {}; RAMP_ON_DEVICES(Foo);
#define RAMP_ON_DEVICES(Suite)                                                                                  \
  INSTANTIATE_TEST_SUITE_P(Devices, Suite,                                                                      \
                           testing::Combine(testing::Values("cpu", "cuda"), testing::Values(float32, float64)), \
                           [](const auto& info) { return title(info); })

}  // namespace ramp
