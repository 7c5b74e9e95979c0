/* capture/elapsed.c: see elapsed.h. */
#include "capture/elapsed.h"

void elapsed_init(struct elapsed *elapsed)
{
    elapsed->before_ns = INT64_MIN;
    elapsed->count = 0;
}

int64_t elapsed_agree(struct elapsed *elapsed, int64_t time_ns)
{
    int64_t agreed = time_ns < elapsed->before_ns ? time_ns : elapsed->before_ns;
    elapsed->before_ns = time_ns;
    return agreed;
}

void elapsed_pass(struct elapsed *elapsed, int64_t packet, int64_t time_ns)
{
    while (elapsed->count > 0 && elapsed->steps[elapsed->count - 1].time_ns <= time_ns)
        elapsed->count--;
    if (elapsed->count < ELAPSED_STEPS_MAX)
        elapsed->steps[elapsed->count++] = (struct elapsed_step){packet, time_ns};
}

int64_t elapsed_since(const struct elapsed *elapsed, int64_t packet)
{
    int64_t since = INT64_MIN;
    for (size_t i = elapsed->count; i > 0 && elapsed->steps[i - 1].packet > packet; i--)
        since = elapsed->steps[i - 1].time_ns;
    return since;
}
