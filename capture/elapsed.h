/* capture/elapsed.h: how far the time of a capture has come, and how far it had come since a packet. Time goes back
 * where captures that were taken side by side are read one after the other. */
#ifndef CMSCOPE_CAPTURE_ELAPSED_H
#define CMSCOPE_CAPTURE_ELAPSED_H

#include <stddef.h>
#include <stdint.h>

/* Times that are kept while each is earlier than the one before. */
#define ELAPSED_STEPS_MAX 64

struct elapsed {
    int64_t before_ns; /* time stamp of the packet before */
    size_t count;
    /* The latest time that a packet and all after it have seen, for the packets where it changes: packets ascend, times
     * descend. */
    struct elapsed_step {
        int64_t packet, time_ns;
    } steps[ELAPSED_STEPS_MAX];
};

/* Before the first packet. */
void elapsed_init(struct elapsed *elapsed);

/* What the time has come to with a packet of that time stamp. Two packets must agree on it: one with an absurd time
 * stamp must not end all flows. */
int64_t elapsed_agree(struct elapsed *elapsed, int64_t time_ns);

/* At this packet the time had come to `time_ns`. Packets ascend. Of more than ELAPSED_STEPS_MAX times in descending
 * order the earliest are not kept. */
void elapsed_pass(struct elapsed *elapsed, int64_t packet, int64_t time_ns);

/* What the time has come to at most since `packet`, that packet not included; INT64_MIN when there was none. */
int64_t elapsed_since(const struct elapsed *elapsed, int64_t packet);

#endif
