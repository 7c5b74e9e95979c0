/* dissect/configmgr/keyfile.h: keys from the files that the user gives (--keys), by content. */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_KEYFILE_H
#define CMSCOPE_DISSECT_CONFIGMGR_KEYFILE_H

#include "dissect/configmgr/keys.h"

#define CCM_KEY_FILE_MAX                                                                                               \
    (64L << 20) /* a TLS key log may have a million lines; the rest of a bigger file is left, and told */

/* Looks at the content of a file that holds neither certificate nor key. True when it was of use. */
struct ccm_key_reader {
    void *context;
    bool (*read)(void *context, struct cursor content);
    /* Told of a file with a key that a password locks, which was not opened; may be NULL. */
    void (*locked)(void *context, const char *path);
    /* Told of a file that could not be read, or not to its end; may be NULL. */
    void (*unread)(void *context, const char *path);
    const char *password; /* of what is locked; NULL: none is known */
};

/* Takes the keys of all certificates and keys in `path` (a file or a folder, not deeper): PEM or DER certificates,
 * private and public keys, PKCS#12; what a password locks, with that of `reader` or an empty one. Other files go to `reader` (may be NULL; its members too), or
 * are passed over. OUTCOME_SYSTEM when it cannot be read. When nothing in it is of use: OUTCOME_MALFORMED for a file,
 * OUTCOME_MORE for a folder, which may be filled another time. error->text says why. */
MUST_USE enum outcome ccm_keyfile_load(struct ccm_keys *keys, const char *path, const struct ccm_key_reader *reader,
                                       struct error *error);

#endif
