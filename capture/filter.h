/* capture/filter.h: a BPF expression over packets of several link types: one program for each. */
#ifndef CMSCOPE_CAPTURE_FILTER_H
#define CMSCOPE_CAPTURE_FILTER_H

#include "capture/packet.h"

struct filter;

/* OUTCOME_UNSUPPORTED: the expression is valid neither for `link_type` nor, when `several`, for Ethernet. With
 * `several`, other link types may come, so an expression that only some of them can have is good. */
MUST_USE enum outcome filter_new(const char *expression, int link_type, bool several, struct filter **filter,
                                 struct error *error);
bool filter_passes(struct filter *filter, const struct packet *packet);
/* Packets that were left out and that the expression lets pass without the VLAN tags, MPLS labels or PPPoE header before
 * their IP header: BPF looks behind these only when the expression says so. It counts none when the expression names them. */
uint64_t filter_tagged(const struct filter *filter);
/* Were packets left out because the expression is not valid for their link type? Then error->text says which. */
bool filter_problem(const struct filter *filter, struct error *error);
void filter_free(struct filter *filter);

#endif
