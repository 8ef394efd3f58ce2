#pragma once
// Packet<T>: one SIMD register of float or double, usable as the number type of formulas (math.h). It is built on the
// vector extension of g++ and clang, so the same lines serve SSE2, AVX2 and AVX-512: the instruction set that the
// compiler targets sets the width.
//
// Everything here is in a namespace named after the instruction set (RAMP_ISA), because the kernels are compiled once
// for each and the linker must never mix their functions.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ramp/core/formulas/dual.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define RAMP_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define RAMP_VECTOR_BYTES 32
#else
#define RAMP_VECTOR_BYTES 16
#endif

namespace ramp::RAMP_ISA {

/// The integer of T's size.
template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

/// The result of comparing two packets: all ones or all zeros in each lane.
template <class T>
struct Mask {
  using Raw [[gnu::vector_size(RAMP_VECTOR_BYTES)]] = Bits<T>;
  Raw m;
};

template <class T>
struct Packet {
  using Raw [[gnu::vector_size(RAMP_VECTOR_BYTES)]] = T;
  using Int = Bits<T>;
  using RawInt = typename Mask<T>::Raw;
  static constexpr int64_t width = RAMP_VECTOR_BYTES / sizeof(T);

  Raw v;

  Packet() = default;
  Packet(Raw raw) : v(raw) {}  // NOLINT(google-explicit-constructor): what an intrinsic returns is a packet
  explicit Packet(double constant) : v(static_cast<T>(constant) - Raw{}) {}  // not + 0, which would turn -0 into +0

  static Packet load(const T* from) {
    Packet p;
    std::memcpy(&p.v, from, sizeof(Raw));
    return p;
  }
  void store(T* to) const { std::memcpy(to, &v, sizeof(Raw)); }
  /// A streaming store, which bypasses the caches. `to` must be aligned to the size of the register.
  void stream(T* to) const {
#if defined(__AVX512F__)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)v);
#elif defined(__AVX2__)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)v);
#elif defined(__SSE2__)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)v);
#else
    store(to);
#endif
  }
  /// Loads the first n lanes and sets the others to `rest`, so that the tail of an array uses the same arithmetic as
  /// the body.
  static Packet load(const T* from, int64_t n, T rest = 0) {
    Packet p = all(rest);
    std::memcpy(&p.v, from, n * sizeof(T));
    return p;
  }
  void store(T* to, int64_t n) const { std::memcpy(to, &v, n * sizeof(T)); }
  static Packet all(T value) { return value - Raw{}; }

  friend Packet operator-(Packet a) { return -a.v; }
  friend Packet operator+(Packet a, Packet b) { return a.v + b.v; }
  friend Packet operator-(Packet a, Packet b) { return a.v - b.v; }
  friend Packet operator*(Packet a, Packet b) { return a.v * b.v; }
  friend Packet operator/(Packet a, Packet b) { return a.v / b.v; }
  friend Mask<T> operator<(Packet a, Packet b) { return {a.v < b.v}; }
  friend Mask<T> operator>(Packet a, Packet b) { return {a.v > b.v}; }
  friend Mask<T> operator<=(Packet a, Packet b) { return {a.v <= b.v}; }
  friend Mask<T> operator>=(Packet a, Packet b) { return {a.v >= b.v}; }
  friend Mask<T> operator==(Packet a, Packet b) { return {a.v == b.v}; }
  friend Mask<T> operator!=(Packet a, Packet b) { return {a.v != b.v}; }
};

template <class T>
Packet<T> select(Mask<T> condition, Packet<T> a, Packet<T> b) {
  return condition.m ? a.v : b.v;
}
template <class T>
Packet<T> min(Packet<T> a, Packet<T> b) {
  return select(a < b, a, select(a != a, a, b));
}
template <class T>
Packet<T> max(Packet<T> a, Packet<T> b) {
  return select(a > b, a, select(a != a, a, b));
}
template <class T>
Packet<T> abs(Packet<T> x) {
  using P = Packet<T>;
  constexpr auto sign = static_cast<typename P::Int>(typename P::Int{1} << (8 * sizeof(T) - 1));
  return (typename P::Raw)((typename P::RawInt)x.v & ~(typename P::RawInt{} + sign));
}

/// Applies f lane by lane through the C library: for double, where accuracy matters more than speed, and for rare
/// functions.
template <class T, class F>
Packet<T> each_lane(Packet<T> x, F f) {
  for (int64_t i = 0; i < Packet<T>::width; ++i) x.v[i] = f(x.v[i]);
  return x;
}
template <class T>
Packet<T> sqrt(Packet<T> x) {
  return each_lane(x, [](T a) { return std::sqrt(a); });
}
template <class T>
Packet<T> pow(Packet<T> x, Packet<T> p) {
  return each_lane(x, [e = p.v[0]](T a) { return std::pow(a, e); });
}
#define RAMP_EACH_LANE(f)                                     \
  inline Packet<double> f(Packet<double> x) {                 \
    return each_lane(x, [](double a) { return math::f(a); }); \
  }
RAMP_EACH_LANE(exp)
RAMP_EACH_LANE(expm1)
RAMP_EACH_LANE(log)
RAMP_EACH_LANE(log1p)
RAMP_EACH_LANE(tanh)
RAMP_EACH_LANE(erfc)
RAMP_EACH_LANE(normal_cdf)
RAMP_EACH_LANE(normal_pdf)
#undef RAMP_EACH_LANE
inline Packet<double> scaled_exp(double factor, Packet<double> x) {
  return each_lane(x, [factor](double a) { return math::scaled_exp(factor, a); });
}

// ---- float32: polynomials, a few units in the last place ------------------------------------------------------------

using F = Packet<float>;

/// Unsigned integers, because those computed from NaN or a negative number may wrap around.
using Unsigned [[gnu::vector_size(RAMP_VECTOR_BYTES)]] = uint32_t;
inline Mask<float>::Raw minus(Mask<float>::Raw a, Mask<float>::Raw b) {
  return (Mask<float>::Raw)((Unsigned)a - (Unsigned)b);
}

/// The polynomial with these coefficients, the highest power's first, by Horner's rule.
template <class... C>
F polynomial(F x, double first, C... more) {
  F y(first);
  ((y = y * x + F(more)), ...);
  return y;
}

/// 2^n for integral n in [-126, 127].
inline F pow2(Mask<float>::Raw n) { return (F::Raw)(((Unsigned)n + 127) << 23); }

/// x = n ln 2 + r with |r| <= ln(2) / 2, where ln 2 is split into two parts so that r keeps its digits; and e^r - 1.
struct ExpParts {
  F n, expm1_r;
};
inline ExpParts exp_parts(F x) {
  const F magic(12582912.0);  // 1.5 * 2^23: adding it rounds to an integer
  const F n = (x * F(1.44269504088896341) + magic) - magic;
  const F r = (x - n * F(0.693359375)) + n * F(2.12194440054690583e-4);
  // (e^r - 1 - r) / r^2, Chebyshev fit, error 1.4e-9
  const F q =
      polynomial(r, 1.989107467e-4, 1.39337255e-3, 8.33331085e-3, 4.166646424e-2, 1.666666668e-1, 5.000000014e-1);
  return {n, r + r * r * q};
}

/// e^x for x in [-174, 89], or NaN.
inline F exp_in_range(F x) {
  const auto [n, m] = exp_parts(x);
#if defined(__AVX512F__)
  return (F::Raw)_mm512_scalef_ps((__m512)(F(1.0) + m).v, (__m512)n.v);
#else
  const auto whole = __builtin_convertvector(n.v, Mask<float>::Raw), half = whole >> 1;  // split to fit pow2's range
  return (F(1.0) + m) * pow2(half) * pow2(whole - half);
#endif
}

/// The clamps leave NaN alone, let +inf overflow and -inf underflow.
inline F exp(F x) {
  const F clamped = select(x > F(89.0), F(89.0), select(x < F(-104.0), F(-104.0), x));
  return exp_in_range(clamped);
}

/// e^x - 1 = 2 (2^(n-1) (e^r - 1) + (2^(n-1) - 1/2)): just e^r - 1 near 0, where n = 0, and no premature overflow.
inline F expm1(F x) {
  const F clamped = select(x > F(89.0), F(89.0), select(x < F(-20.0), F(-20.0), x));
  const auto [n, m] = exp_parts(clamped);
  const F scale = pow2(minus(__builtin_convertvector(n.v, Mask<float>::Raw), Mask<float>::Raw{} + 1));
  return F(2.0) * (scale * m + (scale - F(0.5)));
}

/// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1 + f) by the series of atanh in s = f / (2 + f).
inline F log(F x) {
  const Mask<float> tiny = x < F(1.17549435e-38);
  const F scaled = select(tiny, x * F(8388608.0), x);
  const auto bits = (Mask<float>::Raw)scaled.v;
  const auto k = minus(bits, Mask<float>::Raw{} + 0x3f3504f3) >> 23;  // 0x3f3504f3: sqrt(1/2)
  const F f = F((F::Raw)minus(bits, k << 23)) - F(1.0);
  const F exponent = F(__builtin_convertvector(k, F::Raw)) - select(tiny, F(23.0), F(0.0));
  const F s = f / (F(2.0) + f), z = s * s;
  // (2 atanh(s) / s - 2) / s^2, Chebyshev fit, error 1.2e-9
  const F tail = polynomial(z, 2.334194339e-1, 2.855039696e-1, 4.000012559e-1, 6.666666655e-1);
  const F half_square = F(0.5) * f * f;
  const F result = (f - (half_square - s * (half_square + z * tail))) + exponent * F(-2.12194440054690583e-4) +
                   exponent * F(0.693359375);
  const F infinity(INFINITY), nan(NAN);
  return select(x < F(0.0), nan, select(x == F(0.0), -infinity, select(x < infinity, result, x)));
}

/// log(1 + x), corrected for the error of rounding 1 + x (Kahan).
inline F log1p(F x) {
  const F u = F(1.0) + x;
  const F mended = log(u) + (x - (u - F(1.0))) / u;
  return select(u == F(INFINITY), u, select(u == F(0.0), F(-INFINITY), mended));
}

/// -m / (2 + m) with m = e^(-2|x|) - 1, and the sign of x.
inline F tanh(F x) {
  const F m = expm1(F(-2.0) * abs(x));
  const F y = m / (F(2.0) + m);
  return select(x > F(0.0), -y, y);
}

/// a b - product, where product is a b rounded.
inline F product_error(F a, F b, F product) {
#if defined(__AVX512F__)
  return (F::Raw)_mm512_fmsub_ps((__m512)a.v, (__m512)b.v, (__m512)product.v);
#elif defined(__FMA__)
  return (F::Raw)_mm256_fmsub_ps((__m256)a.v, (__m256)b.v, (__m256)product.v);
#else
  // Dekker 1971: with halves of 12 bits, whose products are exact.
  const auto upper = [](F x) { return F((F::Raw)(((Unsigned)x.v + 0x800) & ~0xfffu)); };
  const F a1 = upper(a), a2 = a - a1, b1 = upper(b), b2 = b - b1;
  return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
#endif
}

inline F scaled_exp(double factor, F x) {
  const F f(factor), rest(factor - static_cast<double>(static_cast<float>(factor)));
  const F product = f * x, y = exp(product);
  const F error = product_error(f, x, product) + rest * x;
  return select(product > F(-104.0), y + y * error, y);  // below -104, y is 0 and the error may be infinite
}

/// min(|x|, most): `most` is 11 for e^(-x^2) and 15 for e^(-x^2/2), which are 0 in float32 from there on.
inline F magnitude(F x, double most) {
  const F a = abs(x);
  return select(a > F(most), F(most), a);
}

/// e^(-factor x^2) for x = magnitude(...), corrected for the error of rounding x^2, which would cost as many digits as
/// x^2 has before the decimal point.
inline F gauss(F x, double factor) {
  const F square = x * x;
  const F y = exp_in_range(F(-factor) * square);
  return y - y * (F(factor) * product_error(x, x, square));
}

/// e^(u^2) erfc(u) as t P(t) with t = 1 / (1 + 3u/8), after Shepherd & Laframboise 1981; P is fitted for u in [0, 10.7)
/// over s in [-1, 1], relative error 1.6e-8, and beyond that e^(-u^2) is 0.
inline F scaled_erfc(F u) {
  const F t = F(1.0) / (F(1.0) + F(0.375) * u);
  const F s = F(1.0) - F(0.9369158878504672) * (u * t);
  return t * polynomial(s, 4.003838757e-05, 1.295236563e-05, -0.0006326785523, -0.001031065137, 0.007868751083,
                        0.05032475116, 0.1555416697, 0.3191135282, 0.468762039);
}

inline F erfc(F x) {
  const F a = magnitude(x, 11);
  const F tail = scaled_erfc(a) * gauss(a, 1);
  return select(x < F(0.0), F(2.0) - tail, tail);
}
inline F normal_cdf(F x) {
  const F a = magnitude(x, 15);
  const F tail = F(0.5) * scaled_erfc(a * F(0.7071067811865476)) * gauss(a, 0.5);
  return select(x > F(0.0), F(1.0) - tail, tail);
}
inline F normal_pdf(F x) { return F(0.3989422804014327) * gauss(magnitude(x, 15), 0.5); }

}  // namespace ramp::RAMP_ISA
