#include "ramp/cuda/device_error.h"

#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"

namespace ramp::cuda {

namespace {

/// Returns the position and resets it to `none`. It is written only if it was set, because a kernel of an earlier
/// replay may be about to set it.
unsigned long long take(DeviceError& device_error) {
  volatile unsigned long long& position = device_error.position;
  const unsigned long long taken = position;
  if (taken != DeviceError::none) position = DeviceError::none;
  return taken;
}

}  // namespace

void check_device_error(const char* op, const std::string& rule, const Array& x, const char* where) {
  Context& c = context();
  if (c.capturing) return;
  check(op, cudaStreamSynchronize(c.stream));
  const auto position = take(c.device_errors[0]);
  if (position == DeviceError::none) return;
  visit(x.dtype(), [&](auto value) {
    check(op, cudaMemcpyAsync(&value, x.data<const decltype(value)>() + position, sizeof value, cudaMemcpyDefault,
                              c.stream));
    check(op, cudaStreamSynchronize(c.stream));
    if (*where) fail(op, rule, ", got ", +value, " at ", where, ' ', position);
    fail(op, rule, ", got ", +value);
  });
}

void check_positions(const char* op, const char* what, int64_t limit, const Array& indices, const char* where) {
  if (!context().capturing)
    check_device_error(op, std::string(what) + " must lie in [0, " + std::to_string(limit) + ')', indices, where);
}

void throw_device_error() {
  const auto position = take(context().device_errors[1]);
  if (position != DeviceError::none)
    fail("capture",
         "labels, targets, indices and rows must lie in their ranges and a mean's weights not sum to 0, got a "
         "violation at position ",
         position, ", in a replayed step or a batch that was loaded");
}

}  // namespace ramp::cuda
