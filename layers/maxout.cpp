#include "ramp/layers/maxout.h"

namespace ramp {
namespace {

int64_t checked(const char* op, int64_t pieces) {
  if (pieces < 1) fail(op, "pieces must be at least 1, got ", pieces);
  return pieces;
}

}  // namespace

Maxout::Maxout(int64_t pieces) : pieces_(checked("Maxout", pieces)) {}

std::string Maxout::describe() const { return "Maxout(" + std::to_string(pieces_) + ')'; }

Tensor Maxout::forward(const Tensor& x) { return maxout(x, pieces_); }
Tensor CReLU::forward(const Tensor& x) { return crelu(x, relu_); }

Tensor crelu(const Tensor& x, const formula::ReLU& f) {
  if (x.rank() == 0) fail("crelu", "a scalar has no axis to widen");
  return concat({relu(x, f), relu(-x, f)}, -1);
}

Tensor maxout(const Tensor& x, int64_t pieces) {
  checked("maxout", pieces);
  if (x.rank() == 0 || x.size(-1) % pieces != 0)
    fail("maxout", "expected a last axis divisible by ", pieces, ", got ", x.shape());
  std::vector<int64_t> sizes;
  for (int axis = 0; axis < x.rank(); ++axis) sizes.push_back(x.size(axis));
  sizes.back() /= pieces;
  sizes.push_back(pieces);
  return max(reshape(x, sizes), -1);
}

}  // namespace ramp
