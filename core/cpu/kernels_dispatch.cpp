#include <cstdlib>
#include <string>
#include <string_view>

#include "ramp/core/cpu/kernels.h"
#include "ramp/core/error.h"

namespace ramp {

// The instruction sets that CMakeLists.txt compiles kernels.cpp for, best first. The last one runs on every processor
// that the build targets.
#if defined(RAMP_NATIVE)
#define RAMP_ISAS(X) X(native)
#elif defined(__x86_64__)
#define RAMP_ISAS(X) X(avx512) X(avx2) X(baseline)
#else
#define RAMP_ISAS(X) X(baseline)
#endif

#define RAMP_DECLARE(isa)                              \
  namespace isa {                                      \
  template <class T>                                   \
  extern const Kernels<T> table;                       \
  extern template const Kernels<float> table<float>;   \
  extern template const Kernels<double> table<double>; \
  }
RAMP_ISAS(RAMP_DECLARE)

namespace {

#if defined(__x86_64__)
[[maybe_unused]] bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
[[maybe_unused]] bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
[[maybe_unused]] bool has_baseline() { return true; }
[[maybe_unused]] bool has_native() { return true; }

struct Choice {
  const char* name;
  bool (*supported)();
  const Kernels<float>* f32;
  const Kernels<double>* f64;
};
#define RAMP_CHOICE(isa) {#isa, has_##isa, &isa::table<float>, &isa::table<double>},
constexpr Choice choices[] = {RAMP_ISAS(RAMP_CHOICE)};

const Choice& choose() {
  const char* wanted = std::getenv("RAMP_ISA");
  std::string names;
  for (const Choice& choice : choices) {
    if (wanted ? wanted == std::string_view(choice.name) : choice.supported()) {
      if (!choice.supported()) fail("RAMP_ISA", "this processor lacks ", wanted);
      return choice;
    }
    names += std::string(names.empty() ? "" : ", ") + choice.name;
  }
  fail("RAMP_ISA", "expected an instruction set of this build (", names, "), got ", wanted);
}

const Choice& choice() {
  static const Choice& chosen = choose();
  return chosen;
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
  return *choice().f32;
}
template <>
const Kernels<double>& kernels<double>() {
  return *choice().f64;
}
const char* instruction_set() { return choice().name; }

}  // namespace ramp
