/* dissect/configmgr/keyfile.c: see keyfile.h. */
#define _GNU_SOURCE
#include "dissect/configmgr/keyfile.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Takes over `pkey`, which may be NULL. */
static bool give(struct ccm_keys *keys, EVP_PKEY *pkey, bool is_private)
{
    bool taken = pkey != NULL && ccm_keys_give(keys, pkey, is_private);
    EVP_PKEY_free(pkey);
    return taken;
}

/* Reads PEM blocks raw, so that OpenSSL never asks for a password at the terminal: an encrypted key is passed over. */
static bool load_pem(struct ccm_keys *keys, const char *bytes, int length)
{
    bool any = false;
    BIO *bio = BIO_new_mem_buf(bytes, length);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long size;
    while (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
        const unsigned char *at = data;
        EVP_PKEY *pkey = NULL;
        X509 *certificate = NULL;
        bool is_private = false;
        if (strstr(name, "CERTIFICATE") != NULL)
            certificate = d2i_X509(NULL, &at, size);
        else if (strstr(name, "PUBLIC KEY") != NULL)
            pkey = d2i_PUBKEY(NULL, &at, size);
        else if (strstr(name, "PRIVATE KEY") != NULL && strstr(name, "ENCRYPTED") == NULL && header[0] == '\0')
            is_private = (pkey = d2i_AutoPrivateKey(NULL, &at, size)) != NULL;
        if (certificate != NULL)
            pkey = X509_get_pubkey(certificate);
        any = give(keys, pkey, is_private) || any;
        X509_free(certificate);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    BIO_free(bio);
    return any;
}

static bool load_der(struct ccm_keys *keys, const unsigned char *bytes, long length)
{
    const unsigned char *at = bytes;
    EVP_PKEY *pkey = NULL;
    X509 *certificate = d2i_X509(NULL, &at, length);
    if (certificate != NULL)
        pkey = X509_get_pubkey(certificate);
    X509_free(certificate);
    at = bytes;
    if (pkey == NULL)
        pkey = d2i_PUBKEY(NULL, &at, length);
    at = bytes;
    bool is_private = pkey == NULL && (pkey = d2i_AutoPrivateKey(NULL, &at, length)) != NULL;
    return give(keys, pkey, is_private);
}

static bool load_file(struct ccm_keys *keys, const char *path, const struct ccm_key_reader *reader)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    unsigned char *bytes = malloc((size_t)CCM_KEY_FILE_MAX);
    size_t length = bytes == NULL ? 0 : fread(bytes, 1, (size_t)CCM_KEY_FILE_MAX, file);
    fclose(file);
    bool any = length > 0 && (load_pem(keys, (const char *)bytes, (int)length) || load_der(keys, bytes, (long)length) ||
                              (reader != NULL && reader->read(reader->context, cursor_of(bytes, length))));
    if (bytes != NULL)
        OPENSSL_cleanse(bytes, length);
    free(bytes);
    ERR_clear_error();
    return any;
}

enum outcome ccm_keyfile_load(struct ccm_keys *keys, const char *path, const struct ccm_key_reader *reader,
                              struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
    bool any = false;
    if (S_ISDIR(status.st_mode)) {
        struct dirent **names = NULL;
        int count = scandir(path, &names, NULL, alphasort);
        if (count < 0)
            return error_set(error, OUTCOME_SYSTEM, 0, "%s: %s", path, strerror(errno));
        for (int i = 0; i < count; i++) {
            char *file = NULL;
            if (asprintf(&file, "%s/%s", path, names[i]->d_name) > 0 && stat(file, &status) == 0 &&
                S_ISREG(status.st_mode))
                any = load_file(keys, file, reader) || any;
            free(file);
            free(names[i]);
        }
        free(names);
    } else {
        any = load_file(keys, path, reader);
    }
    if (!any)
        return error_set(error, OUTCOME_MALFORMED, 0,
                         "%s: no certificate or key in it; PEM and DER certificates, keys without a password and TLS "
                         "key logs are read",
                         path);
    return OUTCOME_OK;
}
