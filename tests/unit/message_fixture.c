/* tests/unit/message_fixture.c: see message_fixture.h. */
#include "tests/unit/message_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition)
        abort();
}

void sample_append(struct buffer *out, struct cursor bytes)
{
    require(buffer_append(out, bytes));
}

void sample_print(struct buffer *out, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = malloc((size_t)length + 1);
    require(length >= 0 && text != NULL);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    sample_append(out, cursor_of(text, (size_t)length));
    free(text);
}

void sample_wide(struct buffer *out, const char *ascii)
{
    for (; *ascii != '\0'; ascii++) {
        require((unsigned char)*ascii < 0x80);
        sample_append(out, cursor_of((const char[2]){*ascii, 0}, 2));
    }
}

void sample_zlib(struct buffer *out, struct cursor plain)
{
    uint32_t a = 1, b = 0; /* Adler-32: RFC 1950 section 8.2 */
    for (size_t i = 0; i < plain.left; i++) {
        a = (a + plain.at[i]) % 65521;
        b = (b + a) % 65521;
    }
    sample_append(out, cursor_of("\x78\x9C", 2));
    do { /* a stored block: last?, length, its complement, bytes (RFC 1951 section 3.2.4) */
        size_t length = plain.left > 65535 ? 65535 : plain.left;
        uint8_t head[5] = {plain.left == length, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)~length,
                           (uint8_t)(~length >> 8)};
        struct cursor block;
        require(cursor_take(&plain, length, &block));
        sample_append(out, cursor_of(head, sizeof head));
        sample_append(out, block);
    } while (plain.left > 0);
    uint8_t tail[4] = {(uint8_t)(b >> 8), (uint8_t)b, (uint8_t)(a >> 8), (uint8_t)a};
    sample_append(out, cursor_of(tail, sizeof tail));
}

void sample_part(struct buffer *out, const char *headers, struct cursor body)
{
    sample_print(out, "%s--" SAMPLE_BOUNDARY "\r\n%s\r\n", out->length == 0 ? "" : "\r\n", headers);
    sample_append(out, body);
}

void sample_close(struct buffer *out)
{
    sample_print(out, "\r\n--" SAMPLE_BOUNDARY "--");
}

void sample_sign(struct cursor data, const char *hash, char hex[SAMPLE_HEX_MAX])
{
    BIO *bio = BIO_new_mem_buf(VECTOR_PRIVATE_KEY, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *signer = EVP_MD_CTX_new();
    uint8_t signature[128];
    size_t length = sizeof signature;
    require(key != NULL && EVP_DigestSignInit(signer, NULL, EVP_get_digestbyname(hash), NULL, key) == 1 &&
            EVP_DigestSign(signer, signature, &length, data.at, data.left) == 1 && length == sizeof signature);
    for (size_t i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02X", signature[length - 1 - i]);
    EVP_MD_CTX_free(signer);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

void sample_registration(struct buffer *out, const char *type, const char *smsid, const char *certificate)
{
    struct buffer data, wide;
    buffer_init(&data, SAMPLE_MAX);
    buffer_init(&wide, SAMPLE_MAX);
    sample_print(&data,
                 "<Data HashAlgorithm=\"1.2.840.113549.1.1.11\" SMSID=\"%s\" RequestType=\"%s\" "
                 "TimeStamp=\"2024-05-06T07:08:09Z\"><AgentInformation AgentIdentity=\"CcmExec.exe\" "
                 "AgentVersion=\"5.00.9128.1000\" AgentType=\"0\"/>",
                 smsid == NULL ? "" : smsid, type);
    if (certificate != NULL)
        sample_print(&data, "<Certificates><Signing Encoding=\"HexBinary\" KeyType=\"1\">%s</Signing></Certificates>",
                     certificate);
    sample_print(&data, "<DiscoveryProperties><Property Name=\"Netbios Name\" Value=\"PC1\"/>"
                        "<Property Name=\"FQ Name\" Value=\"pc1.example.org\"/></DiscoveryProperties></Data>");
    sample_append(&data, cursor_of("", 1));
    sample_wide(&wide, (const char *)data.bytes);
    char hex[SAMPLE_HEX_MAX];
    sample_sign(buffer_cursor(&wide), "sha256", hex);
    sample_print(out,
                 "<ClientRegistrationRequest>%s<Signature%s%s%s><SignatureValue>%s</SignatureValue></Signature>"
                 "</ClientRegistrationRequest>",
                 (const char *)data.bytes, certificate == NULL ? " SMSID=\"" : "",
                 certificate == NULL && smsid != NULL ? smsid : "", certificate == NULL ? "\"" : "", hex);
    buffer_free(&data);
    buffer_free(&wide);
}

void sample_hex(struct buffer *out, const char *hex)
{
    require(strlen(hex) % 2 == 0);
    for (; *hex != '\0'; hex += 2) {
        char digits[3] = {hex[0], hex[1], 0};
        uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);
        sample_append(out, cursor_of(&byte, 1));
    }
}

/* The payload part, and the length of the body in it. */
static size_t build_payload(const struct sample *sample, struct buffer *payload)
{
    if (sample->payload.at != NULL) {
        sample_append(payload, sample->payload);
        return sample->payload.left;
    }
    struct buffer plain;
    buffer_init(&plain, SAMPLE_MAX);
    sample_wide(&plain, sample->body == NULL ? "" : sample->body);
    sample_append(&plain, cursor_of("\0", 2));
    size_t length = plain.length;
    if (sample->plain)
        sample_append(payload, buffer_cursor(&plain));
    else
        sample_zlib(payload, buffer_cursor(&plain));
    buffer_free(&plain);
    return length;
}

static void print_hooks(const struct sample *sample, struct cursor payload, struct buffer *header)
{
    char hex[SAMPLE_HEX_MAX];
    const char *hash = sample->hash == NULL ? "sha256" : sample->hash;
    sample_print(header, "<Hooks>%s", sample->hooks == NULL ? "" : sample->hooks);
    if (sample->sign || sample->properties != NULL)
        sample_print(header, "<Hook2 Name=\"clientauth\"><Property Name=\"AuthSenderMachine\">PC1</Property>%s",
                     sample->properties == NULL ? "" : sample->properties);
    if (sample->sign) {
        sample_sign(payload, hash, hex);
        sample_print(header, "<Property Name=\"PayloadSignature\">%s</Property>", hex);
        if (!sample->no_key)
            sample_print(header, "<Property Name=\"PublicKey\">" VECTOR_PUBLIC_KEY "</Property>");
    }
    if (sample->sign && sample->source_id != NULL) {
        struct buffer id;
        buffer_init(&id, SAMPLE_MAX);
        sample_wide(&id, sample->source_id);
        sample_append(&id, cursor_of("\0", 2));
        sample_sign(buffer_cursor(&id), hash, hex);
        sample_print(header, "<Property Name=\"ClientIDSignature\">%s</Property>", hex);
        buffer_free(&id);
    }
    if (sample->sign || sample->properties != NULL)
        sample_print(header, "</Hook2>");
    if (!sample->plain && !sample->no_zlib_hook && sample->payload.at == NULL)
        sample_print(header, "<Hook3 Name=\"zlib-compress\"/>");
    sample_print(header, "</Hooks>");
}

void sample_build(const struct sample *sample, struct buffer *out)
{
    struct buffer payload, header, wide;
    buffer_init(&payload, SAMPLE_MAX);
    buffer_init(&header, SAMPLE_MAX);
    buffer_init(&wide, SAMPLE_MAX);
    size_t length = build_payload(sample, &payload);
    sample_print(&header, "<Msg ReplyCompression=\"zlib\" SchemaVersion=\"1.1\"><ID>%s</ID>",
                 sample->id == NULL ? SAMPLE_ID : sample->id);
    if (sample->source_id != NULL)
        sample_print(&header, "<SourceID>%s</SourceID>", sample->source_id);
    if (sample->endpoint != NULL)
        sample_print(&header, "<TargetEndpoint>%s</TargetEndpoint>", sample->endpoint);
    if (sample->range != NULL)
        sample_print(&header, "%s", sample->range);
    else
        sample_print(&header, "<Body Type=\"ByteRange\" Offset=\"0\" Length=\"%zu\"/>", length);
    sample_print(&header, "%s", sample->children == NULL ? "" : sample->children);
    print_hooks(sample, buffer_cursor(&payload), &header);
    sample_print(&header, "<Payload Type=\"inline\"/></Msg>");
    sample_append(&header, cursor_of("", 1));
    sample_append(&wide, cursor_of("\xFF\xFE", 2));
    sample_wide(&wide, (const char *)header.bytes);
    sample_part(out, "content-type: text/plain; charset=UTF-16\r\n", buffer_cursor(&wide));
    sample_part(out, "content-type: application/octet-stream\r\n", buffer_cursor(&payload));
    sample_close(out);
    buffer_free(&payload);
    buffer_free(&header);
    buffer_free(&wide);
}
