/* tests/unit/rules_bench.h: a store to be filled by hand, and the verdict of one rule of the built-in benchmark over
 * it. */
#ifndef CMSCOPE_TESTS_RULES_BENCH_H
#define CMSCOPE_TESTS_RULES_BENCH_H

#include "rules/evaluate.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)
#define DAY 86400.0
#define CLOCK 1577836800.0 /* 2020-01-01: of packets that were taken by a clock */

struct bench {
    struct store *store;
    struct database *database;
    struct benchmark *benchmark;
    struct arena arena;
    struct verdicts verdicts;
    int64_t packet; /* of the next row */
};

static struct bench bench; /* one for each test program */

static inline int open_bench(void **state)
{
    (void)state;
    struct error error = {0};
    bench = (struct bench){.store = store_new(), .packet = 1};
    arena_init(&bench.arena, ARENA_MAX);
    if (benchmark_load(NULL, &bench.benchmark, &error) == OUTCOME_OK &&
        database_open(bench.store, &bench.database, &error) == OUTCOME_OK)
        return 0;
    fprintf(stderr, "%s\n", error.text);
    return 1;
}

static inline int close_bench(void **state)
{
    (void)state;
    arena_free(&bench.arena);
    database_close(bench.database);
    benchmark_free(bench.benchmark);
    store_free(bench.store);
    return 0;
}

static inline int64_t add(enum table table, const void *row)
{
    struct sink sink = store_sink(bench.store);
    return sink_append(&sink, table, row);
}

/* A GET of a service from 10.0.0.5 to 10.0.0.11, answered by 200 on clear HTTP. */
static inline struct http_row http_of(const char *service, const char *uri)
{
    struct http_row row = http_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.flow = 1;
    row.client = TEXT("10.0.0.5");
    row.server = TEXT("10.0.0.11");
    row.port = 80;
    row.method = TEXT("GET");
    row.uri = text_of(uri);
    row.host = TEXT("cm01.corp.test");
    row.status = 200;
    row.service = text_of(service);
    row.complete = 1;
    row.tls = 0;
    return row;
}

static inline void add_http(const char *service, const char *uri)
{
    struct http_row row = http_of(service, uri);
    add(TABLE_http, &row);
}

static inline void add_message(const char *transport, const char *target)
{
    struct message_row row = message_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.flow = 1;
    row.direction = TEXT("request");
    row.transport = text_of(transport);
    row.client = TEXT("10.0.0.5");
    row.server = TEXT("10.0.0.11");
    row.target_host = text_of(target);
    add(TABLE_message, &row);
}

static inline void add_tls_flow(void)
{
    struct flow_row row = flow_row_null();
    row.packet = bench.packet++;
    row.dst = TEXT("10.0.0.11");
    row.dport = 443;
    row.encrypted = 1;
    add(TABLE_flow, &row);
}

static inline void add_gap(void)
{
    struct coverage_row row = coverage_row_null();
    row.name = TEXT("gaps");
    row.value = 1;
    row.incomplete = 1;
    add(TABLE_coverage, &row);
}

static inline struct registration_row registration_of(const char *client, const char *smsid, const char *netbios)
{
    struct registration_row row = registration_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.client = text_of(client);
    row.smsid = text_of(smsid);
    row.netbios = text_of(netbios);
    row.status = 0;
    row.approval = 1;
    row.windows_auth = 0;
    row.agent_type = 0;
    row.agent_version = TEXT("5.00.8325.0000");
    return row;
}

static inline struct policy_row secret_of(const char *client, const char *client_id)
{
    struct policy_row row = policy_row_null();
    row.packet = bench.packet++;
    row.time = 1000.0 + (double)row.packet;
    row.client = text_of(client);
    row.client_id = text_of(client_id);
    row.fetched = 1;
    row.body = TEXT("secret-cms");
    return row;
}

static inline struct certificate_row certificate_of(const char *seen_as, int64_t self_signed)
{
    struct certificate_row row = certificate_row_null();
    row.packet = bench.packet++;
    row.time = CLOCK + 100 * DAY;
    row.seen_as = text_of(seen_as);
    row.host = TEXT("10.0.0.5");
    row.fingerprint_sha256 = TEXT("AA");
    row.subject = TEXT("CN=ws1");
    row.not_before = CLOCK + 90 * DAY;
    row.not_after = CLOCK + 400 * DAY;
    row.key_type = TEXT("rsa");
    row.key_bits = 2048;
    row.signature_hash = TEXT("sha256");
    row.eku = TEXT("1.3.6.1.5.5.7.3.2");
    row.self_signed = self_signed;
    row.spki_sha256 = TEXT("BB");
    return row;
}

static inline const struct rule_verdict *judge_in(const char *id, const char *profile)
{
    struct error error = {0};
    struct evaluation evaluation = {.profile = profile, .ids = &id, .id_count = 1};
    arena_reset(&bench.arena);
    if (evaluate_rules(bench.database, bench.benchmark, &evaluation, &bench.arena, &bench.verdicts, &error) !=
        OUTCOME_OK)
        fail_msg("%s", error.text);
    assert_int_equal(bench.verdicts.count, 1);
    return &bench.verdicts.items[0];
}

static inline const struct rule_verdict *judge(const char *id)
{
    return judge_in(id, "modern");
}

static inline void expect(const char *id, enum verdict verdict, const char *detail)
{
    const struct rule_verdict *v = judge(id);
    if (v->verdict != verdict || !text_find_like(v->detail, detail, &(size_t){0}))
        fail_msg("%s is %s: %.*s", id, verdict_name(v->verdict), (int)v->detail.length, v->detail.at);
}

#endif
