/* dissect/tls_session.c: see tls_session.h.
 *
 * A ring of entries, oldest first to be overwritten, and a hash table of their indexes.
 */
#include "dissect/tls_session.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384
#define NONE UINT32_MAX
#define FIRST_ENTRIES 256

struct entry {
    uint8_t name[SHA256_DIGEST_LENGTH]; /* hash of hosts, kind and handle: an outsider cannot make two alike */
    struct tls_session session;
    uint32_t next; /* in its bucket */
};

struct tls_sessions {
    struct entry *entries;
    size_t room, count; /* room grows to TLS_SESSIONS_MAX */
    size_t oldest;      /* when all room is used */
    uint64_t forgotten;
    uint32_t buckets[BUCKETS];
};

struct tls_sessions *tls_sessions_new(void)
{
    struct tls_sessions *sessions = calloc(1, sizeof *sessions);
    if (sessions != NULL)
        memset(sessions->buckets, 0xFF, sizeof sessions->buckets);
    return sessions;
}

void tls_sessions_free(struct tls_sessions *sessions)
{
    if (sessions != NULL && sessions->entries != NULL)
        OPENSSL_cleanse(sessions->entries, sessions->count * sizeof *sessions->entries);
    if (sessions != NULL)
        free(sessions->entries);
    free(sessions);
}

static void name_of(const struct flow *flow, enum tls_handle kind, struct cursor handle,
                    uint8_t name[SHA256_DIGEST_LENGTH])
{
    int low = memcmp(flow->address[0].bytes, flow->address[1].bytes, sizeof flow->address[0].bytes) > 0;
    uint8_t head[2 * sizeof flow->address[0].bytes + 1];
    memcpy(head, flow->address[low].bytes, sizeof flow->address[0].bytes);
    memcpy(head + sizeof flow->address[0].bytes, flow->address[!low].bytes, sizeof flow->address[0].bytes);
    head[sizeof head - 1] = (uint8_t)kind;
    /* Two steps: the length of the handle cannot make two different inputs the same. */
    uint8_t both[sizeof head + SHA256_DIGEST_LENGTH];
    memcpy(both, head, sizeof head);
    SHA256(handle.at, handle.left, both + sizeof head);
    SHA256(both, sizeof both, name);
}

static uint32_t *bucket_of(struct tls_sessions *sessions, const uint8_t name[SHA256_DIGEST_LENGTH])
{
    return &sessions->buckets[(name[0] | (unsigned)name[1] << 8) % BUCKETS];
}

static struct entry *find(const struct tls_sessions *sessions, const uint8_t name[SHA256_DIGEST_LENGTH])
{
    uint32_t index = sessions->buckets[(name[0] | (unsigned)name[1] << 8) % BUCKETS];
    for (; index != NONE; index = sessions->entries[index].next) {
        if (memcmp(sessions->entries[index].name, name, SHA256_DIGEST_LENGTH) == 0)
            return &sessions->entries[index];
    }
    return NULL;
}

static bool grow(struct tls_sessions *sessions)
{
    size_t room = sessions->room == 0 ? FIRST_ENTRIES : 2 * sessions->room;
    if (room > TLS_SESSIONS_MAX)
        return false;
    struct entry *entries = calloc(room, sizeof *entries); /* not realloc: secrets must not stay in what it frees */
    if (entries == NULL)
        return false;
    if (sessions->entries != NULL) {
        memcpy(entries, sessions->entries, sessions->count * sizeof *entries);
        OPENSSL_cleanse(sessions->entries, sessions->count * sizeof *entries);
        free(sessions->entries);
    }
    sessions->entries = entries;
    sessions->room = room;
    return true;
}

/* Takes the oldest entry out of its bucket. */
static struct entry *reuse(struct tls_sessions *sessions)
{
    if (sessions->count == 0)
        return NULL;
    struct entry *entry = &sessions->entries[sessions->oldest];
    uint32_t *link = bucket_of(sessions, entry->name);
    while (*link != (uint32_t)sessions->oldest)
        link = &sessions->entries[*link].next;
    *link = entry->next;
    sessions->oldest = (sessions->oldest + 1) % sessions->count;
    sessions->forgotten++;
    return entry;
}

void tls_sessions_put(struct tls_sessions *sessions, const struct flow *flow, enum tls_handle kind,
                      struct cursor handle, const struct tls_session *session)
{
    uint8_t name[SHA256_DIGEST_LENGTH];
    name_of(flow, kind, handle, name);
    struct entry *entry = find(sessions, name);
    if (entry == NULL) {
        bool room = sessions->count < sessions->room || grow(sessions);
        entry = room ? &sessions->entries[sessions->count++] : reuse(sessions);
        if (entry == NULL)
            return;
        uint32_t *bucket = bucket_of(sessions, name);
        memcpy(entry->name, name, sizeof entry->name);
        entry->next = *bucket;
        *bucket = (uint32_t)(entry - sessions->entries);
    }
    entry->session = *session;
}

const struct tls_session *tls_sessions_find(const struct tls_sessions *sessions, const struct flow *flow,
                                            enum tls_handle kind, struct cursor handle)
{
    uint8_t name[SHA256_DIGEST_LENGTH];
    if (sessions->count == 0 || handle.left == 0)
        return NULL;
    name_of(flow, kind, handle, name);
    const struct entry *entry = find(sessions, name);
    return entry == NULL ? NULL : &entry->session;
}

uint64_t tls_sessions_forgotten(const struct tls_sessions *sessions)
{
    return sessions->forgotten;
}
