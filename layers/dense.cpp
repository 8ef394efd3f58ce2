#include "ramp/layers/dense.h"

#include "ramp/core/array_ops.h"
#include "ramp/core/autograd.h"

namespace ramp {
namespace {

Tensor initial_weight(int64_t in, int64_t out, const DenseOptions& options, Generator& generator) {
  if (in < 1 || out < 1) fail("Dense", "in and out must be at least 1, got ", in, " and ", out);
  if (!is_floating(options.dtype)) fail("Dense", "expected float32 or float64, got ", options.dtype);
  if (!options.init) fail("Dense", "init must be a function, got an empty one");
  const Tensor weight = options.init({out, in}, {in, out}, {.dtype = options.dtype}, generator);
  if (weight.shape() != Shape{out, in} || weight.dtype() != options.dtype)
    fail("Dense", "init must return ", options.dtype, ' ', Shape{out, in}, ", got ", weight.dtype(), ' ',
         weight.shape());
  return weight;
}

}  // namespace

Dense::Dense(int64_t in, int64_t out, const DenseOptions& options, Generator& generator)
    : in_(in),
      out_(out),
      weight(add("weight", initial_weight(in, out, options, generator))),
      bias(options.bias ? &add("bias", zeros({out}, {.dtype = options.dtype})) : nullptr) {}

std::string Dense::describe() const {
  return "Dense(" + std::to_string(in_) + ", " + std::to_string(out_) + (bias ? ")" : ", {.bias = false})");
}

Tensor Dense::forward(const Tensor& x) { return dense(x, weight, bias ? *bias : Tensor()); }

Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias, const std::optional<Unary>& activation) {
  const Array &a = x.array(), &w = weight.array();
  const bool biased = bias.defined();
  if (w.rank() != 2) fail("dense", "expected weight [out, in], got ", w.shape());
  const int64_t out = w.shape()[0], in = w.shape()[1];
  if (a.rank() != 2 || a.shape()[1] != in) fail("dense", "expected input [n, ", in, "], got ", a.shape());
  if (biased && bias.shape() != Shape{out}) fail("dense", "expected bias ", Shape{out}, ", got ", bias.shape());
  if (biased) check_floating("dense", {&a, &w, &bias.array()});
  else check_floating("dense", {&a, &w});

  const Array z = matmul(a, w, {.transpose_b = true});
  Array y = z;
  if (activation && biased) y = bias_map(*activation, z, bias.array());
  else if (activation) y = map(*activation, z);
  else if (biased) add_to(z, bias.array());

  const Tensor inputs[] = {x, weight, bias};
  const auto used = std::span(inputs).first(biased ? 3 : 2);
  // Without an activation backward needs neither, and they may go.
  const auto backward = [a, w, z = activation ? z : Array(), y = activation ? y : Array(), biased, activation](
                            const Array& upstream, Gradients& inputs) {
    const Array gradient = activation ? map_gradient(*activation, z, y, upstream) : upstream;
    if (inputs.wants(0)) inputs[0] = matmul(gradient, w);
    if (inputs.wants(1)) matmul_into(inputs.write(1), gradient, a, {.transpose_a = true});
    if (biased && inputs.wants(2)) inputs[2] = sum(gradient, 0).view(Shape{gradient.shape()[1]});
  };
  return record("dense", y, used, backward);
}

}  // namespace ramp
