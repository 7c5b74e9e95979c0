/* cli/settings.c: see settings.h. */
#define _GNU_SOURCE /* strchrnul */
#include "cli/settings.h"

#include <arpa/inet.h>
#include <string.h>

#include "cli/options.h"
#include "core/text.h"

static bool apply_checksums(struct settings *settings, const char *value)
{
    settings->checksums = strcmp(value, "verify") == 0;
    return settings->checksums || strcmp(value, "ignore") == 0;
}

static bool apply_overlap(struct settings *settings, const char *value)
{
    return overlap_policy_find(value, &settings->overlap);
}

/* "10.0.0.5=linux" */
static bool apply_overlap_host(struct settings *settings, const char *value)
{
    char address[ADDRESS_TEXT_MAX];
    struct overlap_host host = {0};
    const char *end = strchrnul(value, '=');
    size_t length = (size_t)(end - value);
    if (*end == '\0' || length >= sizeof address || settings->host_count == HOSTS_MAX ||
        !overlap_policy_find(end + 1, &host.policy))
        return false;
    memcpy(address, value, length);
    address[length] = '\0';
    if (inet_pton(AF_INET, address, host.address.bytes) == 1)
        host.address.version = 4;
    else if (inet_pton(AF_INET6, address, host.address.bytes) == 1)
        host.address.version = 6;
    settings->hosts[settings->host_count++] = host;
    return host.address.version != 0;
}

#define POLICIES "windows (default), windows-nt5, first, last, bsd, linux or solaris"

const struct setting SETTINGS[] = {
    {"checksums", "verify",
     "leave out packets whose IP, TCP or UDP checksum is wrong, and count them (default: ignore, since "
     "packets captured where they were sent have none yet)",
     apply_checksums},
    {"overlap", "POLICY", "how receivers put together TCP segments that contradict each other: " POLICIES,
     apply_overlap},
    {"overlap.host", "ADDRESS=POLICY", "the same for one receiver; may be repeated, up to 64 times",
     apply_overlap_host},
};
const size_t SETTING_COUNT = sizeof SETTINGS / sizeof SETTINGS[0];

bool settings_apply(struct settings *settings, const char *text)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        size_t length = strlen(SETTINGS[i].name);
        if (strncmp(text, SETTINGS[i].name, length) != 0 || text[length] != ':')
            continue;
        if (SETTINGS[i].apply(settings, text + length + 1))
            return true;
        complain("'%s' is no value of -o %s:%s: %s", text + length + 1, SETTINGS[i].name, SETTINGS[i].value,
                 SETTINGS[i].meaning);
        return false;
    }
    complain("'%s' is no setting; there are -o %s:..., %s:... and %s:...", text, SETTINGS[0].name, SETTINGS[1].name,
             SETTINGS[2].name);
    return false;
}

bool memory_parse(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMG";
    size_t length = strlen(text);
    const char *unit = length == 0 ? NULL : strchr(units, text[length - 1]);
    uint64_t number;
    if (!text_to_u64((struct text){text, length - (unit != NULL)}, &number) || number > MEMORY_MAX)
        return false;
    unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);
    if (number > MEMORY_MAX >> shift)
        return false;
    *bytes = number << shift;
    return *bytes >= MEMORY_MIN;
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

#define MB ((uint64_t)1 << 20)

/* Of the memory: decoding takes up to five times as much as the payload, in each worker, and a body in JSON up to 18
 * times, once (measured by tests/e2e/memory.py). */
#define PAYLOAD_SHARE 32

uint64_t memory_payload(const struct settings *settings)
{
    uint64_t memory = settings->memory == 0 ? MEMORY_DEFAULT : settings->memory;
    return clamp(memory / PAYLOAD_SHARE, 4 * MB, 64 * MB);
}

/* Records and what waits for the end need little, since the system caches what is in temporary files: with eight times
 * as much `check` takes some 4 % less time, and memory grows until a capture of 1 GB. Connections have nowhere to go: the
 * least of theirs is what a capture of a few hundred needs. */
struct memory_shares memory_divide(const struct settings *settings)
{
    uint64_t memory = settings->memory == 0 ? MEMORY_DEFAULT : settings->memory;
    return (struct memory_shares){
        .records = 1 * MB,
        .records_most = clamp(memory / 4, 64 * MB, MEMORY_MAX),
        .settle = 1 * MB,
        .settle_most = clamp(memory / 16, 16 * MB, MEMORY_MAX),
        .flows = clamp(memory / 2, 4 * MB, MEMORY_MAX),
        .waiting = clamp(memory / 8, 4 * MB, MEMORY_MAX),
        .bodies = clamp(memory / 8, 8 * MB, MEMORY_MAX),
    };
}

struct memory_shares memory_share(struct memory_shares shares, size_t count)
{
    _Static_assert(sizeof shares % sizeof(uint64_t) == 0, "struct memory_shares holds sizes only");
    uint64_t *sizes = (uint64_t *)&shares;
    for (size_t i = 0; i < sizeof shares / sizeof *sizes; i++)
        sizes[i] /= count;
    return shares;
}
