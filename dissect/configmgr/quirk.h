/* dissect/configmgr/quirk.h: harmless peculiarities of real senders, each named as a note (wire.md 12). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_QUIRK_H
#define CMSCOPE_DISSECT_CONFIGMGR_QUIRK_H

#include "dissect/configmgr/message.h"

/* Adds a note for each peculiarity of a message that is decoded otherwise. */
void ccm_message_quirks(struct ccm_message *message);

#endif
