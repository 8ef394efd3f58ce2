// The elementwise functions that are not formulas.

#include "ramp/core/array/broadcast.h"
#include "ramp/core/formulas/saturate_cast.h"
#include "ramp/cuda/cuda.h"
#include "ramp/cuda/device_error.h"
#include "ramp/cuda/launch.cuh"

namespace ramp {

namespace {

template <class T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

template <class From, class To>
struct Convert {
  const From* from;
  To* to;
  __device__ void operator()(int64_t i) const { to[i] = saturate_cast<To>(from[i]); }
};

/// Float to bfloat16, four numbers at a time.
struct ConvertFour {
  struct alignas(8) Four {
    BFloat16 at[4];
  };
  const float* from;
  BFloat16* to;
  __device__ void operator()(int64_t i) const {
    const float4 x = reinterpret_cast<const float4*>(from)[i];
    reinterpret_cast<Four*>(to)[i] = {{BFloat16(x.x), BFloat16(x.y), BFloat16(x.z), BFloat16(x.w)}};
  }
};

template <class T>
struct CompareEach {
  Compare relation;
  const T *a, *b;
  uint8_t* out;
  __device__ bool holds(T x, T y) const {
    switch (relation) {
      case Compare::less: return x < y;
      case Compare::less_equal: return x <= y;
      case Compare::greater: return x > y;
      case Compare::greater_equal: return x >= y;
      case Compare::equal: return x == y;
      default: return x != y;
    }
  }
  __device__ void operator()(int64_t i) const { out[i] = holds(a[i], b[i]); }
};

template <class T>
struct Where {
  const uint8_t* condition;
  const T *a, *b;
  T* out;
  __device__ void operator()(int64_t i) const { out[i] = condition[i] ? a[i] : b[i]; }
};

template <class T>
struct CheckRange {
  const T* x;
  double low, high;
  cuda::DeviceError* device_error;
  __device__ void operator()(int64_t i) const {
    const auto value = static_cast<double>(x[i]);
    if (!(value >= low && value <= high)) cuda::report(device_error, i);
  }
};

template <class T>
struct Broadcast {
  BroadcastAxes axes;
  const T* x;
  T* out;
  __device__ void operator()(int64_t i) const {
    int64_t from = 0;
    uint64_t rest = static_cast<uint64_t>(i);
    for (int k = 0; k < axes.count; ++k) {
      const auto size = static_cast<uint64_t>(axes.at[k].size);
      from += static_cast<int64_t>(rest % size) * axes.at[k].stride_a;
      rest /= size;
    }
    out[i] = x[from];
  }
};

}  // namespace

void Cuda::fill(const Array& x, double value) {
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::zip("fill", x.numel(), Constant<T>{saturate_cast<T>(value)}, x.data<T>());
  });
}

void Cuda::convert(const Array& from, const Array& to) {
  visit(from.dtype(), [&](auto f) {
    visit(to.dtype(), [&](auto t) {
      using From = decltype(f);
      using To = decltype(t);
      const From* x = from.data<const From>();
      To* y = to.data<To>();
      if constexpr (std::is_same_v<From, float> && std::is_same_v<To, BFloat16>)
        if (to.numel() % 4 == 0 && cuda::aligned(x) && reinterpret_cast<uintptr_t>(y) % 8 == 0)
          return cuda::each("to", to.numel() / 4, ConvertFour{x, y});
      cuda::each("to", to.numel(), Convert<From, To>{x, y});
    });
  });
}

void Cuda::compare(Compare relation, const Array& a, const Array& b, const Array& out) {
  visit(a.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::each("compare", out.numel(),
               CompareEach<T>{relation, a.data<const T>(), b.data<const T>(), out.data<uint8_t>()});
  });
}

void Cuda::where(const Array& condition, const Array& a, const Array& b, const Array& out) {
  visit(out.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::each("where", out.numel(),
               Where<T>{condition.data<const uint8_t>(), a.data<const T>(), b.data<const T>(), out.data<T>()});
  });
}

void Cuda::require_range(const RangeRule& rule, const Array& x) {
  visit(x.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::each(rule.op, x.numel(), CheckRange<T>{x.data<const T>(), rule.low, rule.high, cuda::context().device_error});
  });
  cuda::check_device_error(rule.op, rule.rule, x, rule.where);
}

void Cuda::broadcast(const Array& x, const Array& out) {
  const BroadcastAxes axes = merged_axes(x.shape(), Shape{}, out.shape());
  visit(out.dtype(), [&](auto t) {
    using T = decltype(t);
    cuda::each("broadcast_to", out.numel(), Broadcast<T>{axes, x.data<const T>(), out.data<T>()});
  });
}

}  // namespace ramp
