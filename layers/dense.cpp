#include "ramp/layers/dense.h"

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"

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
      bias(add("bias", options.bias ? zeros({out}, {.dtype = options.dtype}) : Tensor())) {}

std::string Dense::describe() const {
  return "Dense(" + std::to_string(in_) + ", " + std::to_string(out_) + (bias.defined() ? ")" : ", {.bias = false})");
}

Tensor Dense::forward(const Tensor& x) const { return dense(x, weight, bias); }
Tensor Dense::forward_with(const Tensor& x, const Unary& epilogue) const { return dense(x, weight, bias, epilogue); }

namespace {

/// Writes the gradients of x (input 0) and the weight (input 1), given the gradient of their product.
void write_product_gradients(const DenseResult& forward, const Array& product_gradient, Gradients& inputs) {
  const Array gradient = matmul_operand(product_gradient);
  if (inputs.wants(1)) matmul_into(inputs.write(1), gradient, forward.x, {.transpose_a = true});
  if (inputs.wants(0)) {
    inputs[0] = Array({gradient.shape()[0], forward.w.shape()[1]}, product_gradient.dtype(), gradient.device());
    matmul_into(inputs[0], gradient, forward.w);
  }
}

}  // namespace

Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias, const std::optional<Unary>& activation) {
  const bool biased = bias.defined();
  DenseResult forward = dense(x.array(), weight.array(), biased ? bias.array() : Array(), activation);
  const Array y = forward.y;
  if (!activation) forward.z = forward.y = {};  // backward reads neither

  const Tensor inputs[] = {x, weight, bias};
  return record("dense", y, std::span(inputs).first(biased ? 3 : 2),
                {needed(weight, forward.x), needed(x, forward.w), forward.z, forward.y},
                [forward, biased, activation](const Array& upstream, Gradients& inputs) {
                  const Array bias_gradient = biased && inputs.wants(2) ? inputs.write(2) : Array();
                  write_product_gradients(forward, dense_gradient(activation, forward, upstream, bias_gradient),
                                          inputs);
                });
}

}  // namespace ramp
