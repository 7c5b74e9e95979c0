/* dissect/revocation.c: see revocation.h.
 *
 * Each address that a certificate names is listed with the host that was shown the certificate, sorted by address and
 * host. Each request is looked up there: of its client, else of anybody.
 */
#include "dissect/revocation.h"

#include <stdlib.h>
#include <string.h>

#include "dissect/settle.h"

#define ADDRESSES_MAX ((int64_t)1 << 18) /* of all certificates: each handshake shows some */
#define DECODED_MAX ((size_t)4 << 20)    /* bytes of addresses in a directory, decoded */
#define CUTS_MAX 8                       /* parts of a path behind the address of OCSP: base64 may hold some "/" */
#define CRL_ATTRIBUTE "certificateRevocationList"

struct named {
    struct text url, peer; /* peer: NULL when nobody was shown it in a handshake */
    int64_t certificate, packet;
    bool ocsp;
};

struct addresses {
    struct named *items;
    size_t count, room;
    struct arena arena;
    bool full;
    struct limit_counts *limits;
};

static int compare(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int order = text_compare_like(left->url, right->url);
    order = order != 0 ? order : text_compare_like(left->peer, right->peer);
    return order != 0 ? order : (left->certificate > right->certificate) - (left->certificate < right->certificate);
}

/* ---- What certificates name ---- */

/* "ldap:" and the name of the object in the address (RFC 4516), decoded. */
static struct text directory_key(struct addresses *all, struct text url)
{
    struct cursor at = text_cursor(url), name;
    uint8_t byte;
    size_t slashes = 0;
    while (slashes < 3 && cursor_u8(&at, &byte))
        slashes += byte == '/';
    const char *end = at.left == 0 ? NULL : memchr(at.at, '?', at.left);
    if (end == NULL || !cursor_take(&at, (size_t)((const uint8_t *)end - at.at), &name))
        return TEXT_NULL;
    struct cursor plain;
    char *key =
        text_percent_decode(text_from(name), &all->arena, &plain) ? arena_take(&all->arena, plain.left + 5) : NULL;
    if (key == NULL) {
        limit_hit(all->limits, LIMIT_revocation_decoded);
        return TEXT_NULL;
    }
    memcpy(key, "ldap:", 5);
    memcpy(key + 5, plain.at, plain.left);
    return (struct text){key, plain.left + 5};
}

static bool has_room(struct addresses *all)
{
    if (all->count < all->room)
        return true;
    size_t room = all->room == 0 ? 64 : 2 * all->room;
    struct named *grown = all->count >= ADDRESSES_MAX ? NULL : realloc(all->items, room * sizeof *grown);
    all->full = grown == NULL;
    if (all->full)
        limit_hit(all->limits, LIMIT_revocation_addresses);
    if (grown == NULL)
        return false;
    all->items = grown;
    all->room = room;
    return true;
}

/* The addresses in a column, which spaces separate. */
static void name_all(struct addresses *all, struct text list, struct named named)
{
    while (list.length > 0 && !all->full) {
        const char *space = memchr(list.at, ' ', list.length);
        size_t length = space == NULL ? list.length : (size_t)(space - list.at);
        struct text url = {list.at, length};
        named.url = text_starts_like(url, "ldap:") ? directory_key(all, url) : url;
        if (named.url.length > 0 && has_room(all))
            all->items[all->count++] = named;
        length += space != NULL;
        list = (struct text){list.at + length, list.length - length};
    }
}

static void name_of_certificates(const struct dissect *dissect, struct addresses *all)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_certificate);
    for (int64_t id = 1; id <= count && !all->full; id++) {
        const struct certificate_row *row = settle_row(dissect, TABLE_certificate, id);
        if (row == NULL || (row->crl_urls.length == 0 && row->ocsp_urls.length == 0))
            continue;
        const struct flow_row *flow = row->chain == INT_NULL ? NULL : settle_row(dissect, TABLE_flow, row->flow);
        struct named named = {.certificate = id, .packet = row->packet, .peer = TEXT_NULL};
        if (flow != NULL && row->host.at != NULL)
            named.peer = text_equal(row->host, flow->src) ? flow->dst : flow->src;
        name_all(all, row->crl_urls, named);
        named.ocsp = true;
        name_all(all, row->ocsp_urls, named);
    }
    if (all->count > 0)
        qsort(all->items, all->count, sizeof *all->items, compare);
}

/* ---- What was fetched ---- */

/* The first of the list that is not before the key. */
static const struct named *lower_bound(const struct addresses *all, const struct named *key)
{
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&all->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < all->count ? &all->items[low] : NULL;
}

/* The certificate that names the address: one that was shown to that client before, else any. *shown tells which. */
static const struct named *look_up(const struct addresses *all, struct text url, struct text client, int64_t packet,
                                   bool ocsp, bool *shown)
{
    struct named key = {.url = url, .peer = client};
    const struct named *found = lower_bound(all, &key);
    *shown = found != NULL && found->ocsp == ocsp && text_compare_like(found->url, url) == 0 && client.length > 0 &&
             text_compare_like(found->peer, client) == 0 && found->packet < packet;
    if (*shown)
        return found;
    key.peer = TEXT_NULL;
    found = lower_bound(all, &key);
    return found != NULL && found->ocsp == ocsp && text_compare_like(found->url, url) == 0 ? found : NULL;
}

static void tell(struct dissect *dissect, struct revocation_row *row, const struct named *named, bool shown)
{
    const struct certificate_row *certificate = settle_row(dissect, TABLE_certificate, named->certificate);
    row->certificate = named->certificate;
    row->fingerprint_sha256 = certificate == NULL ? TEXT_NULL : certificate->fingerprint_sha256;
    row->url = named->url;
    row->shown = shown;
    sink_append(&dissect->sink, TABLE_revocation, row);
}

/* The address of a request, as a certificate would name it. */
static struct text url_of(const struct http_row *http, struct arena *arena)
{
    struct text host = http->host, uri = http->uri;
    if (uri.length == 0 || text_starts_like(uri, "http:"))
        return uri; /* to a proxy */
    if (host.length > 3 && memcmp(host.at + host.length - 3, ":80", 3) == 0)
        host.length -= 3;
    return text_format(arena, "http%s://%.*s%.*s", http->tls == 1 ? "s" : "", (int)host.length,
                       host.at == NULL ? "" : host.at, (int)uri.length, uri.at);
}

/* Cuts the last part of the path off; false when there is none. */
static bool cut_path(struct text *url)
{
    size_t length = url->length;
    while (length > 0 && url->at[length - 1] != '/')
        length--;
    if (length == 0)
        return false;
    url->length = length - 1;
    return true;
}

static const struct named *look_up_ocsp(const struct addresses *all, const struct http_row *http, struct text url,
                                        bool *shown)
{
    const struct named *named = look_up(all, url, http->client, http->packet, true, shown);
    bool get = text_is(http->method, "GET");
    for (unsigned i = 0; named == NULL && get && i < CUTS_MAX && cut_path(&url); i++) {
        named = look_up(all, url, http->client, http->packet, true, shown);
        struct text slash = {url.at, url.length + 1}; /* the address itself may end in one */
        if (named == NULL)
            named = look_up(all, slash, http->client, http->packet, true, shown);
    }
    return named;
}

static void fetch_http(struct dissect *dissect, const struct addresses *all, int64_t id)
{
    const struct http_row *http = settle_row(dissect, TABLE_http, id);
    if (http == NULL || http->uri.at == NULL || (!text_is(http->method, "GET") && !text_is(http->method, "POST")))
        return;
    arena_reset(&dissect->scratch);
    struct text url = url_of(http, &dissect->scratch);
    struct revocation_row row = revocation_row_null();
    bool shown = false;
    const struct named *named = look_up(all, url, http->client, http->packet, false, &shown);
    row.kind = named != NULL ? TEXT("crl") : TEXT("ocsp");
    if (named == NULL)
        named = look_up_ocsp(all, http, url, &shown);
    if (named == NULL)
        return;
    row.packet = http->packet;
    row.time = http->time;
    row.flow = http->flow;
    row.client = http->client;
    row.http = id;
    row.answered = http->status == INT_NULL ? INT_NULL : http->status == 200 || http->status == 304;
    tell(dissect, &row, named, shown);
}

static void fetch_directory(struct dissect *dissect, const struct addresses *all, int64_t id)
{
    const struct ldap_operation_row *search = settle_row(dissect, TABLE_ldap_operation, id);
    size_t offset;
    if (search == NULL || !text_is(search->operation, "search") || search->attributes.at == NULL ||
        !text_find_like(search->attributes, CRL_ATTRIBUTE, &offset))
        return;
    arena_reset(&dissect->scratch);
    struct text key =
        text_format(&dissect->scratch, "ldap:%.*s", (int)search->dn.length, search->dn.at == NULL ? "" : search->dn.at);
    struct revocation_row row = revocation_row_null();
    bool shown = false;
    const struct named *named = look_up(all, key, search->client, search->packet, false, &shown);
    if (named == NULL)
        return;
    row.packet = search->packet;
    row.time = search->time;
    row.flow = search->flow;
    row.client = search->client;
    row.operation = id;
    row.kind = TEXT("crl");
    row.answered = search->result == INT_NULL ? INT_NULL : search->result == 0 && search->entries != 0;
    tell(dissect, &row, named, shown);
}

void revocation_finish(struct dissect *dissect)
{
    struct addresses all = {.limits = &dissect->counts.limits};
    arena_init(&all.arena, DECODED_MAX);
    if (dissect->needs & NEED_REVOCATION)
        name_of_certificates(dissect, &all);
    int64_t requests = all.count == 0 ? 0 : dissect->sink.count(dissect->sink.context, TABLE_http);
    for (int64_t id = 1; id <= requests; id++)
        fetch_http(dissect, &all, id);
    int64_t searches = all.count == 0 ? 0 : dissect->sink.count(dissect->sink.context, TABLE_ldap_operation);
    for (int64_t id = 1; id <= searches; id++)
        fetch_directory(dissect, &all, id);
    dissect->counts.unsettled += all.full;
    arena_free(&all.arena);
    free(all.items);
}
