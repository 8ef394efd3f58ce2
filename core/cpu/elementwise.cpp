// Elementwise functions of the CPU backend: ranges of the arrays are handed to the serial kernels.

#include <algorithm>
#include <functional>

#include "ramp/core/array/broadcast.h"
#include "ramp/core/cpu/cpu.h"
#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/parallel.h"
#include "ramp/core/formulas/saturate_cast.h"

namespace ramp {

namespace {

constexpr int64_t grain = 1 << 15;  // the fewest elements worth a thread: about 10 us of the cheapest formula

/// Access to x, which broadcasts to `out`: by parts if it has as many elements as `out`, else as a whole.
template <class T>
Access<const T> access_of(const Array& x, const Array& out) {
  return {x, x.numel() != out.numel()};
}

/// Loops over contiguous runs of `out`: calls body(a + offset, stride of a, b + offset, stride of b, addresses of
/// `same` + offset..., n). The arrays `same` have the shape of `out`; the last of them is `out`.
template <class T, class Body, class... U>
void broadcast_runs(const Array& a, const Array& b, const Array& out, const Body& body, Access<U>... same) {
  if (out.numel() == 0) return;
  const BroadcastAxes axes = merged_axes(a.shape(), b.shape(), out.shape());
  const BroadcastAxis inner = axes.at[0];
  const int64_t outer = out.numel() / inner.size;
  // The loop is over elements if `out` is a single run, else over runs.
  const auto run = [axes, inner, body](const T* pa, const T* pb, U*... ps, int64_t outer, int64_t begin, int64_t end) {
    int64_t offset_a = begin * inner.stride_a, offset_b = begin * inner.stride_b, rest = outer;
    for (int i = 1; i < axes.count; ++i) {
      offset_a += rest % axes.at[i].size * axes.at[i].stride_a;
      offset_b += rest % axes.at[i].size * axes.at[i].stride_b;
      rest /= axes.at[i].size;
    }
    body(pa + offset_a, static_cast<int>(inner.stride_a), pb + offset_b, static_cast<int>(inner.stride_b),
         (ps + outer * inner.size + begin)..., end - begin);
  };
  const Access<const T> ta = access_of<T>(a, out), tb = access_of<T>(b, out);
  if (outer == 1) {
    parallel_for(
        inner.size, grain,
        [run](const T* pa, const T* pb, U*... ps, int64_t begin, int64_t end) { run(pa, pb, ps..., 0, begin, end); },
        ta, tb, same...);
  } else {
    parallel_for(
        outer, std::max<int64_t>(1, grain / inner.size),
        [run, size = inner.size](const T* pa, const T* pb, U*... ps, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) run(pa, pb, ps..., i, 0, size);
        },
        ta, tb, same...);
  }
}

}  // namespace

void Cpu::fill(const Array& x, double value) {
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        x.numel(), grain,
        [v = saturate_cast<T>(value)](T* to, int64_t begin, int64_t end) { std::fill(to + begin, to + end, v); },
        part<T>(x));
  });
}

void Cpu::convert(const Array& from, const Array& to) {
  visit(from.dtype(), [&](auto f) {
    visit(to.dtype(), [&](auto t) {
      using From = decltype(f);
      using To = decltype(t);
      parallel_for(
          to.numel(), grain,
          [](const From* x, To* y, int64_t begin, int64_t end) {
            if constexpr (std::is_same_v<From, float> && std::is_same_v<To, BFloat16>)
              return kernels<float>().to_bfloat16(x + begin, y + begin, end - begin);
            for (int64_t i = begin; i < end; ++i) y[i] = saturate_cast<To>(x[i]);
          },
          part<const From>(from), part<To>(to));
    });
  });
}

void Cpu::map(const Unary& f, const Array& x, const Array& y) {
  visit_floating(name(f), x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        x.numel(), grain,
        [f](const T* x, T* y, int64_t begin, int64_t end) { kernels<T>().map(f, x + begin, y + begin, end - begin); },
        part<const T>(x), part<T>(y));
  });
}

void Cpu::map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient, const Array& out) {
  visit_floating(name(f), x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        x.numel(), grain,
        [f](const T* x, const T* y, const T* g, T* out, int64_t begin, int64_t end) {
          kernels<T>().map_gradient(f, x + begin, y + begin, g + begin, out + begin, end - begin);
        },
        part<const T>(x), part<const T>(y), part<const T>(gradient), part<T>(out));
  });
}

void Cpu::map(const Binary& f, const Array& a, const Array& b, const Array& y) {
  visit_floating(name(f), y.dtype(), [&](auto t) {
    using T = decltype(t);
    broadcast_runs<T>(
        a, b, y,
        [f](const T* a, int stride_a, const T* b, int stride_b, T* y, int64_t n) {
          kernels<T>().map2(f, a, stride_a, b, stride_b, y, n);
        },
        part<T>(y));
  });
}

void Cpu::map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient,
                       const Array& out) {
  visit_floating(name(f), out.dtype(), [&](auto t) {
    using T = decltype(t);
    broadcast_runs<T>(
        a, b, out,
        [f, argument](const T* a, int stride_a, const T* b, int stride_b, const T* g, T* out, int64_t n) {
          kernels<T>().map2_gradient(f, argument, a, stride_a, b, stride_b, g, out, n);
        },
        part<const T>(gradient), part<T>(out));
  });
}

void Cpu::compare(Compare relation, const Array& a, const Array& b, const Array& out) {
  visit(a.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        out.numel(), grain,
        [relation](const T* a, const T* b, uint8_t* to, int64_t begin, int64_t end) {
          const auto each = [=](auto holds) {
            for (int64_t i = begin; i < end; ++i) to[i] = holds(a[i], b[i]);
          };
          switch (relation) {
            case Compare::less: return each(std::less<T>());
            case Compare::less_equal: return each(std::less_equal<T>());
            case Compare::greater: return each(std::greater<T>());
            case Compare::greater_equal: return each(std::greater_equal<T>());
            case Compare::equal: return each(std::equal_to<T>());
            case Compare::not_equal: return each(std::not_equal_to<T>());
          }
        },
        part<const T>(a), part<const T>(b), part<uint8_t>(out));
  });
}

void Cpu::where(const Array& condition, const Array& a, const Array& b, const Array& out) {
  visit(out.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        out.numel(), grain,
        [](const uint8_t* pick, const T* a, const T* b, T* to, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) to[i] = pick[i] ? a[i] : b[i];
        },
        part<const uint8_t>(condition), part<const T>(a), part<const T>(b), part<T>(out));
  });
}

void Cpu::require_range(const RangeRule& rule, const Array& x) {
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    parallel_for(
        1, 1,
        [rule, n = x.numel()](const T* x, int64_t, int64_t) {
          const auto kept = [&](T value) {
            return static_cast<double>(value) >= rule.low && static_cast<double>(value) <= rule.high;
          };
          bool all = true;  // no early exit, so that the loop vectorizes
          for (int64_t i = 0; i < n; ++i) all &= kept(x[i]);
          if (all) return;
          const int64_t at = std::find_if_not(x, x + n, kept) - x;
          if (*rule.where) fail(rule.op, rule.rule, ", got ", +x[at], " at ", rule.where, ' ', at);
          fail(rule.op, rule.rule, ", got ", +x[at]);
        },
        Access<const T>{x, true, true});
  });
}

void Cpu::broadcast(const Array& x, const Array& out) {
  visit(out.dtype(), [&](auto t) {
    using T = decltype(t);
    broadcast_runs<T>(
        x, x, out,
        [](const T* x, int stride, const T*, int, T* to, int64_t n) {
          if (stride) std::copy_n(x, n, to);
          else std::fill_n(to, n, *x);
        },
        part<T>(out));
  });
}

}  // namespace ramp
