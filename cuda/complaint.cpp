#include "ramp/cuda/complaint.h"

#include <utility>

#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"

namespace ramp::cuda {

void check_positions(const char* op, const char* what, int64_t limit, const Array& indices, const char* where) {
  Context& c = context();
  if (c.capturing) return;
  check(op, cudaStreamSynchronize(c.stream));
  const auto position = std::exchange(c.complaints[0].position, Complaint::none);
  if (position == Complaint::none) return;
  int32_t value = 0;
  check(op, cudaMemcpyAsync(&value, indices.data<int32_t>() + position, sizeof value, cudaMemcpyDefault, c.stream));
  check(op, cudaStreamSynchronize(c.stream));
  fail(op, what, " must lie in [0, ", limit, "), got ", value, " at ", where, ' ', position);
}

void raise_complaint() {
  const auto position = std::exchange(context().complaints[1].position, Complaint::none);
  if (position != Complaint::none)
    fail("capture", "labels, indices and rows must lie in their ranges, got one outside, at position ", position,
         ", in a replayed step or a batch that was loaded");
}

}  // namespace ramp::cuda
