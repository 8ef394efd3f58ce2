#pragma once
// A whole training step as one graph.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "ramp/core/autograd/tensor.h"

namespace ramp {

class StepGraph;
class StepRecorder;

/// A step as a function of its inputs.
using CapturedStep = std::function<Tensor(std::span<const Tensor>)>;

struct CaptureOptions {
  int warmup = 3;  ///< steps that run eagerly before one is captured, for each kind of input; at least 1
  /// Also runs the step itself after each replay, from the same state, and throws Error when the results, or anything
  /// that the step changes, differ by more than rounding. For debugging; the eager results are the ones that stay.
  bool verify = false;
};

/// What records steps on a device.
std::unique_ptr<StepRecorder> make_recorder(Device device);

/// The graphs of one step, and which of them fits a call. Private to Captured; tests pass recorders of their own.
class StepCache {
 public:
  /// Throws Error unless options.warmup >= 1.
  explicit StepCache(CaptureOptions options, std::unique_ptr<StepRecorder> (*make)(Device) = make_recorder);
  ~StepCache();
  StepCache(const StepCache&) = delete;
  StepCache& operator=(const StepCache&) = delete;

  /// One step: by a graph, or eagerly. Throws Error unless the inputs lie on one device and want no gradients.
  Tensor run(std::span<const Tensor> inputs, const CapturedStep& step);

  /// How many graphs have been captured so far.
  int64_t graphs() const { return captured_; }
  /// Why a kind of step runs eagerly; empty when none does.
  const std::string& eager_reason() const { return eager_reason_; }

 private:
  using Graphs = std::list<StepGraph>;
  Graphs::iterator find(std::span<const Tensor> inputs);
  void evict(std::span<const Tensor> inputs);
  Tensor run_outermost(std::span<const Tensor> inputs, const CapturedStep& step);

  CaptureOptions options_;
  std::unique_ptr<StepRecorder> (*make_)(Device);
  Graphs graphs_;  // the one used last comes last
  int64_t captured_ = 0;
  std::string eager_reason_;
};

/// What capture() returns: the step as a function of its inputs. Copies share their graphs.
template <class F>
class Captured {
 public:
  Captured(F step, CaptureOptions options) : step_(std::move(step)), cache_(std::make_shared<StepCache>(options)) {
    if constexpr (std::is_pointer_v<F> || requires { step_.target_type(); })  // one that may be empty
      if (!step_) fail("capture", "the step must be a function, got an empty one");
  }

  template <std::same_as<Tensor>... Inputs>
  requires(sizeof...(Inputs) > 0 && std::is_invocable_r_v<Tensor, F&, const Inputs&...>)
  Tensor operator()(const Inputs&... inputs) {
    const Tensor all[] = {inputs...};
    return cache_->run(all, [this](std::span<const Tensor> x) {
      return [&]<size_t... i>(std::index_sequence<i...>) -> Tensor {
        return step_(x[i]...);
      }(std::index_sequence_for<Inputs...>{});
    });
  }

  /// How many graphs have been captured so far.
  int64_t graphs() const { return cache_->graphs(); }
  /// Why the step runs eagerly: the Error that the last attempt to capture it met. Empty when none failed.
  const std::string& eager_reason() const { return cache_->eager_reason(); }

 private:
  F step_;
  std::shared_ptr<StepCache> cache_;
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
