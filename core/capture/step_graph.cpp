#include "ramp/core/capture/step_graph.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ramp/core/array_ops/array_ops.h"
#include "ramp/core/autograd/autograd.h"

namespace ramp {

namespace {

/// Throws Error where a replay's numbers differ from the step's own by more than rounding, relative to the largest of
/// them.
void check_replay(const char* what, const Array& replayed, const Array& eager) {
  const auto values = [](const Array& x) { return Tensor(to(x, float64)).to_vector<double>(); };
  const std::vector<double> got = values(replayed), expected = values(eager);
  double largest = 0;
  for (double x : expected) largest = std::isfinite(x) ? std::max(largest, std::abs(x)) : largest;
  const double tolerance = eager.dtype() == float64                          ? 1e-8
                           : eager.dtype() != float32                        ? 0
                           : precision(eager.device()) == Precision::float32 ? 1e-3
                                                                             : 3e-2;
  for (size_t i = 0; i < expected.size(); ++i)
    if (got[i] != expected[i] && !(std::isnan(got[i]) && std::isnan(expected[i])) &&
        !(std::abs(got[i] - expected[i]) <= tolerance * largest))
      fail("capture", "a replay must give what the step itself gives, got ", got[i], " instead of ", expected[i],
           " at element ", i, " of ", what, " ", eager.dtype(), ' ', eager.shape(),
           "; does the step use a number of the program that changed since it was captured?");
}

}  // namespace

StepGraph::StepGraph(std::span<const Tensor> inputs, std::unique_ptr<StepRecorder> recorder, int wasted)
    : device_(inputs[0].device()),
      default_device_(default_device()),
      precision_(precision(device_)),
      records_gradients_(grad_enabled()),
      recorder_(std::move(recorder)),
      wasted_(wasted) {
  for (const Tensor& x : inputs) kinds_.push_back({x.shape(), x.dtype()});
}

bool StepGraph::fits(std::span<const Tensor> inputs) const {
  return inputs[0].device() == device_ && default_device() == default_device_ && precision(device_) == precision_ &&
         grad_enabled() == records_gradients_ &&
         std::equal(kinds_.begin(), kinds_.end(), inputs.begin(), inputs.end(),
                    [](const Input& a, const Tensor& b) { return a.shape == b.shape() && a.dtype == b.dtype(); });
}

void StepGraph::take(std::span<const Tensor> inputs) {
  for (size_t i = inputs_.size(); i < inputs.size(); ++i)
    inputs_.emplace_back(Array(inputs[i].shape(), inputs[i].dtype(), inputs[i].device()));
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (recorder_->take(inputs[i].array(), inputs_[i].array())) copy(inputs[i].array(), inputs_[i].array());
}

/// The step's result. If the step returns one of its inputs, a copy: a replay reads its inputs elsewhere.
Array StepGraph::run(const CapturedStep& step) const {
  const Array out = step(inputs_).array();
  const bool own = std::none_of(inputs_.begin(), inputs_.end(),
                                [&](const Tensor& x) { return x.array().storage() == out.storage(); });
  return own ? out : clone(out);
}

Tensor StepGraph::warm_up(const CapturedStep& step) {
  Array out;
  recorder_->warm_up([&] { out = run(step); });
  ++warmed_up_;
  return Tensor(clone(out));
}

Tensor StepGraph::capture(const CapturedStep& step, std::string& why) {
  auto trace = std::make_unique<Trace>(*recorder_);
  recorder_->capture([&] {
    const CaptureScope scope(trace.get());
    try {
      result_ = run(step);
    } catch (...) {
      trace->stop("");  // as eagerly, where all that came before has happened
      throw;
    }
  });
  if (trace->stopped()) {
    why = trace->reason();
    return Tensor(clone(result_));
  }
  bool kept = false, launched = false;
  Array out;
  try {
    kept = trace->close(recorder_->drawn());
    out = Array(result_.shape(), result_.dtype(), result_.device());
    launched = true;
    recorder_->launch(recorder_->drawn());
  } catch (...) {
    trace->undo();
    if (launched) trace->advance_generators();  // as the step has drawn when it meets what is wrong
    throw;
  }
  trace->forget_undo();
  if (kept) trace_ = std::move(trace);
  else why = "[capture] the step must not replace a tensor that it reads, got one replaced; copy() into it instead";
  copy(result_, out);
  return Tensor(out);
}

Tensor StepGraph::replay() {
  ++replays_;
  // Into a tensor that the caller is done with, when there is one: a replay then asks for no memory.
  UncountedTensor* out = std::find_if(returned_, returned_ + 2, [](const UncountedTensor& t) { return t.unshared(); });
  if (out == returned_ + 2) {
    out = returned_ + returned_[0].defined();
    *out = UncountedTensor(Tensor(Array(result_.shape(), result_.dtype(), result_.device())));
  }
  trace_->present_keys(keys_);
  trace_->prepare();
  try {
    recorder_->launch(keys_);
  } catch (...) {
    trace_->advance_generators();  // as the step has drawn when it meets what is wrong
    throw;
  }
  trace_->advance();
  copy(result_, (*out)->value);
  return out->get();
}

Tensor StepGraph::verify(std::span<const Tensor> inputs, const CapturedStep& step) {
  const Trace::State before = trace_->state();
  const Array replayed = clone(replay().array());
  const Trace::State after = trace_->state();
  trace_->restore(before);
  const Array out = clone(step(inputs).array());
  const Trace::State eager = trace_->state();
  check_replay("the result,", replayed, out);
  for (size_t i = 0; i < eager.arrays.size(); ++i)
    check_replay("an array that the step changes,", after.arrays[i], eager.arrays[i]);
  if (after.tickets != eager.tickets || after.has_gradient != eager.has_gradient)
    fail("capture", "a replay must leave generators and gradients as the step itself does, got another state");
  return Tensor(out);
}

}  // namespace ramp
