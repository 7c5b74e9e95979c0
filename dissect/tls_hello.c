/* dissect/tls_hello.c: see tls_hello.h.
 *
 *   ClientHello: u16 version, 32 random, u8 + session id, u16 + cipher suites, u8 + compression methods, u16 + extensions
 *   ServerHello: u16 version, 32 random, u8 + session id, u16 cipher suite, u8 compression method, u16 + extensions
 *   extension: u16 type, u16 + content                                          (RFC 5246 section 7.4.1, RFC 8446 section 4.1)
 */
#include "dissect/tls_hello.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    EXT_SERVER_NAME = 0,
    EXT_STATUS_REQUEST = 5,
    EXT_GROUPS = 10,
    EXT_POINT_FORMATS = 11,
    EXT_SIGNATURES = 13,
    EXT_HEARTBEAT = 15,
    EXT_ALPN = 16,
    EXT_STATUS_REQUEST_V2 = 17,
    EXT_ENCRYPT_THEN_MAC = 22,
    EXT_EXTENDED_MASTER_SECRET = 23,
    EXT_TICKET = 35,
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_VERSIONS = 43,
    EXT_KEY_SHARE = 51,
    EXT_RENEGOTIATION = 0xFF01,
};

/* SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3). */
static const uint8_t RETRY_RANDOM[32] = {
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
};

static bool take8(struct cursor *from, struct cursor *child)
{
    uint8_t length;
    return cursor_u8(from, &length) && cursor_take(from, length, child);
}

static bool take16(struct cursor *from, struct cursor *child)
{
    uint16_t length;
    return cursor_be16(from, &length) && cursor_take(from, length, child);
}

/*   u16 + list: u8 type (0 host name), u16 + name (RFC 6066 section 3); a server answers with nothing */
static bool server_name(struct cursor content, struct tls_hello *hello)
{
    struct cursor list, name;
    uint8_t type;
    if (content.left == 0)
        return true;
    if (!take16(&content, &list))
        return false;
    while (list.left > 0) {
        if (!cursor_u8(&list, &type) || !take16(&list, &name))
            return false;
        if (type == 0 && hello->server_name.left == 0)
            hello->server_name = name;
    }
    return true;
}

/*   client: u16 + identities (u16 + identity, u32 age), u16 + binders; server: u16 which (RFC 8446 section 4.2.11) */
static bool pre_shared_key(struct cursor content, bool server, struct tls_hello *hello)
{
    struct cursor identities;
    hello->pre_shared_key = true;
    return server || (take16(&content, &identities) && take16(&identities, &hello->identity));
}

static bool supported_versions(struct cursor content, bool server, struct tls_hello *hello)
{
    if (!server)
        return take8(&content, &hello->versions);
    hello->versions = content;
    return content.left == 2;
}

static bool extension(uint16_t type, struct cursor content, bool server, struct tls_hello *hello)
{
    switch (type) {
    case EXT_SERVER_NAME:
        return server_name(content, hello);
    case EXT_STATUS_REQUEST:
    case EXT_STATUS_REQUEST_V2:
        hello->status_request = true;
        return true;
    case EXT_GROUPS:
        return take16(&content, &hello->groups);
    case EXT_POINT_FORMATS:
        return take8(&content, &hello->point_formats);
    case EXT_SIGNATURES:
        return take16(&content, &hello->signatures);
    case EXT_HEARTBEAT:
        hello->heartbeat = true;
        return true;
    case EXT_ALPN:
        return take16(&content, &hello->alpn);
    case EXT_ENCRYPT_THEN_MAC:
        hello->encrypt_then_mac = true;
        return true;
    case EXT_EXTENDED_MASTER_SECRET:
        hello->extended_master_secret = true;
        return true;
    case EXT_TICKET:
        hello->has_ticket = true;
        hello->ticket = content;
        return true;
    case EXT_PRE_SHARED_KEY:
        return pre_shared_key(content, server, hello);
    case EXT_EARLY_DATA:
        hello->early_data = true;
        return true;
    case EXT_VERSIONS:
        return supported_versions(content, server, hello);
    case EXT_KEY_SHARE:
        return !server || cursor_be16(&content, &hello->key_share);
    case EXT_RENEGOTIATION:
        hello->renegotiation_info = true;
        return true;
    default:
        return true;
    }
}

bool tls_extensions(struct cursor list, bool server, struct tls_hello *hello)
{
    uint16_t type;
    struct cursor content;
    bool good = true;
    while (list.left > 0) {
        if (!cursor_be16(&list, &type) || !take16(&list, &content))
            return false;
        good = extension(type, content, server, hello) && good;
    }
    return good;
}

/* Hellos of SSL 3.0 end before the extensions. */
static bool extensions(struct cursor *body, bool server, struct tls_hello *hello)
{
    return body->left == 0 || (take16(body, &hello->extensions) && tls_extensions(hello->extensions, server, hello));
}

bool tls_client_hello(struct cursor body, struct tls_hello *hello)
{
    *hello = (struct tls_hello){0};
    return cursor_be16(&body, &hello->version) && cursor_take(&body, 32, &hello->random) &&
           take8(&body, &hello->session_id) && take16(&body, &hello->suites) && take8(&body, &hello->compression) &&
           extensions(&body, false, hello);
}

bool tls_server_hello(struct cursor body, struct tls_hello *hello)
{
    *hello = (struct tls_hello){0};
    if (!cursor_be16(&body, &hello->version) || !cursor_take(&body, 32, &hello->random) ||
        !take8(&body, &hello->session_id) || !cursor_be16(&body, &hello->suite) ||
        !cursor_take(&body, 1, &hello->compression))
        return false;
    hello->retry = cursor_starts(hello->random, RETRY_RANDOM, sizeof RETRY_RANDOM);
    return extensions(&body, true, hello);
}

/*   u8 1, u16 version, u16 length of cipher specs, of session id, of challenge; then these three */
bool tls_ssl2_client_hello(struct cursor body, struct tls_hello *hello)
{
    uint8_t type;
    uint16_t suites, session, challenge;
    *hello = (struct tls_hello){.ssl2 = true};
    return cursor_u8(&body, &type) && type == 1 && cursor_be16(&body, &hello->version) && cursor_be16(&body, &suites) &&
           cursor_be16(&body, &session) && cursor_be16(&body, &challenge) &&
           cursor_take(&body, suites, &hello->suites) && cursor_take(&body, session, &hello->session_id) &&
           cursor_take(&body, challenge, &hello->random);
}

/*   u8 4, u8 session id hit, u8 certificate type, u16 version, u16 length of certificate, of cipher specs, of connection id;
 *   then these three */
bool tls_ssl2_server_hello(struct cursor body, struct tls_hello *hello, struct cursor *certificate)
{
    uint8_t type, hit, kind;
    uint16_t length, suites, session;
    *hello = (struct tls_hello){.ssl2 = true};
    *certificate = CURSOR_EMPTY;
    return cursor_u8(&body, &type) && type == 4 && cursor_u8(&body, &hit) && cursor_u8(&body, &kind) &&
           cursor_be16(&body, &hello->version) && cursor_be16(&body, &length) && cursor_be16(&body, &suites) &&
           cursor_be16(&body, &session) && cursor_take(&body, length, certificate) &&
           cursor_take(&body, suites, &hello->suites) && cursor_take(&body, session, &hello->session_id);
}

uint16_t tls_hello_version(const struct tls_hello *hello)
{
    struct cursor versions = hello->versions;
    uint16_t version, best = 0;
    while (cursor_be16(&versions, &version)) {
        if (!tls_grease(version) && version > best && version >= TLS_SSL3 && version <= 0x03FF)
            best = version;
    }
    return best == 0 ? hello->version : best;
}

/* ---- Fingerprints ---- */

#define LISTED_MAX 512 /* numbers in one list; honest hellos have less than 200 */

struct list {
    uint16_t values[LISTED_MAX];
    size_t count;
    bool over;
};

static void list_add(struct list *list, uint16_t value)
{
    if (tls_grease(value))
        return;
    if (list->count == LISTED_MAX)
        list->over = true;
    else
        list->values[list->count++] = value;
}

static void list16(struct list *list, struct cursor bytes)
{
    uint16_t value;
    *list = (struct list){.count = 0};
    while (cursor_be16(&bytes, &value))
        list_add(list, value);
}

static void list8(struct list *list, struct cursor bytes)
{
    uint8_t value;
    *list = (struct list){.count = 0};
    while (cursor_u8(&bytes, &value))
        list_add(list, value);
}

static void list_extensions(struct list *list, struct cursor bytes)
{
    uint16_t type;
    struct cursor content;
    *list = (struct list){.count = 0};
    while (cursor_be16(&bytes, &type) && take16(&bytes, &content))
        list_add(list, type);
}

/* "4865-4866-..." with %u and '-', "1301,1302,..." with %04x and ','; "" for none. TEXT_NULL when it is too long. */
static struct text list_text(const struct list *list, bool hex, struct arena *arena)
{
    char *at = list->over ? NULL : arena_alloc(arena, list->count * 6 + 1);
    size_t used = 0;
    if (at == NULL)
        return TEXT_NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            at[used++] = hex ? ',' : '-';
        used += (size_t)snprintf(at + used, 6, hex ? "%04x" : "%u", list->values[i]);
    }
    return (struct text){at, used};
}

static struct text digest_text(enum ccm_hash hash, struct text text, size_t bytes, struct ccm_keys *keys,
                               struct arena *arena)
{
    uint8_t digest[CCM_HASH_BYTES_MAX];
    if (text.at == NULL || ccm_hash(keys, hash, text_cursor(text), digest) < bytes)
        return TEXT_NULL;
    char *at = arena_alloc(arena, 2 * bytes + 1);
    for (size_t i = 0; at != NULL && i < bytes; i++)
        snprintf(at + 2 * i, 3, "%02x", digest[i]);
    return at == NULL ? TEXT_NULL : (struct text){at, 2 * bytes};
}

#define ARGUMENT(text) (int)(text).length, (text).at

struct text tls_ja3(const struct tls_hello *hello, bool server, struct ccm_keys *keys, struct arena *arena)
{
    struct list list;
    list_extensions(&list, hello->extensions);
    struct text types = list_text(&list, false, arena), all;
    if (server) {
        all = types.at == NULL ? TEXT_NULL
                               : text_format(arena, "%u,%u,%.*s", hello->version, hello->suite, ARGUMENT(types));
        return digest_text(CCM_MD5, all, 16, keys, arena);
    }
    list16(&list, hello->suites);
    struct text suites = list_text(&list, false, arena);
    list16(&list, hello->groups);
    struct text groups = list_text(&list, false, arena);
    list8(&list, hello->point_formats);
    struct text formats = list_text(&list, false, arena);
    if (hello->ssl2 || types.at == NULL || suites.at == NULL || groups.at == NULL || formats.at == NULL)
        return TEXT_NULL;
    all = text_format(arena, "%u,%.*s,%.*s,%.*s,%.*s", hello->version, ARGUMENT(suites), ARGUMENT(types),
                      ARGUMENT(groups), ARGUMENT(formats));
    return digest_text(CCM_MD5, all, 16, keys, arena);
}

static int compare_values(const void *a, const void *b)
{
    const uint16_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static const char *ja4_version(uint16_t version)
{
    static const char *const names[] = {"s3", "10", "11", "12", "13"};
    return version >= TLS_SSL3 && version <= TLS_1_3 ? names[version - TLS_SSL3] : "00";
}

static bool alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* First and last character of the first protocol, "00" for none; their hex digits when they are not alphanumeric. */
static void ja4_alpn(struct cursor alpn, char text[3])
{
    struct cursor name;
    memcpy(text, "00", 3);
    if (!take8(&alpn, &name) || name.left == 0)
        return;
    uint8_t first = name.at[0], last = name.at[name.left - 1];
    if (alphanumeric(first) && alphanumeric(last))
        snprintf(text, 3, "%c%c", first, last);
    else
        snprintf(text, 3, "%x%x", first >> 4, last & 0xF);
}

/* Twelve hex digits of the SHA-256, twelve zeros for nothing. */
static struct text ja4_hash(struct text text, struct ccm_keys *keys, struct arena *arena)
{
    return text.at != NULL && text.length == 0 ? TEXT("000000000000") : digest_text(CCM_SHA256, text, 6, keys, arena);
}

struct text tls_ja4(const struct tls_hello *hello, struct ccm_keys *keys, struct arena *arena)
{
    struct list suites, types, kept = {.count = 0}, signatures;
    char alpn[3];
    if (hello->ssl2)
        return TEXT_NULL;
    list16(&suites, hello->suites);
    list_extensions(&types, hello->extensions);
    list16(&signatures, hello->signatures);
    bool named = false;
    for (size_t i = 0; i < types.count; i++) {
        named = named || types.values[i] == EXT_SERVER_NAME;
        if (types.values[i] != EXT_SERVER_NAME && types.values[i] != EXT_ALPN)
            list_add(&kept, types.values[i]);
    }
    qsort(suites.values, suites.count, sizeof suites.values[0], compare_values);
    qsort(kept.values, kept.count, sizeof kept.values[0], compare_values);
    struct text sorted = list_text(&suites, true, arena), extensions_text = list_text(&kept, true, arena);
    struct text signatures_text = list_text(&signatures, true, arena);
    if (types.over || sorted.at == NULL || extensions_text.at == NULL || signatures_text.at == NULL)
        return TEXT_NULL;
    if (signatures_text.length > 0)
        extensions_text = text_format(arena, "%.*s_%.*s", ARGUMENT(extensions_text), ARGUMENT(signatures_text));
    struct text first = ja4_hash(sorted, keys, arena), second = ja4_hash(extensions_text, keys, arena);
    if (first.at == NULL || second.at == NULL)
        return TEXT_NULL;
    ja4_alpn(hello->alpn, alpn);
    return text_format(arena, "t%s%c%02zu%02zu%s_%.*s_%.*s", ja4_version(tls_hello_version(hello)), named ? 'd' : 'i',
                       suites.count > 99 ? 99 : suites.count, types.count > 99 ? 99 : types.count, alpn,
                       ARGUMENT(first), ARGUMENT(second));
}
