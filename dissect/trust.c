/* dissect/trust.c: see trust.h. */
#include "dissect/trust.h"

static const char *owner_name(enum ccm_owner owner)
{
    switch (owner) {
    case CCM_OWNER_CLIENT:
        return "client";
    case CCM_OWNER_MP:
        return "mp";
    case CCM_OWNER_ROOT:
        return "root";
    case CCM_OWNER_SITE:
        return "site";
    case CCM_OWNER_CERTIFICATE:
        break;
    }
    return NULL;
}

void trust_learn(struct http_exchange *exchange, enum http_side side, const struct trust *trust,
                 const struct ccm_key *key)
{
    struct dissect *dissect = exchange->dissect;
    struct public_key_row row = public_key_row_null();
    if (!ccm_keys_bind(dissect->decoder.keys, trust->owner, trust->name, key))
        dissect->counts.unsettled++;
    row.packet = exchange->moment[side].packet;
    row.time = moment_seconds(exchange->moment[side]);
    row.flow = exchange->conversation->row;
    row.http = exchange->row;
    row.owner_type = text_of(owner_name(trust->owner));
    row.owner = trust->name;
    row.site_code = trust->site_code;
    row.fingerprint = text_of(key->fingerprint);
    row.bits = key->bits;
    row.source = text_of(trust->source);
    sink_append(&dissect->sink, TABLE_public_key, &row);
}

struct text trust_site_code(const struct xml_element *root)
{
    struct text code = xml_text(xml_child(root, "SITECODE"));
    return code.length == 0 ? TEXT_NULL : code;
}

void trust_learn_root(struct http_exchange *exchange, const struct xml_element *root)
{
    struct ccm_decoder *decoder = &exchange->dissect->decoder;
    const struct xml_element *element = NULL;
    struct cursor blob;
    if (xml_count(root, "TRUSTEDROOTKEY", &element) == 0 || !text_hex_decode(xml_text(element), &decoder->arena, &blob))
        return;
    const struct ccm_key *key = ccm_keys_blob(decoder->keys, blob);
    const char *source = text_is_like(root->name, "KEYDATA") ? "mptrk" : "mpkeyinformation";
    if (key != NULL)
        trust_learn(exchange, HTTP_REPLY,
                    &(struct trust){CCM_OWNER_ROOT, text_of(exchange->server), trust_site_code(root), source}, key);
}

/* ---- Recipients ---- */

static void write_recipient(struct dissect *dissect, const struct recipient_row *base,
                            const struct ccm_envelope *envelope, const struct ccm_recipient *recipient)
{
    struct recipient_row row = *base;
    row.issuer = recipient->issuer;
    row.serial = recipient->serial;
    row.ski = recipient->ski;
    row.key_transport = recipient->key_transport;
    row.oaep_hash = recipient->oaep_hash;
    row.key_bytes = (int64_t)recipient->key.left;
    row.cipher = envelope->cipher;
    row.content_bytes = (int64_t)envelope->content_bytes;
    row.opens = recipient->opens;
    row.key_fingerprint = recipient->opens ? text_of(envelope->opened_by->fingerprint) : TEXT_NULL;
    row.problem = envelope->problem;
    sink_append(&dissect->sink, TABLE_recipient, &row);
}

void trust_write_recipients(struct dissect *dissect, const struct fields_owner *owner,
                            const struct ccm_envelopes *envelopes)
{
    if (!(dissect->needs & (NEED_POLICY | NEED_FINDING)))
        return;
    struct recipient_row row = recipient_row_null();
    row.packet = owner->moment.packet;
    row.time = moment_seconds(owner->moment);
    row.flow = owner->flow;
    row.message = owner->message;
    row.http = owner->http;
    for (size_t i = 0; i < envelopes->count; i++) {
        const struct ccm_envelope *envelope = envelopes->items[i];
        size_t count = envelope->recipient_count < CCM_RECIPIENTS_MAX ? envelope->recipient_count : CCM_RECIPIENTS_MAX;
        row.depth = (int64_t)i + 1;
        for (size_t j = 0; j < count; j++)
            write_recipient(dissect, &row, envelope, &envelope->recipients[j]);
    }
}
