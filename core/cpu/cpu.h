#pragma once
// The CPU backend; backend.h states what each function means.

#include "ramp/core/array_ops.h"
#include "ramp/core/cpu/graph.h"
#include "ramp/core/precision.h"

namespace ramp {

struct Cpu {
  using Graph = cpu::Graph;

  static void join() {}
  static void* allocate(int64_t bytes);
  static void deallocate(void* data, int64_t bytes);
  static MemoryStats memory_stats();
  static void release_cached_memory();

  static void fill(const Array& x, double value);
  static void convert(const Array& from, const Array& to);
  static void map(const Unary& f, const Array& x, const Array& y);
  static void map_gradient(const Unary& f, const Array& x, const Array& y, const Array& gradient, const Array& out);
  static void map(const Binary& f, const Array& a, const Array& b, const Array& y);
  static void map_gradient(const Binary& f, int argument, const Array& a, const Array& b, const Array& gradient,
                           const Array& out);
  static void compare(Compare relation, const Array& a, const Array& b, const Array& out);
  static void where(const Array& condition, const Array& a, const Array& b, const Array& out);
  static void require_range(const RangeRule& rule, const Array& x);

  static void copy(const Array& from, const Array& to);
  static void copy_blocks(const Array& from, const Array& to, const BlockCopy& blocks);
  static void broadcast(const Array& x, const Array& out);
  static void transpose(const Array& x, const Array& out);
  static void gather(const Array& x, const Array& indices, const Array& out);
  static void load_batch(const Array& images, const Array& labels, const Array& rows, double mean, double stddev,
                         const Array& to_images, const Array& to_labels);
  static void scatter_add(const Array& x, const Array& indices, const Array& out);
  static void scatter_axis(const Array& x, const Array& indices, AxisView view, const Array& out);

  static void sum(const Array& x, AxisView view, const Array& out, bool aside = false);
  static void max(const Array& x, AxisView view, const Array& values, const Array& indices);
  static void round_to_bfloat16(const Array& x, const Array& out);
  static void matmul(const Array& a, const Array& b, MatmulOptions options, const Array& out);
  static void require(Precision precision);

  static void uniform(const Array& out, double low, double high, RandomKey key);
  static void dropout_mask(const Array& out, double keep, RandomKey key);

  static void dense(const Unary* f, const Array& x, const Array& w, const Array& bias, const Array& z, const Array& y);
  static void dense_gradient(const Unary& f, const Array& z, const Array& y, const Array& upstream, const Array& out,
                             const Array& sums);
  static void prelu_gradient(const formula::PReLU& f, const Array& z, const Array& slope, const Array& upstream,
                             const Array& out, const Array& sums, const Array& slope_sums);
  static void cross_entropy(const Array& logits, const Array& labels, const CrossEntropyStep& step, const Array& losses,
                            const Array& gradient, const Array& sum);
  static void sgd(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity,
                  const Array& rounded);
};

}  // namespace ramp
