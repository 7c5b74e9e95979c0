/* wireshark-plugin/track.c: see plugin.h.
 *
 * Wireshark dissects frames in their order once, and then again in any order. Whatever depends on other frames is settled
 * the first time and kept, so that a frame never changes what it says.
 */
#include <epan/conversation.h>
#include <epan/proto_data.h>
#include <epan/to_str.h>

#include "dissect/configmgr/keyfile.h"
#include "wireshark-plugin/plugin.h"

#define WAITING_MAX 256 /* requests of a connection that wait for a reply */

ws_bool preference_show_secrets = 0;

static const char *preference_keys = "";
static wmem_map_t *policies; /* "id version client": struct policy_frames */

static struct ccm_decoder decoder; /* Wireshark dissects in one thread */
static bool ready;

/* Requests of a connection in their order. */
struct waiting {
    struct remembered *items[WAITING_MAX];
    guint first, count;
};

static void begin(void)
{
    ready = ccm_decoder_init(&decoder);
    if (!ready || preference_keys[0] == '\0')
        return;
    struct error error;
    if (ccm_keyfile_load(decoder.keys, preference_keys, NULL, &error) != OUTCOME_OK)
        g_warning("ccm: %s", error.text);
}

static void end(void)
{
    if (ready)
        ccm_decoder_free(&decoder);
    ready = false;
}

void track_register(module_t *module)
{
    prefs_register_directory_preference(
        module, "keys", "Folder with keys",
        "Certificates and public keys that verify signatures, and private keys that open "
        "what is encrypted: PEM, DER or PKCS#12, any name",
        &preference_keys);
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

const struct policy_frames *track_policy(packet_info *pinfo, struct text id, struct text version, bool downloaded)
{
    if (id.at == NULL || id.length == 0)
        return NULL;
    const char *name =
        wmem_strdup_printf(pinfo->pool, "%.*s %.*s %s", (int)id.length, id.at, (int)version.length,
                           version.at == NULL ? "" : version.at, address_to_str(pinfo->pool, &pinfo->dst));
    struct policy_frames *frames = wmem_map_lookup(policies, name);
    if (PINFO_FD_VISITED(pinfo))
        return frames;
    if (frames == NULL) {
        frames = wmem_new0(wmem_file_scope(), struct policy_frames);
        wmem_map_insert(policies, wmem_strdup(wmem_file_scope(), name), frames);
    }
    guint32 *frame = downloaded ? &frames->downloaded : &frames->assigned;
    if (*frame == 0)
        *frame = pinfo->num;
    return frames;
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

/* The keys of a registration that proves possession may verify what the client sends later. */
static void learn(const struct ccm_message *message)
{
    const struct ccm_signature *signature = &message->registration_signature;
    if (signature->state != CCM_SIGNATURE_VALID || signature->key == NULL)
        return;
    struct text smsid = message->header.source_id;
    if (smsid.at != NULL && !ccm_keys_register(decoder.keys, smsid, signature->key))
        g_warning("ccm: no memory for a registered key");
}

static struct remembered *remember(packet_info *pinfo, const struct ccm_source *source)
{
    struct remembered *remembered = wmem_new0(wmem_file_scope(), struct remembered);
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
    learn(message);
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
