/* dissect/configmgr/attachment.h: the further documents in a payload, by offset and length (wire.md 3.5).
 *
 * Real senders list an attachment twice, or with an offset inside the body, or list the body itself: such entries are
 * recognised and told, and each document is read once.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_ATTACHMENT_H
#define CMSCOPE_DISSECT_CONFIGMGR_ATTACHMENT_H

#include "dissect/configmgr/message.h"

/* Bytes of attachments of one message that are read as text. */
#define CCM_ATTACHMENT_BYTES_MAX ((size_t)16 << 20)

enum ccm_attachment_kind {
    CCM_ATTACHMENT_XML,
    CCM_ATTACHMENT_MIF, /* an IDMIF file */
    CCM_ATTACHMENT_TEXT,
    CCM_ATTACHMENT_BINARY,
    CCM_ATTACHMENT_EMPTY,
    CCM_ATTACHMENT_BODY,     /* the body, listed as an attachment */
    CCM_ATTACHMENT_REPEATED, /* listed again; another entry of the name is the right one */
    CCM_ATTACHMENT_OUTSIDE   /* not within the payload, or no numbers */
};

const char *ccm_attachment_kind_name(enum ccm_attachment_kind kind);

struct ccm_attachment {
    const struct ccm_range *range;
    enum ccm_attachment_kind kind;
    struct cursor bytes;
    struct text text;             /* UTF-8, up to its terminator; TEXT_NULL when it is not text or was not read */
    struct xml_document document; /* its root is NULL when it is no XML */
    const char *problem;          /* static text, or NULL */
};

/* Finds what each Attachment element means and what is there, without reading it whole; adds notes to the message about
 * what is odd. The payload must be open. */
void ccm_attachments_resolve(struct ccm_decoder *decoder, struct ccm_message *message);

/* Reads their texts and documents. */
void ccm_attachments_read(struct ccm_decoder *decoder, struct ccm_message *message);

/* How many bytes of the payload are in no range of the header: a reader that goes by the ranges does not see them. Holes of
 * white space and zeros, and a byte order mark at the start, do not count. 0 when not all ranges are known. */
size_t ccm_attachments_unranged(const struct ccm_message *message);

#endif
