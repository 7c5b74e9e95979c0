/* dissect/tls_keylog.c: see tls_keylog.h. */
#include "dissect/tls_keylog.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536
#define KEY_MAX 32    /* bytes of a random or a session id */
#define SECRET_MAX 64 /* bytes of a secret */

struct entry {
    struct entry *next;
    uint8_t kind, key_length, secret_length;
    bool captured;
    uint8_t bytes[]; /* key, secret */
};

struct tls_keylog {
    struct entry *buckets[BUCKETS];
    size_t count, lost;
    bool premasters;
};

struct tls_keylog *tls_keylog_new(void)
{
    return calloc(1, sizeof(struct tls_keylog));
}

void tls_keylog_free(struct tls_keylog *keylog)
{
    for (size_t i = 0; keylog != NULL && keylog->count > 0 && i < BUCKETS; i++) {
        for (struct entry *entry = keylog->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            OPENSSL_cleanse(entry->bytes, (size_t)entry->key_length + entry->secret_length);
            free(entry);
        }
    }
    free(keylog);
}

/* Keys are random, or of a file that the user trusts; a bad distribution only costs time. */
static size_t bucket_of(enum tls_secret kind, struct cursor key)
{
    uint32_t hash = 2166136261u ^ (uint32_t)kind;
    for (size_t i = 0; i < key.left; i++)
        hash = (hash ^ key.at[i]) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static const struct entry *find(const struct tls_keylog *keylog, enum tls_secret kind, struct cursor key)
{
    for (const struct entry *entry = keylog->buckets[bucket_of(kind, key)]; entry != NULL; entry = entry->next) {
        if (entry->kind == kind && cursor_equal(cursor_of(entry->bytes, entry->key_length), key))
            return entry;
    }
    return NULL;
}

bool tls_keylog_find(const struct tls_keylog *keylog, enum tls_secret kind, struct cursor key, struct cursor *secret,
                     bool *captured)
{
    const struct entry *entry = keylog == NULL || keylog->count == 0 ? NULL : find(keylog, kind, key);
    if (entry == NULL)
        return false;
    *secret = cursor_of(entry->bytes + entry->key_length, entry->secret_length);
    *captured = entry->captured;
    return true;
}

bool tls_keylog_premasters(const struct tls_keylog *keylog)
{
    return keylog->premasters;
}

size_t tls_keylog_lost(const struct tls_keylog *keylog)
{
    return keylog->lost;
}

/* The first line of a key stays, so that what is read twice changes nothing. */
static void add(struct tls_keylog *keylog, enum tls_secret kind, struct cursor key, struct cursor secret, bool captured)
{
    if (find(keylog, kind, key) != NULL)
        return;
    struct entry *entry = keylog->count < TLS_KEYLOG_MAX ? malloc(sizeof *entry + key.left + secret.left) : NULL;
    if (entry == NULL) {
        keylog->lost++;
        return;
    }
    *entry = (struct entry){
        .kind = (uint8_t)kind,
        .key_length = (uint8_t)key.left,
        .secret_length = (uint8_t)secret.left,
        .captured = captured,
    };
    memcpy(entry->bytes, key.at, key.left);
    memcpy(entry->bytes + key.left, secret.at, secret.left);
    struct entry **bucket = &keylog->buckets[bucket_of(kind, key)];
    entry->next = *bucket;
    *bucket = entry;
    keylog->count++;
    keylog->premasters = keylog->premasters || kind == TLS_SECRET_PREMASTER || kind == TLS_SECRET_ENCRYPTED;
}

/* ---- Lines ---- */

static const struct {
    const char *label;
    enum tls_secret kind;
    uint8_t key_bytes; /* 0: any number up to KEY_MAX */
    uint8_t secret_bytes;
} LABELS[] = {
    {"CLIENT_RANDOM", TLS_SECRET_MASTER, 32, 48},
    {"PMS_CLIENT_RANDOM", TLS_SECRET_PREMASTER, 32, 0},
    {"RSA", TLS_SECRET_ENCRYPTED, 8, 48},
    {"RSA", TLS_SECRET_SESSION, 0, 48}, /* RSA Session-ID:... Master-Key:... */
    {"CLIENT_EARLY_TRAFFIC_SECRET", TLS_SECRET_CLIENT_EARLY, 32, 0},
    {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", TLS_SECRET_CLIENT_HANDSHAKE, 32, 0},
    {"SERVER_HANDSHAKE_TRAFFIC_SECRET", TLS_SECRET_SERVER_HANDSHAKE, 32, 0},
    {"CLIENT_TRAFFIC_SECRET_0", TLS_SECRET_CLIENT_TRAFFIC, 32, 0},
    {"SERVER_TRAFFIC_SECRET_0", TLS_SECRET_SERVER_TRAFFIC, 32, 0},
};

/* Up to the next space; the rest of the line stays. */
static struct text word_take(struct text *line)
{
    *line = text_trim(*line);
    size_t length = 0;
    while (length < line->length && line->at[length] != ' ' && line->at[length] != '\t')
        length++;
    struct text word = {line->at, length};
    *line = (struct text){line->at + length, line->length - length};
    return word;
}

/* Hex digits into out; false when there are others, none, or more than fit. */
static bool hex(struct text word, const char *prefix, uint8_t *out, size_t room, struct cursor *bytes)
{
    size_t skip = strlen(prefix);
    if (!text_starts_like(word, prefix))
        return false;
    word = (struct text){word.at + skip, word.length - skip};
    if (word.length == 0 || word.length % 2 != 0 || word.length / 2 > room)
        return false;
    for (size_t i = 0; i < word.length; i += 2) {
        int high = text_hex_digit(word.at[i]), low = text_hex_digit(word.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *bytes = cursor_of(out, word.length / 2);
    return true;
}

static bool line_read(struct tls_keylog *keylog, struct text line, bool captured)
{
    uint8_t key_bytes[KEY_MAX] = {0}, secret_bytes[SECRET_MAX] = {0};
    struct cursor key, secret;
    struct text label = word_take(&line), first = word_take(&line), second = word_take(&line);
    bool taken = false;
    for (size_t i = 0; !taken && i < sizeof LABELS / sizeof LABELS[0]; i++) {
        bool session = LABELS[i].kind == TLS_SECRET_SESSION;
        if (!text_is(label, LABELS[i].label) ||
            !hex(first, session ? "Session-ID:" : "", key_bytes, sizeof key_bytes, &key) ||
            !hex(second, session ? "Master-Key:" : "", secret_bytes, sizeof secret_bytes, &secret))
            continue;
        taken = (LABELS[i].key_bytes == 0 || key.left == LABELS[i].key_bytes) &&
                (LABELS[i].secret_bytes == 0 || secret.left == LABELS[i].secret_bytes);
        if (taken)
            add(keylog, LABELS[i].kind, key, secret, captured);
    }
    OPENSSL_cleanse(secret_bytes, sizeof secret_bytes);
    return taken;
}

size_t tls_keylog_read(struct tls_keylog *keylog, struct text text, bool captured)
{
    size_t count = 0;
    while (text.length > 0) {
        const char *end = memchr(text.at, '\n', text.length);
        size_t length = end == NULL ? text.length : (size_t)(end - text.at);
        count += line_read(keylog, (struct text){text.at, length}, captured);
        length += end != NULL;
        text = (struct text){text.at + length, text.length - length};
    }
    return count;
}
