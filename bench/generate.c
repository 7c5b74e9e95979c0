/* bench/generate.c: makes captures to measure with. The same arguments give the same bytes.
 *
 *   mp    ConfigMgr messages with real signatures, in short connections
 *   bulk  large downloads over HTTP in ranges (BITS), and files over SMB2
 *   mix   many connections at a time (100,000 from 1 GB on) of messages, TLS, SMB2 and DNS; of the segments with data about
 *         2 % reordered, 1 % sent twice, 0.1 % missing
 *   steady  as mix, with 1,000 connections at a time however large it is, and so slow that connections without an end are
 *         forgotten for their silence: 100 MB take an hour
 *
 * A capture that is - goes to standard output, and the ground truth then to standard error.
 * The ground truth, what is in the capture, goes to standard output as one JSON object on one line. With PARTS, what
 * bench/limits.c needs goes to that file (bench/parts.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bytes.h"
#include "bench/parts.h"
#include "bench/traffic.h"

#define MEGABYTE 1000000
#define CLIENTS_MIN 8
#define CLIENTS_MAX 64
#define CLIENT_SHARE (4 * (uint64_t)MEGABYTE) /* a client for so much of the capture: a key takes 50 ms to make */
#define OBJECT_MIN ((uint64_t)128 << 10)
#define OBJECT_MAX ((uint64_t)16 << 20)
#define BURST_MAX 6 /* packets of one connection in a row */

struct capture_kind {
    const char *name;
    traffic_filler *fill;
    uint32_t concurrent; /* connections at a time, at most */
    uint64_t share;      /* and one for so many bytes of the capture */
    unsigned pace;       /* most microseconds between packets */
    unsigned burst;
    struct disorder disorder;
    bool has_messages;
};

static const struct capture_kind CAPTURE_KINDS[] = {
    {"mp", traffic_mp, 64, 50000, 8, BURST_MAX, {0, 0, 0}, true},
    {"bulk", traffic_bulk, 8, 1, 8, BURST_MAX, {0, 0, 0}, false},
    {"mix", traffic_mix, 110000, 9000, 60, 1, {5200, 1000, 200}, true},
    {"steady", traffic_mix, 1000, 1, 36000, 1, {5200, 1000, 200}, true},
};

static const struct capture_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof CAPTURE_KINDS / sizeof CAPTURE_KINDS[0]; i++) {
        if (strcmp(CAPTURE_KINDS[i].name, name) == 0)
            return &CAPTURE_KINDS[i];
    }
    return NULL;
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static void traffic_init(struct traffic *traffic, const struct capture_kind *kind, uint64_t size, struct stage *stage)
{
    *traffic = (struct traffic){.dice = &stage->dice, .truth = &stage->truth, .noise = buffer_unlimited()};
    traffic->object_max = (size_t)clamp(size / 64, OBJECT_MIN, OBJECT_MAX);
    for (size_t i = 0; i < 4 * traffic->object_max / 8; i++)
        put_be(&traffic->noise, dice_next(&stage->dice), 8);
    if (kind->has_messages)
        messages_init(&traffic->messages, &stage->dice, (unsigned)clamp(size / CLIENT_SHARE, CLIENTS_MIN, CLIENTS_MAX));
}

/* Starts a conversation; returns what it will take of the capture. */
static uint64_t start(struct conversation *conversation, const struct capture_kind *kind, struct traffic *traffic)
{
    conversation_init(conversation, traffic->dice);
    kind->fill(traffic, conversation);
    return conversation_size(conversation);
}

/* Goes on with one conversation for some packets; false when it is over. */
static bool go_on(struct conversation *conversation, const struct capture_kind *kind, struct stage *stage)
{
    for (unsigned burst = dice_between(&stage->dice, 1, kind->burst); burst > 0; burst--) {
        if (!conversation_step(conversation, stage))
            return false;
    }
    return true;
}

/* Begins conversations until those begun fill the capture, and ends all of them. */
static void play(const struct capture_kind *kind, uint64_t size, struct traffic *traffic, struct stage *stage)
{
    uint32_t room = (uint32_t)clamp(size / kind->share, 2, kind->concurrent), live = 0;
    struct conversation *conversations = allocate(room, sizeof *conversations);
    uint64_t planned = 0;
    while (live < room && planned < size)
        planned += start(&conversations[live++], kind, traffic);
    while (live > 0) {
        struct conversation *conversation = &conversations[dice_below(&stage->dice, live)];
        if (go_on(conversation, kind, stage))
            continue;
        conversation_free(conversation);
        if (planned < size)
            planned += start(conversation, kind, traffic);
        else
            *conversation = conversations[--live];
    }
    free(conversations);
}

static void tell(FILE *out, const struct capture_kind *kind, uint64_t seed, const struct truth *truth)
{
    fprintf(out, "{\"kind\":\"%s\",\"seed\":%llu", kind->name, (unsigned long long)seed);
#define X(name) fprintf(out, ",\"" #name "\":%llu", (unsigned long long)truth->name);
    TRUTH(X)
#undef X
    fputs("}\n", out);
}

int main(int argc, char **argv)
{
    const struct capture_kind *kind = argc >= 4 ? find_kind(argv[1]) : NULL;
    double megabytes = argc >= 4 ? strtod(argv[2], NULL) : 0;
    if (argc > 6 || kind == NULL || megabytes < 0.1 || megabytes > 1e6) {
        fputs("usage: generate mp|bulk|mix|steady MEGABYTES CAPTURE [SEED [PARTS]]\n", stderr);
        return 2;
    }
    uint64_t size = (uint64_t)(megabytes * MEGABYTE), seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    struct stage stage = {.dice = {seed}, .disorder = kind->disorder};
    struct traffic traffic;
    traffic_init(&traffic, kind, size, &stage);
    wire_open(&stage.wire, argv[3], &stage.dice, kind->pace);
    stage.wire.microseconds = (uint64_t)START_SECONDS * 1000000;
    if (argc > 5)
        stage.uses = parts_create(argv[5], &traffic.messages);
    play(kind, size, &traffic, &stage);
    stage.truth.packets = stage.wire.packets;
    stage.truth.bytes = stage.wire.bytes;
    wire_close(&stage.wire);
    if (stage.uses != NULL && fclose(stage.uses) != 0)
        die("cannot write the parts", NULL);
    tell(strcmp(argv[3], "-") == 0 ? stderr : stdout, kind, seed, &stage.truth);
    messages_free(&traffic.messages);
    buffer_free(&traffic.noise);
    return 0;
}
