#pragma once
// Loops over the threads of the pool. Every computation of the CPU backend is a loop that names the arrays it accesses,
// so that a captured step (graph.h) can record the loops and run them again, in another order and in other pieces.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "ramp/core/array/array.h"
#include "ramp/core/hooks.h"

namespace ramp {

/// An array that a loop over [0, n) reads (const T) or writes (T).
template <class T>
struct Access {
  const Array& array;    // may be undefined; the body then gets nullptr
  bool whole;            // true: every index may access all of it; false: index i only the i-th of n equal parts
  bool checked = false;  // this loop validates it: later loops that read it must run after this one
};
template <class T>
Access<T> part(const Array& array) {
  return {array, false};
}
template <class T>
Access<T> whole(const Array& array) {
  return {array, true};
}

namespace cpu {

/// An Access without its type.
struct AnyAccess {
  const Array& array;
  bool whole, writes, checked;
};
/// A loop's body: the addresses of its arrays, and the indices [begin, end).
using Body = std::function<void(void* const* data, int64_t begin, int64_t end)>;

}  // namespace cpu

/// Records the loops of a step that is captured on the CPU: cpu::Graph (graph.h).
class LoopRecorder {
 public:
  virtual void record(int64_t n, int64_t grain, std::initializer_list<cpu::AnyAccess> arrays, cpu::Body body) = 0;
  /// Records that the step draws with `key`. Returns the address where replays put the key that they draw with instead.
  virtual const RandomKey* replay_key(RandomKey key) = 0;

 protected:
  ~LoopRecorder() = default;
};

/// The number of pieces into which to cut `rows` that hold this many grains of work: one per thread, and more for long
/// work, so that no thread waits long for one that the system has descheduled.
int64_t pieces(double grains, int64_t rows);

namespace cpu {

/// The recorder of the step that this thread captures on the CPU, or null.
inline LoopRecorder* loop_recorder() {
  const CaptureListener* listener = capturing();
  return listener ? listener->loops() : nullptr;
}
/// The address that LoopRecorder::replay_key() returns if this thread captures a step on the CPU, else null.
const RandomKey* replay_key(RandomKey key);

/// Calls call(body, data, begin, end) for pieces of [0, n), none smaller than `grain`.
using Call = void(const void* body, void* const* data, int64_t begin, int64_t end);
void run(int64_t n, int64_t grain, Call* call, const void* body, void* const* data);
[[noreturn]] void refuse(int64_t n, int64_t grain);

/// A body whose arrays have types.
template <class Body, class... T>
struct Typed {
  static void call(const void* body, void* const* data, int64_t begin, int64_t end) {
    [&]<size_t... i>(std::index_sequence<i...>) {
      (*static_cast<const Body*>(body))(static_cast<T*>(data[i])..., begin, end);
    }(std::index_sequence_for<T...>{});
  }
};

template <class T>
AnyAccess any(const Access<T>& access) {
  return {access.array, access.whole, !std::is_const_v<T>, access.checked};
}
/// The address that a loop's body gets for an array; null if the array is undefined.
template <class T>
void* address(const Access<T>& access) {
  if (!access.array.defined()) return nullptr;
  // char means elements of any dtype. Other types are checked against the dtype: here, where it is safe to throw.
  if constexpr (std::is_same_v<T, char>) return access.array.template address<void>();
  else if constexpr (std::is_same_v<T, const char>)
    return const_cast<void*>(access.array.template address<const void>());
  else return const_cast<std::remove_const_t<T>*>(access.array.template address<T>());
}

}  // namespace cpu

/// Calls body(addresses of the arrays..., begin, end) for pieces of [0, n) that hold at least `grain` indices (about 10
/// us of work), in parallel on the threads of the pool; a captured step cuts other pieces. The result for an index must
/// not depend on the pieces. Apart from the arrays, the body must own what it refers to: a captured step runs it again
/// later. An exception from the body, on any thread, reaches the caller once all threads have left the loop; the other
/// pieces may or may not have run by then. Throws Error if n < 0, or if n > 0 and grain < 1.
template <class Body, class... T>
void parallel_for(int64_t n, int64_t grain, const Body& body, Access<T>... arrays) {
  if (n == 0) return;
  if (n < 0 || grain < 1) cpu::refuse(n, grain);
  void* const data[] = {cpu::address(arrays)..., nullptr};
  using Typed = cpu::Typed<Body, T...>;
  LoopRecorder* const recorder = cpu::loop_recorder();
  if (!recorder) return cpu::run(n, grain, Typed::call, &body, data);
  // A named variable, because nvcc 13.0 misreads a braced pack expansion as an argument.
  const std::initializer_list<cpu::AnyAccess> accesses{cpu::any(arrays)...};
  recorder->record(n, grain, accesses, [body](void* const* addresses, int64_t begin, int64_t end) {
    Typed::call(&body, addresses, begin, end);
  });
}

}  // namespace ramp
