/* tests/unit/message_fixture.h: builds ConfigMgr messages as wire.md describes them, with none of the code under test:
 * UTF-16 by hand, zlib as stored blocks (RFC 1950, 1951), signatures by OpenSSL with the key of wire.md 11.3. */
#ifndef CMSCOPE_TESTS_MESSAGE_FIXTURE_H
#define CMSCOPE_TESTS_MESSAGE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "tests/unit/configmgr_vectors.h"

#define SAMPLE_BOUNDARY "aAbBcCdDv1234567890VxXyYzZ"
#define SAMPLE_TYPE "multipart/mixed; boundary=\"" SAMPLE_BOUNDARY "\""
#define SAMPLE_MAX ((size_t)256 << 20)
#define SAMPLE_ID "{6F1C8A52-0B7E-4C0D-9D3A-52E4B7A1C940}"

/* A message to be built. Texts are ASCII. What is NULL or false is left out. */
struct sample {
    const char *id;         /* SAMPLE_ID when NULL */
    const char *endpoint;   /* TargetEndpoint */
    const char *source_id;  /* SourceID */
    const char *body;       /* XML of the payload; sent as UTF-16LE with its terminator */
    const char *children;   /* further children of Msg */
    const char *hooks;      /* further hooks */
    const char *properties; /* further properties of the clientauth hook, which they make appear */
    const char *range;      /* instead of the right Body element */
    const char *hash;       /* of the signatures; sha256 when NULL */
    bool sign;              /* PayloadSignature and, with a source_id, ClientIDSignature */
    bool no_key;            /* without PublicKey */
    bool plain;             /* the payload is not compressed */
    bool no_zlib_hook;
    struct cursor payload; /* these bytes instead of the body, as they are */
};

/* Appends the HTTP body of the message. Ends the program when memory runs out, as all functions here. */
void sample_build(const struct sample *sample, struct buffer *out);

/* Appends ASCII, formatted. */
void sample_print(struct buffer *out, const char *format, ...) PRINTF_LIKE(2, 3);
void sample_append(struct buffer *out, struct cursor bytes);
/* Appends ASCII as UTF-16LE. */
void sample_wide(struct buffer *out, const char *ascii);
/* Appends a zlib stream of stored blocks. */
void sample_zlib(struct buffer *out, struct cursor plain);
/* Appends a part of a multipart body (RFC 2046), with the CRLF before its delimiter unless it is the first. */
void sample_part(struct buffer *out, const char *headers, struct cursor body);
void sample_close(struct buffer *out); /* the closing delimiter */

#define SAMPLE_HEX_MAX 257 /* of a signature by the test key, with NUL */
/* Signs with the test key: PKCS#1 v1.5, byte-reversed, upper-case hex (wire.md 5.1). */
void sample_sign(struct cursor data, const char *hash, char hex[SAMPLE_HEX_MAX]);

/* Appends the body of a ClientRegistrationRequest. `smsid` and `certificate` (hex) may be NULL; the signature is by the
 * test key over Data. */
void sample_registration(struct buffer *out, const char *type, const char *smsid, const char *certificate);

/* The bytes of a hex text. */
void sample_hex(struct buffer *out, const char *hex);

#endif
