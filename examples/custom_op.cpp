// An operation of one's own, with its own backward: squared distances, checked by gradcheck and trained with.
//
// Where an operation is a formula of ramp's other operations, write just that, and its gradient follows. record() is
// for the rest: here the gradient that matrix products give needs no [n, k, d] tensor of differences.

#include <iostream>

#include <ramp/ramp.h>

using namespace ramp;

/// d_ij = |x_i - c_j|^2 for x [n, d] and c [k, d]: [n, k].
///
///   dL/dx_i = 2 sum_j g_ij (x_i - c_j),   dL/dc_j = 2 sum_i g_ij (c_j - x_i)
Tensor squared_distances(const Tensor& points, const Tensor& centres) {
  if (points.rank() != 2 || centres.rank() != 2 || points.size(1) != centres.size(1))
    fail("squared_distances", "expected [n, d] and [k, d], got ", points.shape(), " and ", centres.shape());
  const Array x = points.array(), c = centres.array();
  const Array x_norms = sum(x * x, 1), c_norms = transpose(sum(c * c, 1));  // [n, 1] and [1, k]
  const Array distances = x_norms + c_norms - matmul(x, c, {.transpose_b = true}) * 2;

  return record("squared_distances", distances, {points, centres}, {x, c}, [x, c](const Array& g, Gradients& inputs) {
    if (inputs.wants(0)) inputs[0] = (sum(g, 1) * x - matmul(g, c)) * 2;
    if (inputs.wants(1)) inputs[1] = (transpose(sum(g, 0)) * c - matmul(g, x, {.transpose_a = true})) * 2;
  });
}

/// Bells around learned centres: y_j = exp(-2 |x - c_j|^2), [n, d] -> [n, k].
class Bells : public Layer {
 public:
  Bells(int64_t d, int64_t k) : centres(add("centres", uniform({k, d}, -2, 2))) {}
  Tensor& centres;

 private:
  Tensor forward(const Tensor& x) const override { return exp(-2 * squared_distances(x, centres)); }
};

/// 1 for the points [n, 2] between the circles of radius 0.7 and 1.4 around the origin, else 0.
Tensor in_ring(const Tensor& points) {
  const Tensor squares = sum(points * points, 1);
  return ((squares > 0.49) == (squares < 1.96)).to(int32);
}

int main() try {
  manual_seed(1);
  const TensorOptions checked{.dtype = float64, .requires_grad = true};
  gradcheck([](const std::vector<Tensor>& in) { return squared_distances(in[0], in[1]); },
            {randn({5, 3}, checked), randn({4, 3}, checked)});
  std::cout << "gradcheck: the backward of squared_distances is right\n";

  // Does a point of the plane lie in the ring?
  const Tensor points = uniform({2000, 2}, -2, 2), labels = in_ring(points);
  Sequential model{Bells(2, 32), Dense(32, 2)};
  std::cout << model;
  optim::SGD sgd(model.parameters(), {.learning_rate = 1, .momentum = 0.9});
  for (int step = 1; step <= 500; ++step) {
    Tensor loss = cross_entropy(model(points), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << loss.item() << '\n';
  }
  const Tensor fresh = uniform({2000, 2}, -2, 2);
  std::cout << "accuracy " << 100 * accuracy(model(fresh), in_ring(fresh)) << " % on 2,000 fresh points\n";
} catch (const Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
