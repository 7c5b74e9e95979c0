/* dissect/suspect.c: see suspect.h. */
#define _DEFAULT_SOURCE
#include "dissect/suspect.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "dissect/pairs.h"
#include "dissect/settle.h"

#define HINT "hint"
#define SENT_TIME_APART 86400.0 /* seconds; time zones and wrong clocks explain less */
#define REGISTERED_AT_ONCE 10.0 /* seconds between registration and secret policy (wire.md 12.3: "within seconds") */

/* ---- T01: the same signed message again ---- */

static bool was_answered(const struct http_row *http)
{
    return http != NULL && http->status >= 200 && http->status < 300;
}

/* Behind a proxy a message is seen twice, the second exchange within the first. */
static bool is_nested(const struct http_row *outer, const struct http_row *inner)
{
    return inner->packet > outer->packet && inner->reply_packet != INT_NULL && outer->reply_packet != INT_NULL &&
           inner->reply_packet < outer->reply_packet;
}

static void check_replay(struct dissect *dissect, int64_t before_id, int64_t id)
{
    const struct message_row *before = settle_row(dissect, TABLE_message, before_id);
    const struct message_row *row = settle_row(dissect, TABLE_message, id);
    if (before == NULL || row == NULL || row->attempt_of != INT_NULL)
        return;
    const struct http_row *first = settle_row(dissect, TABLE_http, before->http);
    const struct http_row *second = settle_row(dissect, TABLE_http, row->http);
    if (!was_answered(first) || second == NULL || is_nested(first, second))
        return;
    bool elsewhere = !text_equal(before->client, row->client);
    settle_find(dissect, id, "T01", HINT,
                elsewhere ? "the same signed message came before from another address and was answered"
                          : "the same signed message came before and was answered");
}

static void check_replays(struct dissect *dissect)
{
    settle_each_replay(dissect, check_replay);
}

/* ---- One thing with several others: T02, T03, T07, C41 ---- */

static void add_pair(struct dissect *dissect, struct pairs *pairs, struct text group, struct text value,
                     int64_t message)
{
    if (group.length > 0 && value.length > 0)
        pairs_add(dissect, pairs, (struct pair){pairs_digest(dissect, group), message, pairs_digest(dissect, value)});
}

/* A finding where a group meets a value that is neither its first one nor the one just before. */
static void find_several(struct dissect *dissect, struct pairs *pairs, const char *code, const char *level,
                         const char *text)
{
    struct pairs found = {0};
    struct pair start = {0};
    uint64_t last = 0, count = pairs_sort(dissect, pairs) ? pairs_count(pairs) : 0;
    for (uint64_t i = 0; i < count; i++) {
        struct pair pair = pairs_at(pairs, i);
        bool starts = i == 0 || pair.group != start.group;
        if (starts)
            start = pair;
        else if (pair.value != start.value && pair.value != last)
            pairs_add(dissect, &found, (struct pair){.order = pair.order}); /* by message */
        last = pair.value;
    }
    count = pairs_sort(dissect, &found) ? pairs_count(&found) : 0;
    for (uint64_t i = 0; i < count; i++)
        settle_find(dissect, pairs_at(&found, i).order, code, level, text);
    pairs_free(&found);
    pairs_free(pairs);
}

/* The host's name without its domain: senders use both forms. */
static struct text short_name(struct text host)
{
    size_t length = 0;
    while (length < host.length && host.at[length] != '.')
        length++;
    return (struct text){host.at, length};
}

static bool is_registered(const struct registration_row *row)
{
    return row != NULL && row->key_fingerprint.at != NULL && text_is(row->signature, "valid") &&
           (row->status == 0 || row->status == 1);
}

static void check_registered(struct dissect *dissect, struct pairs *pairs)
{
    int64_t count = dissect->sink.count(dissect->sink.context, TABLE_registration);
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        if (is_registered(row) && row->agent_type != 4 && row->agent_type != 8)
            add_pair(dissect, pairs, row->key_fingerprint, row->smsid, row->message);
    }
    find_several(dissect, pairs, "C41", "rule",
                 "one signing certificate is registered for several clients that are not behind an ISV proxy");
    for (int64_t id = 1; id <= count; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        if (is_registered(row))
            add_pair(dissect, pairs, row->smsid, row->key_fingerprint, row->message);
    }
    find_several(dissect, pairs, "T07", HINT, "another key than before is registered for the client id");
}

/* Keys of boot media and of ISV proxies sign for many. */
static bool is_shared(const struct pairs *shared, uint64_t key)
{
    uint64_t place = pairs_find(shared, key, 0);
    return place < pairs_count(shared) && pairs_at(shared, place).group == key;
}

static void list_shared(struct dissect *dissect, struct pairs *shared)
{
    int64_t rows = dissect->sink.count(dissect->sink.context, TABLE_registration);
    for (int64_t id = 1; id <= rows; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        bool many = row != NULL && (row->agent_type == 1 || row->agent_type == 4 || row->agent_type == 8);
        if (many && row->key_fingerprint.at != NULL)
            pairs_add(dissect, shared, (struct pair){pairs_digest(dissect, row->key_fingerprint), id, 0});
    }
    pairs_sort(dissect, shared);
}

static void check_senders(struct dissect *dissect, struct pairs *pairs, int64_t messages)
{
    struct pairs shared = {0};
    list_shared(dissect, &shared);
    for (int64_t id = 1; id <= messages; id++) {
        const struct message_row *row = settle_row(dissect, TABLE_message, id);
        if (row != NULL && text_is(row->direction, "request") && !text_is(row->signature, "invalid"))
            add_pair(dissect, pairs, row->source_id, short_name(row->source_host), id);
    }
    find_several(dissect, pairs, "T02", HINT, "the client id was used by a host of another name before");
    for (int64_t id = 1; id <= messages; id++) {
        const struct message_row *row = settle_row(dissect, TABLE_message, id);
        if (row == NULL || !text_is(row->direction, "request") || !text_is(row->signature, "valid") ||
            is_shared(&shared, pairs_digest(dissect, row->key_fingerprint)))
            continue;
        add_pair(dissect, pairs, row->key_fingerprint, row->source_id, id);
    }
    find_several(dissect, pairs, "T03", HINT, "the key that signs signed for another client id before");
    pairs_free(&shared);
}

/* ---- T04: sent at another time than it says ---- */

static bool digits(struct text text, size_t at, size_t count, int *number)
{
    *number = 0;
    for (size_t i = at; i < at + count; i++) {
        if (i >= text.length || text.at[i] < '0' || text.at[i] > '9')
            return false;
        *number = *number * 10 + (text.at[i] - '0');
    }
    return true;
}

/* "2026-11-22T04:59:10Z", or the form of WMI "20261122045910.000000+000" (wire.md 3.2). Zones are left out: less than the
 * limit. */
static bool sent_seconds(struct text text, double *seconds)
{
    static const size_t iso[] = {0, 5, 8, 11, 14, 17}, wmi[] = {0, 4, 6, 8, 10, 12};
    int part[6];
    const size_t *at = text.length > 4 && text.at[4] == '-' ? iso : wmi;
    for (size_t i = 0; i < 6; i++) {
        if (!digits(text, at[i], i == 0 ? 4 : 2, &part[i]))
            return false;
    }
    struct tm parts = {.tm_year = part[0] - 1900, .tm_mon = part[1] - 1, .tm_mday = part[2]};
    *seconds = (double)timegm(&parts) + part[3] * 3600.0 + part[4] * 60.0 + part[5];
    return part[0] >= 1970;
}

static void check_sent_time(struct dissect *dissect, int64_t id)
{
    const struct message_row *row = settle_row(dissect, TABLE_message, id);
    double sent;
    if (row == NULL || !text_is(row->direction, "request") || row->sent_time.at == NULL ||
        !sent_seconds(row->sent_time, &sent) || !settle_has_clock(row->time))
        return;
    if (fabs(row->time - sent) > SENT_TIME_APART)
        settle_find(dissect, id, "T04", HINT, "SentTime is more than a day from the time of the capture");
}

/* ---- T05: a secret policy at once after registration ---- */

/* Whether the pair at that place is one of the group. */
static bool is_of_group(const struct pairs *pairs, uint64_t place, uint64_t group)
{
    return place < pairs_count(pairs) && pairs_at(pairs, place).group == group;
}

/* The message of a registration of the client of `policy` shortly before, or INT_NULL. */
static int64_t registered_before(struct dissect *dissect, const struct pairs *pairs, const struct policy_row *policy)
{
    uint64_t group = pairs_digest(dissect, policy->client_id);
    for (uint64_t i = pairs_find(pairs, group, 0); is_of_group(pairs, i, group); i++) {
        const struct registration_row *made = settle_row(dissect, TABLE_registration, pairs_at(pairs, i).order);
        if (made != NULL && settle_has_clock(made->time) && policy->time >= made->time &&
            policy->time - made->time <= REGISTERED_AT_ONCE)
            return made->message;
    }
    return INT_NULL;
}

static void check_haste(struct dissect *dissect, struct pairs *pairs)
{
    int64_t registrations = dissect->sink.count(dissect->sink.context, TABLE_registration);
    int64_t policies = dissect->sink.count(dissect->sink.context, TABLE_policy);
    for (int64_t id = 1; id <= registrations; id++) {
        const struct registration_row *row = settle_row(dissect, TABLE_registration, id);
        if (row != NULL && row->status == 0)
            add_pair(dissect, pairs, row->smsid, row->smsid, id);
    }
    bool any = pairs_sort(dissect, pairs);
    for (int64_t id = 1; any && id <= policies; id++) {
        const struct policy_row *row = settle_row(dissect, TABLE_policy, id);
        bool secret = row != NULL && row->fetched == 1 &&
                      (text_is(row->body, "secret-cms") || (text_is(row->body, "clear") && row->has_secret == 1));
        if (!secret || row->client_id.length == 0)
            continue;
        int64_t message = registered_before(dissect, pairs, row);
        if (message != INT_NULL)
            settle_find(dissect, message, "T05", HINT,
                        "a secret policy is fetched within seconds of this registration");
    }
    pairs_free(pairs);
}

/* ---- C11, C12: transport against mode ---- */

static bool is_private(struct text address)
{
    static const char *const prefixes[] = {"10.", "192.168.", "127.", "169.254.", "fe80:", "fc", "fd", "::1", NULL};
    for (size_t i = 0; prefixes[i] != NULL; i++) {
        if (text_starts_like(address, prefixes[i]))
            return true;
    }
    int second = 0;
    bool two = address.length > 6 && digits(address, 4, 2, &second) && address.at[6] == '.';
    if (text_starts_like(address, "172.") && two)
        return second >= 16 && second <= 31;
    bool shared = text_starts_like(address, "100.") && ((two && second >= 64) || digits(address, 4, 3, &second));
    return shared && second >= 64 && second <= 127; /* RFC 6598 */
}

static void check_internet(struct dissect *dissect, int64_t id)
{
    const struct message_row *row = settle_row(dissect, TABLE_message, id);
    if (row == NULL || !text_is(row->direction, "request") || !text_is(row->transport, "http") ||
        is_private(row->client) || !is_private(row->server))
        return;
    settle_find(
        dissect, id, "C12", HINT,
        "a message without TLS comes from an Internet address; a mixed-mode site discards those of Internet clients");
}

static void check_modes(struct dissect *dissect, struct pairs *pairs, int64_t messages)
{
    for (int64_t id = 1; id <= messages; id++) {
        const struct message_row *row = settle_row(dissect, TABLE_message, id);
        if (row != NULL && text_is(row->direction, "request") && text_is(row->transport, "https"))
            add_pair(dissect, pairs, row->server, row->server, id);
    }
    bool any = pairs_sort(dissect, pairs);
    for (int64_t id = 1; any && id <= messages; id++) {
        const struct message_row *row = settle_row(dissect, TABLE_message, id);
        if (row == NULL || !text_is(row->direction, "request") || !text_is(row->transport, "http") ||
            text_is_like(row->endpoint, "MP_LocationManager"))
            continue;
        uint64_t group = pairs_digest(dissect, row->server);
        if (is_of_group(pairs, pairs_find(pairs, group, 0), group))
            settle_find(dissect, id, "C11", "advisory",
                        "a message crosses the wire without TLS at a management point that takes others in TLS");
    }
    pairs_free(pairs);
}

static void check_messages(struct dissect *dissect, int64_t messages)
{
    struct pairs pairs = {0};
    check_replays(dissect);
    check_registered(dissect, &pairs);
    check_senders(dissect, &pairs, messages);
    check_haste(dissect, &pairs);
    check_modes(dissect, &pairs, messages);
    for (int64_t id = 1; id <= messages; id++) {
        check_sent_time(dissect, id);
        check_internet(dissect, id);
    }
}

void suspect_finish(struct dissect *dissect)
{
    int64_t messages = dissect->sink.count(dissect->sink.context, TABLE_message);
    if (!(dissect->needs & NEED_FINDING))
        return;
    if (messages > 0)
        check_messages(dissect, messages);
    suspect_history(dissect);
}
