/* dissect/configmgr/message.h: a whole ConfigMgr message, from the HTTP body to its meaning.
 *
 *   HTTP body -> multipart -> header part: <Msg>            ccm_header
 *                          -> payload part -> [CMS envelope] -> [zlib] -> byte ranges -> XML in UTF-16
 *
 * Depends on nothing but bytes: the engine, the Wireshark plugin and the fuzzers call the same function.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_MESSAGE_H
#define CMSCOPE_DISSECT_CONFIGMGR_MESSAGE_H

#include "core/limit.h"
#include "core/row.h"
#include "dissect/configmgr/cms.h"
#include "dissect/configmgr/endpoint.h"
#include "dissect/configmgr/header.h"
#include "dissect/configmgr/multipart.h"
#include "dissect/configmgr/payload.h"
#include "dissect/configmgr/signature.h"

#define CCM_NOTES_MAX 64 /* more than there are kinds of notes */
#define CCM_NOTE_PAYLOAD_ORDER "the payload signature is big-endian, which CryptoAPI refuses"
#define CCM_NOTE_CLIENT_ID_ORDER "the client id signature is big-endian, which CryptoAPI refuses"
#define CCM_FINDINGS_MAX 48
/* A body longer than this is kept as text but not parsed as a tree: only its root is told. */
#define CCM_TREE_MAX ((size_t)8 << 20)
/* Memory that one message may take while it is decoded. */
#define CCM_ARENA_MAX ((size_t)256 << 20)
#define CCM_ARENA_SHARE 4 /* the same, as a multiple of what a payload may inflate to */
_Static_assert(CCM_ARENA_MAX == CCM_ARENA_SHARE * CCM_INFLATE_MAX, "the limits without ccm_decoder_limit");

/* What decoding needs beside the bytes. One for each worker; nothing in it is shared. */
struct ccm_decoder {
    struct ccm_keys *keys;
    struct ccm_body_index *body_index; /* which lines of body.def may define what: body_table.c; made at first use */
    struct arena arena;                /* reset by ccm_message_decode: what it hands out lives until the next message */
    struct ccm_inflater inflater;      /* of payloads: the message may be read where it lies in there */
    struct ccm_inflater inner;         /* of what is compressed inside of documents */
    bool show_secrets;                 /* secret values of policies become readable in fields */
    uint64_t inflated;                 /* payloads that were inflated: what `needs` keeps down */
    struct limit_counts limits;        /* hit while decoding; ccm_decoder_limits gives all of them */
};

/* NULL when out of memory; to be freed. */
MUST_USE struct ccm_body_index *ccm_body_index_new(void);

/* False when out of memory. */
MUST_USE bool ccm_decoder_init(struct ccm_decoder *decoder);
void ccm_decoder_free(struct ccm_decoder *decoder);
/* Adds the limits that were hit by the decoder, its keys, its arena and its inflaters to *into. */
void ccm_decoder_limits(const struct ccm_decoder *decoder, struct limit_counts *into);

/* Parses a document as xml_parse does, in the decoder's arena, and counts the limit that ended it. OUTCOME_LIMIT also when it
 * is longer than CCM_TREE_MAX. *document is empty then. */
MUST_USE enum outcome ccm_xml_parse(struct ccm_decoder *decoder, struct text text, struct xml_document *document,
                                    struct error *error);

/* Lets a payload inflate to at most `inflated` bytes (CCM_INFLATE_MAX when that is less), and all that a message needs to
 * CCM_ARENA_SHARE times as much. */
void ccm_decoder_limit(struct ccm_decoder *decoder, size_t inflated);

/* How a message travels. */
enum ccm_carrier {
    CCM_CARRIER_POST,        /* CCM_POST, header and payload */
    CCM_CARRIER_BITS,        /* a BITS upload (wire.md 9.1) */
    CCM_CARRIER_FSP,         /* to a fallback status point, without header (wire.md 1.8) */
    CCM_CARRIER_NOTIFICATION /* client notification (wire.md 9.6): notification.h */
};

/* "post", "bits" ... as in message.carrier. */
const char *ccm_carrier_name(enum ccm_carrier carrier);

/* What part of a message was not read. Nothing may be concluded from what such a message lacks. */
enum ccm_missing {
    CCM_MISSING_NOTHING,
    CCM_MISSING_BYTES,  /* the capture lacks bytes: cut packets, a gap, a connection that ended early */
    CCM_MISSING_LIMIT,  /* it exceeds a limit of this program */
    CCM_MISSING_CODING, /* it is coded in a way that is not read */
    CCM_MISSING_COUNT
};

/* "bytes", "limit", "coding" as in message.missing; NULL for CCM_MISSING_NOTHING. */
const char *ccm_missing_name(enum ccm_missing missing);

/* Where the bytes came from. */
struct ccm_source {
    enum ccm_carrier carrier;
    bool bare;                /* the body is the payload alone: there are no parts and no <Msg> */
    struct cursor body;       /* of the HTTP message, transfer and content coding removed */
    struct text content_type; /* TEXT_NULL when unknown */
    bool reply;
    bool secure;              /* it travelled in TLS: native mode, so far as one message tells */
    enum ccm_missing missing; /* `body` is not all of it, or is still coded */
    struct text endpoint;     /* of a reply: the endpoint its request asked; TEXT_NULL otherwise */
    struct text server; /* of a reply: the address that sent it, by which keys of management points are kept; may be
                             TEXT_NULL */
};

struct ccm_finding {
    const char *code;  /* C01 ... of schema.md 8 */
    const char *level; /* "rule", "advisory" or "hint" */
    struct text text;
};

/* The documents beside the body: attachment.h. */
struct ccm_attachment;
struct ccm_notification;
struct ccm_attachments {
    struct ccm_attachment *items; /* in the decoder's arena */
    size_t count;
};

struct ccm_message {
    struct ccm_source source;
    struct ccm_multipart multipart;
    struct cursor header_part, payload_part;
    bool has_header, has_payload;
    struct ccm_header header;
    struct text endpoint_name;           /* TargetEndpoint; of a reply that of its request */
    const struct ccm_endpoint *endpoint; /* NULL when it is not known */
    bool no_reply;                       /* the single part says NoReply: the answer to an asynchronous message */

    enum ccm_payload_kind payload_kind; /* of `payload` */
    bool compressed, encrypted;
    bool decrypted; /* it was encrypted, and a private key opened it: `payload` and all below is what was inside */
    struct ccm_envelopes envelopes;
    struct cursor payload; /* the payload part, or what its envelopes held */
    struct text cipher;
    bool has_plain;      /* the payload was inflated, or needs no inflating */
    struct cursor plain; /* payload after decompression */
    struct cursor body_bytes;
    struct text body; /* UTF-8; TEXT_NULL when not decoded */
    /* Bytes where not every reader looks; 0 when there are only white space and zeros. */
    size_t behind_stream;                  /* after the zlib stream */
    size_t behind_terminator;              /* of the body's range, after the terminator of its text */
    size_t unranged;                       /* of the payload, in no range of the header */
    struct text root;                      /* TEXT_NULL when not known */
    struct xml_document document;          /* of the body; its root is NULL when it was not parsed */
    struct ccm_attachments attachments;    /* none when the payload was not opened */
    struct ccm_notification *notification; /* notification.h; NULL: it is no client notification */

    bool is_signed;
    struct text reply_signature; /* of a reply: property Signature, hex; TEXT_NULL when it has none */
    struct ccm_signature payload_signature, client_id_signature, token_signature;
    struct text public_key, hash_algorithm, client_capabilities, token;
    const char *public_key_problem; /* why `public_key` cannot be read: "its exponent is not ..."; NULL: it can */
    struct ccm_signature registration_signature; /* of a ClientRegistrationRequest, over its Data element */
    struct text registration_signing, registration_encryption; /* its certificates, hex */
    const struct certificate_row *registration_certificate;    /* the first of them: ccm_message_certificate */
    const struct ccm_key *registration_key;
    struct text registration_signer; /* of a confirmation: the client id whose registered key signs */
    struct text registration_hex;    /* SignatureValue */
    struct cursor registration_data; /* what it covers, as sent */

    const char *notes[CCM_NOTES_MAX]; /* harmless peculiarities */
    size_t note_count;
    struct text malformed;    /* why decoding stopped or what contradicts; TEXT_NULL when nothing does */
    const char *step;         /* what is being read: "multipart body", "header", "payload", "body", "notification" */
    const char *failed;       /* the step that `malformed` is about; NULL when nothing is */
    enum ccm_missing missing; /* why not all of it was read; `malformed` has the words */
    struct ccm_finding findings[CCM_FINDINGS_MAX];
    size_t finding_count;
    size_t findings_lost; /* above CCM_FINDINGS_MAX */
};

/* Decodes as much as `needs` (a set of enum need) asks for. Always fills *message as far as the bytes allow; what is
 * wrong with them is in message->malformed. Everything in *message lives in decoder->arena and in source->body. */
void ccm_message_decode(struct ccm_decoder *decoder, const struct ccm_source *source, unsigned needs,
                        struct ccm_message *message);

/* What a registration's signing certificate is, read at the first question; its key is message->registration_key then. NULL
 * when the message has none, or the arena is full. */
const struct certificate_row *ccm_message_certificate(struct ccm_decoder *decoder, struct ccm_message *message);

/* Whether an HTTP body is a ConfigMgr message at all: the product's boundary, or a first part that is a <Msg>. */
bool ccm_message_recognise(struct cursor body, struct text content_type);

/* Verifies the signature of a policy or content request made by headers: over the UTF-16LE text of `token`, with or
 * without terminator (wire.md 1.5). */
void ccm_token_verify(struct ccm_decoder *decoder, struct text token, struct text signature,
                      struct ccm_signature *result);

/* What ClientIDSignature and most tokens are signed over: the text in UTF-16LE with its terminator (wire.md 5.2). False when
 * the arena is full. */
MUST_USE bool ccm_terminated_utf16(struct arena *arena, struct text text, struct cursor *bytes);

/* The client id in a token ("GUID:...;time;2", "{...};time"): "GUID:..." upper case; TEXT_NULL when it has none. */
struct text ccm_token_client(struct ccm_decoder *decoder, struct text token);

/* Adds a finding or a note; more than fit are dropped. */
void ccm_message_find(struct ccm_message *message, const char *code, const char *level, struct text text);
void ccm_message_note(struct ccm_message *message, const char *note);
/* Tells what is wrong with it; the first reason stays. */
void ccm_message_malformed(struct ccm_decoder *decoder, struct ccm_message *message, const char *reason);
/* Tells what of it was not read, and why; the first reason stays. */
void ccm_message_miss(struct ccm_decoder *decoder, struct ccm_message *message, enum ccm_missing missing,
                      const char *reason);
/* Whether all bytes of it are here and were read: only then does the absence of something prove anything. */
bool ccm_message_is_whole(const struct ccm_message *message);

/* dissect/configmgr/check.c: compares the message with the schema and adds findings (schema.md 8). */
void ccm_message_check(struct ccm_decoder *decoder, struct ccm_message *message);
/* check_tools.c: adds hints of published tools; called by ccm_message_check. */
void ccm_message_check_tools(struct ccm_decoder *decoder, struct ccm_message *message);

#endif
