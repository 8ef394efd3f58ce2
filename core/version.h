#pragma once
// The version of ramp, which CMakeLists.txt reads from here. Before 1.0 a new minor version may change the API.

#define RAMP_VERSION_MAJOR 0
#define RAMP_VERSION_MINOR 2
#define RAMP_VERSION_PATCH 0
