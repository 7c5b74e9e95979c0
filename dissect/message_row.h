/* dissect/message_row.h: rows of `message`, whatever carried the message. */
#ifndef CMSCOPE_DISSECT_MESSAGE_ROW_H
#define CMSCOPE_DISSECT_MESSAGE_ROW_H

#include "dissect/configmgr/message.h"
#include "dissect/fields.h"

/* Appends the row, its findings and the recipients of its envelopes. *row brings what only its carrier knows: client,
 * server, reply_of, answer; all else is filled here. owner->message becomes the row's id. */
void message_row_write(struct dissect *dissect, struct ccm_message *message, struct message_row *row,
                       struct fields_owner *owner);

/* Why a message was not read to its end. */
struct message_trouble {
    enum outcome reason;
    const char *what; /* the part that could not be read; static text */
    uint64_t offset;  /* of that part in the body of the carrier; UINT64_MAX: not known */
};

/* False when all was read, or its carrier has told already what is missing. */
MUST_USE bool message_row_trouble(const struct ccm_message *message, struct message_trouble *trouble);

/* Signatures that name no key of their own are looked at again at the end: a registration may come later. */
void message_row_remember(struct dissect *dissect, const struct ccm_message *message, int64_t row);

#endif
