#pragma once

#include <string>

#include "ramp/core/error.h"

/// The message of the Error that f throws, or "no error".
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const ramp::Error& error) {
    return error.what();
  }
  return "no error";
}
