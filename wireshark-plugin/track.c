/* wireshark-plugin/track.c: see plugin.h.
 *
 * Wireshark dissects frames in their order once, and then again in any order. Whatever depends on other frames is settled
 * the first time and kept, so that a frame never changes what it says.
 */
#include <epan/conversation.h>
#include <epan/proto_data.h>
#include <epan/to_str.h>

#include "wireshark-plugin/plugin.h"

#define WAITING_MAX 256   /* requests of a connection that wait for a reply */
#define TOKEN_KEY 0x10000 /* of what is remembered of a frame's token: above the numbers of its layers */

ws_bool preference_show_secrets = 0;

static wmem_map_t *policies; /* "id version client": struct policy_frames */

static struct ccm_decoder decoder; /* Wireshark dissects in one thread */
static bool ready;
static guint remembered_count;

/* Requests of a connection in their order. */
struct waiting {
    struct remembered *items[WAITING_MAX]; /* NULL: a request without a message */
    guint first, count;
};

static void begin(void)
{
    ready = ccm_decoder_init(&decoder);
    if (ready)
        keys_load(decoder.keys);
}

static void end(void)
{
    if (ready)
        ccm_decoder_free(&decoder);
    ready = false;
}

void track_register(module_t *module)
{
    prefs_register_bool_preference(module, "show_secrets", "Show secrets",
                                   "Show secret values of policies, such as passwords of accounts",
                                   &preference_show_secrets);
    policies = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
    register_init_routine(begin);
    register_cleanup_routine(end);
}

struct ccm_decoder *track_decoder(void)
{
    return ready ? &decoder : NULL;
}

/* ---- Policies ---- */

/* Of the receiver of this frame; NULL when it is not known, which on the first pass it is from now on. */
static struct policy_frames *frames_of(packet_info *pinfo, struct text id, struct text version)
{
    if (id.at == NULL || id.length == 0)
        return NULL;
    const char *name =
        wmem_strdup_printf(pinfo->pool, "%.*s %.*s %s", (int)id.length, id.at, (int)version.length,
                           version.at == NULL ? "" : version.at, address_to_str(pinfo->pool, &pinfo->dst));
    struct policy_frames *frames = wmem_map_lookup(policies, name);
    if (frames == NULL && !PINFO_FD_VISITED(pinfo)) {
        frames = wmem_new0(wmem_file_scope(), struct policy_frames);
        wmem_map_insert(policies, wmem_strdup(wmem_file_scope(), name), frames);
    }
    return frames;
}

static void keep_hash(char kept[POLICY_HASH_MAX], struct text hash)
{
    bool fits = hash.at != NULL && hash.length < POLICY_HASH_MAX; /* a longer one is none */
    g_snprintf(kept, POLICY_HASH_MAX, "%.*s", fits ? (int)hash.length : 0, fits ? hash.at : "");
}

const struct policy_frames *track_assigned(packet_info *pinfo, struct text id, struct text version,
                                           const struct text hashes[2])
{
    struct policy_frames *frames = frames_of(pinfo, id, version);
    if (frames == NULL || PINFO_FD_VISITED(pinfo))
        return frames;
    if (frames->downloaded == 0 || frames->assigned == 0) {
        keep_hash(frames->hashes[0], hashes[0]);
        keep_hash(frames->hashes[1], hashes[1]);
    }
    if (frames->assigned == 0)
        frames->assigned = pinfo->num;
    return frames;
}

const struct policy_frames *track_downloaded(packet_info *pinfo, struct text id, struct text version)
{
    struct policy_frames *frames = frames_of(pinfo, id, version);
    if (frames != NULL && frames->downloaded == 0 && !PINFO_FD_VISITED(pinfo))
        frames->downloaded = pinfo->num;
    return frames;
}

/* ---- Tokens ---- */

const struct ccm_signature *track_token(packet_info *pinfo, struct text token, struct text signature,
                                        struct text *client)
{
    guint32 key = TOKEN_KEY + (guint32)pinfo->curr_layer_num;
    struct ccm_signature *kept = p_get_proto_data(wmem_file_scope(), pinfo, proto_ccm, key);
    *client = TEXT_NULL;
    if (!ready)
        return NULL;
    arena_reset(&decoder.arena);
    *client = ccm_token_client(&decoder, token);
    if (kept != NULL)
        return kept;
    kept = wmem_new0(wmem_file_scope(), struct ccm_signature);
    ccm_token_verify(&decoder, token, signature, kept);
    p_add_proto_data(wmem_file_scope(), pinfo, proto_ccm, key, kept);
    return kept;
}

/* ---- Requests and replies ---- */

static struct waiting *waiting_of(packet_info *pinfo)
{
    conversation_t *conversation = find_or_create_conversation(pinfo);
    struct waiting *waiting = conversation_get_proto_data(conversation, proto_ccm);
    if (waiting == NULL) {
        waiting = wmem_new0(wmem_file_scope(), struct waiting);
        conversation_add_proto_data(conversation, proto_ccm, waiting);
    }
    return waiting;
}

static void wait_for_reply(packet_info *pinfo, struct remembered *request)
{
    struct waiting *waiting = waiting_of(pinfo);
    if (waiting->count == WAITING_MAX)
        return;
    waiting->items[(waiting->first + waiting->count++) % WAITING_MAX] = request;
}

static struct remembered *answered(packet_info *pinfo)
{
    struct waiting *waiting = waiting_of(pinfo);
    if (waiting->count == 0)
        return NULL;
    struct remembered *request = waiting->items[waiting->first];
    waiting->first = (waiting->first + 1) % WAITING_MAX;
    waiting->count--;
    return request;
}

guint track_count(void)
{
    return remembered_count;
}

bool track_waits(packet_info *pinfo)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    return conversation != NULL && conversation_get_proto_data(conversation, proto_ccm) != NULL;
}

void track_other(packet_info *pinfo, bool reply)
{
    if (reply)
        answered(pinfo);
    else
        wait_for_reply(pinfo, NULL);
}

/* A registration proves that its sender has a key; only the reply says that the key belongs to a client id from now on
 * (Status 0: registered, 1: pending). */
static void learn(const struct remembered *reply, const struct ccm_message *message)
{
    const struct xml_element *root = message->document.root;
    if (reply->other == NULL || !reply->reply || root == NULL || !text_is(root->name, "ClientRegistrationResponse"))
        return;
    const struct ccm_signature *proof = &reply->other->registration;
    struct text smsid = xml_attribute(root, "SMSID"), status = xml_attribute(root, "Status");
    bool accepted = text_is(status, "0") || text_is(status, "1");
    if (proof->state != CCM_SIGNATURE_VALID || proof->key == NULL || smsid.length == 0 || !accepted)
        return;
    if (!ccm_keys_register(decoder.keys, smsid, proof->key))
        g_warning("ccm: no memory for a registered key");
}

static struct remembered *remember(packet_info *pinfo, const struct ccm_source *source)
{
    struct remembered *remembered = wmem_new0(wmem_file_scope(), struct remembered);
    remembered_count++;
    remembered->frame = pinfo->num;
    remembered->time = pinfo->abs_ts;
    remembered->reply = source->reply;
    if (source->reply) {
        remembered->other = answered(pinfo);
        if (remembered->other != NULL) {
            remembered->other->other = remembered;
            remembered->endpoint = remembered->other->endpoint;
        }
    } else {
        wait_for_reply(pinfo, remembered);
    }
    p_add_proto_data(wmem_file_scope(), pinfo, proto_ccm, pinfo->curr_layer_num, remembered);
    return remembered;
}

static void settle(struct remembered *remembered, const struct ccm_message *message)
{
    remembered->payload = message->payload_signature;
    remembered->client_id = message->client_id_signature;
    remembered->token = message->token_signature;
    remembered->registration = message->registration_signature;
    if (remembered->endpoint == NULL && message->endpoint_name.at != NULL)
        remembered->endpoint =
            wmem_strndup(wmem_file_scope(), message->endpoint_name.at, message->endpoint_name.length);
    learn(remembered, message);
}

const struct remembered *track_decode(packet_info *pinfo, struct ccm_source *source, struct ccm_message *message)
{
    if (!ready)
        return NULL;
    struct remembered *remembered = p_get_proto_data(wmem_file_scope(), pinfo, proto_ccm, pinfo->curr_layer_num);
    bool first = remembered == NULL;
    if (first)
        remembered = remember(pinfo, source);
    if (source->reply) {
        source->endpoint = text_of(remembered->endpoint);
        source->server = text_of(address_to_str(pinfo->pool, &pinfo->src));
    }
    ccm_message_decode(&decoder, source, NEED_EVERYTHING, message);
    if (first) {
        settle(remembered, message);
        return remembered;
    }
    message->payload_signature = remembered->payload;
    message->client_id_signature = remembered->client_id;
    message->token_signature = remembered->token;
    message->registration_signature = remembered->registration;
    return remembered;
}
