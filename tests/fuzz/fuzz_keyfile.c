/* tests/fuzz/fuzz_keyfile.c: any bytes as a file of --keys: PEM, DER, PKCS#12, a TLS key log; with and without a password. */
#define _GNU_SOURCE /* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dissect/configmgr/keyfile.h"
#include "dissect/tls_keylog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)64 * 1024)

static bool read_keylog(void *context, struct cursor content)
{
    return tls_keylog_read(context, text_from(content), false) > 0;
}

static void count_locked(void *context, const char *path)
{
    (void)context;
    if (path == NULL)
        abort();
}

static void load(const char *path, const char *password)
{
    struct error error = {0};
    struct ccm_keys *keys = ccm_keys_new();
    struct tls_keylog *keylog = tls_keylog_new();
    if (keys == NULL || keylog == NULL)
        abort();
    struct ccm_key_reader reader = {
        .context = keylog, .read = read_keylog, .locked = count_locked, .password = password};
    enum outcome outcome = ccm_keyfile_load(keys, path, &reader, &error);
    if (outcome != OUTCOME_OK && error.text[0] == '\0')
        abort();
    tls_keylog_free(keylog);
    ccm_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (size > INPUT_MAX || file < 0 || write(file, data, size) != (ssize_t)size) {
        close(file);
        return 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    load(path, NULL);
    load(path, "secret");
    close(file);
    return 0;
}
