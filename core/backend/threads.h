#pragma once
// The threads of the CPU backend: one pool, which sleeps when it has nothing to do.

#include <cstdint>

namespace ramp {

/// How many threads work, the caller's among them; at first as many as the processor has cores, or as the environment
/// variable OMP_NUM_THREADS says. Throws Error below 1 and above 1024. Not for use while another thread computes.
void set_num_threads(int n);
int num_threads();

namespace detail {
/// Calls work(context) at the same time on the calling thread and on those threads of the pool that have woken up
/// before it is done; returns when all have left it. If the work threw on any thread, rethrows the first exception
/// then. When the pool is taken, by this thread or by another, only the caller works.
void run_on_pool(void (*work)(const void*), const void* context);
/// Spins once while waiting for another thread and counts the spins in `since`. Returns false after some microseconds:
/// the caller should then block.
bool spin(int& since);
}  // namespace detail

/// The pool's threads run work() together: it is expected to share out its pieces through an atomic counter.
template <class Work>
void run_on_pool(const Work& work) {
  detail::run_on_pool([](const void* w) { (*static_cast<const Work*>(w))(); }, &work);
}

}  // namespace ramp
