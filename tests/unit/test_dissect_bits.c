/* tests/unit/test_dissect_bits.c: uploads put together from fragments, whatever their order and their connections. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/bits.h"
#include "tests/unit/dialogue_fixture.h"
#include "tests/unit/message_fixture.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define REPORT "<Report><ReportBody><StateMessage SerialNumber='9'/></ReportBody></Report>"

static int setup(void **state)
{
    *state = dialogue_new(NEED_FIELD | NEED_BODY);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    dialogue_free(*state);
    return 0;
}

/* ---- Requests and replies ---- */

static void ask_packet(struct dialogue *dialogue, const char *packet, const char *headers, struct cursor body)
{
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    sample_print(&bytes,
                 "BITS_POST /CCM_Incoming/{A}/r.xml HTTP/1.1\r\nHost: mp\r\nBITS-Packet-Type: %s\r\n%s"
                 "Content-Length: %zu\r\n\r\n",
                 packet, headers, body.left);
    sample_append(&bytes, body);
    dialogue_ask(dialogue, buffer_cursor(&bytes));
    buffer_free(&bytes);
}

static void answer(struct dialogue *dialogue, const char *status, const char *headers)
{
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    sample_print(&bytes, "HTTP/1.1 %s\r\nBITS-Packet-Type: Ack\r\n%sContent-Length: 0\r\n\r\n", status, headers);
    dialogue_answer(dialogue, buffer_cursor(&bytes));
    buffer_free(&bytes);
}

static void create(struct dialogue *dialogue)
{
    ask_packet(dialogue, "Create-Session", "BITS-Supported-Protocols: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n",
               CURSOR_EMPTY);
    answer(dialogue, "200 OK", "BITS-Session-Id: {S}\r\n");
}

static void fragment(struct dialogue *dialogue, struct cursor whole, size_t start, size_t end, const char *status)
{
    char headers[128];
    struct cursor part = CURSOR_EMPTY;
    assert_true(cursor_slice(whole, start, end - start, &part));
    snprintf(headers, sizeof headers, "BITS-Session-Id: {S}\r\nContent-Range: bytes %zu-%zu/%zu\r\n", start, end - 1,
             whole.left);
    ask_packet(dialogue, "fragment", headers, part);
    answer(dialogue, status, "");
}

static void close_session(struct dialogue *dialogue, const char *packet)
{
    ask_packet(dialogue, packet, "BITS-Session-Id: {S}\r\n", CURSOR_EMPTY);
    answer(dialogue, "200 OK", "");
}

static const struct bits_row *upload(struct dialogue *dialogue)
{
    dialogue_finish(dialogue);
    assert_int_equal(dialogue_count(dialogue, TABLE_bits), 1);
    return store_row(dialogue->store, TABLE_bits, 1);
}

static void report_bytes(struct buffer *bytes)
{
    buffer_init(bytes, SAMPLE_MAX);
    sample_wide(bytes, REPORT);
    sample_append(bytes, cursor_of("\0\0", 2));
}

/* ---- Sessions ---- */

static void fragments_in_order_are_one_document(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    report_bytes(&bytes);
    struct cursor whole = buffer_cursor(&bytes);
    create(dialogue);
    fragment(dialogue, whole, 0, 50, "200 OK");
    fragment(dialogue, whole, 50, whole.left, "200 OK");
    close_session(dialogue, "Close-Session");
    const struct bits_row *row = upload(dialogue);
    assert_true(text_is(row->state, "closed"));
    assert_true(text_is(row->session, "{S}"));
    assert_true(text_is(row->url, "/CCM_Incoming/{A}/r.xml"));
    assert_int_equal(row->fragments, 2);
    assert_int_equal(row->received, (int64_t)whole.left);
    assert_int_equal(row->repeated, 0);
    assert_true(text_is(row->content, "xml"));
    assert_true(text_is(row->root, "Report"));
    assert_true(text_is(row->body, REPORT));
    assert_int_equal(row->sha256.length, 64);
    assert_null(row->problem.at);
    bool found = false;
    for (int64_t id = 1; id <= dialogue_count(dialogue, TABLE_field); id++) {
        const struct field_row *field = store_row(dialogue->store, TABLE_field, id);
        found = found || (field->bits == 1 && text_is(field->name, "SerialNumber") && text_is(field->value, "9"));
    }
    assert_true(found);
    buffer_free(&bytes);
}

static void disorder_overlap_and_repetition_over_connections_change_nothing(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    report_bytes(&bytes);
    struct cursor whole = buffer_cursor(&bytes);
    fragment(dialogue, whole, 100, whole.left, "200 OK"); /* the creation was not seen */
    dialogue_close(dialogue);
    fragment(dialogue, whole, 0, 60, "200 OK");
    dialogue_close(dialogue);
    fragment(dialogue, whole, 40, 120, "200 OK");
    fragment(dialogue, whole, 0, 60, "200 OK");
    const struct bits_row *row = upload(dialogue);
    assert_true(text_is(row->state, "complete"));
    assert_int_equal(row->received, (int64_t)whole.left);
    assert_int_equal(row->repeated, 20 + 20 + 60);
    assert_int_equal(row->conflicts, 0);
    assert_true(text_is(row->body, REPORT));
    buffer_free(&bytes);
}

static void bytes_that_differ_are_counted_and_the_first_stay(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes, other;
    report_bytes(&bytes);
    report_bytes(&other);
    other.bytes[10] ^= 1;
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, bytes.length, "200 OK");
    fragment(dialogue, buffer_cursor(&other), 0, 20, "200 OK");
    const struct bits_row *row = upload(dialogue);
    assert_int_equal(row->conflicts, 1);
    assert_true(text_is(row->body, REPORT));
    buffer_free(&bytes);
    buffer_free(&other);
}

static void what_is_missing_is_not_read(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    report_bytes(&bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, 20, "200 OK");
    fragment(dialogue, buffer_cursor(&bytes), 30, bytes.length, "200 OK");
    close_session(dialogue, "Close-Session");
    const struct bits_row *row = upload(dialogue);
    assert_true(text_is(row->state, "closed"));
    assert_int_equal(row->received, (int64_t)bytes.length - 10);
    assert_true(text_is(row->content, "incomplete"));
    assert_null(row->sha256.at);
    buffer_free(&bytes);
}

static void a_fragment_that_the_server_refused_does_not_count(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    report_bytes(&bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 20, bytes.length, "416 Range Not Satisfiable");
    fragment(dialogue, buffer_cursor(&bytes), 0, bytes.length, "200 OK");
    const struct bits_row *row = upload(dialogue);
    assert_int_equal(row->fragments, 2);
    assert_int_equal(row->repeated, 0);
    assert_true(text_is(row->content, "xml"));
    buffer_free(&bytes);
}

static void cancelled_and_refused_sessions_are_told(void **state)
{
    struct dialogue *dialogue = *state;
    create(dialogue);
    close_session(dialogue, "Cancel-Session");
    assert_true(text_is(upload(dialogue)->state, "cancelled"));
    struct dialogue *second = dialogue_new(NEED_NOTHING);
    ask_packet(second, "Create-Session", "", CURSOR_EMPTY);
    answer(second, "501 Not Implemented", "BITS-Error: 0x80070005\r\n");
    const struct bits_row *row = upload(second);
    assert_true(text_is(row->state, "refused"));
    assert_true(text_is(row->error, "0x80070005"));
    dialogue_free(second);
}

static void an_upload_may_be_a_whole_message(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    struct sample sample = {.endpoint = "MP_HinvEndpoint", .source_id = VECTOR_CLIENT, .body = REPORT};
    sample_build(&sample, &bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, bytes.length, "200 OK");
    const struct bits_row *row = upload(dialogue);
    assert_true(text_is(row->content, "message"));
    assert_true(text_is(row->endpoint, "MP_HinvEndpoint"));
    assert_true(text_is(row->source_id, VECTOR_CLIENT));
    assert_true(text_is(row->root, "Report"));
    const struct message_row *message = store_row(dialogue->store, TABLE_message, row->message);
    assert_int_equal(dialogue_count(dialogue, TABLE_message), 1);
    assert_true(text_is(message->carrier, "bits"));
    assert_true(text_is(message->endpoint, "MP_HinvEndpoint"));
    assert_true(text_is(message->client, "10.0.0.1"));
    assert_int_equal(message->http, row->http);
    buffer_free(&bytes);
}

/* A signature that needs the registration of another connection is settled as that of any message. */
static void the_signature_of_an_upload_is_verified(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_EVERYTHING | NEED_UPLOAD);
    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_MAX);
    struct sample sample = {.endpoint = "MP_HinvEndpoint", .source_id = VECTOR_CLIENT, .body = REPORT, .sign = true};
    sample_build(&sample, &bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, bytes.length, "200 OK");
    const struct bits_row *row = upload(dialogue);
    const struct message_row *message = store_row(dialogue->store, TABLE_message, row->message);
    assert_true(text_is(message->signature, "valid"));
    dialogue_free(dialogue);
    buffer_free(&bytes);
}

static void an_upload_without_header_is_a_message_too(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    report_bytes(&bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, bytes.length, "200 OK");
    close_session(dialogue, "Close-Session");
    const struct bits_row *row = upload(dialogue);
    const struct message_row *message = store_row(dialogue->store, TABLE_message, row->message);
    assert_true(text_is(message->carrier, "bits"));
    assert_true(text_is(message->root, "Report"));
    assert_true(text_is(message->answer, "no-reply"));
    assert_int_equal(message->payload_bytes, (int64_t)bytes.length);
    assert_null(message->signature.at);
    assert_null(message->malformed.at);
    buffer_free(&bytes);
}

static void an_upload_that_is_not_whole_is_a_malformed_message(void **state)
{
    struct dialogue *dialogue = *state;
    struct buffer bytes;
    report_bytes(&bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, 50, "200 OK");
    const struct bits_row *row = upload(dialogue);
    const struct message_row *message = store_row(dialogue->store, TABLE_message, row->message);
    assert_true(text_is(row->content, "incomplete"));
    assert_true(text_is(message->malformed, "bytes of the message are missing from the capture"));
    assert_null(message->answer.at);
    buffer_free(&bytes);
}

static void without_need_nothing_is_kept_but_the_session_is_told(void **state)
{
    (void)state;
    struct dialogue *dialogue = dialogue_new(NEED_NOTHING);
    struct buffer bytes;
    report_bytes(&bytes);
    create(dialogue);
    fragment(dialogue, buffer_cursor(&bytes), 0, bytes.length, "200 OK");
    const struct bits_row *row = upload(dialogue);
    assert_true(text_is(row->state, "complete"));
    assert_int_equal(row->received, (int64_t)bytes.length);
    assert_null(row->content.at);
    assert_int_equal(dialogue_count(dialogue, TABLE_field), 0);
    dialogue_free(dialogue);
    buffer_free(&bytes);
}

static void lies_about_ranges_do_no_harm(void **state)
{
    struct dialogue *dialogue = *state;
    static const char *const ranges[] = {
        "bytes 0-9/18446744073709551615",
        "bytes 9-0/10",
        "bytes 10-10/10",
        "bytes */10",
        "0-9/10",
        "bytes 0-9223372036854775806/9223372036854775807",
        "",
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        char headers[160];
        snprintf(headers, sizeof headers, "BITS-Session-Id: {S}\r\nContent-Range: %s\r\n", ranges[i]);
        ask_packet(dialogue, "Fragment", headers, cursor_of("0123456789", 10));
        answer(dialogue, "200 OK", "");
    }
    const struct bits_row *row = upload(dialogue);
    assert_true(text_is(row->state, "open"));
    assert_non_null(row->problem.at);
    assert_null(row->sha256.at);
}

/* ---- Content-Range ---- */

static void content_ranges_are_read(void **state)
{
    (void)state;
    uint64_t start, length, total;
    assert_true(bits_range_parse(TEXT("bytes 64000-69999/70000"), &start, &length, &total));
    assert_int_equal(start, 64000);
    assert_int_equal(length, 6000);
    assert_int_equal(total, 70000);
    assert_false(bits_range_parse(TEXT("bytes 0-10/10"), &start, &length, &total));
    assert_false(bits_range_parse(TEXT("bytes 0/10-5"), &start, &length, &total));
    assert_false(bits_range_parse(TEXT_NULL, &start, &length, &total));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fragments_in_order_are_one_document),
        TEST(disorder_overlap_and_repetition_over_connections_change_nothing),
        TEST(bytes_that_differ_are_counted_and_the_first_stay),
        TEST(what_is_missing_is_not_read),
        TEST(a_fragment_that_the_server_refused_does_not_count),
        TEST(cancelled_and_refused_sessions_are_told),
        TEST(an_upload_may_be_a_whole_message),
        TEST(the_signature_of_an_upload_is_verified),
        TEST(an_upload_without_header_is_a_message_too),
        TEST(an_upload_that_is_not_whole_is_a_malformed_message),
        TEST(without_need_nothing_is_kept_but_the_session_is_told),
        TEST(lies_about_ranges_do_no_harm),
        cmocka_unit_test(content_ranges_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
