/* dissect/configmgr/registration.h: a ClientRegistrationRequest, whose body brings certificates and signs itself (wire.md 5.2).
 *
 *   <ClientRegistrationRequest> <Data ...> ... <Certificates> ... </Data>     what is signed, as it was sent
 *                               <Signature> <SignatureValue>
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_REGISTRATION_H
#define CMSCOPE_DISSECT_CONFIGMGR_REGISTRATION_H

#include "dissect/configmgr/message.h"

/* Fills what struct ccm_message says of registrations from the parsed body, and verifies its signature when `needs` asks for it.
 * Does nothing for other bodies. */
void ccm_registration_read(struct ccm_decoder *decoder, struct ccm_message *message, unsigned needs);

#endif
