/* tests/fuzz/fuzz_ntlm.c: any bytes as an NTLM message, and any text as an Authorization header, a path or a token. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "dissect/configmgr/message.h"
#include "dissect/ntlm.h"
#include "dissect/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SCHEME "Negotiate "
#define MESSAGE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MESSAGE_MAX)
        return 0;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct text text = text_from(cursor_of(data, size));
    struct text user = ntlm_user(text, &arena);
    if (user.at == NULL && user.length > 0)
        abort();
    service_of(TEXT("GET"), text);

    char header[sizeof SCHEME + (size_t)4 * (MESSAGE_MAX / 3 + 2)] = SCHEME;
    int length = EVP_EncodeBlock((unsigned char *)header + sizeof SCHEME - 1, data, (int)size);
    user = ntlm_user((struct text){header, sizeof SCHEME - 1 + (size_t)length}, &arena);
    if (user.at == NULL && user.length > 0)
        abort();
    arena_free(&arena);
    return 0;
}
