/* dissect/configmgr/notification.h: client notification over HTTP: what /bgb/handler.ashx takes and gives (wire.md 9.6).
 *
 *   [prefix: u32 keep-alive interval, u32 length of the session id, session id]
 *   head (BgbMessageHeader, 14 bytes): u32 payload size, u16 major, u16 minor version, u32 header size, u16 message type
 *   header XML (Message), payload XML (BgbSignInMessage ...)
 *
 * The layout is from names and sizes of one source, nobody has shown bytes: the order of bytes, and whether the form is used
 * in HTTP as it is, in base64, or as bare XML, is not known. So a form counts when all its sizes fit the bytes exactly, and
 * all fields are told as uncertain.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_NOTIFICATION_H
#define CMSCOPE_DISSECT_CONFIGMGR_NOTIFICATION_H

#include "dissect/configmgr/body.h"

#define CCM_NOTIFICATION_HEAD 14          /* bytes */
#define CCM_NOTIFICATION_SESSION_MAX 1024 /* bytes of a session id */

struct ccm_notification {
    bool has_prefix, has_head;
    bool big_endian;
    uint32_t keep_alive; /* of the prefix; its unit is not known */
    struct text session;
    uint32_t payload_size, header_size; /* of the head */
    uint16_t major, minor, channel;
    struct xml_document header; /* its root is NULL when there is none */
    struct text code;           /* the body is this number alone (280 continue, 990 ended); TEXT_NULL otherwise */
};

/* Reads source->body as ccm_message_decode does a message: fills *message, with message->notification. What has none of the
 * known forms is malformed. */
void ccm_notification_decode(struct ccm_decoder *decoder, const struct ccm_source *source, unsigned needs,
                             struct ccm_message *message);

/* Appends the fields of prefix, head and header XML; the body's are those of message->document. */
void ccm_notification_fields(struct ccm_decoder *decoder, struct ccm_notification *notification,
                             struct ccm_fields *fields);

#endif
