/* dissect/configmgr/payload.c: see payload.h. */
#include "dissect/configmgr/payload.h"

#include <libdeflate.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* OID 1.2.840.113549.1.7.3 id-envelopedData, as it stands near the start of its ContentInfo. */
static const uint8_t ENVELOPED_DATA[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03};
#define ENVELOPED_DATA_WITHIN 32 /* bytes: tag and length of the SEQUENCE come before it */

static bool is_zlib(struct cursor bytes)
{
    return bytes.left >= 2 && (bytes.at[0] & 0x0F) == 8 && (bytes.at[0] >> 4) <= 7 &&
           (bytes.at[0] << 8 | bytes.at[1]) % 31 == 0;
}

static bool is_text(struct cursor bytes)
{
    return cursor_starts(bytes, "\xFF\xFE", 2) || cursor_starts(bytes, "\xFE\xFF", 2) ||
           cursor_starts(bytes, "<\0", 2) || cursor_starts(bytes, "\0<", 2) || cursor_starts(bytes, "<", 1);
}

enum ccm_payload_kind ccm_payload_classify(struct cursor bytes)
{
    if (bytes.left == 0)
        return CCM_PAYLOAD_EMPTY;
    if (is_text(bytes))
        return CCM_PAYLOAD_TEXT;
    if (is_zlib(bytes))
        return CCM_PAYLOAD_ZLIB;
    size_t at;
    struct cursor head = {bytes.at, bytes.left < ENVELOPED_DATA_WITHIN ? bytes.left : ENVELOPED_DATA_WITHIN};
    if (bytes.at[0] == 0x30 && cursor_find(head, cursor_of(ENVELOPED_DATA, sizeof ENVELOPED_DATA), &at))
        return CCM_PAYLOAD_CMS;
    return CCM_PAYLOAD_OPAQUE;
}

size_t ccm_text_bytes(struct cursor bytes)
{
    const size_t length = bytes.left;
    uint8_t byte;
    while (cursor_u8(&bytes, &byte)) {
        if (byte != 0 && byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n')
            return length;
    }
    return 0;
}

void ccm_inflater_init(struct ccm_inflater *inflater)
{
    *inflater = (struct ccm_inflater){.most = CCM_INFLATE_MAX};
}

void ccm_inflater_free(struct ccm_inflater *inflater)
{
    libdeflate_free_decompressor(inflater->decompressor);
    free(inflater->out);
    ccm_inflater_init(inflater);
}

#define INFLATE_FIRST_FACTOR 16 /* room tried first, as a multiple of the compressed size */
#define INFLATE_FIRST_MIN ((size_t)64 << 10)
#define INFLATE_KEEP_MAX ((size_t)4 << 20) /* a bigger buffer is not kept for the next message */

static bool inflater_room(struct ccm_inflater *inflater, size_t room)
{
    if (room <= inflater->room && inflater->room <= INFLATE_KEEP_MAX)
        return true;
    free(inflater->out);
    inflater->out = malloc(room);
    inflater->room = inflater->out == NULL ? 0 : room;
    return inflater->out != NULL;
}

/* libdeflate needs the whole output at once and cannot say how long it will be: try with room that grows. */
enum outcome ccm_inflate(struct ccm_inflater *inflater, struct cursor bytes, struct cursor *plain, struct error *error)
{
    *plain = CURSOR_EMPTY;
    if (inflater->decompressor == NULL)
        inflater->decompressor = libdeflate_alloc_decompressor();
    if (inflater->decompressor == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "no memory for a decompressor");
    size_t room = INFLATE_FIRST_MIN;
    if (bytes.left > room / INFLATE_FIRST_FACTOR)
        room = bytes.left > inflater->most / INFLATE_FIRST_FACTOR ? inflater->most : bytes.left * INFLATE_FIRST_FACTOR;
    for (;;) {
        if (!inflater_room(inflater, room))
            return error_set(error, OUTCOME_LIMIT, 0, "the inflated payload needs too much memory");
        size_t length;
        enum libdeflate_result result = libdeflate_zlib_decompress_ex(
            inflater->decompressor, bytes.at, bytes.left, inflater->out, inflater->room, &inflater->used, &length);
        if (result == LIBDEFLATE_SUCCESS) {
            *plain = cursor_of(inflater->out, length);
            return OUTCOME_OK;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
            return error_set(error, OUTCOME_MALFORMED, 0, "the zlib stream of the payload is damaged or cut off");
        if (inflater->room >= inflater->most) {
            inflater->refused++;
            return error_set(error, OUTCOME_LIMIT, 0, "the payload inflates to more than %zu MiB",
                             inflater->most >> 20);
        }
        room = inflater->room > inflater->most / 4 ? inflater->most : inflater->room * 4;
    }
}

/* ---- Base64 ---- */

#define BASE64_MAX ((size_t)96 * 1024) /* a Kerberos ticket in Negotiate has some kilobytes, at most 64 */

bool ccm_base64_decode(struct text text, struct arena *arena, struct cursor *bytes)
{
    text = text_trim(text);
    if (text.length == 0 || text.length > BASE64_MAX || text.length % 4 != 0)
        return false;
    unsigned char *out = arena_alloc(arena, text.length);
    int length = out == NULL ? -1 : EVP_DecodeBlock(out, (const unsigned char *)text.at, (int)text.length);
    if (length < 0)
        return false;
    for (size_t i = text.length; i > 0 && text.at[i - 1] == '=' && length > 0; i--)
        length--; /* padding decodes to zeros */
    *bytes = cursor_of(out, (size_t)length);
    return true;
}
