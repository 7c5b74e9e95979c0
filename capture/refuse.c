/* capture/refuse.c: see refuse.h. */
#include "capture/refuse.h"

#include <stdlib.h>

const char *refusal_kind_name(enum refusal_kind kind)
{
    static const char *const names[] = {
        [REFUSAL_RST] = "rst", [REFUSAL_ICMP] = "icmp", [REFUSAL_UNANSWERED] = "unanswered"};
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

static void tell(struct tcp *tcp, struct refusal *refusal)
{
    const struct flow *flow = refusal->flow;
    if (flow != NULL && refusal->transport == TRANSPORT_TCP) {
        refusal->tries = flow->private->syns;
    } else if (flow != NULL) {
        bool out =
            address_equal(&flow->address[DIRECTION_OUT], &refusal->src) && flow->port[DIRECTION_OUT] == refusal->sport;
        refusal->tries = flow->packets[out ? DIRECTION_OUT : DIRECTION_IN];
    }
    tcp->counts.refused++;
    if (tcp->events.refused != NULL)
        tcp->events.refused(tcp->events.context, refusal);
}

static void tell_waiting(struct tcp *tcp, struct flow *flow)
{
    struct refusal *refusal = flow->private->refusal;
    if (refusal == NULL)
        return;
    tell(tcp, refusal);
    free(refusal);
    flow->private->refusal = NULL;
}

/* Without memory it is told at once. */
static void wait_at(struct tcp *tcp, struct flow *flow, struct refusal *refusal)
{
    tell_waiting(tcp, flow);
    struct refusal *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        tell(tcp, refusal);
        return;
    }
    *copy = *refusal;
    flow->private->refusal = copy;
}

void refuse_reset(struct tcp *tcp, struct flow *flow, const struct segment *segment, struct moment moment)
{
    if (flow->private->refusal != NULL && flow->private->refusal->kind == REFUSAL_RST)
        return;
    struct refusal refusal = {
        .flow = flow,
        .kind = REFUSAL_RST,
        .moment = moment,
        .transport = TRANSPORT_TCP,
        .src = segment->dst,
        .dst = segment->src,
        .sport = segment->dport,
        .dport = segment->sport,
        .reporter = segment->src,
        .ttl = segment->ttl,
    };
    wait_at(tcp, flow, &refusal);
}

void refuse_undo(struct flow *flow)
{
    free(flow->private->refusal);
    flow->private->refusal = NULL;
}

static bool same_error(const struct refusal *refusal, const struct segment *segment)
{
    return refusal->kind == REFUSAL_ICMP && refusal->error.type == segment->error.type &&
           refusal->error.code == segment->error.code && address_equal(&refusal->reporter, &segment->error.reporter) &&
           address_equal(&refusal->src, &segment->src) && refusal->sport == segment->sport;
}

void refuse_error(struct tcp *tcp, struct flow *flow, const struct segment *segment, struct moment moment)
{
    struct refusal refusal = {
        .flow = flow,
        .kind = REFUSAL_ICMP,
        .moment = moment,
        .transport = segment->transport,
        .src = segment->src,
        .dst = segment->dst,
        .sport = segment->sport,
        .dport = segment->dport,
        .error = segment->error,
        .reporter = segment->error.reporter,
        .ttl = segment->ttl,
    };
    if (flow == NULL)
        tell(tcp, &refusal);
    else if (flow->private->refusal == NULL || !same_error(flow->private->refusal, segment))
        wait_at(tcp, flow, &refusal);
}

/* RFC 1122, section 4.2.3.9, and RFC 4443: "unreachable" ends an attempt to connect, but for the code that only asks
 * for smaller packets. */
bool refuse_is_final(const struct flow *flow)
{
    enum { UNREACHABLE = 3, TOO_BIG_CODE = 4, UNREACHABLE_6 = 1 };
    const struct refusal *refusal = flow->private->refusal;
    if (refusal == NULL || refusal->kind == REFUSAL_RST)
        return refusal != NULL;
    if (refusal->reporter.version == 6)
        return refusal->error.type == UNREACHABLE_6;
    return refusal->error.type == UNREACHABLE && refusal->error.code != TOO_BIG_CODE;
}

void refuse_close(struct tcp *tcp, struct flow *flow)
{
    tell_waiting(tcp, flow);
    if (flow->state != FLOW_UNANSWERED)
        return;
    struct refusal refusal = {
        .flow = flow,
        .kind = REFUSAL_UNANSWERED,
        .moment = flow->first,
        .transport = TRANSPORT_TCP,
        .src = flow->address[DIRECTION_OUT],
        .dst = flow->address[DIRECTION_IN],
        .sport = flow->port[DIRECTION_OUT],
        .dport = flow->port[DIRECTION_IN],
    };
    tell(tcp, &refusal);
}
