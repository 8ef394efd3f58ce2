// A formula of one's own, on every device; the same file without CUDA's compiler is map_test.cpp.

#include "ramp/cuda/map.cuh"

#include "map_test.h"
