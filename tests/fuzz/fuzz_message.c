/* tests/fuzz/fuzz_message.c: any bytes as a ConfigMgr message, decoded with everything that can be asked for.
 *
 *   u8 flags: 1 reply, 2 inside TLS, 4 cut off, 8 Content-Type known, 16 reply to a registration, 32 without header, 64 client
 *   notification; then the HTTP body
 */
#include "dissect/configmgr/notification.h"
#include "tests/fuzz/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char TYPE[] = "multipart/mixed; boundary=\"" CCM_BOUNDARY "\"";

static void read_fields(struct ccm_decoder *decoder, struct ccm_message *message)
{
    struct ccm_fields fields;
    ccm_message_fields(decoder, message, &fields);
    if (fields.count > CCM_FIELDS_MAX + 1 || fields.nested > CCM_FIELD_NESTED_MAX)
        abort();
    for (size_t i = 0; i < fields.count; i++) {
        const struct ccm_field *field = &fields.items[i];
        if (field->parent > i || field->part == NULL || field->certainty == NULL || field->path.at == NULL ||
            field->value.length > CCM_FIELD_VALUE_MAX || (field->kind == CCM_FIELD_SECRET && field->value.at != NULL))
            abort();
    }
}

static void decode(struct ccm_decoder *decoder, const struct ccm_source *source, unsigned needs)
{
    struct ccm_message message;
    if (source->carrier == CCM_CARRIER_NOTIFICATION)
        ccm_notification_decode(decoder, source, needs, &message);
    else
        ccm_message_decode(decoder, source, needs, &message);
    /* What is promised of every result. */
    if (message.note_count > CCM_NOTES_MAX || message.finding_count > CCM_FINDINGS_MAX ||
        message.header.hook_count > CCM_HOOKS_MAX || message.multipart.count > CCM_PARTS_MAX)
        abort();
    if (message.plain.left > CCM_INFLATE_MAX && message.payload_kind == CCM_PAYLOAD_ZLIB)
        abort();
    if (message.body_bytes.left > message.plain.left)
        abort();
    for (size_t i = 0; i < message.finding_count; i++) {
        if (message.findings[i].code == NULL || message.findings[i].text.at == NULL)
            abort();
    }
    if (needs & NEED_FIELD)
        read_fields(decoder, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size);
    uint8_t flags;
    if (!cursor_u8(&input, &flags))
        return 0;
    struct ccm_decoder *decoder = fuzz_decoder();
    struct ccm_source source = {
        .carrier = flags & 64   ? CCM_CARRIER_NOTIFICATION
                   : flags & 32 ? CCM_CARRIER_FSP
                                : CCM_CARRIER_POST,
        .bare = flags & (32 | 64),
        .body = input,
        .content_type = flags & 8 ? text_of(TYPE) : TEXT_NULL,
        .reply = flags & 1,
        .secure = flags & 2,
        .missing = flags & 4 ? CCM_MISSING_BYTES : CCM_MISSING_NOTHING,
        .endpoint = flags & 16 ? TEXT("MP_ClientRegistration") : TEXT_NULL,
    };
    uint64_t inflated = decoder->inflated;
    if (ccm_message_recognise(input, source.content_type))
        decode(decoder, &source, NEED_NOTHING);
    if (decoder->inflated != inflated)
        abort();
    decode(decoder, &source, NEED_EVERYTHING | NEED_FIELD);
    fuzz_decoder_end(decoder);
    return 0;
}
