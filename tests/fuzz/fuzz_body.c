/* tests/fuzz/fuzz_body.c: any text as the body of a message to or from an endpoint, as a policy and as an IDMIF file; so
 * that mutations reach the fields without passing UTF-16, multipart and zlib first.
 *
 *   u8 flags: 1 reply, 2 inside TLS, 4 an attachment instead of the body; u8 number of the endpoint; then the text in UTF-8
 */
#include <stdio.h>
#include <stdlib.h>

#include "dissect/configmgr/body.h"
#include "dissect/configmgr/mif.h"
#include "dissect/configmgr/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)256 * 1024)
#define MESSAGE_MAX ((size_t)1 << 20)

static const char *const ENDPOINTS[] = {
    "MP_ClientRegistration",   "MP_PolicyManager", "MP_LocationManager", "MP_HinvEndpoint",
    "MP_SinvEndpoint",         "MP_DdrEndpoint",   "MP_RelayEndpoint",   "MP_StatusManager",
    "MP_SinvCollFileEndpoint", "MP_TokenManager",  "MP_ClientIdManager", "MP_DriverManager",
    "MP_AppStateManager",      "MP_Other",
};
#define ENDPOINT_COUNT (sizeof ENDPOINTS / sizeof ENDPOINTS[0])

struct input {
    uint8_t flags;
    const char *endpoint;
    struct text text;
};

/* The HTTP body of a message that carries the text, not compressed. */
static bool build(const struct input *input, struct arena *arena, struct buffer *out)
{
    static const char start[] = "--" CCM_BOUNDARY "\r\ncontent-type: text/plain\r\n\r\n";
    static const char middle[] = "\r\n--" CCM_BOUNDARY "\r\ncontent-type: application/octet-stream\r\n\r\n";
    static const char end[] = "\r\n--" CCM_BOUNDARY "--";
    struct cursor payload;
    if (!text_to_utf16le(arena, input->text, &payload))
        return false;
    bool attached = input->flags & 4;
    struct text header = text_format(
        arena,
        "<Msg SchemaVersion=\"1.1\"><ID>{1}</ID><SourceID>GUID:1</SourceID><TargetEndpoint>%s</TargetEndpoint>"
        "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"%zu\"/>"
        "<Attachment Type=\"ByteRange\" Name=\"1\" Offset=\"0\" Length=\"%zu\"/><Hooks/></Msg>",
        input->endpoint, attached ? 0 : payload.left, attached ? payload.left : 0);
    return header.at != NULL && buffer_append(out, cursor_of(start, sizeof start - 1)) &&
           buffer_append(out, text_cursor(header)) && buffer_append(out, cursor_of(middle, sizeof middle - 1)) &&
           buffer_append(out, payload) && buffer_append(out, cursor_of(end, sizeof end - 1));
}

static void check_fields(const struct ccm_fields *fields)
{
    if (fields->count > CCM_FIELDS_MAX + 1 || fields->nested > CCM_FIELD_NESTED_MAX)
        abort();
    for (size_t i = 0; i < fields->count; i++) {
        const struct ccm_field *field = &fields->items[i];
        if (field->parent > i || field->part == NULL || field->certainty == NULL || field->path.at == NULL ||
            field->value.length > CCM_FIELD_VALUE_MAX || (field->kind == CCM_FIELD_SECRET && field->value.at != NULL))
            abort();
    }
}

static void read_message(struct ccm_decoder *decoder, const struct input *input, struct cursor body)
{
    static struct ccm_message message;
    struct ccm_fields fields = {0};
    struct ccm_source source = {
        .body = body,
        .content_type = TEXT_NULL,
        .reply = input->flags & 1,
        .secure = input->flags & 2,
        .endpoint = input->flags & 1 ? text_of(input->endpoint) : TEXT_NULL,
    };
    ccm_message_decode(decoder, &source, NEED_EVERYTHING | NEED_FIELD, &message);
    if (message.finding_count > CCM_FINDINGS_MAX || message.note_count > CCM_NOTES_MAX)
        abort();
    if (message.registration_signature.state == CCM_SIGNATURE_VALID && message.registration_data.left == 0)
        abort();
    ccm_message_fields(decoder, &message, &fields);
    check_fields(&fields);
}

/* The same text as what is not a message. */
static void read_others(struct ccm_decoder *decoder, struct text text)
{
    struct ccm_fields fields = {0};
    arena_reset(&decoder->arena);
    struct ccm_policy *policy = arena_alloc(&decoder->arena, sizeof *policy);
    if (policy != NULL)
        ccm_policy_read(decoder, text, false, policy);
    for (size_t i = 0; policy != NULL && i < policy->secret_count && i < CCM_SECRETS_MAX; i++) {
        if (policy->secrets[i].value.at != NULL)
            abort();
    }
    if (ccm_mif_recognise(text))
        ccm_mif_fields(decoder, text, "attachment 1", &fields);
    ccm_fields_close(&fields);
    check_fields(&fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ccm_decoder decoder; /* kept, as a worker keeps it from message to message */
    struct cursor bytes = cursor_of(data, size);
    struct arena arena;
    struct buffer body;
    struct input input;
    uint8_t endpoint;
    if (size > INPUT_MAX || !cursor_u8(&bytes, &input.flags) || !cursor_u8(&bytes, &endpoint))
        return 0;
    if (decoder.keys == NULL && !ccm_decoder_init(&decoder))
        return 0;
    arena_init(&arena, (size_t)4 << 20);
    buffer_init(&body, MESSAGE_MAX);
    input.endpoint = ENDPOINTS[endpoint % ENDPOINT_COUNT];
    input.text = text_clean(&arena, bytes);
    if (build(&input, &arena, &body))
        read_message(&decoder, &input, buffer_cursor(&body));
    read_others(&decoder, input.text);
    buffer_free(&body);
    arena_free(&arena);
    return 0;
}
