/* dissect/configmgr/certificate.h: X.509 certificates as they travel in messages, hex DER, and elsewhere (RFC 5280). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_CERTIFICATE_H
#define CMSCOPE_DISSECT_CONFIGMGR_CERTIFICATE_H

#include "core/row.h"
#include "dissect/configmgr/keys.h"

#define CCM_CERTIFICATE_MAX ((size_t)64 * 1024)

/* Fills all columns of *row that the certificate itself decides (fingerprints, names, dates, key ...); texts live in
 * `arena`. *key (may be NULL) gets its public key, or NULL. When `hex` is no certificate, row->problem says so and the
 * fingerprints are still those of the bytes. */
void ccm_certificate_read(struct text hex, struct ccm_keys *keys, struct arena *arena, struct certificate_row *row,
                          const struct ccm_key **key);

/* The same of a certificate in DER. */
void ccm_certificate_read_der(struct cursor der, struct ccm_keys *keys, struct arena *arena,
                              struct certificate_row *row, const struct ccm_key **key);

/* A DER Name (RFC 2253), and a DER INTEGER as hex; TEXT_NULL when it is none. */
MUST_USE struct text ccm_name_text(struct cursor der, struct arena *arena);
MUST_USE struct text ccm_serial_text(struct cursor der, struct arena *arena);

#endif
