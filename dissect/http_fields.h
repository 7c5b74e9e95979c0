/* dissect/http_fields.h: start line and headers of HTTP/1 (RFC 9112 sections 2 to 6): found, parsed, kept.
 *
 * Bytes are looked at where they lie; of the headers only those are kept that somebody asks for.
 */
#ifndef CMSCOPE_DISSECT_HTTP_FIELDS_H
#define CMSCOPE_DISSECT_HTTP_FIELDS_H

#include "dissect/http.h"

/* Start line and headers together; IIS takes 16 KB of headers, most others at most 64 KB. */
#define HTTP_HEAD_MAX ((size_t)128 * 1024)

/* The headers that somebody asks for. Who wants another one adds it here. */
#define HTTP_FIELDS(FIELD)                                                                                             \
    FIELD(ACCEPT_RANGES, "accept-ranges")                                                                              \
    FIELD(AUTHORIZATION, "authorization")                                                                              \
    FIELD(BITS_CONTEXT, "bits-context-server")                                                                         \
    FIELD(BITS_ERROR, "bits-error")                                                                                    \
    FIELD(BITS_ERROR_CODE, "bits-error-code")                                                                          \
    FIELD(BITS_ERROR_CONTEXT, "bits-error-context")                                                                    \
    FIELD(BITS_HOST_ID, "bits-host-id")                                                                                \
    FIELD(BITS_HOST_ID_FALLBACK, "bits-host-id-fallback-timeout")                                                      \
    FIELD(BITS_ORIGINAL_REQUEST_URL, "bits-original-request-url")                                                      \
    FIELD(BITS_PACKET_TYPE, "bits-packet-type")                                                                        \
    FIELD(BITS_PROTOCOL, "bits-protocol")                                                                              \
    FIELD(BITS_RECEIVED_RANGE, "bits-received-content-range")                                                          \
    FIELD(BITS_REPLY_URL, "bits-reply-url")                                                                            \
    FIELD(BITS_REQUEST_DATAFILE_NAME, "bits-request-datafile-name")                                                    \
    FIELD(BITS_RESPONSE_DATAFILE_NAME, "bits-response-datafile-name")                                                  \
    FIELD(BITS_SESSION_ID, "bits-session-id")                                                                          \
    FIELD(BITS_STATIC_RESPONSE_URL, "bits-static-response-url")                                                        \
    FIELD(BITS_SUPPORTED_PROTOCOLS, "bits-supported-protocols")                                                        \
    FIELD(CCMAUTHHEADERTYPE, "ccmauthheadertype")                                                                      \
    FIELD(CCMAUTHHEADERTYPESIGNATURE, "ccmauthheadertypesignature")                                                    \
    FIELD(CCMCLIENTID, "ccmclientid")                                                                                  \
    FIELD(CCMCLIENTIDSIGNATURE, "ccmclientidsignature")                                                                \
    FIELD(CCMCLIENTTIMESTAMP, "ccmclienttimestamp")                                                                    \
    FIELD(CCMCLIENTTIMESTAMPSIGNATURE, "ccmclienttimestampsignature")                                                  \
    FIELD(CCMCLIENTTIMESTAMPSSIGNATURE, "ccmclienttimestampssignature")                                                \
    FIELD(CLIENTTOKEN, "clienttoken")                                                                                  \
    FIELD(CLIENTTOKENSIGNATURE, "clienttokensignature")                                                                \
    FIELD(CONNECTION, "connection")                                                                                    \
    FIELD(CONTENT_DISPOSITION, "content-disposition")                                                                  \
    FIELD(CONTENT_ENCODING, "content-encoding")                                                                        \
    FIELD(CONTENT_LENGTH, "content-length")                                                                            \
    FIELD(CONTENT_NAME, "content-name")                                                                                \
    FIELD(CONTENT_RANGE, "content-range")                                                                              \
    FIELD(CONTENT_TYPE, "content-type")                                                                                \
    FIELD(DATE, "date")                                                                                                \
    FIELD(DEPTH, "depth")                                                                                              \
    FIELD(DESTINATION, "destination")                                                                                  \
    FIELD(EXPECT, "expect")                                                                                            \
    FIELD(HOST, "host")                                                                                                \
    FIELD(LAST_MODIFIED, "last-modified")                                                                              \
    FIELD(LOCATION, "location")                                                                                        \
    FIELD(PERSISTENT_AUTH, "persistent-auth")                                                                          \
    FIELD(PROXY_AUTHENTICATE, "proxy-authenticate")                                                                    \
    FIELD(PROXY_AUTHORIZATION, "proxy-authorization")                                                                  \
    FIELD(RANGE, "range")                                                                                              \
    FIELD(SERVER, "server")                                                                                            \
    FIELD(SOAPACTION, "soapaction")                                                                                    \
    FIELD(TRANSFER_ENCODING, "transfer-encoding")                                                                      \
    FIELD(TRANSLATE, "translate")                                                                                      \
    FIELD(UPGRADE, "upgrade")                                                                                          \
    FIELD(USER_AGENT, "user-agent")                                                                                    \
    FIELD(VIA, "via")                                                                                                  \
    FIELD(WWW_AUTHENTICATE, "www-authenticate")

enum http_field {
    HTTP_FIELD_METHOD, /* of the start line */
    HTTP_FIELD_TARGET,
#define FIELD(id, name) HTTP_FIELD_##id,
    HTTP_FIELDS(FIELD)
#undef FIELD
        HTTP_FIELD_COUNT
};

/* What a message says that RFC 9112 forbids, and where readers differ: names as in http.notes. */
enum http_note {
    HTTP_NOTE_LENGTHS = 1 << 0,       /* different Content-Lengths: the first one counts (6.3) */
    HTTP_NOTE_BAD_LENGTH = 1 << 1,    /* a Content-Length that is no number */
    HTTP_NOTE_LENGTH_CODING = 1 << 2, /* Content-Length and Transfer-Encoding: the latter counts (6.3) */
    HTTP_NOTE_BAD_CODING = 1 << 3,    /* a Transfer-Encoding that does not end with "chunked" (6.1) */
    HTTP_NOTE_FOLDED = 1 << 4,        /* obs-fold (5.2) */
    HTTP_NOTE_SPACE = 1 << 5,         /* white space before the colon (5.1) */
    HTTP_NOTE_NO_COLON = 1 << 6,
    HTTP_NOTE_BARE_LF = 1 << 7,        /* lines without CR (2.2) */
    HTTP_NOTE_HOSTS = 1 << 8,          /* several Host headers (RFC 9110 7.2) */
    HTTP_NOTE_VERSION = 1 << 9,        /* a version that is none (2.3) */
    HTTP_NOTE_LONG = 1 << 10,          /* headers that never end: HTTP_HEAD_MAX */
    HTTP_NOTE_UNREAD_CODING = 1 << 11, /* a coding that is not read here, or too many: the body is not judged */
    HTTP_NOTE_BROKEN_CODING = 1 << 12, /* a coded body that does not decode */
};

/* "conflicting Content-Length, ..." in the arena; TEXT_NULL when there is none. */
struct text http_notes_text(unsigned notes, struct arena *arena);

/* Whether it is a method of HTTP or one of its extensions. */
bool http_method_known(struct text method);
/* Whether a request line without a version can be one: HTTP/0.9 knows GET only (RFC 1945 section 5), but what clients that are
 * wrong send is a request to them. `target`: the rest of the line. */
bool http_bare_allowed(struct text method, struct text target);

/* ---- Finding the end ---- */

enum http_scan {
    HTTP_SCAN_MORE, /* so far it can be one */
    HTTP_SCAN_DONE, /* *length bytes are start line and headers, with the blank line */
    HTTP_SCAN_BAD   /* these bytes do not start a message */
};

/* How far was looked: zeroed at first, so that bytes that come one by one are not looked at again and again. */
struct http_scanned {
    size_t line; /* where the line begins that is being looked at */
    size_t seen;
};

enum http_scan http_scan(enum http_side side, struct cursor bytes, struct http_scanned *scanned, size_t *length);

/* ---- Parsing ---- */

struct http_head {
    struct text fields[HTTP_FIELD_COUNT]; /* views of the bytes, or in the arena; TEXT_NULL: absent */
    unsigned notes;
    uint16_t status; /* of a reply */
    bool bare;       /* HTTP/0.9: a request without version, ended by its first line */
    bool chunked;
    bool has_length; /* and then `length` */
    uint64_t length;
};

/* Parses what http_scan found, or the beginning of it (where the rest is lost, the last line must be whole to be
 * taken). False when the start line is none. */
MUST_USE bool http_head_parse(enum http_side side, struct cursor bytes, struct arena *arena, struct http_head *head);

/* ---- Keeping ---- */

/* A copy of what is known, as UTF-8, in memory of the pool; NULL when there is nothing, or when memory is short. `arena` is for
 * what is needed meanwhile. */
struct http_fields *http_fields_new(const struct http_head *head, struct arena *arena, struct pool *pool);
void http_fields_free(struct http_fields *fields, struct pool *pool); /* NULL is allowed */
size_t http_fields_size(const struct http_fields *fields);            /* 0 for NULL */
/* TEXT_NULL when it is absent; `fields` may be NULL. */
struct text http_fields_get(const struct http_fields *fields, enum http_field field);

#endif
