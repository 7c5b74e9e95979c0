/* cli/worker.c: see worker.h. */
#define _GNU_SOURCE
#include "cli/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "capture/elapsed.h"
#include "capture/hash.h"
#include "core/buffer.h"
#include "records/order.h"

#define BATCH_SEGMENTS 256
#define BATCH_BYTES ((size_t)128 * 1024) /* of payload; a batch grows for one segment that has more */
#define SECRETS_MAX ((size_t)64 << 20)   /* TLS secrets that come between two packets */
#define QUEUE_BATCHES 8                  /* batches between the reader and one worker: some 1.5 MB */
#define LANES 4096                       /* pairs of hosts with the same hash, modulo this, have the same worker */
#define SEGMENT_WORK 512                 /* what a segment costs, in bytes of payload, about */
/* On the average: a connection with what its dissector keeps of it and what is recorded of it; the latter alone. */
#define FLOW_BYTES 4096
#define FLOW_RECORDS 1024

/* Segments on their way to a worker, with their payload. */
struct batch {
    struct buffer secrets; /* TLS key log: for the segments of this batch and all that follow */
    size_t count, used, room;
    struct sighting items[BATCH_SEGMENTS];
    uint8_t *bytes; /* `room` of them, at least BATCH_BYTES */
};

struct worker {
    struct store *store;
    struct dissect *dissect;
    struct tracker *tracker;
    struct tracker_counts counts; /* when it has ended */
    struct memory_shares shares;  /* its own */

    /* Only with threads: a ring of batches. The reader fills ring[tail], the worker empties ring[head]. */
    pthread_t thread;
    bool running;
    struct batch *ring[QUEUE_BATCHES];
    pthread_mutex_t lock; /* of the next three; taken once for a batch */
    pthread_cond_t changed;
    size_t head, filled; /* batches that are ready */
    bool closed;         /* no more will come */
    /* The reader's own. */
    size_t tail;
    int64_t passed; /* see struct sighting */
    uint64_t dealt; /* work it was given */
    uint64_t secrets_lost;
};

struct workers {
    size_t count;
    bool threaded;
    bool keyless; /* there is nothing of use in the folder of --keys */
    struct memory_shares shares;
    struct tracker_counts tracker_counts;
    struct elapsed elapsed;
    int64_t now;          /* what the time of the capture has come to */
    uint8_t lanes[LANES]; /* the number of its worker; 0: none yet */
    struct worker items[];
};

static void forget_secrets(struct batch *batch)
{
    if (batch->secrets.bytes != NULL)
        explicit_bzero(batch->secrets.bytes, batch->secrets.length);
    buffer_reset(&batch->secrets, 0);
}

static void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    forget_secrets(batch);
    free(batch->bytes);
    free(batch);
}

/* ---- The worker's side ---- */

/* Records have their share, or room for each of the connections that were open at one time where that is more: what is
 * recorded of one is amended when it ends, which is slow when it went to a file meanwhile. */
static void limit_records(struct worker *worker, uint64_t flows_most)
{
    uint64_t room = flows_most * FLOW_RECORDS;
    uint64_t memory = room > worker->shares.records ? room : worker->shares.records;
    store_limit(worker->store, memory, memory + worker->shares.records_most);
}

static void take_segments(struct worker *worker, const struct sighting *sightings, size_t count)
{
    tracker_segments(worker->tracker, sightings, count);
    limit_records(worker, tracker_counts(worker->tracker).flows_most);
}

static void take_batch(struct worker *worker, struct batch *batch)
{
    if (batch->secrets.length > 0)
        dissect_take_secrets(worker->dissect, text_from(buffer_cursor(&batch->secrets)));
    forget_secrets(batch);
    take_segments(worker, batch->items, batch->count);
}

/* Flows that are still open end here. What follows has their memory. */
static void end(struct worker *worker)
{
    tracker_finish(worker->tracker);
    worker->counts = tracker_counts(worker->tracker);
    tracker_free(worker->tracker);
    worker->tracker = NULL;
    store_rank(worker->store);
}

static void *work(void *context)
{
    struct worker *worker = context;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (worker->filled == 0 && !worker->closed)
            pthread_cond_wait(&worker->changed, &worker->lock);
        if (worker->filled == 0)
            break;
        struct batch *batch = worker->ring[worker->head];
        pthread_mutex_unlock(&worker->lock);
        take_batch(worker, batch);
        batch->count = batch->used = 0;
        pthread_mutex_lock(&worker->lock);
        worker->head = (worker->head + 1) % QUEUE_BATCHES;
        worker->filled--;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    end(worker);
    return NULL;
}

/* ---- The reader's side ---- */

/* Gives the batch that was being filled to the worker, and waits for an empty one. */
static void pass_on(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->filled++;
    pthread_cond_signal(&worker->changed);
    worker->tail = (worker->tail + 1) % QUEUE_BATCHES;
    while (worker->filled == QUEUE_BATCHES)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

/* Waits until the worker has done all that it was given. */
static void wait_until_idle(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->filled > 0)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

/* Makes room for a segment of `length` bytes in an empty batch. The room stays, because where one such segment was
 * there are more. False when memory is short. */
static bool batch_reserve(struct batch *batch, size_t length)
{
    if (length <= batch->room)
        return true;
    uint8_t *bytes = realloc(batch->bytes, length);
    if (bytes == NULL)
        return false;
    batch->bytes = bytes;
    batch->room = length;
    return true;
}

static struct sighting *batch_add(struct worker *worker, const struct segment *segment, struct moment moment,
                                  int64_t now)
{
    struct batch *batch = worker->ring[worker->tail];
    struct sighting *item = &batch->items[batch->count++];
    item->segment = *segment;
    item->moment = moment;
    item->passed = worker->passed > now ? worker->passed : now;
    worker->passed = INT64_MIN;
    return item;
}

/* Copies the segment into the batch that is being filled. A packet is as large as the capture file says, up to
 * link_type_longest(): IPv4 with total length 0 and IPv6 jumbograms carry more than 64 KB. `now` is what the time of
 * the capture has come to. */
static void queue_segment(struct worker *worker, const struct segment *segment, struct moment moment, int64_t now)
{
    struct batch *batch = worker->ring[worker->tail];
    size_t length = segment->payload.left;
    if (batch->count == BATCH_SEGMENTS || length > batch->room - batch->used) {
        if (batch->count > 0)
            pass_on(worker);
        batch = worker->ring[worker->tail];
        if (!batch_reserve(batch, length)) { /* the worker reads the packet where it is */
            batch_add(worker, segment, moment, now);
            pass_on(worker);
            wait_until_idle(worker);
            return;
        }
    }
    struct sighting *item = batch_add(worker, segment, moment, now);
    item->segment.payload.at = batch->bytes + batch->used;
    if (length > 0)
        memcpy(batch->bytes + batch->used, segment->payload.at, length);
    batch->used += length;
}

/* When time goes back (captures in turn that overlap), no worker may still have a flow that one alone would have ended
 * because of the packets of others. */
static void pass_time(struct workers *workers, int64_t time_ns)
{
    int64_t now = elapsed_agree(&workers->elapsed, time_ns);
    for (size_t i = 0; now < workers->now && i < workers->count; i++) {
        if (workers->items[i].passed < workers->now)
            workers->items[i].passed = workers->now;
    }
    workers->now = now;
}

_Static_assert(WORKERS_MAX <= STORES_MAX && WORKERS_MAX < UINT8_MAX, "a lane holds the number of a worker");

/* Not a secret, and the same in every run: where memory is short, what is forgotten depends on which hosts share a worker.
 * Whoever chooses addresses that all have one lane gets the speed of one worker, and nothing else. */
static const struct hash_seed lane_seed = {{0x6c616e65, 0x73656564}};

/* All that two hosts say to each other goes to the one who had been given least when they began. */
static struct worker *deal(struct workers *workers, const struct segment *segment)
{
    uint8_t *lane = &workers->lanes[hash_hosts(&lane_seed, segment) % LANES];
    size_t least = 0;
    for (size_t i = 1; *lane == 0 && i < workers->count; i++)
        least = workers->items[i].dealt < workers->items[least].dealt ? i : least;
    if (*lane == 0)
        *lane = (uint8_t)(least + 1);
    struct worker *worker = &workers->items[*lane - 1];
    worker->dealt += segment->payload.left + SEGMENT_WORK;
    return worker;
}

void workers_segments(struct workers *workers, const struct sighting *sightings, size_t count)
{
    if (!workers->threaded) {
        take_segments(&workers->items[0], sightings, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = &sightings[i].segment;
        pass_time(workers, sightings[i].moment.time_ns);
        queue_segment(deal(workers, segment), segment, sightings[i].moment, workers->now);
    }
}

/* All of them or none: a secret that was cut would be taken for another one. */
static void keep_secrets(struct worker *worker, struct text keylog)
{
    struct buffer *secrets = &worker->ring[worker->tail]->secrets;
    size_t before = secrets->length;
    if (buffer_append(secrets, text_cursor(keylog)))
        return;
    secrets->length = before;
    worker->secrets_lost += keylog.length;
}

void workers_secrets(struct workers *workers, struct text keylog)
{
    if (!workers->threaded) {
        dissect_take_secrets(workers->items[0].dissect, keylog);
        return;
    }
    for (size_t i = 0; i < workers->count; i++) {
        struct worker *worker = &workers->items[i];
        if (worker->ring[worker->tail]->count > 0) /* those came before the secrets */
            pass_on(worker);
        keep_secrets(worker, keylog);
    }
}

static void close_queue(struct worker *worker)
{
    const struct batch *last = worker->ring[worker->tail];
    if (last->count > 0 || last->secrets.length > 0)
        pass_on(worker);
    pthread_mutex_lock(&worker->lock);
    worker->closed = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

/* ---- Start and end ---- */

static bool start_parts(struct worker *worker, size_t count, unsigned needs, const struct settings *settings)
{
    struct sink sink = store_sink(worker->store);
    struct memory_shares shares = memory_share(memory_divide(settings), count);
    struct tracker_limits limits = tracker_limits_default();
    uint64_t flows = shares.flows / FLOW_BYTES + 1;
    limits.flows = flows < UINT32_MAX ? (uint32_t)flows : UINT32_MAX;
    limits.waiting_total = shares.waiting;
    limits.overlap = settings->overlap;
    limits.hosts = settings->hosts;
    limits.host_count = settings->host_count;
    worker->dissect = dissect_new(&sink, needs);
    if (worker->dissect == NULL)
        return false;
    worker->shares = shares;
    limit_records(worker, 0);
    dissect_limit(worker->dissect, shares.bodies, shares.settle, shares.settle_most);
    dissect_limit_payload(worker->dissect, memory_payload(settings));
    struct flow_events events = dissect_events(worker->dissect);
    worker->tracker = tracker_new(&limits, &events);
    return worker->tracker != NULL;
}

static bool start_thread(struct worker *worker)
{
    for (size_t i = 0; i < QUEUE_BATCHES; i++) {
        struct batch *batch = calloc(1, sizeof *batch);
        worker->ring[i] = batch;
        if (batch == NULL || !batch_reserve(batch, BATCH_BYTES))
            return false;
        buffer_init(&batch->secrets, SECRETS_MAX);
    }
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    worker->running = pthread_create(&worker->thread, NULL, work, worker) == 0;
    return worker->running;
}

enum outcome workers_start(size_t count, unsigned needs, const char *keys, const struct settings *settings,
                           struct store *store, struct workers **workers, struct error *error)
{
    struct workers *made = calloc(1, sizeof *made + count * sizeof made->items[0]);
    *workers = made;
    if (made == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "no memory to start");
    made->count = count;
    made->shares = memory_divide(settings);
    made->threaded = count > 1;
    elapsed_init(&made->elapsed);
    made->now = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = &made->items[i];
        worker->store = i == 0 ? store : store_new(); /* the first one's becomes that of all */
        worker->passed = INT64_MIN;
        if (i > 0 && worker->store != NULL)
            store_spare_like(worker->store, store);
        if (worker->store == NULL || !start_parts(worker, count, needs, settings))
            return error_set(error, OUTCOME_SYSTEM, 0, "no memory to start");
        enum outcome outcome = keys == NULL ? OUTCOME_OK : dissect_load_keys(worker->dissect, keys, error);
        made->keyless = outcome == OUTCOME_MORE;
        if (outcome != OUTCOME_OK && !made->keyless)
            return outcome;
    }
    for (size_t i = 0; made->threaded && i < count; i++) {
        if (!start_thread(&made->items[i]))
            return error_set(error, OUTCOME_SYSTEM, 0, "a worker could not be started; try --threads 1");
    }
    return OUTCOME_OK;
}

bool workers_keyless(const struct workers *workers)
{
    return workers->keyless;
}

/* All members of struct tracker_counts are sums. */
static void add_counts(struct tracker_counts *into, struct tracker_counts from)
{
    _Static_assert(sizeof *into % sizeof(uint64_t) == 0, "struct tracker_counts holds counters only");
    uint64_t *to = (uint64_t *)into;
    const uint64_t *values = (const uint64_t *)&from;
    for (size_t i = 0; i < sizeof *into / sizeof *to; i++)
        to[i] += values[i];
}

static int64_t new_id(const void *order, enum table table, int64_t id)
{
    return store_order_id(order, table, id);
}

static void join(struct worker *worker)
{
    if (!worker->running)
        return;
    pthread_join(worker->thread, NULL);
    worker->running = false;
}

void workers_wait(struct workers *workers)
{
    if (!workers->threaded)
        end(&workers->items[0]);
    for (size_t i = 0; workers->threaded && i < workers->count; i++) /* all are told before one is waited for */
        close_queue(&workers->items[i]);
    for (size_t i = 0; i < workers->count; i++)
        join(&workers->items[i]);
}

bool workers_finish(struct workers *workers)
{
    struct worker *first = &workers->items[0];
    const struct memory_shares *shares = &workers->shares;
    struct store *stores[WORKERS_MAX];
    struct store_order order;
    first->shares = *shares;
    for (size_t i = 0; i < workers->count; i++) {
        add_counts(&workers->tracker_counts, workers->items[i].counts);
        stores[i] = workers->items[i].store;
    }
    limit_records(first, workers->tracker_counts.flows_most);
    dissect_limit(first->dissect, shares->bodies, shares->settle, shares->settle_most);
    bool ordered = store_merge(stores, workers->count, &order);
    for (size_t i = 1; i < workers->count; i++)
        dissect_absorb(first->dissect, workers->items[i].dissect, order.parts[i].bases);
    if (ordered)
        dissect_renumber(first->dissect, new_id, &order);
    store_order_free(&order);
    dissect_finish(first->dissect);
    return ordered;
}

struct tracker_counts workers_tracker_counts(const struct workers *workers)
{
    return workers->tracker_counts;
}

uint64_t workers_secrets_lost(const struct workers *workers)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < workers->count; i++)
        lost += workers->items[i].secrets_lost;
    return lost;
}

struct dissect_counts workers_dissect_counts(const struct workers *workers)
{
    return dissect_counts(workers->items[0].dissect);
}

void workers_free(struct workers *workers)
{
    for (size_t i = 0; workers != NULL && i < workers->count; i++) {
        struct worker *worker = &workers->items[i];
        if (worker->running) {
            close_queue(worker);
            join(worker);
        }
        tracker_free(worker->tracker);
        dissect_free(worker->dissect);
        if (i > 0)
            store_free(worker->store);
        for (size_t j = 0; j < QUEUE_BATCHES; j++) {
            batch_free(worker->ring[j]);
        }
    }
    free(workers);
}
