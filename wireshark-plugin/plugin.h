/* wireshark-plugin/plugin.h: what the files of the plugin share.
 *
 *   plugin.c      registration, and how messages reach it
 *   track.c       what is remembered of a capture: keys, requests that wait for a reply, results of the first pass
 *   tree.c        a message as a tree
 *   statistics.c  taps: the statistics tree, objects to export
 */
#ifndef CMSCOPE_PLUGIN_H
#define CMSCOPE_PLUGIN_H

#include "dissect/configmgr/message.h"
#include "wireshark-plugin/compat.h"

extern int proto_ccm;

/* What is remembered of one message, for as long as the capture is open. */
struct remembered {
    struct ccm_signature payload, client_id, token, registration;
    struct remembered *other; /* the request of a reply, the reply of a request; or NULL */
    guint32 frame;
    nstime_t time;
    bool reply;
    char *endpoint; /* of a request; of a reply that of its request; NULL when not known */
};

/* A message on its way through the plugin. */
struct shown {
    tvbuff_t *tvb; /* the whole multipart body */
    packet_info *pinfo;
    const struct ccm_message *message;
    const struct remembered *remembered;
};

/* What taps get. */
struct tapped {
    const char *endpoint, *root, *client, *signature; /* NULL when not known */
    const struct remembered *remembered;
    bool reply, is_signed, compressed, encrypted, malformed;
    const uint8_t *body; /* the body's text, UTF-8; NULL when there is none */
    size_t body_length;
};

/* ---- track.c ---- */

void track_register(void);
/* Decodes; on the first pass also learns keys and links replies to requests. The decoder keeps what *message points to
 * until the next call. NULL when memory ran out. */
const struct remembered *track_decode(packet_info *pinfo, struct ccm_source *source, struct ccm_message *message);
struct arena *track_arena(void);
/* Name of a preference: folder with keys. */
extern const char *preference_keys;

/* ---- tree.c ---- */

void tree_register(int proto);
void tree_add(proto_tree *tree, const struct shown *shown);

/* ---- statistics.c ---- */

void statistics_register(void);
void statistics_queue(packet_info *pinfo, const struct shown *shown);

#endif
