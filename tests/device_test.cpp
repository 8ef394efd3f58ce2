// Which devices there are.

#include "ramp/core/array/device.h"

#include <gtest/gtest.h>

#include "error_of.h"
#include "ramp/core/autograd/create.h"

namespace ramp {
namespace {

TEST(Device, AreListedWithTheCpuFirst) {
  const std::vector<Device> all = devices();
  ASSERT_GE(all.size(), 1U);
  EXPECT_EQ(all[0], Device::cpu());
  for (size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i], Device::cuda(static_cast<int>(i) - 1));
  EXPECT_EQ(Device::best(), all.size() > 1 ? all[1] : all[0]);
  EXPECT_EQ(Device::parse("auto"), Device::best());
  EXPECT_EQ(Device::parse("cpu"), Device::cpu());
}

TEST(Device, SayWhyTheyAreNotThere) {
  if (devices().size() > 1) {
    EXPECT_NE(error_of([] { Device::cuda(1000); }).find("[device] expected a CUDA device in [0, "), std::string::npos);
    return;
  }
  const std::string message = error_of([] { Device::cuda(); });
  EXPECT_TRUE(message.starts_with("[device] this build of ramp has no CUDA") ||
              message.starts_with("[device] no CUDA device: "))
      << message;
  EXPECT_GT(message.size(), std::string("[device] no CUDA device: ").size()) << "a reason follows";
  EXPECT_EQ(error_of([] { Device::parse("cuda"); }), message);
}

TEST(Device, AreParsedStrictly) {
  for (const char* text : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:0x"})
    EXPECT_EQ(error_of([&] { Device::parse(text); }),
              "[device] expected cpu, cuda, cuda:N or auto, got '" + std::string(text) + "'");
}

}  // namespace
}  // namespace ramp
