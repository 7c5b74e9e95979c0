/* dissect/policy.h: policies as they are assigned and downloaded: rows of policy and secret. */
#ifndef CMSCOPE_DISSECT_POLICY_H
#define CMSCOPE_DISSECT_POLICY_H

#include "dissect/http.h"

/* A row for each policy of a ReplyAssignments (wire.md 6.3). */
void policy_write_assignments(struct http_exchange *exchange, const struct ccm_message *message, int64_t message_id);

/* A row for a download by GET .sms_pol (wire.md 1.5, 1.7), its recipients and its secrets. */
void policy_write_download(struct http_exchange *exchange);

/* policy_settle.c: when all is known, compares downloads with the hashes that assignments named (policy.hash_ok), and
 * adds the findings C52 and C53. */
void settle_policies(struct dissect *dissect);

#endif
