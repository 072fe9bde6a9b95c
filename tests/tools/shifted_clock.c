/* shifted_clock.c - LD_PRELOADed to a server, its wall clock is TEST_CLOCK_SHIFT seconds ahead (or behind, when negative). Other clocks are
 * as they are. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *out)
{
    static long shift_s;
    static int known;
    const long failed = syscall(SYS_clock_gettime, id, out);
    if (!known) {
        const char *text = getenv("TEST_CLOCK_SHIFT");
        shift_s = text == NULL ? 0 : strtol(text, NULL, 10);
        known = 1;
    }
    if (failed == 0 && id == CLOCK_REALTIME) {
        out->tv_sec += shift_s;
    }
    return (int)failed;
}
