/* tests/fuzz/fuzz_certificate.c: any bytes as a certificate, as a name, as a number, and as hex of a certificate. */
#include <stdlib.h>

#include "dissect/configmgr/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor input = cursor_of(data, size);
    struct ccm_keys *keys = ccm_keys_new();
    struct certificate_row row = certificate_row_null();
    const struct ccm_key *key = NULL;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    if (keys == NULL)
        abort();
    ccm_certificate_read_der(input, keys, &arena, &row, &key);
    if (size > 0 && row.fingerprint_sha256.length != 64)
        abort();
    if (row.problem.at == NULL && row.subject.at == NULL)
        abort();
    ccm_certificate_read(text_from(input), keys, &arena, &row, NULL);
    struct text name = ccm_name_text(input, &arena), serial = ccm_serial_text(input, &arena);
    if (name.length > ARENA_BYTES || serial.length > 2 * size + 2)
        abort();
    arena_free(&arena);
    ccm_keys_free(keys);
    return 0;
}
