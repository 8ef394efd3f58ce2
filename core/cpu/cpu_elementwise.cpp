// Elementwise functions of the CPU backend: pieces of arrays handed to the serial kernels.

#include <algorithm>

#include "ramp/core/broadcast.h"
#include "ramp/core/converted.h"
#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"

namespace ramp {

namespace {

constexpr int64_t grain = 1 << 15;  // elements a thread should at least get: about 10 us of the cheapest formula

/// Calls body(offset of a, stride of a, offset of b, stride of b, offset of out, n) for contiguous runs of `out`.
template <class Body>
void broadcast_runs(const Shape& a, const Shape& b, const Shape& out, const Body& body) {
  if (out.numel() == 0) return;
  const BroadcastAxes axes = merged_axes(a, b, out);
  const BroadcastAxis inner = axes.at[0];
  const auto run = [&](int64_t outer, int64_t begin, int64_t end) {
    int64_t offset_a = begin * inner.stride_a, offset_b = begin * inner.stride_b, rest = outer;
    for (int i = 1; i < axes.count; ++i) {
      offset_a += rest % axes.at[i].size * axes.at[i].stride_a;
      offset_b += rest % axes.at[i].size * axes.at[i].stride_b;
      rest /= axes.at[i].size;
    }
    body(offset_a, static_cast<int>(inner.stride_a), offset_b, static_cast<int>(inner.stride_b),
         outer * inner.size + begin, end - begin);
  };
  const int64_t outer = out.numel() / inner.size;
  if (outer == 1) {
    parallel_for(inner.size, grain, [&](int64_t begin, int64_t end) { run(0, begin, end); });
  } else {
    parallel_for(outer, std::max<int64_t>(1, grain / inner.size), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) run(i, 0, inner.size);
    });
  }
}

template <class T, class Relation>
void compare_all(const Array& a, const Array& b, const Array& out, Relation relation) {
  const T *pa = a.data<T>(), *pb = b.data<T>();
  uint8_t* to = out.data<uint8_t>();
  parallel_for(out.numel(), grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = relation(pa[i], pb[i]);
  });
}

}  // namespace

void Cpu::fill(const Array& x, double value) {
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    T* to = x.data<T>();
    const T v = converted<T>(value);
    parallel_for(x.numel(), grain, [=](int64_t begin, int64_t end) { std::fill(to + begin, to + end, v); });
  });
}

void Cpu::convert(const Array& from, const Array& to) {
  visit(from.dtype(), [&](auto f) {
    visit(to.dtype(), [&](auto t) {
      using From = decltype(f);
      using To = decltype(t);
      const From* x = from.data<From>();
      To* y = to.data<To>();
      parallel_for(to.numel(), grain, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = converted<To>(x[i]);
      });
    });
  });
}

void Cpu::map(const Unary& f, const Array& x, const Array& y) {
  visit_floating(name(f), x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    parallel_for(x.numel(), grain,
                 [&](int64_t begin, int64_t end) { kernels<T>().map(f, from + begin, to + begin, end - begin); });
  });
}

void Cpu::map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient, const Array& out) {
  visit_floating(name(f), x.dtype(), [&](auto t) {
    using T = decltype(t);
    const T *px = x.data<T>(), *py = y.data<T>(), *pg = gradient.data<T>();
    T* to = out.data<T>();
    parallel_for(x.numel(), grain, [&](int64_t begin, int64_t end) {
      kernels<T>().map_gradient(f, px + begin, py + begin, pg + begin, to + begin, end - begin);
    });
  });
}

void Cpu::map(const Binary& f, const Array& a, const Array& b, const Array& y) {
  visit_floating(name(f), y.dtype(), [&](auto t) {
    using T = decltype(t);
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* to = y.data<T>();
    broadcast_runs(a.shape(), b.shape(), y.shape(), [&](int64_t ia, int sa, int64_t ib, int sb, int64_t io, int64_t n) {
      kernels<T>().map2(f, pa + ia, sa, pb + ib, sb, to + io, n);
    });
  });
}

void Cpu::map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient,
                       const Array& out) {
  visit_floating(name(f), out.dtype(), [&](auto t) {
    using T = decltype(t);
    const T *pa = a.data<T>(), *pb = b.data<T>(), *pg = gradient.data<T>();
    T* to = out.data<T>();
    broadcast_runs(a.shape(), b.shape(), out.shape(),
                   [&](int64_t ia, int sa, int64_t ib, int sb, int64_t io, int64_t n) {
                     kernels<T>().map2_gradient(f, argument, pa + ia, sa, pb + ib, sb, pg + io, to + io, n);
                   });
  });
}

void Cpu::compare(Compare relation, const Array& a, const Array& b, const Array& out) {
  visit(a.dtype(), [&](auto t) {
    using T = decltype(t);
    switch (relation) {
      case Compare::less: return compare_all<T>(a, b, out, [](T x, T y) { return x < y; });
      case Compare::less_equal: return compare_all<T>(a, b, out, [](T x, T y) { return x <= y; });
      case Compare::greater: return compare_all<T>(a, b, out, [](T x, T y) { return x > y; });
      case Compare::greater_equal: return compare_all<T>(a, b, out, [](T x, T y) { return x >= y; });
      case Compare::equal: return compare_all<T>(a, b, out, [](T x, T y) { return x == y; });
      case Compare::not_equal: return compare_all<T>(a, b, out, [](T x, T y) { return x != y; });
    }
  });
}

void Cpu::where(const Array& condition, const Array& a, const Array& b, const Array& out) {
  visit(out.dtype(), [&](auto t) {
    using T = decltype(t);
    const uint8_t* pick = condition.data<uint8_t>();
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* to = out.data<T>();
    parallel_for(out.numel(), grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = pick[i] ? pa[i] : pb[i];
    });
  });
}

void Cpu::broadcast(const Array& x, const Array& out) {
  visit(out.dtype(), [&](auto t) {
    using T = decltype(t);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    broadcast_runs(x.shape(), Shape{}, out.shape(), [&](int64_t ix, int stride, int64_t, int, int64_t io, int64_t n) {
      if (stride) std::copy_n(from + ix, n, to + io);
      else std::fill_n(to + io, n, from[ix]);
    });
  });
}

}  // namespace ramp
