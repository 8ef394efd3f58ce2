#include "ramp/cuda/complaint.h"

#include "ramp/cuda/check.h"
#include "ramp/cuda/context.h"

namespace ramp::cuda {

namespace {

/// Returns the position and resets it to `none`. It is written only if it was set, because a kernel of an earlier
/// replay may be about to set it.
unsigned long long take(Complaint& complaint) {
  volatile unsigned long long& position = complaint.position;
  const unsigned long long taken = position;
  if (taken != Complaint::none) position = Complaint::none;
  return taken;
}

}  // namespace

void check_complaint(const char* op, const std::string& rule, const Array& x, const char* where) {
  Context& c = context();
  if (c.capturing) return;
  check(op, cudaStreamSynchronize(c.stream));
  const auto position = take(c.complaints[0]);
  if (position == Complaint::none) return;
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
    check_complaint(op, std::string(what) + " must lie in [0, " + std::to_string(limit) + ')', indices, where);
}

void raise_complaint() {
  const auto position = take(context().complaints[1]);
  if (position != Complaint::none)
    fail("capture",
         "labels, targets, indices and rows must lie in their ranges and a mean's weights not sum to 0, got a "
         "violation at position ",
         position, ", in a replayed step or a batch that was loaded");
}

}  // namespace ramp::cuda
