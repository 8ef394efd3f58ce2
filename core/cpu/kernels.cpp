// Compiled once for each instruction set, which RAMP_ISA names. Eigen's namespace is renamed in each, because Eigen's
// functions are inline templates, of which the linker would otherwise keep one version for all.

#define RAMP_JOIN_(a, b) a##b
#define RAMP_JOIN(a, b) RAMP_JOIN_(a, b)
#define Eigen RAMP_JOIN(ramp_eigen_, RAMP_ISA)
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#undef Eigen

#include "ramp/core/cpu/kernels.h"
#include "ramp/core/cpu/packet.h"

namespace ramp::RAMP_ISA {
namespace {

namespace eigen = RAMP_JOIN(ramp_eigen_, RAMP_ISA);

/// Calls body(i, count) for each packet of n elements; count is the packet's width, or less in the last packet.
template <class T, class Body>
void packets(int64_t n, Body body) {
  constexpr int64_t width = Packet<T>::width;
  int64_t i = 0;
  for (; i + width <= n; i += width) body(i, std::integral_constant<int64_t, width>{});
  if (i < n) body(i, n - i);
}
// A full packet's count is a constant, so that its load and store are single instructions.
template <class T, class N>
Packet<T> load(const T* from, N n, T rest = 0) {
  if constexpr (std::is_same_v<N, int64_t>) return Packet<T>::load(from, n, rest);
  else return Packet<T>::load(from);
}
template <class T, class N>
void store(Packet<T> value, T* to, N n) {
  if constexpr (std::is_same_v<N, int64_t>) value.store(to, n);
  else value.store(to);
}

/// out[i] = body(i, count) for n elements, with `count` as in packets(). Results of 32 MiB or more, which no cache
/// keeps until they are read, are written with streaming stores. That avoids reading the lines first: a third less
/// memory traffic.
template <class T, class Body>
void fill_packets(T* out, int64_t n, Body body) {
  constexpr int64_t width = Packet<T>::width, large = (32 << 20) / sizeof(T);
  const int64_t head = n < large ? n : (-reinterpret_cast<intptr_t>(out) & (RAMP_VECTOR_BYTES - 1)) / sizeof(T);
  packets<T>(head, [=](int64_t i, auto count) { store(body(i, count), out + i, count); });
  if (head == n) return;
  const int64_t end = head + (n - head) / width * width;
  for (int64_t i = head; i < end; i += width) body(i, std::integral_constant<int64_t, width>{}).stream(out + i);
#if defined(__x86_64__)
  _mm_sfence();
#endif
  packets<T>(n - end, [=](int64_t i, auto count) { store(body(end + i, count), out + end + i, count); });
}

template <class T>
void map(const Unary& f, const T* x, T* y, int64_t n) {
  std::visit([=](const auto& f) { fill_packets(y, n, [=](int64_t i, auto count) { return f(load(x + i, count)); }); },
             f);
}

template <class T>
void map_gradient(const Unary& f, const T* x, const T* y, const T* gradient, T* out, int64_t n) {
  std::visit(
      [=](const auto& f) {
        fill_packets(out, n, [=](int64_t i, auto count) {
          const auto slope = derivative(f, load(x + i, count), load(y + i, count));
          return load(gradient + i, count) * slope;
        });
      },
      f);
}

template <class T>
void bias_map(const Unary& f, T* z, const T* bias, T* y, int64_t rows, int64_t columns) {
  std::visit(
      [=](const auto& f) {
        for (int64_t row = 0; row < rows; ++row) {
          T *to_z = z + row * columns, *to_y = y + row * columns;
          packets<T>(columns, [=](int64_t i, auto count) {
            const Packet<T> sum = load(to_z + i, count) + load(bias + i, count);
            store(sum, to_z + i, count);
            store(f(sum), to_y + i, count);
          });
        }
      },
      f);
}

/// An argument of a binary formula: an array, or a single number.
template <class T, bool moves>
struct Operand {
  const T* data;
  template <class N>
  Packet<T> operator()(int64_t i, N count) const {
    if constexpr (moves) return load(data + i, count, T(1));  // fill with 1: no division by zero in unused lanes
    else return Packet<T>::all(*data);
  }
};
/// Calls body(operand a, operand b), with the strides as template arguments.
template <class T, class Body>
void with_operands(const T* a, int stride_a, const T* b, int stride_b, Body body) {
  if (stride_a && stride_b) body(Operand<T, true>{a}, Operand<T, true>{b});
  else if (stride_a) body(Operand<T, true>{a}, Operand<T, false>{b});
  else if (stride_b) body(Operand<T, false>{a}, Operand<T, true>{b});
  else body(Operand<T, false>{a}, Operand<T, false>{b});
}

template <class T>
void map2(const Binary& f, const T* a, int stride_a, const T* b, int stride_b, T* y, int64_t n) {
  std::visit(
      [=](const auto& f) {
        with_operands(a, stride_a, b, stride_b, [=](auto a, auto b) {
          packets<T>(n, [=](int64_t i, auto count) { store(f(a(i, count), b(i, count)), y + i, count); });
        });
      },
      f);
}

template <class T>
void map2_gradient(const Binary& f, int argument, const T* a, int stride_a, const T* b, int stride_b, const T* gradient,
                   T* out, int64_t n) {
  std::visit(
      [=](const auto& f) {
        with_operands(a, stride_a, b, stride_b, [=](auto a, auto b) {
          packets<T>(n, [=](int64_t i, auto count) {
            const auto x = a(i, count), y = b(i, count);
            const auto slope = argument == 0 ? partial<0>(f, x, y) : partial<1>(f, x, y);
            store(load(gradient + i, count) * slope, out + i, count);
          });
        });
      },
      f);
}

template <class T>
T add_lanes(Packet<T> p) {
  T sum = 0;
  for (int64_t i = 0; i < p.width; ++i) sum += p.v[i];
  return sum;
}

/// Sums are accumulated over runs of this many packets, and then over the runs: in one long run the rounding errors
/// would grow with its length.
constexpr int64_t run_packets = 64;

/// The sum of body(i, count) over n elements, with `count` as in packets().
template <class T, class Body>
T sum_packets(int64_t n, Body body) {
  constexpr int64_t run = run_packets * Packet<T>::width;
  Packet<T> total(0.0);
  for (int64_t begin = 0; begin < n; begin += run) {
    Packet<T> part(0.0);
    packets<T>(std::min(run, n - begin), [&](int64_t i, auto count) { part = part + body(begin + i, count); });
    total = total + part;
  }
  return add_lanes(total);
}

/// The sum of n elements, as in sum_packets() but with four independent accumulators, so that the additions overlap.
template <class T>
T sum(const T* x, int64_t n) {
  constexpr int64_t width = Packet<T>::width, run = run_packets * width;
  Packet<T> total(0.0);
  for (int64_t begin = 0; begin < n; begin += run) {
    const int64_t end = std::min(n, begin + run);
    Packet<T> lanes[4] = {Packet<T>(0.0), Packet<T>(0.0), Packet<T>(0.0), Packet<T>(0.0)};
    int64_t i = begin;
    for (; i + 4 * width <= end; i += 4 * width)
      for (int j = 0; j < 4; ++j) lanes[j] = lanes[j] + Packet<T>::load(x + i + j * width);
    packets<T>(end - i, [&](int64_t j, auto count) { lanes[0] = lanes[0] + load(x + i + j, count); });
    total = total + ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
  }
  return add_lanes(total);
}

template <class T>
T sum_squares(const T* x, int64_t n) {
  return sum_packets<T>(n, [=](int64_t i, auto count) {
    const Packet<T> p = load(x + i, count);
    return p * p;
  });
}

template <class T>
void add_rows(const T* x, int64_t rows, int64_t stride, T* sum, int64_t n) {
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4)
    packets<T>(n, [=](int64_t i, auto count) {
      const auto next = [=](int64_t r) { return load(x + (row + r) * stride + i, count); };
      store(load(sum + i, count) + ((next(0) + next(1)) + (next(2) + next(3))), sum + i, count);
    });
  for (; row < rows; ++row)
    packets<T>(n, [=](int64_t i, auto count) {
      store(load(sum + i, count) + load(x + row * stride + i, count), sum + i, count);
    });
}

template <class T>
void matmul(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, bool transpose_a, const T* b, int64_t ldb,
            bool transpose_b, T* c, int64_t ldc) {
  using Stride = eigen::OuterStride<>;
  using Matrix = eigen::Matrix<T, eigen::Dynamic, eigen::Dynamic, eigen::RowMajor>;
  using In = eigen::Map<const Matrix, 0, Stride>;
  eigen::Map<Matrix, 0, Stride> out(c, m, n, Stride(ldc));
  const In left = transpose_a ? In(a, k, m, Stride(lda)) : In(a, m, k, Stride(lda));
  const In right = transpose_b ? In(b, n, k, Stride(ldb)) : In(b, k, n, Stride(ldb));
  if (k == 1 && (!transpose_b || ldb == 1)) {  // Eigen would fill c with zeros first, and read it again
    for (int64_t i = 0; i < m; ++i) {
      const Packet<T> factor = Packet<T>::all(a[transpose_a ? i : i * lda]);
      T* to = c + i * ldc;
      packets<T>(n, [=](int64_t j, auto count) { store(factor * load(b + j, count), to + j, count); });
    }
    return;
  }
  if (transpose_a && transpose_b) out.noalias() = left.transpose() * right.transpose();
  else if (transpose_a) out.noalias() = left.transpose() * right;
  else if (transpose_b) out.noalias() = left * right.transpose();
  else out.noalias() = left * right;
}

template <class T>
T cross_entropy(const T* logits, int64_t classes, int32_t label, const T* weights, T keep, T spread, T* gradient) {
  using P = Packet<T>;
  const T infinity = std::numeric_limits<T>::infinity();
  P largest = P::all(-infinity);
  packets<T>(classes, [&](int64_t i, auto count) { largest = max(largest, load(logits + i, count, -infinity)); });
  T top = largest.v[0];
  for (int64_t i = 1; i < P::width; ++i) top = math::max<T>(top, largest.v[i]);

  const T sum = sum_packets<T>(classes, [=](int64_t i, auto count) {
    const P e = exp(load(logits + i, count, -infinity) - P::all(top));
    store(e, gradient + i, count);
    return e;
  });
  const T log_sum = std::log(sum);

  const T hit = keep * (weights ? weights[label] : T(1));
  T loss = hit * (log_sum - (logits[label] - top)), target_sum = hit;
  const auto weight = [=](int64_t i, auto count) { return weights ? load(weights + i, count) : P(1.0); };
  if (spread != 0) {
    const T weight_sum = weights ? sum_packets<T>(classes, weight) : static_cast<T>(classes);
    loss += spread * (weight_sum * log_sum + sum_packets<T>(classes, [=](int64_t i, auto count) {
                        return weight(i, count) * (P::all(top) - load(logits + i, count, top));
                      }));
    target_sum += spread * weight_sum;
  }
  const P factor = P::all(target_sum / sum), share = P::all(spread);
  packets<T>(classes, [=](int64_t i, auto count) {
    P g = load(gradient + i, count) * factor;
    if (spread != 0) g = g - share * weight(i, count);
    store(g, gradient + i, count);
  });
  gradient[label] -= hit;
  return loss;
}

/// `Count` states, so that they stay in registers. (The factors are read without read_factors(), which is no template
/// over the instruction set's types.)
template <int Count, class T, class F>
void update_with(const F& f, const double* factors, T* parameter, const T* gradient, T* const* states, int64_t n) {
  std::array<T*, max_states> state{};
  for (int j = 0; j < Count; ++j) state[j] = states[j];
  packets<T>(n, [=, k = *reinterpret_cast<const FactorsOf<F>*>(factors)](int64_t i, auto count) {
    Packet<T> s[max_states];
    for (int j = 0; j < Count; ++j) s[j] = load(state[j] + i, count);
    store(f(load(parameter + i, count), load(gradient + i, count), s, k), parameter + i, count);
    for (int j = 0; j < Count; ++j) store(s[j], state[j] + i, count);
  });
}

template <class T>
void update(const UpdateRule& rule, const double* factors, T* parameter, const T* gradient, T* const* states, int count,
            int64_t n) {
  std::visit(
      [=](const auto& f) {
        switch (count) {
          case 0: return update_with<0>(f, factors, parameter, gradient, states, n);
          case 1: return update_with<1>(f, factors, parameter, gradient, states, n);
          case 2: return update_with<2>(f, factors, parameter, gradient, states, n);
          default: return update_with<3>(f, factors, parameter, gradient, states, n);
        }
      },
      rule);
}

void to_bfloat16(const float* x, BFloat16* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = BFloat16(x[i]);
}

}  // namespace

template <class T>
extern const Kernels<T> table = {map<T>,           map_gradient<T>,  bias_map<T>,    map2<T>,
                                 map2_gradient<T>, sum<T>,           sum_squares<T>, add_rows<T>,
                                 matmul<T>,        cross_entropy<T>, update<T>,      to_bfloat16};
template const Kernels<float> table<float>;
template const Kernels<double> table<double>;

}  // namespace ramp::RAMP_ISA
