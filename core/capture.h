#pragma once
// A whole training step as one graph.

#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "ramp/core/tensor.h"

namespace ramp {

struct CaptureOptions {
  int warmup = 3;  ///< steps that run eagerly before one is captured, for each kind of input; at least 1
};

/// The graphs of one step: what Captured is made of.
class StepGraphs {
 public:
  using Step = std::function<Tensor(std::span<const Tensor>)>;
  /// Throws Error unless options.warmup >= 1.
  explicit StepGraphs(CaptureOptions options);

  Tensor run(std::span<const Tensor> inputs, const Step& step);
  int64_t graphs() const { return graphs_; }

 private:
  CaptureOptions options_;
  std::shared_ptr<void> held_[2];  // on the CPU, on CUDA; as the backend knows them
  int64_t graphs_ = 0;
};

/// What capture() returns: the step as a function of its inputs.
template <class F>
class Captured {
 public:
  Captured(F step, CaptureOptions options) : step_(std::move(step)), graphs_(options) {}

  template <std::same_as<Tensor>... Inputs>
  requires(sizeof...(Inputs) > 0 && std::is_invocable_r_v<Tensor, F&, const Inputs&...>) Tensor operator()(
      const Inputs&... inputs) {
    const Tensor all[] = {inputs...};
    return graphs_.run(all, [this](std::span<const Tensor> x) {
      return [&]<size_t... i>(std::index_sequence<i...>)->Tensor { return step_(x[i]...); }
      (std::index_sequence_for<Inputs...>{});
    });
  }

  /// How many graphs have been captured so far.
  int64_t graphs() const { return graphs_.graphs(); }

 private:
  F step_;
  StepGraphs graphs_;
};

/// A step that is replayed as one graph, which spares the host nearly all its work (cpu/graph.h, cuda/graph.h):
///
///   auto step = capture([&](const Tensor& images, const Tensor& labels) {
///     Tensor loss = cross_entropy(model(images), labels);
///     sgd.zero_grad();
///     loss.backward();
///     sgd.step();
///     return loss;
///   });
///   for (auto [images, labels] : loader) Tensor loss = step(images.to(device), labels.to(device));
///
/// The step takes one tensor or more and returns one, which the caller gets as a tensor of its own, outside the
/// autograd graph. For each kind of input the first `warmup` calls run it eagerly, the next one captures it, and the
/// following ones replay the graph. On CUDA N calls give the bits of N eager steps whose inputs begin on 256 bytes, as
/// new tensors do; on the CPU, which cuts the work into other pieces, the same numbers but for rounding, and the same
/// bits in every run with as many threads. Inputs of another shape or dtype, another training mode, other options of
/// the optimizer than its learning rate, parameters that moved: each warms up and captures again. Learning rates and
/// random numbers of replays are the present ones. A replay on the CPU reads its inputs where they lie and allocates
/// nothing.
///
/// A replay runs no host code, so what the step does to variables of its own, or with loops of its own over data(),
/// happens only in the calls that run it; use what it returns. All else that it refers to must live as long as it is
/// called. What needs a value back (item(), to_vector()), on CUDA also what needs data from the CPU or new memory, and
/// a tensor assigned to a variable that the next step reads, throw Error when the step is captured, in the operation's
/// name; the program goes on eagerly. A label or index out of range throws as ever on the CPU, before the parameters
/// are updated; on CUDA a later replay or copy to the CPU reports it.
template <class F>
Captured<F> capture(F step, CaptureOptions options = {}) {
  return Captured<F>(std::move(step), options);
}

}  // namespace ramp
