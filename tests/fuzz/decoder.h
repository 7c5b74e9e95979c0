/* tests/fuzz/decoder.h: one decoder of messages for many inputs: making one takes longer than most messages. */
#ifndef CMSCOPE_TESTS_FUZZ_DECODER_H
#define CMSCOPE_TESTS_FUZZ_DECODER_H

#include <stdlib.h>

#include "dissect/configmgr/message.h"

/* A decoder that has learned nothing; fuzz_decoder_end must follow. */
static inline struct ccm_decoder *fuzz_decoder(void)
{
    static struct ccm_decoder decoder;
    if (decoder.keys == NULL && !ccm_decoder_init(&decoder))
        abort();
    return &decoder;
}

/* Gives back the memory of messages, so that a sanitizer sees each step beyond what the next one takes, and what was
 * learned. */
static inline void fuzz_decoder_end(struct ccm_decoder *decoder)
{
    arena_free(&decoder->arena);
    ccm_inflater_free(&decoder->inflater);
    ccm_inflater_free(&decoder->inner);
    ccm_inflater_init(&decoder->inflater);
    ccm_inflater_init(&decoder->inner);
    if (ccm_keys_empty(decoder->keys))
        return;
    ccm_keys_free(decoder->keys);
    decoder->keys = ccm_keys_new();
    if (decoder->keys == NULL)
        abort();
}

#endif
