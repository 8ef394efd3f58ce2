#pragma once
// Smooth activations.

#include "ramp/core/error.h"
#include "ramp/core/formulas/common.h"

namespace ramp::formula {

// Gates, x g(x) with g rising from 0 to 1. Their limit at -inf is 0, where the product itself would be inf times 0.

/// x Phi(x), Phi the standard normal distribution function. Hendrycks & Gimpel 2016.
struct GELU {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(-1e4), V(0.0), x * normal_cdf(x));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return gate_slope(x, normal_cdf(x) + x * normal_pdf(x));
  }
};

/// The approximation x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 of GELU, as x sigmoid(2 sqrt(2/pi) (...)), which
/// preserves the precision of the tail. Hendrycks & Gimpel 2016.
struct GELUTanh {
  static constexpr double a = 1.5957691216057308, b = 0.07135481627260025;  // 2 sqrt(2/pi), and that times 0.044715
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(-1e4), V(0.0), x * logistic(x * (V(a) + V(b) * (x * x))));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    const V square = x * x, z = x * (V(a) + V(b) * square), slope = V(a) + V(3 * b) * square;
    return gate_slope(x, logistic(z) + x * (slope * logistic_slope(z)));
  }
};

/// x sigmoid(x), also called swish. Elfwing, Uchibe & Doya 2018; Ramachandran, Zoph & Le 2017.
struct SiLU {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(-1e4), V(0.0), x * logistic(x));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return gate_slope(x, logistic(x) + x * logistic_slope(x));
  }
};

/// x tanh(softplus(x)). Misra 2020. With e = e^-|x|, tanh(softplus(x)) = w / (w + r) where w, r are (1 + 2e, 2e^2) for
/// x >= 0 and (e (e + 2), 2) below, and its derivative is 4 e^2 (1 + e) / (w + r)^2 or 4 e (1 + e) / (w + r)^2.
struct Mish {
  template <class V>
  RAMP_HD V operator()(V x) const {
    const V e = exp(-abs(x));
    const V w = select(x >= V(0.0), V(1.0) + V(2.0) * e, e * (e + V(2.0)));
    return select(x < V(-1e4), V(0.0), x * (w / (w + select(x >= V(0.0), V(2.0) * e * e, V(2.0)))));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    const V e = exp(-abs(x));
    const V w = select(x >= V(0.0), V(1.0) + V(2.0) * e, e * (e + V(2.0)));
    const V sum = w + select(x >= V(0.0), V(2.0) * e * e, V(2.0));
    const V slope = V(4.0) * e * (V(1.0) + e) * select(x >= V(0.0), e, V(1.0)) / (sum * sum);
    return gate_slope(x, w / sum + x * slope);
  }
};

/// log(1 + e^(beta x)) / beta, as max(x, 0) + log1p(e^(-beta |x|)) / beta: no overflow, and no threshold beyond which
/// it would turn into x. Dugas et al. 2001.
struct Softplus {
  double beta = 1;
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x >= V(0.0), x, V(0.0)) + log1p(power(x)) / V(beta);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    const V e = power(x);
    return select(x >= V(0.0), V(1.0), e) / (V(1.0) + e);
  }
  /// e^(-beta |x|).
  template <class V>
  RAMP_HD V power(V x) const {
    return beta == 1 ? exp(-abs(x)) : scaled_exp(-beta, abs(x));
  }
  void check_layer() const {
    if (!(beta > 0)) fail("Softplus", "beta must be positive, got ", beta);
  }
};

/// log(sigmoid(x)) = min(x, 0) - log1p(e^-|x|).
struct LogSigmoid {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return select(x < V(0.0), x, V(0.0)) - log1p(exp(-abs(x)));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return logistic(-x);
  }
};

/// 1 / (1 + e^-x).
struct Sigmoid {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return logistic(x);
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    return logistic_slope(x);
  }
};

struct Tanh {
  template <class V>
  RAMP_HD V operator()(V x) const {
    return tanh(x);
  }
};

/// x / (1 + |x|). Turian, Bergstra & Bengio 2009; Glorot & Bengio 2010.
struct Softsign {
  template <class V>
  RAMP_HD V operator()(V x) const {
    const V finite = select(x > V(1e30), V(1e30), select(x < V(-1e30), V(-1e30), x));  // inf / inf would be NaN
    return finite / (V(1.0) + abs(finite));
  }
  template <class V>
  RAMP_HD V derivative(V x, V) const {
    const V q = V(1.0) / (V(1.0) + abs(x));
    return q * q;
  }
};

}  // namespace ramp::formula
