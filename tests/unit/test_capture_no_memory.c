/* tests/unit/test_capture_no_memory.c: each allocation of capture/ fails in turn: nothing crashes, nothing leaks, an error
 * is a sentence, and what is delivered is what was sent or a gap.
 *
 * The functions are replaced by the linker (--wrap, see tests/CMakeLists.txt). */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/decode.h"
#include "capture/flow.h"
#include "capture/source.h"

/* Calls until one fails; -1: none does. */
static int64_t calls_left = -1;
/* Pieces of memory that are not freed. */
static int64_t held;

static bool fails(void)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    errno = ENOMEM;
    return true;
}

static void *taken(void *memory)
{
    held += memory != NULL;
    return memory;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's --wrap makes these names */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *at);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : taken(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : taken(__real_calloc(count, size));
}

void *__wrap_realloc(void *at, size_t size)
{
    if (fails())
        return NULL;
    return at == NULL ? taken(__real_malloc(size)) : __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : taken(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : taken(__real_strdup(text));
}

void __wrap_free(void *at)
{
    held -= at != NULL;
    __real_free(at);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* What a run brought. */
struct seen {
    int64_t packets;
    uint64_t bytes, gaps, opened, closed;
    enum outcome outcome;
    struct error error;
    struct tracker_counts counts;
};

static void on_opened(void *context, struct flow *flow)
{
    (void)flow;
    ((struct seen *)context)->opened++;
}

static void on_data(void *context, struct flow *flow, enum direction direction, struct cursor bytes,
                    struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    ((struct seen *)context)->bytes += bytes.left;
}

static void on_gap(void *context, struct flow *flow, enum direction direction, uint64_t bytes, struct moment moment)
{
    (void)flow;
    (void)direction;
    (void)moment;
    assert_true(bytes > 0);
    ((struct seen *)context)->gaps += bytes;
}

static void on_closed(void *context, struct flow *flow)
{
    (void)flow;
    ((struct seen *)context)->closed++;
}

static void read_all(const char *path, const char *filter, struct decoder *decoder, struct tracker *tracker,
                     struct seen *seen)
{
    struct source *source = NULL;
    struct packet packet;
    struct segment segment;
    seen->outcome = source_open(path, filter, &source, &seen->error);
    assert_true((seen->outcome == OUTCOME_OK) == (source != NULL));
    while (seen->outcome == OUTCOME_OK) {
        seen->error = (struct error){0};
        seen->outcome = source_next(source, seen->packets + 1, &packet, &seen->error);
        if (seen->outcome == OUTCOME_OK && decoded_has_flow(decoder_packet(decoder, &packet, &segment)))
            tracker_segment(tracker, &segment, packet.moment);
        seen->packets += seen->outcome == OUTCOME_OK;
    }
    source_close(source);
}

/* False when there was no memory to start. */
static bool run(const char *path, const char *filter, struct seen *seen)
{
    *seen = (struct seen){.outcome = OUTCOME_OK};
    struct tracker_limits limits = tracker_limits_default();
    struct flow_events events = {
        .context = seen, .opened = on_opened, .data = on_data, .gap = on_gap, .closed = on_closed};
    struct decoder *decoder = decoder_new();
    struct tracker *tracker = tracker_new(&limits, &events);
    bool started = decoder != NULL && tracker != NULL;
    if (started) {
        read_all(path, filter, decoder, tracker, seen);
        tracker_finish(tracker);
        seen->counts = tracker_counts(tracker);
    }
    tracker_free(tracker);
    decoder_free(decoder);
    return started;
}

/* The run against one in which nothing failed. */
static void compare(const struct seen *seen, const struct seen *whole)
{
    bool ended = seen->outcome == OUTCOME_MORE && seen->error.text[0] == '\0';
    assert_int_equal(seen->opened, seen->closed);
    assert_true(seen->bytes <= whole->bytes);
    assert_true(seen->packets <= whole->packets);
    if (!ended) { /* a sentence that tells why */
        assert_true(seen->error.text[0] != '\0');
        return;
    }
    assert_int_equal(seen->packets, whole->packets);
}

static void fail_in_turn(const char *path, const char *filter)
{
    struct seen whole, seen;
    int64_t number = 0, before = held, told = 0;
    assert_true(run(path, filter, &whole));
    assert_true(whole.outcome == OUTCOME_MORE && whole.error.text[0] == '\0' && whole.packets > 0);
    assert_int_equal(held, before);
    for (;; number++) {
        calls_left = number;
        bool started = run(path, filter, &seen);
        bool done = calls_left >= 0;
        calls_left = -1;
        assert_int_equal(held, before); /* nothing leaked */
        if (done)
            break; /* nothing failed: that were all */
        told += !started || seen.outcome != OUTCOME_MORE || seen.bytes == whole.bytes || seen.gaps > whole.gaps ||
                seen.counts.evicted > 0;
        if (started)
            compare(&seen, &whole);
    }
    assert_int_equal(seen.bytes, whole.bytes);
    assert_true(number >= 5);
    print_message("%s: %lld calls failed in turn, %lld told or without a loss\n", path, (long long)number,
                  (long long)told);
    assert_int_equal(told, number);
}

static void plain_files(void **state)
{
    (void)state;
    fail_in_turn("tests/pcaps/mangled-reordered.pcap", NULL);
    fail_in_turn("tests/pcaps/blocked-ports.pcap", NULL);
}

static void fragments(void **state)
{
    (void)state;
    fail_in_turn("tests/pcaps/mangled-fragments.pcap", NULL);
}

static void blocks_of_pcapng(void **state)
{
    (void)state;
    fail_in_turn("tests/pcaps/mangled-pcapng.pcap", NULL);
}

static void filters(void **state)
{
    (void)state;
    fail_in_turn("tests/pcaps/mangled-pcapng.pcap", "tcp");
}

static void protected_packets(void **state)
{
    (void)state;
    fail_in_turn("tests/pcaps/ipsec-esp-null-ikev2.pcap", NULL);
    fail_in_turn("tests/pcaps/ipsec-ah-ikev2.pcap", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files), cmocka_unit_test(fragments),         cmocka_unit_test(blocks_of_pcapng),
        cmocka_unit_test(filters),     cmocka_unit_test(protected_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
