#pragma once
// Loops over the pool's threads. Every computation of the CPU backend is a loop that names the arrays it touches, so that a
// captured step (graph.h) can keep the loops and run them again, in an order and in pieces of its own.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <tuple>
#include <type_traits>
#include <utility>

#include "ramp/core/array.h"
#include "ramp/core/threads.h"

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
inline int64_t pieces(double grains, int64_t rows) {
  const int64_t threads = num_threads();
  if (threads == 1) return 1;
  const int64_t one_each = std::min(static_cast<int64_t>(grains), threads);
  // Half a millisecond each, and enough rows for a matrix product's kernel to run at its full speed.
  const int64_t more = std::min({static_cast<int64_t>(grains / 50), 4 * threads, rows / 64});
  return std::clamp<int64_t>(std::max(one_each, more), 1, rows);
}

/// Calls body(begin, end) for pieces of [0, n), none smaller than `grain`.
template <class Body>
void in_bands(int64_t n, int64_t grain, const Body& body) {
  const int64_t bands = pieces(static_cast<double>(n) / static_cast<double>(grain), n);
  if (bands <= 1) {
    if (n > 0) body(int64_t{0}, n);
    return;
  }
  std::atomic<int64_t> next{0};
  run_on_pool([&] {
    for (int64_t band; (band = next.fetch_add(1)) < bands;) body(band * n / bands, (band + 1) * n / bands);
  });
}

/// Calls body(addresses of the arrays..., begin, end) for pieces of [0, n), of `grain` indices (about 10 us of work) or
/// more, on as many threads as there are pieces. What the body computes for an index must not depend on the pieces. It must
/// not throw unless n is 1, and must own what it refers to beside the arrays: a captured step runs it again later.
template <class Body, class... T>
void parallel_for(int64_t n, int64_t grain, const Body& body, Touch<T>... arrays) {
  if (n == 0) return;
  [[maybe_unused]] const auto address = []<class U>(const Touch<U>& touch) -> U* {
    if (!touch.array.defined()) return nullptr;
    // char stands for elements of any dtype; all others are checked, here, where it is safe to throw.
    if constexpr (std::is_same_v<const U, const char>) return static_cast<U*>(touch.array.template data<void>());
    else return touch.array.template data<U>();
  };
  const std::tuple addresses(address(arrays)...);
  if (cpu::recording) {
    return cpu::record(n, grain, {cpu::Access{arrays.array, arrays.whole, !std::is_const_v<T>, arrays.checked}...},
                       [body](void* const* data, int64_t begin, int64_t end) {
                         const auto call = [&]<size_t... i>(std::index_sequence<i...>) {
                           body(static_cast<T*>(data[i])..., begin, end);
                         };
                         call(std::index_sequence_for<T...>{});
                       });
  }
  in_bands(n, grain,
           [&](int64_t begin, int64_t end) { std::apply([&](T*... data) { body(data..., begin, end); }, addresses); });
}

}  // namespace ramp
