/* tests/unit/decoder_fixture.h: a decoder, and the message that a test decodes with it. */
#ifndef CMSCOPE_TESTS_DECODER_FIXTURE_H
#define CMSCOPE_TESTS_DECODER_FIXTURE_H

#include "dissect/configmgr/message.h"
#include "tests/unit/message_fixture.h"

struct fixture {
    struct ccm_decoder decoder;
    struct ccm_source source; /* how the next message travels: as a SAMPLE_TYPE, until a test says otherwise */
    struct buffer body, text;
    struct ccm_message message;
};

/* Set-up and tear-down of cmocka; *state is a struct fixture. */
int open_fixture(void **state);
int close_fixture(void **state);

#endif
