/* wireshark-plugin/plugin.h: what the files of the plugin share.
 *
 *   plugin.c      registration, and how bodies of HTTP reach the plugin
 *   http.c        BITS uploads, whose method Wireshark's HTTP dissector does not know; what a reply was asked for
 *   token.c       headers that prove who asks for a policy
 *   upload.c      BITS uploads, put together
 *   keys.c        the preferences that name keys
 *   track.c       what is remembered of a capture: keys, requests that wait for a reply, policies, results of the first pass
 *   message.c     a message as a tree: header and conclusions
 *   content.c     what is in it: envelopes, payload, attachments, body
 *   document.c    the fields of a document: certificates, assigned policies, everything else by body.def
 *   download.c    policies and lists of the management point as trees
 *   show.c        fields, and how a text is shown at its bytes
 *   statistics.c  taps: the statistics tree, response times, objects to export, Follow
 */
#ifndef CMSCOPE_PLUGIN_H
#define CMSCOPE_PLUGIN_H

#include <epan/prefs.h>

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

/* A message, or another body, on its way through the plugin. */
struct shown {
    tvbuff_t *tvb; /* the whole body */
    packet_info *pinfo;
    struct ccm_message *message; /* NULL: it is none */
    const char *uri;             /* of a policy or list: what was asked for */
    const struct remembered *remembered;
};

/* What the tap "ccm" gets. */
struct tapped {
    const char *endpoint, *root, *client, *signature; /* NULL when not known */
    const struct remembered *remembered;
    bool reply, is_signed, compressed, encrypted, malformed;
};

/* ---- http.c ---- */

void http_register(void);
void http_hand_off(void);
/* Of a reply: what its request asked for, from the first pass on; NULL when it is not known. */
const char *http_uri_asked(packet_info *pinfo);

/* Of HTTP: the first line and the headers, with the empty line that ends them when it is there. */
struct text http_head(tvbuff_t *tvb);
struct text http_first_line(struct text head);
/* The value of the first header with that name ("Name:"); TEXT_NULL when there is none. */
struct text http_header_of(struct text head, const char *name);

/* ---- token.c ---- */

/* The headers ClientToken and CCMClientID, when the HTTP at the start of `tvb` is a request for a policy or list. */
void token_add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

/* ---- upload.c ---- */

void upload_register(void);
/* The packet of an upload at the start of `tvb`, which is all there; with the last one, what was uploaded. */
void upload_add(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

/* ---- keys.c ---- */

void keys_register(module_t *module);
/* What the preferences name; what cannot be used is told. */
void keys_load(struct ccm_keys *keys);

/* ---- track.c ---- */

void track_register(module_t *module);
/* Decodes; on the first pass also learns keys and links replies to requests. The decoder keeps what *message points to
 * until the next call. NULL when memory ran out. */
const struct remembered *track_decode(packet_info *pinfo, struct ccm_source *source, struct ccm_message *message);
/* How many messages were met for the first time. */
guint track_count(void);
/* Whether requests with messages were met in this connection. */
bool track_waits(packet_info *pinfo);
/* A request or reply without a message has its place in the order of the connection too: once, on the first pass. */
void track_other(packet_info *pinfo, bool reply);
/* NULL when there is no memory for one. */
struct ccm_decoder *track_decoder(void);

/* Whether the token is signed by its client, whose id *client gets; verified on the first pass. NULL when memory ran out. */
const struct ccm_signature *track_token(packet_info *pinfo, struct text token, struct text signature,
                                        struct text *client);

#define POLICY_HASH_MAX 128 /* bytes of a hash as an assignment writes it */

/* What is known of one policy of one client. */
struct policy_frames {
    guint32 assigned, downloaded; /* frames; 0: none, or not yet */
    /* That its assignment names in PolicyHash and PolicyHashEx, or "": the last before the download, else the first after. */
    char hashes[2][POLICY_HASH_MAX];
};
/* The policy that the receiver of this frame is assigned in it, which is noted on the first pass. NULL when nothing is
 * known of it. */
const struct policy_frames *track_assigned(packet_info *pinfo, struct text id, struct text version,
                                           const struct text hashes[2]);
/* Likewise the policy that it gets. */
const struct policy_frames *track_downloaded(packet_info *pinfo, struct text id, struct text version);

extern ws_bool preference_show_secrets;

/* ---- message.c ---- */

void message_register(int proto);
void message_add(proto_tree *tree, const struct shown *shown);
/* `always`: also one that is absent. */
void message_add_signature(proto_tree *tree, int field, const struct shown *shown,
                           const struct ccm_signature *signature, bool always);
/* In short, of the packet list: "signed â sha256", "unsigned"; NULL when nothing is to be said, as of most replies. */
const char *message_verdict(const struct shown *shown);
void message_add_finding(proto_tree *tree, const struct shown *shown, const struct ccm_finding *finding);

/* ---- content.c ---- */

/* Payload, attachments and body of a message. */
void content_add(proto_tree *tree, const struct shown *shown);
void content_add_envelopes(proto_tree *tree, const struct shown *shown, const struct ccm_envelopes *envelopes,
                           bool hide_innermost);

/* ---- document.c ---- */

/* Certificates, assigned policies and details that have fields of their own, and then all fields of the document. `source`
 * is the tab with `text`, which the document was parsed from. */
void document_add(proto_tree *tree, const struct shown *shown, tvbuff_t *source, struct text text,
                  struct xml_document *document);
/* A certificate as hex text, handed on to the X.509 dissector. */
void document_add_certificate(proto_tree *tree, const struct shown *shown, const char *use, struct text hex);

/* ---- download.c ---- */

/* Whether a reply to that request is a policy, or a list of the management point. */
bool download_recognise(const char *uri);
/* Shows it; returns the number of bytes, all of them, or 0 when it cannot be shown. */
int download_dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *uri);

/* ---- statistics.c ---- */

void statistics_register(void);
void statistics_hand_off(void);
/* A decoded text, for Follow: of what the tab `tvb` holds. */
void statistics_follow(packet_info *pinfo, tvbuff_t *tvb);
void statistics_queue(packet_info *pinfo, const struct shown *shown);
/* An object to export: `name` and `type` are its file name and ending. */
void statistics_export(packet_info *pinfo, const char *host, const char *name, const char *type, struct cursor bytes);

#endif
