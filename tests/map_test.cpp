// A formula of one's own, on the CPU.

#include "map_test.h"
