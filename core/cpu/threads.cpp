#include "ramp/core/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "ramp/core/error.h"

namespace ramp {

namespace {
#ifdef _OPENMP
int threads = omp_get_max_threads();
#else
int threads = 1;
#endif
}  // namespace

void set_num_threads(int n) {
  if (n < 1) fail("set_num_threads", "expected at least 1, got ", n);
#ifdef _OPENMP
  threads = n;
#endif
}

int num_threads() { return threads; }

}  // namespace ramp
