// Linked into every program here. C++ ends a program with status 0 where its output was lost, on a full disk say; this
// ends it with 1 and a line on the standard error.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>

namespace {

struct Closeout {
  /// Where a standard stream is closed, the next file to be opened would take its place, and be written to.
  Closeout() {
    int file = 0;
    while (file >= 0 && file <= STDERR_FILENO) file = open("/dev/null", O_RDONLY);
    close(file);
  }
  ~Closeout() {
    if (std::cout.flush()) return;
    std::cerr << program_invocation_short_name << ": the standard output could not be written\n";
    std::_Exit(1);
  }
} closeout;

}  // namespace
