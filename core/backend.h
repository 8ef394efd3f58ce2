#pragma once
// The seam between what an operation means and how a device computes it.
//
// A backend is a struct of static functions over arrays; this page is the whole contract. Arguments have been checked:
// outputs are allocated, shapes and dtypes fit, devices agree. `on` is the one place where a device is chosen. Private to
// the library's .cpp files; a user's program never needs it.

#include <concepts>

#include "ramp/core/array_ops.h"
#include "ramp/core/cpu/cpu.h"
#include "ramp/core/trace.h"
#ifdef RAMP_CUDA
#include "ramp/cuda/cuda.h"
#endif

namespace ramp {

template <class B>
concept Backend = requires(const Array& x, const Unary& unary, const Binary& binary, RandomKey key, AxisView view,
                           const BlockCopy& blocks, const SgdStep& sgd, const CrossEntropyStep& loss,
                           const RangeRule& rule, void* data) {
  // Memory, aligned to 256 bytes, from a cache (storage.h).
  { B::allocate(int64_t{}) } -> std::same_as<void*>;
  B::deallocate(data, int64_t{});
  { B::memory_stats() } -> std::same_as<MemoryStats>;
  B::release_cached_memory();
  // Elementwise. Binary maps broadcast their inputs to the output's shape; the rest find equal shapes.
  B::fill(x, 0.0);
  B::convert(x, x);                        // from, to: another dtype
  B::map(unary, x, x);                     // x, y
  B::map_gradient(unary, x, x, x, x);      // x, y, gradient, out = gradient f'(x)
  B::map(binary, x, x, x);                 // a, b, y
  B::map_gradient(binary, 0, x, x, x, x);  // argument, a, b, gradient, out (of the gradient's shape)
  B::compare(Compare::less, x, x, x);      // a, b, out uint8
  B::where(x, x, x, x);                    // condition, a, b, out
  B::require_range(rule, x);               // throws unless every element keeps the rule
  // Movement, of any dtype.
  B::copy(x, x);                           // from, to; one of them may be on the CPU
  B::copy_blocks(x, x, blocks);            // from, to
  B::broadcast(x, x);                      // x, out
  B::transpose(x, x);                      // x, out
  B::gather(x, x, x);                      // x, int32 indices, out; throws for an index out of range
  B::load_batch(x, x, x, 0.0, 1.0, x, x);  // images, labels, int32 rows, mean, stddev, images out, labels out;
                                           // throws for a row out of range, on CUDA at a later copy to the CPU
  B::scatter_add(x, x, x);                 // x, int32 indices, out (zeroed here)
  B::scatter_axis(x, x, view, x);          // x, int32 indices, view of out, out (zeroed here)
  // Reductions over the middle of [outer, n, inner].
  B::sum(x, view, x);
  B::sum(x, view, x, true);             // aside, as products may be (MatmulOptions)
  B::max(x, view, x, x);                // x, view, values, int32 indices
  B::round_to_bfloat16(x, x);           // float32 x, out: uint8, two bytes an element
  B::matmul(x, x, MatmulOptions{}, x);  // a, b, out = op(a) op(b); a and b are of out's dtype, or both rounded
  B::join();                            // what was set aside is there for what follows
  B::require(Precision{});  // throws in the name of set_precision unless products of float32 can be computed so
  // Random numbers: element i depends on the key and i alone.
  B::uniform(x, 0.0, 1.0, key);
  B::dropout_mask(x, 0.5, key);
  // What a training step is made of, in as few passes as the device can.
  B::dense(&unary, x, x, x, x, x);          // f or null, x, w, bias or undefined, z = x w^T + bias, y = f(z)
  B::dense_gradient(unary, x, x, x, x, x);  // f, z, y, upstream, out = upstream f'(z), its column sums
  B::prelu_gradient({}, x, x, x, x, x, x);  // f, z, one slope or one a column, upstream, out = upstream df/dz, its
                                            // column sums, those of upstream df/dslope
  B::cross_entropy(x, x, loss, x, x, x);    // logits, labels, options, losses, gradient, the losses' sum;
                                            // throws for a label out of range
  B::sgd(sgd, x, x, x, x);                  // parameter, gradient, velocity (undefined without momentum), the new
                                            // parameter rounded (undefined: not wanted)
};

// Each adds a type Graph, a captured step (capture.h): cpu/graph.h, cuda/graph.h.

/// Calls f with the backend of a device, whatever is being captured.
template <class F>
decltype(auto) always_on(Device device, F&& f) {
#ifdef RAMP_CUDA
  if (device.is_cuda()) {
    Cuda::use(device.index);
    return f(Cuda{});
  }
#endif
  (void)device;
  return f(Cpu{});
}

/// Calls f with the backend of a device.
template <class F>
decltype(auto) on(Device device, F&& f) {
  if (cpu::recording && device.is_cuda())
    stop_capture("capture", "a step whose inputs are on the CPU cannot use ", device);
  return always_on(device, f);
}

static_assert(Backend<Cpu>);
#ifdef RAMP_CUDA
static_assert(Backend<Cuda>);
#endif

}  // namespace ramp
