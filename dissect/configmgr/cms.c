/* dissect/configmgr/cms.c: see cms.h. */
#include "dissect/configmgr/cms.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "dissect/configmgr/ber.h"
#include "dissect/configmgr/certificate.h"
#include "dissect/configmgr/payload.h"

/* Content ciphers. `legacy`: OpenSSL has it in its legacy provider. */
static const struct cipher {
    const char *name, *openssl;
    uint8_t oid[9];
    size_t oid_length, key_bytes; /* key_bytes 0: RC2, whose parameters tell */
    bool legacy;
} CIPHERS[] = {
    {"3des-cbc", "DES-EDE3-CBC", {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 0x07}, 8, 24, false}, /* ...113549.3.7 */
    {"rc2-cbc", "RC2-CBC", {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 0x02}, 8, 0, true},         /* ...113549.3.2 */
    {"des-cbc", "DES-CBC", {0x2B, 0x0E, 0x03, 0x02, 0x07}, 5, 8, true},                           /* 1.3.14.3.2.7 */
    {"aes-128-cbc", "AES-128-CBC", {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02}, 9, 16, false},
    {"aes-192-cbc", "AES-192-CBC", {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16}, 9, 24, false},
    {"aes-256-cbc", "AES-256-CBC", {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A}, 9, 32, false},
};
#define CIPHER_COUNT (sizeof CIPHERS / sizeof CIPHERS[0])

static const uint8_t OID_RSA[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};  /* 1.2.840.113549.1.1.1 */
static const uint8_t OID_OAEP[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x07}; /* 1.2.840.113549.1.1.7 */
static const uint8_t OID_SHA1[] = {0x2B, 0x0E, 0x03, 0x02, 0x1A};                         /* 1.3.14.3.2.26 */
static const uint8_t OID_SHA2[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};       /* + 1 256, 2 384, 3 512 */

#define TEXT_OAEP "rsaes-oaep"
#define TEXT_PKCS1 "rsaes-pkcs1"
#define ISSUER_MAX 4096 /* bytes of a name that is written out */

static struct text oid_text(struct cursor oid, struct arena *arena)
{
    struct cursor head = {oid.at, oid.left < 32 ? oid.left : 32};
    struct text hex = text_hex(arena, head);
    return hex.at == NULL ? TEXT_NULL : text_format(arena, "oid %.*s", (int)hex.length, hex.at);
}

/* ---- Recipients ---- */

/* RSAES-OAEP-params (RFC 8017 appendix A.2.1): [0] hash, [1] mask generation, [2] label; SHA-1 and no label when absent.
 * TEXT_NULL for what is not supported here: two different hashes, or a label. */
static struct text oaep_hash(struct cursor parameters)
{
    static const char *const sha2[] = {"sha256", "sha384", "sha512"};
    struct cursor sequence, part, algorithm, oid;
    if (!ber_take(&parameters, BER_SEQUENCE, &sequence))
        return parameters.left == 0 ? TEXT("sha1") : TEXT_NULL;
    struct text hash = TEXT("sha1");
    if (ber_take(&sequence, BER_CONTEXT_0, &part)) {
        if (!ber_take(&part, BER_SEQUENCE, &algorithm) || !ber_take(&algorithm, BER_OID, &oid))
            return TEXT_NULL;
        size_t last = oid.left == 0 ? 0 : oid.at[oid.left - 1];
        if (oid.left == sizeof OID_SHA2 + 1 && cursor_starts(oid, OID_SHA2, sizeof OID_SHA2) && last >= 1 && last <= 3)
            hash = text_of(sha2[last - 1]);
        else if (!cursor_equal(oid, cursor_of(OID_SHA1, sizeof OID_SHA1)))
            return TEXT_NULL;
    }
    struct cursor label;
    if (ber_take(&sequence, BER_CONTEXT_0 + 2, &part) && ber_take(&part, BER_SEQUENCE, &algorithm) &&
        ber_take(&algorithm, BER_OID, &oid) && ber_take(&algorithm, BER_OCTET_STRING, &label) && label.left > 0)
        return TEXT_NULL;
    return hash;
}

static bool read_identifier(struct cursor *info, struct arena *arena, struct ccm_recipient *recipient)
{
    struct ber_element identifier, issuer, serial;
    if (!ber_next(info, &identifier))
        return false;
    if (identifier.tag == BER_CONTEXT_0_PRIMITIVE) {
        recipient->ski = text_hex(arena, identifier.content);
        ccm_keys_identity(CURSOR_EMPTY, identifier.content, recipient->identity);
        return true;
    }
    struct cursor content = identifier.content;
    if (identifier.tag != BER_SEQUENCE || !ber_next(&content, &issuer) || !ber_next(&content, &serial) ||
        serial.tag != BER_INTEGER)
        return false;
    if (issuer.whole.left <= ISSUER_MAX)
        recipient->issuer = ccm_name_text(issuer.whole, arena);
    recipient->serial = ccm_serial_text(serial.whole, arena);
    ccm_keys_identity(issuer.whole, serial.whole, recipient->identity);
    return true;
}

/* KeyTransRecipientInfo (RFC 5652 section 6.2.1); the other kinds are only named. */
static void read_recipient(const struct ber_element *element, struct arena *arena, struct ccm_recipient *recipient)
{
    static const char *const kinds[] = {NULL, "key agreement", "key encryption key", "password", "other"};
    if (element->tag != BER_SEQUENCE) {
        unsigned kind = element->tag & 0x1Fu;
        recipient->key_transport = text_of(kind >= 1 && kind <= 4 ? kinds[kind] : "unknown");
        return;
    }
    struct cursor info = element->content, part, algorithm, oid, parameters;
    if (!ber_take(&info, BER_INTEGER, &part) || !read_identifier(&info, arena, recipient) ||
        !ber_take(&info, BER_SEQUENCE, &algorithm) || !ber_take(&algorithm, BER_OID, &oid) ||
        !ber_take(&info, BER_OCTET_STRING, &recipient->key)) {
        recipient->key_transport = TEXT("unreadable");
        return;
    }
    parameters = algorithm;
    if (cursor_equal(oid, cursor_of(OID_RSA, sizeof OID_RSA))) {
        recipient->key_transport = TEXT(TEXT_PKCS1);
    } else if (cursor_equal(oid, cursor_of(OID_OAEP, sizeof OID_OAEP))) {
        recipient->key_transport = TEXT(TEXT_OAEP);
        recipient->oaep_hash = oaep_hash(parameters);
    } else {
        recipient->key_transport = oid_text(oid, arena);
    }
}

/* ---- The envelope ---- */

static void name_cipher(struct cursor oid, struct arena *arena, struct ccm_envelope *envelope)
{
    envelope->cipher_row = -1;
    for (size_t i = 0; i < CIPHER_COUNT; i++) {
        if (cursor_equal(oid, cursor_of(CIPHERS[i].oid, CIPHERS[i].oid_length)))
            envelope->cipher_row = (int)i;
    }
    envelope->cipher = envelope->cipher_row >= 0 ? text_of(CIPHERS[envelope->cipher_row].name) : oid_text(oid, arena);
}

static size_t pieces_length(struct cursor pieces)
{
    struct cursor piece;
    size_t length = 0;
    while (ber_take(&pieces, BER_OCTET_STRING, &piece))
        length += piece.left;
    return length;
}

static bool read_content(struct cursor info, struct arena *arena, struct ccm_envelope *envelope)
{
    struct cursor type, algorithm, oid;
    struct ber_element content;
    if (!ber_take(&info, BER_OID, &type) || !ber_take(&info, BER_SEQUENCE, &algorithm) ||
        !ber_take(&algorithm, BER_OID, &oid))
        return false;
    name_cipher(oid, arena, envelope);
    envelope->parameters = algorithm;
    if (!ber_next(&info, &content))
        return info.left == 0; /* the content may be elsewhere */
    envelope->in_pieces = content.tag == BER_CONTEXT_0;
    if (!envelope->in_pieces && content.tag != BER_CONTEXT_0_PRIMITIVE)
        return false;
    envelope->content = content.content;
    envelope->content_bytes = envelope->in_pieces ? pieces_length(content.content) : content.content.left;
    return true;
}

enum outcome ccm_envelope_parse(struct cursor bytes, struct arena *arena, struct ccm_envelope *envelope,
                                struct error *error)
{
    struct cursor info, oid, content, enveloped, part, recipients;
    struct ber_element recipient;
    *envelope = (struct ccm_envelope){.cipher_row = -1};
    if (!ber_take(&bytes, BER_SEQUENCE, &info) || !ber_take(&info, BER_OID, &oid) ||
        !ber_take(&info, BER_CONTEXT_0, &content) || !ber_take(&content, BER_SEQUENCE, &enveloped) ||
        !ber_take(&enveloped, BER_INTEGER, &part))
        return error_set(error, OUTCOME_MALFORMED, 0, "the envelope is damaged or cut off");
    bool originator = ber_take(&enveloped, BER_CONTEXT_0, &part); /* optional */
    (void)originator;
    if (!ber_take(&enveloped, BER_SET, &recipients))
        return error_set(error, OUTCOME_MALFORMED, 0, "the envelope names no recipients");
    while (ber_next(&recipients, &recipient)) {
        if (envelope->recipient_count < CCM_RECIPIENTS_MAX)
            read_recipient(&recipient, arena, &envelope->recipients[envelope->recipient_count]);
        envelope->recipient_count++;
    }
    if (recipients.left > 0 || !ber_take(&enveloped, BER_SEQUENCE, &content) || !read_content(content, arena, envelope))
        return error_set(error, OUTCOME_MALFORMED, 0, "the envelope is damaged or cut off");
    return OUTCOME_OK;
}

/* ---- Opening ---- */

#define KEY_BYTES_MAX 64 /* of a content key; RC2 has at most 16 in practice */

/* Undoes key transport. The number of bytes in out[]; 0 when this key does not do it. */
static size_t unwrap(EVP_PKEY *pkey, const struct ccm_recipient *recipient, uint8_t out[KEY_BYTES_MAX])
{
    uint8_t plain[CCM_KEY_BITS_MAX / 8];
    size_t length = sizeof plain;
    bool oaep = text_is(recipient->key_transport, TEXT_OAEP);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    char hash[16] = "sha1";
    if (recipient->oaep_hash.at != NULL && recipient->oaep_hash.length < sizeof hash) {
        memcpy(hash, recipient->oaep_hash.at, recipient->oaep_hash.length);
        hash[recipient->oaep_hash.length] = '\0';
    }
    bool ready = context != NULL && EVP_PKEY_decrypt_init(context) == 1 &&
                 EVP_PKEY_CTX_set_rsa_padding(context, oaep ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING) == 1 &&
                 (!oaep || EVP_PKEY_CTX_set_rsa_oaep_md_name(context, hash, NULL) == 1);
    bool done = ready && EVP_PKEY_decrypt(context, plain, &length, recipient->key.at, recipient->key.left) == 1 &&
                length <= KEY_BYTES_MAX;
    if (done)
        memcpy(out, plain, length);
    OPENSSL_cleanse(plain, sizeof plain);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return done ? length : 0;
}

/* The initialisation vector, and for RC2 the effective bits of the key (RFC 3370 section 5.2). */
static bool read_parameters(const struct ccm_envelope *envelope, struct cursor *iv, int *rc2_bits)
{
    struct cursor parameters = envelope->parameters, sequence, version;
    *rc2_bits = 0;
    if (ber_take(&parameters, BER_OCTET_STRING, iv))
        return true;
    if (!ber_take(&parameters, BER_SEQUENCE, &sequence) || !ber_take(&sequence, BER_INTEGER, &version) ||
        !ber_take(&sequence, BER_OCTET_STRING, iv) || version.left == 0 || version.left > 2)
        return false;
    unsigned number = version.left == 1 ? version.at[0] : (unsigned)(version.at[0] << 8 | version.at[1]);
    *rc2_bits = number == 160 ? 40 : number == 120 ? 64 : number == 58 ? 128 : number >= 256 ? (int)number : 0;
    return *rc2_bits > 0 && *rc2_bits <= 1024;
}

static bool start_cipher(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, struct cursor iv, int rc2_bits,
                         const uint8_t *key, size_t key_length)
{
    if (EVP_DecryptInit_ex2(context, cipher, NULL, NULL, NULL) != 1 ||
        (size_t)EVP_CIPHER_CTX_get_iv_length(context) != iv.left)
        return false;
    if (rc2_bits > 0 && (EVP_CIPHER_CTX_set_key_length(context, (int)key_length) != 1 ||
                         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_SET_RC2_KEY_BITS, rc2_bits, NULL) != 1))
        return false;
    return (size_t)EVP_CIPHER_CTX_get_key_length(context) == key_length &&
           EVP_DecryptInit_ex2(context, NULL, key, iv.at, NULL) == 1;
}

static bool decrypt_piece(EVP_CIPHER_CTX *context, struct cursor piece, uint8_t *out, size_t room, size_t *used)
{
    int written = 0;
    if (piece.left > room - *used || piece.left > INT32_MAX ||
        EVP_DecryptUpdate(context, out + *used, &written, piece.at, (int)piece.left) != 1)
        return false;
    *used += (size_t)written;
    return true;
}

static bool decrypt_content(EVP_CIPHER_CTX *context, const struct ccm_envelope *envelope, struct arena *arena,
                            struct cursor *plain)
{
    size_t room = envelope->content_bytes + EVP_MAX_BLOCK_LENGTH, used = 0;
    uint8_t *out = arena_alloc(arena, room);
    struct cursor pieces = envelope->content, piece;
    int rest = 0;
    if (out == NULL)
        return false;
    if (!envelope->in_pieces && !decrypt_piece(context, pieces, out, room, &used))
        return false;
    while (envelope->in_pieces && ber_take(&pieces, BER_OCTET_STRING, &piece)) {
        if (!decrypt_piece(context, piece, out, room, &used))
            return false;
    }
    if (EVP_DecryptFinal_ex(context, out + used, &rest) != 1)
        return false;
    *plain = cursor_of(out, used + (size_t)rest);
    return true;
}

/* Whether it looks like what envelopes hold: a wrong content key leaves noise (the padding fits by chance once in 256). */
static bool is_plausible(struct cursor plain)
{
    return ccm_payload_classify(plain) != CCM_PAYLOAD_OPAQUE;
}

static bool try_key(struct ccm_keys *keys, struct ccm_envelope *envelope, struct ccm_recipient *recipient,
                    const struct ccm_private *private, struct arena *arena, struct cursor *plain)
{
    const struct cipher *row = &CIPHERS[envelope->cipher_row];
    uint8_t key[KEY_BYTES_MAX];
    struct cursor iv;
    int rc2_bits;
    size_t length = unwrap(private->pkey, recipient, key);
    if (length == 0 || (row->key_bytes > 0 && length != row->key_bytes) || !read_parameters(envelope, &iv, &rc2_bits))
        return false;
    EVP_CIPHER *cipher = ccm_keys_cipher(keys, row->openssl, row->legacy);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool opened = cipher != NULL && context != NULL && start_cipher(context, cipher, iv, rc2_bits, key, length) &&
                  decrypt_content(context, envelope, arena, plain);
    OPENSSL_cleanse(key, sizeof key);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    if (opened) {
        envelope->opened_by = private->key;
        recipient->opens = true;
    }
    return opened;
}

static bool can_open(const struct ccm_recipient *recipient)
{
    return text_is(recipient->key_transport, TEXT_PKCS1) ||
           (text_is(recipient->key_transport, TEXT_OAEP) && recipient->oaep_hash.at != NULL);
}

/* Keys whose certificate the recipient names. */
static bool try_named(struct ccm_keys *keys, struct ccm_envelope *envelope, struct ccm_recipient *recipient,
                      struct arena *arena, struct cursor *plain)
{
    const struct ccm_key *named[CCM_KEYS_OF_CLIENT_MAX];
    size_t named_count = ccm_keys_bound(keys, CCM_OWNER_CERTIFICATE, text_of(recipient->identity), named), count;
    const struct ccm_private *privates = ccm_keys_private(keys, &count);
    for (size_t i = 0; i < named_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (privates[j].key == named[i] && try_key(keys, envelope, recipient, &privates[j], arena, plain))
                return true;
        }
    }
    return false;
}

/* A private key may come without its certificate: all that fit in size are tried. */
static bool try_all(struct ccm_keys *keys, struct ccm_envelope *envelope, struct ccm_recipient *recipient,
                    struct arena *arena, size_t *tries, struct cursor *plain)
{
    size_t count;
    const struct ccm_private *privates = ccm_keys_private(keys, &count);
    for (size_t i = 0; i < count; i++) {
        if ((size_t)(privates[i].key->bits + 7) / 8 != recipient->key.left)
            continue;
        if (*tries == CCM_OPEN_TRIES_MAX) {
            limit_hit(ccm_keys_limits(keys), LIMIT_envelope_tries);
            return false;
        }
        (*tries)++;
        if (try_key(keys, envelope, recipient, &privates[i], arena, plain) && is_plausible(*plain))
            return true;
        envelope->opened_by = NULL;
        recipient->opens = false;
    }
    return false;
}

bool ccm_envelope_open(struct ccm_keys *keys, struct ccm_envelope *envelope, struct arena *arena, struct cursor *plain)
{
    size_t count, tries = 0;
    (void)ccm_keys_private(keys, &count);
    size_t recipients = envelope->recipient_count < CCM_RECIPIENTS_MAX ? envelope->recipient_count : CCM_RECIPIENTS_MAX;
    envelope->problem = TEXT("no private key was given");
    if (count == 0)
        return false;
    envelope->problem = TEXT("its cipher is not known here");
    if (envelope->cipher_row < 0)
        return false;
    envelope->problem = TEXT_NULL;
    for (size_t i = 0; i < recipients; i++) {
        if (can_open(&envelope->recipients[i]) && try_named(keys, envelope, &envelope->recipients[i], arena, plain))
            return true;
    }
    for (size_t i = 0; i < recipients; i++) {
        if (can_open(&envelope->recipients[i]) &&
            try_all(keys, envelope, &envelope->recipients[i], arena, &tries, plain))
            return true;
    }
    envelope->problem = TEXT("no private key that was given opens it, or it is damaged");
    return false;
}

void ccm_envelopes_read(struct ccm_keys *keys, struct cursor bytes, bool open, struct arena *arena,
                        struct ccm_envelopes *result)
{
    *result = (struct ccm_envelopes){.inside = bytes};
    while (ccm_payload_classify(result->inside) == CCM_PAYLOAD_CMS) {
        if (result->count == CCM_ENVELOPES_MAX)
            limit_hit(ccm_keys_limits(keys), LIMIT_envelopes);
        struct ccm_envelope *envelope = result->count < CCM_ENVELOPES_MAX ? arena_alloc(arena, sizeof *envelope) : NULL;
        struct error error = {0};
        result->opened = false;
        if (envelope == NULL)
            return;
        bool whole = ccm_envelope_parse(result->inside, arena, envelope, &error) == OUTCOME_OK;
        result->items[result->count++] = envelope;
        if (envelope->recipient_count > CCM_RECIPIENTS_MAX)
            limit_hit(ccm_keys_limits(keys), LIMIT_recipients);
        if (!whole) {
            envelope->problem = text_copy(arena, text_of(error.text));
            result->damaged = true;
            return;
        }
        if (!open || !ccm_envelope_open(keys, envelope, arena, &result->inside))
            return;
        envelope->plain = result->inside;
        result->opened = true;
    }
}
