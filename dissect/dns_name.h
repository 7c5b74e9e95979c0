/* dissect/dns_name.h: names of DNS messages with their compression (RFC 1035 section 4.1.4), and NetBIOS names in them
 * (RFC 1001 section 14.1). */
#ifndef CMSCOPE_DISSECT_DNS_NAME_H
#define CMSCOPE_DISSECT_DNS_NAME_H

#include "core/cursor.h"

#define DNS_LABEL_MAX 63
#define DNS_NAME_MAX 255                /* on the wire, RFC 1035 section 3.1 */
#define DNS_TEXT_MAX (4 * DNS_NAME_MAX) /* as text: every byte may need an escape */
#define NETBIOS_LABEL 32                /* a NetBIOS name as a label */
#define NETBIOS_NAME 15                 /* and decoded, without the suffix */

struct dns_name {
    size_t length;
    char text[DNS_TEXT_MAX]; /* labels with dots between; a dot inside a label is "\.", the root is "" */
};

/* Reads the name at *at, which lies in `message`, and moves *at behind it. Pointers lead backwards only, so it ends.
 * False when it is cut off, too long, or its pointers lead elsewhere. */
MUST_USE bool dns_name_take(struct cursor message, struct cursor *at, struct dns_name *name);

/* When the first label of the name is an encoded NetBIOS name, puts the decoded one (with the scope behind it) in its
 * place and the sixteenth byte in *suffix. */
bool dns_name_netbios(struct dns_name *name, uint8_t *suffix);

#endif
