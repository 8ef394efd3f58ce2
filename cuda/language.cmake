# Sets RAMP_WITH_CUDA, and enables the language if so: included by the project's CMakeLists.txt, as a language must be
# enabled at the top.

# A project that adds ramp to its own gets CUDA, whose compilation takes minutes, only if it asks.
set(ramp_cuda_default OFF)
if(PROJECT_IS_TOP_LEVEL)
  set(ramp_cuda_default AUTO)
endif()
set(RAMP_CUDA ${ramp_cuda_default} CACHE STRING "The CUDA backend: AUTO (when a CUDA compiler is found), ON, OFF, or EMULATED on the CPU for tests")
set_property(CACHE RAMP_CUDA PROPERTY STRINGS AUTO ON OFF EMULATED)

set(RAMP_WITH_CUDA OFF)
if(RAMP_CUDA STREQUAL "EMULATED")
  set(RAMP_WITH_CUDA ON)
elseif(RAMP_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(RAMP_WITH_CUDA ON)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)  # Turing, Ampere and Hopper; later devices compile the last one's PTX
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90)
    endif()
    enable_language(CUDA)
    if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake before 3.25.2 does not know that nvcc has C++20
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
  elseif(RAMP_CUDA STREQUAL "AUTO")
    message(STATUS "ramp: no CUDA compiler, so the CPU only")
  else()
    message(FATAL_ERROR "ramp: RAMP_CUDA=ON, but no CUDA compiler was found; set CMAKE_CUDA_COMPILER or CUDACXX")
  endif()
endif()

# How the .cu files of a target are compiled.
function(ramp_cuda_sources target)
  if(RAMP_CUDA STREQUAL "EMULATED")
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "\\.cu$")
    set(options -D__CUDACC__ -include cuda_runtime.h -Wno-unknown-pragmas -Wno-sign-compare)  # as nvcc does
    set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS "${options}")
    target_link_libraries(${target} PRIVATE cuda_on_cpu)
    return()
  endif()
  set_target_properties(${target} PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
  target_compile_options(
    ${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra
                      $<$<BOOL:${RAMP_WERROR}>:-Werror=all-warnings -Xcompiler=-Werror>>)
endfunction()
