/* tests/unit/decoder_fixture.c: see decoder_fixture.h. */
#include "tests/unit/decoder_fixture.h"

#include <stdlib.h>

int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return 1;
    *state = fixture;
    buffer_init(&fixture->body, SAMPLE_MAX);
    buffer_init(&fixture->text, SAMPLE_MAX);
    fixture->source.content_type = TEXT(SAMPLE_TYPE);
    return ccm_decoder_init(&fixture->decoder) ? 0 : 1;
}

int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    ccm_decoder_free(&fixture->decoder);
    buffer_free(&fixture->body);
    buffer_free(&fixture->text);
    free(fixture);
    return 0;
}
