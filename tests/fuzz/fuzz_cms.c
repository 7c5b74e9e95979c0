/* tests/fuzz/fuzz_cms.c: any bytes as an envelope for a key that is given, as a signature of a reply, as a policy body, as an
 * obfuscated secret.
 *
 *   u8 what: 0 envelope, 1 signature of a reply over the bytes, 2 policy in UTF-8, 3 obfuscated secret, 4 policy in UTF-16;
 *   then the bytes
 */
#include <openssl/pem.h>
#include <stdlib.h>

#include "dissect/configmgr/cms.h"
#include "dissect/configmgr/policy.h"
#include "dissect/configmgr/reply.h"
#include "tests/unit/configmgr_vectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)64 * 1024)

static void give_key(struct ccm_keys *keys)
{
    BIO *bio = BIO_new_mem_buf(VECTOR_PRIVATE_KEY, -1);
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (pkey == NULL || !ccm_keys_give(keys, pkey, true))
        abort();
    EVP_PKEY_free(pkey);
    BIO_free(bio);
}

static void open_envelope(struct ccm_decoder *decoder, struct cursor input)
{
    struct ccm_envelopes envelopes;
    ccm_envelopes_read(decoder->keys, input, true, &decoder->arena, &envelopes);
    if (envelopes.count > CCM_ENVELOPES_MAX || envelopes.inside.left > input.left)
        abort();
    for (size_t i = 0; i < envelopes.count; i++) {
        const struct ccm_envelope *envelope = envelopes.items[i];
        if (envelope->content_bytes > input.left || (envelope->opened_by == NULL) != (envelope->problem.at != NULL))
            abort();
    }
}

static void verify_reply(struct ccm_decoder *decoder, struct cursor input)
{
    struct ccm_signature result;
    struct text hex = text_hex(&decoder->arena, input);
    ccm_reply_verify(decoder->keys, TEXT("10.0.0.1"), hex, input, &decoder->arena, &result);
    if (result.state == CCM_SIGNATURE_VALID && result.key == NULL)
        abort();
    ccm_reply_verify(decoder->keys, TEXT("10.0.0.1"), text_from(input), input, &decoder->arena, &result);
}

static void read_policy(struct ccm_decoder *decoder, struct text text)
{
    struct ccm_policy *policy = arena_alloc(&decoder->arena, sizeof *policy);
    struct buffer hidden;
    buffer_init(&hidden, (size_t)1 << 20);
    for (int show = 0; policy != NULL && show < 2; show++) {
        ccm_policy_read(decoder, text, show == 1, policy);
        for (size_t i = 0; i < policy->secret_count && i < CCM_SECRETS_MAX; i++) {
            if (show == 0 && policy->secrets[i].value.at != NULL)
                abort(); /* nothing is revealed unless asked */
        }
    }
    bool room = policy != NULL && ccm_policy_print_hidden(policy, &hidden);
    (void)room;
    buffer_free(&hidden);
}

static void reveal(struct ccm_decoder *decoder, struct cursor input)
{
    struct cursor plain;
    if (ccm_secret_reveal(decoder->keys, input, &decoder->arena, &plain, NULL) && plain.left > input.left)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size);
    uint8_t what;
    static struct ccm_decoder decoder; /* kept, as a worker keeps it from message to message */
    const char *encoding;
    bool odd;
    if (size > INPUT_MAX || !cursor_u8(&input, &what))
        return 0;
    if (decoder.keys == NULL) {
        if (!ccm_decoder_init(&decoder))
            return 0;
        give_key(decoder.keys);
    }
    arena_reset(&decoder.arena);
    switch (what % 5) {
    case 0:
        open_envelope(&decoder, input);
        break;
    case 1:
        verify_reply(&decoder, input);
        break;
    case 2:
        read_policy(&decoder, text_clean(&decoder.arena, input));
        break;
    case 3:
        reveal(&decoder, input);
        break;
    default:
        read_policy(&decoder, ccm_text_decode(input, &decoder.arena, &encoding, &odd));
        break;
    }
    return 0;
}
