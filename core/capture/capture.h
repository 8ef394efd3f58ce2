#pragma once
// A whole training step as one graph.

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "ramp/core/capture/step.h"

namespace ramp {

/// The graphs of one step: what Captured is made of.
class StepGraphs {
 public:
  /// Throws Error unless options.warmup >= 1.
  explicit StepGraphs(CaptureOptions options);

  Tensor run(std::span<const Tensor> inputs, const CapturedStep& step);

  const CaptureReport& report() const { return report_; }

 private:
  CaptureOptions options_;
  std::shared_ptr<void> held_[2];  // on the CPU, on CUDA; as the backend knows them
  CaptureReport report_;
};

/// What capture() returns: the step as a function of its inputs.
template <class F>
class Captured {
 public:
  Captured(F step, CaptureOptions options) : step_(std::move(step)), graphs_(options) {
    if constexpr (std::is_pointer_v<F> || requires { step_.target_type(); })  // one that may be empty
      if (!step_) fail("capture", "the step must be a function, got an empty one");
  }

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
  int64_t graphs() const { return graphs_.report().graphs; }
  /// Why the step runs eagerly: the Error that the last attempt to capture it met. Empty when none failed.
  const std::string& eager_reason() const { return graphs_.report().eager_reason; }

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
/// bits in every run with as many threads. Learning rates and random numbers of replays are the present ones. A replay
/// on the CPU reads its inputs where they lie and allocates nothing.
///
/// A call warms up and captures again when something that the step depends on has changed: the shape or dtype of an
/// input, a training mode, an option of the optimizer other than its learning rate, a parameter that was moved, frozen
/// or assigned (`layer.weight = t`), a tensor that was assigned to a variable of the program (unless someone else still
/// holds the old one), a layer, observer or hook that was added. The 16 graphs used last are kept, and 4 for one kind
/// of input. Where four graphs in a row are out of date before their first replay, the step goes on eagerly.
///
/// A replay runs no code of the program, so it cannot notice anything else: a number that the step takes from a
/// variable (`loss * weight`, a vector given to from_vector()) stays what it was when the step was captured; put it
/// into a tensor and copy() into that. What the step does to its own variables, observers and hooks included, happens
/// only in the calls that run it; use what it returns. All that it refers to must live as long as it is called.
/// {.verify = true} compares every replay with the step itself.
///
/// A step cannot be captured when it needs a value back (item(), to_vector()), runs a loop of its own over data(),
/// assigns a tensor to a variable that the next step reads, makes or seeds a generator, shuffles (random_permutation(),
/// a Loader's pass), or changes the precision or an optimizer's options; on CUDA also when it needs data from the CPU
/// or new memory. Such a step prints the reason once on standard error and then runs eagerly; eager_reason() has the
/// message. A label, target or index out of range throws as ever on the CPU, before the parameters are updated; on CUDA
/// a later replay or copy to the CPU reports it.
template <class F>
Captured<F> capture(F step, CaptureOptions options = {}) {
  return Captured<F>(std::move(step), options);
}

}  // namespace ramp
