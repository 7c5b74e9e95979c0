/* bench/keys.c: see keys.h.
 *
 * OpenSSL's own key generation cannot be seeded, so primes are searched here and the key is put together from them. These
 * keys protect nothing.
 */
#include "bench/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include "bench/bytes.h"

#define PRIME_BYTES (KEY_BYTES / 2)
#define SIEVE_MAX 2000 /* candidates with a smaller factor are not tried; found by trial */
#define NOT_BEFORE "20260101000000Z"
#define NOT_AFTER "20360101000000Z"

static bool has_small_factor(const BIGNUM *candidate)
{
    for (BN_ULONG factor = 3; factor < SIEVE_MAX; factor += 2) {
        if (BN_mod_word(candidate, factor) == 0)
            return true;
    }
    return false;
}

/* Fermat's test for base 2: a random number of 1,024 bits that passes is a prime but for a chance below 2^-100. */
static bool is_probably_prime(const BIGNUM *candidate, BN_CTX *context)
{
    BN_CTX_start(context);
    BIGNUM *power = BN_CTX_get(context), *exponent = BN_CTX_get(context), *base = BN_CTX_get(context);
    bool prime = base != NULL && BN_set_word(base, 2) && BN_copy(exponent, candidate) != NULL &&
                 BN_sub_word(exponent, 1) && BN_mod_exp(power, base, exponent, candidate, context) && BN_is_one(power);
    BN_CTX_end(context);
    return prime;
}

/* A prime with its two highest bits set (so that the product of two has 2,048 bits) and p - 1 not divisible by 65537. */
static BIGNUM *prime_new(struct dice *dice, BN_CTX *context)
{
    uint8_t bytes[PRIME_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)dice_next(dice);
    bytes[0] |= 0xc0;
    bytes[PRIME_BYTES - 1] |= 1;
    BIGNUM *candidate = BN_bin2bn(bytes, sizeof bytes, NULL);
    if (candidate == NULL)
        die("out of memory", NULL);
    while (has_small_factor(candidate) || BN_mod_word(candidate, RSA_F4) == 1 ||
           !is_probably_prime(candidate, context)) {
        if (!BN_add_word(candidate, 2))
            die("out of memory", NULL);
    }
    return candidate;
}

enum number { N, E, D, P, Q, DP, DQ, QINV, NUMBERS };

static const char *const NUMBER_NAMES[NUMBERS] = {
    [N] = OSSL_PKEY_PARAM_RSA_N,          [E] = OSSL_PKEY_PARAM_RSA_E,
    [D] = OSSL_PKEY_PARAM_RSA_D,          [P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
    [Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,    [DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
    [DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2, [QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

/* RFC 8017 section 3.2: the rest of the key from its primes. */
static bool complete(BIGNUM *numbers[NUMBERS], BN_CTX *context)
{
    BN_CTX_start(context);
    BIGNUM *p1 = BN_CTX_get(context), *q1 = BN_CTX_get(context), *phi = BN_CTX_get(context);
    bool done = phi != NULL && BN_set_word(numbers[E], RSA_F4) && BN_mul(numbers[N], numbers[P], numbers[Q], context) &&
                BN_copy(p1, numbers[P]) != NULL && BN_sub_word(p1, 1) && BN_copy(q1, numbers[Q]) != NULL &&
                BN_sub_word(q1, 1) && BN_mul(phi, p1, q1, context) &&
                BN_mod_inverse(numbers[D], numbers[E], phi, context) != NULL &&
                BN_mod(numbers[DP], numbers[D], p1, context) && BN_mod(numbers[DQ], numbers[D], q1, context) &&
                BN_mod_inverse(numbers[QINV], numbers[Q], numbers[P], context) != NULL;
    BN_CTX_end(context);
    return done;
}

static EVP_PKEY *assemble(BIGNUM *const numbers[NUMBERS])
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool fine = builder != NULL;
    for (int i = 0; i < NUMBERS && fine; i++)
        fine = OSSL_PARAM_BLD_push_BN(builder, NUMBER_NAMES[i], numbers[i]);
    OSSL_PARAM *parameters = fine ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
        die("OpenSSL takes no key", NULL);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

EVP_PKEY *key_new(struct dice *dice)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *numbers[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = i == P || i == Q ? prime_new(dice, context) : BN_new();
    if (!complete(numbers, context))
        die("OpenSSL cannot compute a key", NULL);
    EVP_PKEY *key = assemble(numbers);
    for (int i = 0; i < NUMBERS; i++)
        BN_free(numbers[i]);
    BN_CTX_free(context);
    return key;
}

void key_sign(EVP_PKEY *key, struct cursor bytes, uint8_t signature[KEY_BYTES])
{
    uint8_t straight[KEY_BYTES];
    size_t length = sizeof straight;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, straight, &length, bytes.at, bytes.left) != 1 || length != KEY_BYTES)
        die("OpenSSL cannot sign", NULL);
    EVP_MD_CTX_free(context);
    for (size_t i = 0; i < KEY_BYTES; i++)
        signature[i] = straight[KEY_BYTES - 1 - i];
}

void key_put_blob(EVP_PKEY *key, struct buffer *buffer)
{
    static const uint8_t head[] = {6, 2, 0, 0, 0, 0xa4, 0, 0, 'R', 'S', 'A', '1'};
    uint8_t modulus[KEY_BYTES];
    BIGNUM *n = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 || BN_bn2lebinpad(n, modulus, KEY_BYTES) < 0)
        die("OpenSSL does not tell a modulus", NULL);
    BN_free(n);
    put(buffer, head, sizeof head);
    put_le(buffer, (uint64_t)8 * KEY_BYTES, 4);
    put_le(buffer, RSA_F4, 4);
    put(buffer, modulus, sizeof modulus);
}

static void add_extension(X509 *certificate, int type, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, type, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
        die("OpenSSL cannot make an extension", NULL);
    X509_EXTENSION_free(extension);
}

void key_put_certificate(EVP_PKEY *key, uint64_t serial, struct buffer *buffer)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) != 1 ||
        ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), NOT_BEFORE) != 1 ||
        ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), NOT_AFTER) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"ConfigMgr Client", -1, -1, 0) !=
            1 ||
        X509_set_issuer_name(certificate, name) != 1 || X509_set_pubkey(certificate, key) != 1)
        die("OpenSSL cannot make a certificate", NULL);
    add_extension(certificate, NID_key_usage, "digitalSignature,dataEncipherment");
    add_extension(certificate, NID_ext_key_usage, "1.3.6.1.4.1.311.101.2,1.3.6.1.4.1.311.101");
    unsigned char *der = NULL;
    int length = X509_sign(certificate, key, EVP_sha256()) > 0 ? i2d_X509(certificate, &der) : 0;
    if (length <= 0)
        die("OpenSSL cannot sign a certificate", NULL);
    put(buffer, der, (size_t)length);
    OPENSSL_free(der);
    X509_free(certificate);
}

void key_put_public(EVP_PKEY *key, struct buffer *buffer)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(key, &der);
    if (length <= 0)
        die("OpenSSL does not tell a public key", NULL);
    put(buffer, der, (size_t)length);
    OPENSSL_free(der);
}
