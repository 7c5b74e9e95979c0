/* dissect/configmgr/certificate.c: see certificate.h. */
#define _GNU_SOURCE
#include "dissect/configmgr/certificate.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define SERIAL_MAX 128 /* bytes of a serial number that is written out; RFC 5280 allows 20 */
#define NAMES_MAX 100  /* subjectAltName and extendedKeyUsage entries that are listed */

static struct text memory_text(BIO *bio, struct arena *arena)
{
    char *at = NULL;
    long length = bio == NULL ? 0 : BIO_get_mem_data(bio, &at);
    return text_clean(arena, cursor_of(at, length > 0 ? (size_t)length : 0));
}

static struct text name_text(const X509_NAME *name, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct text text = TEXT_NULL;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
        text = memory_text(bio, arena);
    BIO_free(bio);
    return text;
}

static double time_seconds(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (double)timegm(&parts) : REAL_NULL;
}

static struct text fingerprint(struct ccm_keys *keys, enum ccm_hash hash, struct cursor bytes, struct arena *arena)
{
    uint8_t digest[CCM_HASH_BYTES_MAX];
    return text_hex(arena, cursor_of(digest, ccm_hash(keys, hash, bytes, digest)));
}

static struct text serial_text(const ASN1_INTEGER *serial, struct arena *arena)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number == NULL ? NULL : BN_bn2hex(number);
    struct text text = text_copy(arena, text_of(hex));
    OPENSSL_free(hex);
    BN_free(number);
    return text;
}

struct text ccm_name_text(struct cursor der, struct arena *arena)
{
    const unsigned char *at = der.at;
    X509_NAME *name = der.left > CCM_CERTIFICATE_MAX ? NULL : d2i_X509_NAME(NULL, &at, (long)der.left);
    struct text text = name == NULL ? TEXT_NULL : name_text(name, arena);
    X509_NAME_free(name);
    ERR_clear_error();
    return text;
}

struct text ccm_serial_text(struct cursor der, struct arena *arena)
{
    const unsigned char *at = der.at;
    ASN1_INTEGER *serial = der.left > SERIAL_MAX ? NULL : d2i_ASN1_INTEGER(NULL, &at, (long)der.left);
    struct text text = serial == NULL ? TEXT_NULL : serial_text(serial, arena);
    ASN1_INTEGER_free(serial);
    ERR_clear_error();
    return text;
}

/* How many of `count` names are listed. */
static int names_listed(struct ccm_keys *keys, int count)
{
    if (count > NAMES_MAX)
        limit_hit(ccm_keys_limits(keys), LIMIT_certificate_names);
    return count > NAMES_MAX ? NAMES_MAX : count;
}

static struct text san_text(struct ccm_keys *keys, X509 *certificate, struct arena *arena)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct text list = TEXT_NULL;
    const int count = names_listed(keys, sk_GENERAL_NAME_num(names));
    for (int i = 0; i < count; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type != GEN_DNS)
            continue;
        list = text_format(arena, "%.*s%s%.*s", (int)list.length, list.at == NULL ? "" : list.at,
                           list.at == NULL ? "" : ",", ASN1_STRING_length(value), ASN1_STRING_get0_data(value));
    }
    GENERAL_NAMES_free(names);
    return list.at == NULL ? TEXT_NULL : text_clean(arena, text_cursor(list));
}

static struct text eku_text(struct ccm_keys *keys, X509 *certificate, struct arena *arena)
{
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    struct text list = TEXT_NULL;
    const int count = names_listed(keys, sk_ASN1_OBJECT_num(usages));
    for (int i = 0; i < count; i++) {
        char oid[80];
        OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(usages, i), 1);
        list = text_format(arena, "%.*s%s%s", (int)list.length, list.at == NULL ? "" : list.at,
                           list.at == NULL ? "" : ",", oid);
    }
    EXTENDED_KEY_USAGE_free(usages);
    return list;
}

/* `list` with a space and the text behind it. */
static struct text listed(struct text list, const ASN1_STRING *value, struct arena *arena)
{
    return text_format(arena, "%.*s%s%.*s", (int)list.length, list.at == NULL ? "" : list.at,
                       list.at == NULL ? "" : " ", ASN1_STRING_length(value), ASN1_STRING_get0_data(value));
}

static struct text uris(struct ccm_keys *keys, const GENERAL_NAMES *names, struct text list, struct arena *arena)
{
    const int count = names_listed(keys, sk_GENERAL_NAME_num(names));
    for (int i = 0; i < count; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type == GEN_URI)
            list = listed(list, value, arena);
    }
    return list;
}

static struct text cleaned(struct text text, struct arena *arena)
{
    return text.at == NULL ? TEXT_NULL : text_clean(arena, text_cursor(text));
}

static struct text crl_text(struct ccm_keys *keys, X509 *certificate, struct arena *arena)
{
    CRL_DIST_POINTS *points = X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);
    struct text list = TEXT_NULL;
    const int count = names_listed(keys, sk_DIST_POINT_num(points));
    for (int i = 0; i < count; i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);
        if (point->distpoint != NULL && point->distpoint->type == 0)
            list = uris(keys, point->distpoint->name.fullname, list, arena);
    }
    CRL_DIST_POINTS_free(points);
    return cleaned(list, arena);
}

static struct text ocsp_text(struct ccm_keys *keys, X509 *certificate, struct arena *arena)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(certificate, NID_info_access, NULL, NULL);
    struct text list = TEXT_NULL;
    const int count = names_listed(keys, sk_ACCESS_DESCRIPTION_num(access));
    for (int i = 0; i < count; i++) {
        const ACCESS_DESCRIPTION *description = sk_ACCESS_DESCRIPTION_value(access, i);
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(description->location, &type);
        if (OBJ_obj2nid(description->method) == NID_ad_OCSP && type == GEN_URI)
            list = listed(list, value, arena);
    }
    AUTHORITY_INFO_ACCESS_free(access);
    return cleaned(list, arena);
}

static const ASN1_OCTET_STRING *extension(const X509 *certificate, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = object == NULL ? -1 : X509_get_ext_by_OBJ(certificate, object, -1);
    ASN1_OBJECT_free(object);
    return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(certificate, at));
}

/* Extensions of Microsoft's certification authority (MS-WCCE 2.2.2.7.7): of version 1 the template's name as one string; of
 * version 2 a sequence that starts with its object identifier. */
static struct text template_text(const X509 *certificate, struct arena *arena)
{
    const ASN1_OCTET_STRING *data = extension(certificate, "1.3.6.1.4.1.311.20.2");
    const unsigned char *at = data == NULL ? NULL : ASN1_STRING_get0_data(data);
    unsigned char *utf8 = NULL;
    ASN1_TYPE *value = at == NULL ? NULL : d2i_ASN1_TYPE(NULL, &at, ASN1_STRING_length(data));
    int type = value == NULL ? V_ASN1_NULL : ASN1_TYPE_get(value), length = -1;
    if (type == V_ASN1_BMPSTRING || type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING)
        length = ASN1_STRING_to_UTF8(&utf8, value->value.asn1_string);
    struct text text = length < 0 ? TEXT_NULL : text_clean(arena, cursor_of(utf8, (size_t)length));
    OPENSSL_free(utf8);
    ASN1_TYPE_free(value);
    if (text.at != NULL || (data = extension(certificate, "1.3.6.1.4.1.311.21.7")) == NULL)
        return text;
    at = ASN1_STRING_get0_data(data);
    STACK_OF(ASN1_TYPE) *parts = d2i_ASN1_SEQUENCE_ANY(NULL, &at, ASN1_STRING_length(data));
    value = sk_ASN1_TYPE_num(parts) > 0 ? sk_ASN1_TYPE_value(parts, 0) : NULL;
    char oid[80];
    if (value != NULL && ASN1_TYPE_get(value) == V_ASN1_OBJECT &&
        OBJ_obj2txt(oid, sizeof oid, value->value.object, 1) > 0)
        text = text_copy(arena, text_of(oid));
    sk_ASN1_TYPE_pop_free(parts, ASN1_TYPE_free);
    return text;
}

static void read_extensions(struct ccm_keys *keys, X509 *certificate, struct arena *arena, struct certificate_row *row)
{
    BASIC_CONSTRAINTS *constraints = X509_get_ext_d2i(certificate, NID_basic_constraints, NULL, NULL);
    if (constraints != NULL)
        row->ca = constraints->ca != 0;
    BASIC_CONSTRAINTS_free(constraints);
    row->crl_urls = crl_text(keys, certificate, arena);
    row->ocsp_urls = ocsp_text(keys, certificate, arena);
    row->template = template_text(certificate, arena);
}

static const char *key_type(const EVP_PKEY *pkey)
{
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        return "rsa";
    case EVP_PKEY_RSA_PSS:
        return "rsa-pss";
    case EVP_PKEY_EC:
        return "ec";
    case EVP_PKEY_DSA:
        return "dsa";
    case EVP_PKEY_ED25519:
        return "ed25519";
    default:
        return "other";
    }
}

static const char *hash_of_signature(int signature_nid)
{
    int hash_nid;
    if (OBJ_find_sigid_algs(signature_nid, &hash_nid, NULL) != 1)
        return NULL;
    switch (hash_nid) {
    case NID_md5:
        return "md5";
    case NID_sha1:
        return "sha1";
    case NID_sha224:
        return "sha224";
    case NID_sha256:
        return "sha256";
    case NID_sha384:
        return "sha384";
    case NID_sha512:
        return "sha512";
    default:
        return NULL;
    }
}

static void read_key(X509 *certificate, struct ccm_keys *keys, struct arena *arena, struct certificate_row *row,
                     const struct ccm_key **key)
{
    EVP_PKEY *pkey = X509_get0_pubkey(certificate);
    const struct ccm_key *found = pkey == NULL ? NULL : ccm_keys_add(keys, pkey);
    if (pkey != NULL) {
        row->key_type = text_of(key_type(pkey));
        row->key_bits = EVP_PKEY_get_bits(pkey);
        row->self_signed = X509_self_signed(certificate, 1) == 1;
    }
    size_t private_count;
    (void)ccm_keys_private(keys, &private_count);
    if (found != NULL && private_count > 0) /* envelopes that name it may be opened */
        ccm_keys_identify(keys, certificate, found);
    if (found != NULL)
        row->spki_sha256 = text_copy(arena, text_of(found->fingerprint));
    if (key != NULL)
        *key = found;
}

/* The certificate in `der`, to be freed; NULL when it is none. OpenSSL takes long for its key, and one registration shows it
 * to several readers. */
static X509 *certificate_of(struct ccm_keys *keys, struct cursor der)
{
    X509 *certificate = ccm_cache_find(ccm_keys_certificates(keys), NULL, der);
    if (certificate != NULL)
        return X509_up_ref(certificate) == 1 ? certificate : NULL;
    const unsigned char *at = der.at;
    certificate = d2i_X509(NULL, &at, (long)der.left);
    if (certificate != NULL && X509_up_ref(certificate) == 1)
        (void)ccm_cache_put(ccm_keys_certificates(keys), NULL, der, certificate);
    return certificate;
}

void ccm_certificate_read(struct text hex, struct ccm_keys *keys, struct arena *arena, struct certificate_row *row,
                          const struct ccm_key **key)
{
    struct cursor der;
    if (key != NULL)
        *key = NULL;
    if (hex.length > 2 * CCM_CERTIFICATE_MAX || !text_hex_decode(text_trim(hex), arena, &der)) {
        row->problem = TEXT("it is not written as hex digits, or is too long");
        return;
    }
    ccm_certificate_read_der(der, keys, arena, row, key);
}

void ccm_certificate_read_der(struct cursor der, struct ccm_keys *keys, struct arena *arena,
                              struct certificate_row *row, const struct ccm_key **key)
{
    if (key != NULL)
        *key = NULL;
    row->fingerprint_sha1 = fingerprint(keys, CCM_SHA1, der, arena);
    row->fingerprint_sha256 = fingerprint(keys, CCM_SHA256, der, arena);
    X509 *certificate = certificate_of(keys, der);
    if (certificate == NULL) {
        row->problem = TEXT("it is not a DER certificate");
        ERR_clear_error();
        return;
    }
    char oid[80] = "";
    const X509_ALGOR *algorithm;
    const ASN1_OBJECT *object;
    X509_get0_signature(NULL, &algorithm, certificate);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    OBJ_obj2txt(oid, sizeof oid, object, 1);
    row->signature_algorithm = text_copy(arena, text_of(oid));
    row->signature_hash = text_of(hash_of_signature(X509_get_signature_nid(certificate)));
    row->subject = name_text(X509_get_subject_name(certificate), arena);
    row->issuer = name_text(X509_get_issuer_name(certificate), arena);
    row->serial = serial_text(X509_get0_serialNumber(certificate), arena);
    row->not_before = time_seconds(X509_get0_notBefore(certificate));
    row->not_after = time_seconds(X509_get0_notAfter(certificate));
    row->san = san_text(keys, certificate, arena);
    row->eku = eku_text(keys, certificate, arena);
    read_extensions(keys, certificate, arena, row);
    read_key(certificate, keys, arena, row, key);
    X509_free(certificate);
    ERR_clear_error();
}
