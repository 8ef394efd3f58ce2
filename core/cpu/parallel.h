#pragma once
// Loops over the pool's threads. Every computation of the CPU backend is a loop that names the arrays it touches, so that a
// captured step (graph.h) can keep the loops and run them again, in an order and in pieces of its own.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "ramp/core/array/array.h"

namespace ramp {

/// An array that a loop over [0, n) reads (const T) or writes (T).
template <class T>
struct Touch {
  const Array& array;    // undefined: none, and the address is null
  bool whole;            // every index touches all of it; else index i the i-th of n equal parts alone
  bool checked = false;  // what reads it in later loops must find it approved by this one
};
template <class T>
Touch<T> part(const Array& array) {
  return {array, false};
}
template <class T>
Touch<T> whole(const Array& array) {
  return {array, true};
}

namespace cpu {

/// A Touch without its type.
struct Access {
  const Array& array;
  bool whole, writes, checked;
};
/// A loop's body: the addresses of its arrays, and the indices [begin, end).
using Body = std::function<void(void* const* data, int64_t begin, int64_t end)>;

class Graph;
/// The graph of the step that this thread captures, or null.
inline constinit thread_local Graph* recording = nullptr;
void record(int64_t n, int64_t grain, std::initializer_list<Access> arrays, Body body);

}  // namespace cpu

/// Into how many pieces to cut `rows` with so many grains of work: one for each thread, and of long work more, so that no
/// thread waits long for another one that the system let wait.
int64_t pieces(double grains, int64_t rows);

namespace cpu {

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
    }
    (std::index_sequence_for<T...>{});
  }
};

template <class T>
Access access(const Touch<T>& touch) {
  return {touch.array, touch.whole, !std::is_const_v<T>, touch.checked};
}
/// The address of what a loop touches; null for none.
template <class T>
void* address(const Touch<T>& touch) {
  if (!touch.array.defined()) return nullptr;
  // char stands for elements of any dtype; all others are checked, here, where it is safe to throw.
  if constexpr (std::is_same_v<T, char>) return touch.array.template address<void>();
  else if constexpr (std::is_same_v<T, const char>)
    return const_cast<void*>(touch.array.template address<const void>());
  else return const_cast<std::remove_const_t<T>*>(touch.array.template address<T>());
}

}  // namespace cpu

/// Calls body(addresses of the arrays..., begin, end) for pieces of [0, n), of `grain` indices (about 10 us of work) or
/// more, on as many threads as there are pieces. What the body computes for an index must not depend on the pieces. It must
/// own what it refers to beside the arrays: a captured step runs it again later. What it throws on any thread arrives at the
/// caller, when all threads have left the loop; other pieces may then have run or not. Throws Error unless n >= 0 and
/// grain >= 1.
template <class Body, class... T>
void parallel_for(int64_t n, int64_t grain, const Body& body, Touch<T>... arrays) {
  if (n == 0) return;
  if (n < 0 || grain < 1) cpu::refuse(n, grain);
  void* const data[] = {cpu::address(arrays)..., nullptr};
  using Typed = cpu::Typed<Body, T...>;
  if (!cpu::recording) return cpu::run(n, grain, Typed::call, &body, data);
  // Named, for nvcc 13.0 misreads a list of a pack as an argument.
  const std::initializer_list<cpu::Access> accesses{cpu::access(arrays)...};
  cpu::record(n, grain, accesses, [body](void* const* addresses, int64_t begin, int64_t end) {
    Typed::call(&body, addresses, begin, end);
  });
}

}  // namespace ramp
