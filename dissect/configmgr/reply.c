/* dissect/configmgr/reply.c: see reply.h. */
#include "dissect/configmgr/reply.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>

static const char *digest_name(CMS_SignerInfo *signer)
{
    X509_ALGOR *digest = NULL;
    const ASN1_OBJECT *object = NULL;
    CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
    if (digest == NULL)
        return NULL;
    X509_ALGOR_get0(&object, NULL, NULL, digest);
    int id = OBJ_obj2nid(object);
    static const int ids[CCM_HASH_COUNT] = {NID_md5, NID_sha1, NID_sha256, NID_sha384, NID_sha512};
    for (int i = 0; i < CCM_HASH_COUNT; i++) {
        if (ids[i] == id)
            return ccm_hash_name((enum ccm_hash)i);
    }
    return NULL;
}

/* The key and hash of the first signer whose certificate is there. */
static bool read_signer(struct ccm_keys *keys, CMS_ContentInfo *cms, struct ccm_signature *result)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    if (sk_CMS_SignerInfo_num(signers) < 1 || CMS_set1_signers_certs(cms, NULL, 0) < 1)
        return false;
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, 0);
    EVP_PKEY *pkey = NULL;
    X509 *certificate = NULL;
    CMS_SignerInfo_get0_algs(signer, &pkey, &certificate, NULL, NULL);
    result->key = pkey == NULL ? NULL : ccm_keys_add(keys, pkey);
    result->hash = digest_name(signer);
    return pkey != NULL;
}

static void verify_signed_data(struct ccm_keys *keys, CMS_ContentInfo *cms, struct cursor payload,
                               struct ccm_signature *result)
{
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_NOKEY, .reason = "it does not bring its certificate"};
    if (!read_signer(keys, cms, result))
        return;
    result->key_source = "embedded";
    /* Behind a filter: of a bare memory BIO CMS_verify makes a copy that OpenSSL 3.0 loses when the digest is unknown. */
    BIO *memory = payload.left > INT32_MAX ? NULL : BIO_new_mem_buf(payload.at, (int)payload.left);
    BIO *content = memory == NULL ? NULL : BIO_push(BIO_new(BIO_f_null()), memory);
    bool valid =
        content != NULL && CMS_verify(cms, NULL, NULL, content, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    BIO_free_all(content == NULL ? memory : content);
    result->state = valid ? CCM_SIGNATURE_VALID : CCM_SIGNATURE_INVALID;
    result->reason = valid ? NULL : "it is over other bytes, or its own certificate does not verify it";
}

static const char *trusted_source(struct ccm_keys *keys, struct text server, const struct ccm_key *key)
{
    const struct ccm_key *shown[CCM_KEYS_OF_CLIENT_MAX];
    size_t count = ccm_keys_bound(keys, CCM_OWNER_MP, server, shown);
    for (size_t i = 0; i < count; i++) {
        if (shown[i] == key)
            return "mpcert";
    }
    const struct ccm_key *const *loaded = ccm_keys_loaded(keys, &count);
    for (size_t i = 0; i < count; i++) {
        if (loaded[i] == key)
            return "keys";
    }
    return NULL;
}

/* An RSA signature by one of the keys; true when it verifies. */
static bool try_raw(struct ccm_keys *keys, const struct ccm_key *const *candidates, size_t count,
                    struct cursor signature, struct cursor data, struct ccm_signature *result)
{
    for (size_t i = 0; i < count; i++) {
        struct ccm_signature attempt = {.state = CCM_SIGNATURE_ABSENT};
        ccm_signature_check(keys, candidates[i], signature, data, &attempt);
        if (attempt.state != CCM_SIGNATURE_VALID)
            continue;
        *result = attempt;
        return true;
    }
    return false;
}

static void verify_raw(struct ccm_keys *keys, struct text server, struct cursor signature, struct cursor payload,
                       struct ccm_signature *result)
{
    const struct ccm_key *shown[CCM_KEYS_OF_CLIENT_MAX];
    size_t shown_count = ccm_keys_bound(keys, CCM_OWNER_MP, server, shown), loaded_count;
    const struct ccm_key *const *loaded = ccm_keys_loaded(keys, &loaded_count);
    if (try_raw(keys, shown, shown_count, signature, payload, result))
        result->key_source = "mpcert";
    else if (try_raw(keys, loaded, loaded_count, signature, payload, result))
        result->key_source = "keys";
    else if (shown_count > 0)
        *result = (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED,
                                         .reason = "which bytes it covers is not documented"};
    else
        *result = (struct ccm_signature){.state = CCM_SIGNATURE_NOKEY,
                                         .reason = "no certificate of the management point is known"};
}

/* Whether the bytes begin as PKCS#7 does (a SEQUENCE with a long length): an RSA signature does so once in 30,000 times. */
static bool is_sequence(struct cursor signature)
{
    return cursor_starts(signature, "\x30\x82", 2) || cursor_starts(signature, "\x30\x80", 2);
}

void ccm_reply_verify(struct ccm_keys *keys, struct text server, struct text hex, struct cursor payload,
                      struct arena *arena, struct ccm_signature *result)
{
    struct cursor signature;
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_ABSENT};
    if (hex.at == NULL)
        return;
    if (hex.length > 2 * CCM_REPLY_SIGNATURE_MAX) {
        *result = (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED, .reason = "it is too long to be read"};
        return;
    }
    if (!text_hex_decode(text_trim(hex), arena, &signature)) {
        *result = (struct ccm_signature){.state = CCM_SIGNATURE_INVALID, .reason = "it is not written as hex digits"};
        result->unreadable = true;
        return;
    }
    const unsigned char *at = signature.at;
    CMS_ContentInfo *cms =
        signature.left > 0 && signature.at[0] == 0x30 ? d2i_CMS_ContentInfo(NULL, &at, (long)signature.left) : NULL;
    if (cms != NULL && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
        verify_signed_data(keys, cms, payload, result);
        const char *source = result->key == NULL ? NULL : trusted_source(keys, server, result->key);
        if (source != NULL)
            result->key_source = source;
    } else {
        verify_raw(keys, server, signature, payload, result);
        result->unreadable = is_sequence(signature) && result->state != CCM_SIGNATURE_VALID;
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
}

void ccm_root_verify(struct ccm_keys *keys, const struct ccm_key *const *roots, size_t root_count,
                     struct text signature, struct text certificate, struct arena *arena, struct ccm_signature *result)
{
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_ABSENT};
    if (signature.at == NULL || text_trim(signature).length == 0)
        return;
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_NOKEY, .reason = "the trusted root key is not known"};
    struct cursor bytes, forms[4];
    if (root_count == 0)
        return;
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED,
                                     .reason = "which form of the certificate it covers is not documented"};
    struct text hex = text_trim(certificate);
    if (signature.length > 2 * CCM_REPLY_SIGNATURE_MAX || !text_hex_decode(text_trim(signature), arena, &bytes) ||
        !text_hex_decode(hex, arena, &forms[0]) || !text_to_utf16le(arena, hex, &forms[1]) ||
        !text_to_utf16le(arena, text_format(arena, "%.*s%c", (int)hex.length, hex.at, 0), &forms[2]))
        return;
    forms[3] = text_cursor(hex);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (try_raw(keys, roots, root_count, bytes, forms[i], result)) {
            result->key_source = "root";
            return;
        }
    }
}
