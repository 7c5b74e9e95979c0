/* dissect/configmgr/keyfile.c: see keyfile.h. */
#define _GNU_SOURCE
#include "dissect/configmgr/keyfile.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What became of a file. */
struct taken {
    const char *password; /* that is known for it, or NULL */
    bool any;             /* something of use was in it */
    bool locked;          /* a key that needs a password was in it */
};

/* Takes over `pkey`, which may be NULL. */
static bool give(struct ccm_keys *keys, EVP_PKEY *pkey, bool is_private)
{
    bool taken = pkey != NULL && ccm_keys_give(keys, pkey, is_private);
    EVP_PKEY_free(pkey);
    return taken;
}

/* Takes over `certificate`, which may be NULL. */
static bool give_certificate(struct ccm_keys *keys, X509 *certificate)
{
    EVP_PKEY *pkey = certificate == NULL ? NULL : X509_get_pubkey(certificate);
    const struct ccm_key *key = pkey == NULL ? NULL : ccm_keys_add(keys, pkey);
    if (key != NULL)
        ccm_keys_identify(keys, certificate, key);
    X509_free(certificate);
    return give(keys, pkey, false);
}

/* ---- Keys that a password locks ---- */

/* An EncryptedPrivateKeyInfo (RFC 5958 section 3); NULL when it is none, or the password does not open it. */
static EVP_PKEY *unlock(struct ccm_keys *keys, const unsigned char *bytes, long length, const char *password)
{
    const unsigned char *at = bytes;
    X509_SIG *locked = password == NULL ? NULL : d2i_X509_SIG(NULL, &at, length);
    PKCS8_PRIV_KEY_INFO *open =
        locked == NULL ? NULL : PKCS8_decrypt_ex(locked, password, (int)strlen(password), ccm_keys_legacy(keys), NULL);
    EVP_PKEY *pkey = open == NULL ? NULL : EVP_PKCS82PKEY(open);
    PKCS8_PRIV_KEY_INFO_free(open);
    X509_SIG_free(locked);
    return pkey;
}

/* A pem_password_cb: `context` points to the password. */
static int give_password(char *password, int size, int writing, void *context)
{
    const char *const *known = context;
    size_t length = strlen(*known);
    (void)writing;
    if (size < 0 || length > (size_t)size)
        return -1;
    memcpy(password, *known, length);
    return (int)length;
}

/* A block of PEM whose header says how it is locked (RFC 1421 section 4.6.1.3), which is opened where it is. */
static EVP_PKEY *unlock_block(const char *header, unsigned char *data, long size, const char *password)
{
    EVP_CIPHER_INFO info;
    char *copy = password == NULL ? NULL : strdup(header);
    bool open = copy != NULL && PEM_get_EVP_CIPHER_INFO(copy, &info) == 1 &&
                PEM_do_header(&info, data, &size, give_password, &password) == 1;
    free(copy);
    const unsigned char *at = data;
    return open ? d2i_AutoPrivateKey(NULL, &at, size) : NULL;
}

/* ---- PEM ---- */

static bool load_block(struct ccm_keys *keys, const char *name, const char *header, unsigned char *data, long size,
                       struct taken *taken)
{
    const unsigned char *at = data;
    if (strstr(name, "CERTIFICATE") != NULL)
        return give_certificate(keys, d2i_X509(NULL, &at, size));
    if (strstr(name, "PUBLIC KEY") != NULL)
        return give(keys, d2i_PUBKEY(NULL, &at, size), false);
    if (strstr(name, "PRIVATE KEY") == NULL)
        return false;
    if (strstr(name, "ENCRYPTED") == NULL && strstr(header, "ENCRYPTED") == NULL)
        return give(keys, d2i_AutoPrivateKey(NULL, &at, size), true);
    EVP_PKEY *pkey = strstr(name, "ENCRYPTED") != NULL ? unlock(keys, data, size, taken->password)
                                                       : unlock_block(header, data, size, taken->password);
    taken->locked = taken->locked || pkey == NULL;
    return give(keys, pkey, true);
}

/* Reads PEM blocks raw, so that OpenSSL never asks for a password at the terminal. */
static void load_pem(struct ccm_keys *keys, const char *bytes, int length, struct taken *taken)
{
    BIO *bio = BIO_new_mem_buf(bytes, length);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long size;
    while (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
        taken->any = load_block(keys, name, header, data, size, taken) || taken->any;
        OPENSSL_cleanse(data, (size_t)size);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    BIO_free(bio);
}

/* ---- PKCS#12 (RFC 7292), whose old forms need the legacy provider ---- */

/* The same key in the default library context; takes over `pkey`. */
static EVP_PKEY *move_key(EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    int length = pkey == NULL ? 0 : i2d_PrivateKey(pkey, &der);
    const unsigned char *at = der;
    EVP_PKEY *moved = length > 0 ? d2i_AutoPrivateKey(NULL, &at, length) : NULL;
    OPENSSL_clear_free(der, length > 0 ? (size_t)length : 0);
    EVP_PKEY_free(pkey);
    return moved;
}

static X509 *move_certificate(X509 *certificate)
{
    unsigned char *der = NULL;
    int length = certificate == NULL ? 0 : i2d_X509(certificate, &der);
    const unsigned char *at = der;
    X509 *moved = length > 0 ? d2i_X509(NULL, &at, length) : NULL;
    OPENSSL_free(der);
    X509_free(certificate);
    return moved;
}

static void load_pkcs12(struct ccm_keys *keys, const unsigned char *bytes, long length, struct taken *taken)
{
    const unsigned char *at = bytes;
    PKCS12 *store = PKCS12_init_ex(NID_pkcs7_data, ccm_keys_legacy(keys), NULL);
    EVP_PKEY *pkey = NULL;
    X509 *certificate = NULL;
    if (d2i_PKCS12(&store, &at, length) == NULL) /* which frees the store */
        return;
    bool opened = PKCS12_parse(store, "", &pkey, &certificate, NULL) == 1 ||
                  PKCS12_parse(store, taken->password, &pkey, &certificate, NULL) == 1;
    taken->locked = taken->locked || !opened;
    taken->any = give_certificate(keys, move_certificate(certificate)) || taken->any;
    taken->any = give(keys, move_key(pkey), true) || taken->any;
    PKCS12_free(store);
}

/* ---- DER ---- */

/* EncryptedPrivateKeyInfo (RFC 5958 section 3). */
static bool is_locked(const unsigned char *bytes, long length)
{
    const unsigned char *at = bytes;
    X509_SIG *locked = d2i_X509_SIG(NULL, &at, length);
    X509_SIG_free(locked);
    return locked != NULL;
}

static void load_der(struct ccm_keys *keys, const unsigned char *bytes, long length, struct taken *taken)
{
    const unsigned char *at = bytes;
    taken->any = give_certificate(keys, d2i_X509(NULL, &at, length));
    at = bytes;
    taken->any = taken->any || give(keys, d2i_PUBKEY(NULL, &at, length), false);
    at = bytes;
    taken->any = taken->any || give(keys, d2i_AutoPrivateKey(NULL, &at, length), true);
    if (!taken->any)
        load_pkcs12(keys, bytes, length, taken);
    if (!taken->any)
        taken->any = give(keys, unlock(keys, bytes, length, taken->password), true);
    if (!taken->any)
        taken->locked = taken->locked || is_locked(bytes, length);
}

/* ---- Files ---- */

static void load_file(struct ccm_keys *keys, const char *path, const struct ccm_key_reader *reader, struct taken *all)
{
    struct taken taken = {.password = reader == NULL ? NULL : reader->password};
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = file == NULL ? NULL : malloc((size_t)CCM_KEY_FILE_MAX);
    size_t length = bytes == NULL ? 0 : fread(bytes, 1, (size_t)CCM_KEY_FILE_MAX, file);
    bool whole = bytes != NULL && !ferror(file) && (length < (size_t)CCM_KEY_FILE_MAX || getc(file) == EOF);
    if (file != NULL)
        fclose(file);
    if (!whole && reader != NULL && reader->unread != NULL)
        reader->unread(reader->context, path);
    if (length > 0)
        load_pem(keys, (const char *)bytes, (int)length, &taken);
    if (length > 0 && !taken.any && !taken.locked)
        load_der(keys, bytes, (long)length, &taken);
    if (length > 0 && !taken.any && !taken.locked && reader != NULL && reader->read != NULL)
        taken.any = reader->read(reader->context, cursor_of(bytes, length));
    if (taken.locked && reader != NULL && reader->locked != NULL)
        reader->locked(reader->context, path);
    if (bytes != NULL)
        OPENSSL_cleanse(bytes, length);
    free(bytes);
    ERR_clear_error();
    all->any = all->any || taken.any;
    all->locked = all->locked || taken.locked;
}

enum outcome ccm_keyfile_load(struct ccm_keys *keys, const char *path, const struct ccm_key_reader *reader,
                              struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
    struct taken taken = {0};
    bool folder = S_ISDIR(status.st_mode);
    enum outcome nothing = folder ? OUTCOME_MORE : OUTCOME_MALFORMED;
    if (folder) {
        struct dirent **names = NULL;
        int count = scandir(path, &names, NULL, alphasort);
        if (count < 0)
            return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
        for (int i = 0; i < count; i++) {
            char *file = NULL;
            if (asprintf(&file, "%s/%s", path, names[i]->d_name) > 0 && stat(file, &status) == 0 &&
                S_ISREG(status.st_mode))
                load_file(keys, file, reader, &taken);
            free(file);
            free(names[i]);
        }
        free(names);
    } else {
        if (access(path, R_OK) != 0)
            return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
        load_file(keys, path, reader, &taken);
    }
    if (!taken.any && taken.locked)
        return error_set(error, nothing, 0, "%s: a password locks what is in it, which was not opened; %s", path,
                         reader != NULL && reader->password != NULL ? "it is not the one given"
                                                                    : "give the keys without one");
    if (!taken.any)
        return error_set(error, nothing, 0,
                         "%s: no certificate, key or TLS key log in it; PEM, DER and PKCS#12 without a password are "
                         "read",
                         path);
    return OUTCOME_OK;
}
