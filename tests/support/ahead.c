/* A wall clock that goes ahead, or behind, of everybody else's: preloaded into one process, AHEAD_S seconds.
 * The monotonic clock, by which waiting is measured, stays what it is. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, clock, now);
  const char *ahead = getenv("AHEAD_S");
  if (!failed && clock == CLOCK_REALTIME && ahead)
    now->tv_sec += atol(ahead);
  return failed;
}
