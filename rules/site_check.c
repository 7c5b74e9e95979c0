/* rules/site_check.c: whether what a site file says can be: each value by its kind, and what must fit together. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/site_keys.h"

#define CODE_LENGTH 3
#define PORT_MAX 65535
#define WORDS_SHOWN 100 /* characters of them in a message */

/* ---- Values ---- */

/* An address in the one form in which the capture prints addresses too. */
static bool canonical_address(const char *value, char room[SITE_VALUE_MAX], unsigned *bits)
{
    uint8_t bytes[16];
    int family = strchr(value, ':') == NULL ? AF_INET : AF_INET6;
    *bits = family == AF_INET ? 32 : 128;
    return inet_pton(family, value, bytes) == 1 && inet_ntop(family, bytes, room, SITE_VALUE_MAX) != NULL;
}

static bool canonical_network(const char *value, char room[SITE_VALUE_MAX])
{
    char address[INET6_ADDRSTRLEN + 1];
    const char *slash = strchr(value, '/');
    unsigned bits;
    uint64_t length;
    if (slash == NULL || (size_t)(slash - value) >= sizeof address)
        return false;
    memcpy(address, value, (size_t)(slash - value));
    address[slash - value] = '\0';
    if (!canonical_address(address, room, &bits) || !text_to_u64(text_of(slash + 1), &length) || length > bits)
        return false;
    size_t used = strlen(room);
    snprintf(room + used, SITE_VALUE_MAX - used, "/%u", (unsigned)length);
    return true;
}

static bool canonical_code(const char *value, char room[SITE_VALUE_MAX])
{
    size_t length = 0;
    for (; value[length] != '\0'; length++) {
        if (length == CODE_LENGTH || isalnum((unsigned char)value[length]) == 0 || (value[length] & 0x80) != 0)
            return false;
        room[length] = (char)toupper((unsigned char)value[length]);
    }
    room[length] = '\0';
    return length == CODE_LENGTH;
}

static bool is_port(const char *value)
{
    uint64_t port;
    return text_to_u64(text_of(value), &port) && port >= 1 && port <= PORT_MAX;
}

static bool is_word(const char *words, const char *value)
{
    size_t length = strlen(value);
    while (*words != '\0') {
        size_t word = strcspn(words, " ");
        if (word == length && memcmp(words, value, length) == 0)
            return true;
        words += word + (words[word] == ' ');
    }
    return false;
}

bool site_time(const char *value, double *seconds)
{
    struct tm parts = {0};
    const char *rest = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (rest == NULL || *rest != '\0')
        return false;
    *seconds = (double)timegm(&parts);
    return true;
}

struct text site_value(enum site_kind kind, const char *value, char room[SITE_VALUE_MAX])
{
    unsigned bits;
    bool made = kind == SITE_KIND_ADDRESS   ? canonical_address(value, room, &bits)
                : kind == SITE_KIND_NETWORK ? canonical_network(value, room)
                : kind == SITE_KIND_CODE    ? canonical_code(value, room)
                                            : false;
    return text_of(made ? room : value);
}

/* What is wrong with a value, as the end of a sentence; NULL: nothing. */
static const char *fault(const struct site_key *key, const char *value)
{
    char room[SITE_VALUE_MAX];
    unsigned bits;
    double seconds;
    switch (key->kind) {
    case SITE_KIND_ADDRESS:
        return canonical_address(value, room, &bits) ? NULL : "is no IP address";
    case SITE_KIND_NETWORK:
        return canonical_network(value, room) ? NULL : "is no network; one is written as 10.0.0.0/8 or fd00::/8";
    case SITE_KIND_CODE:
        return canonical_code(value, room) ? NULL : "is no site code; one has three letters or digits";
    case SITE_KIND_PORT:
        return is_port(value) ? NULL : "is no port; there are 1 to 65535";
    case SITE_KIND_TIME:
        return site_time(value, &seconds) ? NULL : "is no time; one is written as 2026-11-22T16:00:00Z, in UTC";
    case SITE_KIND_WORD:
        return is_word(key->words, value) ? NULL : "is not allowed here; there are";
    case SITE_KIND_TEXT:
        break;
    }
    return NULL;
}

static enum outcome check_values(const struct site *site, enum site_section_id section, struct error *error)
{
    const struct site_key *keys = SITE_SECTIONS[section].keys;
    struct site_entries entries = site_entries(site, section);
    for (uint32_t i = 0; i < entries.count; i++) {
        for (int k = 0; keys[k].name != NULL; k++) {
            const char *value = entries.items[i].values[k];
            const char *wrong = value == NULL ? NULL : fault(&keys[k], value);
            if (wrong == NULL)
                continue;
            bool word = keys[k].kind == SITE_KIND_WORD;
            const char *words = !word                                 ? ""
                                : strlen(keys[k].words) > WORDS_SHOWN ? "those of docs/site.md"
                                                                      : keys[k].words;
            return site_error(site, site_line(site, section, i, k), error, "%s: '%.60s' %s%s%s", keys[k].name, value,
                              wrong, word ? " " : "", words);
        }
    }
    return OUTCOME_OK;
}

/* ---- What must fit together ---- */

static const char *value_of(const struct site *site, enum site_section_id section, uint32_t entry, const char *key)
{
    return site_entries(site, section).items[entry].values[site_key_find(section, text_of(key))];
}

/* One entry by what makes it that one. */
#define IDENTITY_PARTS 3

struct identity {
    char parts[IDENTITY_PARTS][SITE_VALUE_MAX];
    uint32_t entry;
};

static int compare_parts(const struct identity *a, const struct identity *b)
{
    int order = 0;
    for (size_t i = 0; i < IDENTITY_PARTS && order == 0; i++)
        order = strcmp(a->parts[i], b->parts[i]);
    return order;
}

static int compare_identities(const void *left, const void *right)
{
    const struct identity *a = left, *b = right;
    int order = compare_parts(a, b);
    return order != 0 ? order : (a->entry > b->entry) - (a->entry < b->entry);
}

static void fill_part(const struct site *site, enum site_section_id section, uint32_t entry, const char *key,
                      char part[SITE_VALUE_MAX])
{
    int place = key == NULL ? -1 : site_key_find(section, text_of(key));
    const char *value = place < 0 ? NULL : site_entries(site, section).items[entry].values[place];
    char room[SITE_VALUE_MAX];
    part[0] = '\0';
    if (value != NULL)
        snprintf(part, SITE_VALUE_MAX, "%s", site_value(SITE_SECTIONS[section].keys[place].kind, value, room).at);
}

/* No two entries of a section are alike in these keys. */
static enum outcome check_unique(const struct site *site, enum site_section_id section,
                                 const char *const keys[IDENTITY_PARTS], struct error *error)
{
    uint32_t count = site_entries(site, section).count;
    struct identity *all = calloc((size_t)count + 1, sizeof *all);
    if (all == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: not enough memory", site->name);
    for (uint32_t i = 0; i < count; i++) {
        all[i].entry = i;
        for (size_t k = 0; k < IDENTITY_PARTS; k++)
            fill_part(site, section, i, keys[k], all[i].parts[k]);
    }
    qsort(all, count, sizeof *all, compare_identities);
    enum outcome outcome = OUTCOME_OK;
    for (uint32_t i = 1; i < count && outcome == OUTCOME_OK; i++) {
        const struct identity *a = &all[i - 1], *b = &all[i];
        if (compare_parts(a, b) == 0)
            outcome = site_error(site, site_line(site, section, b->entry, SITE_KEYS_MAX), error,
                                 "%s: '%s%s%s' is already declared in line %u", SITE_SECTIONS[section].name,
                                 b->parts[0], b->parts[1][0] == '\0' ? "" : " ", b->parts[1],
                                 site_line(site, section, a->entry, SITE_KEYS_MAX));
    }
    free(all);
    return outcome;
}

/* The entries of declared sites, by code. */
#define CODE_DIGITS 36
#define CODE_COUNT (CODE_DIGITS * CODE_DIGITS * CODE_DIGITS)

struct codes {
    uint32_t place[CODE_COUNT]; /* of the entry, counted from 1; 0: not declared */
    uint32_t count;
};

static size_t code_number(const char *code)
{
    size_t number = 0;
    for (; *code != '\0'; code++) {
        bool digit = isdigit((unsigned char)*code) != 0;
        number = number * CODE_DIGITS + (size_t)(digit ? *code - '0' : toupper((unsigned char)*code) - 'A' + 10);
    }
    return number;
}

static void fill_codes(const struct site *site, struct codes *codes)
{
    codes->count = site_entries(site, SITE_SECTION_sites).count;
    for (uint32_t i = 0; i < codes->count; i++)
        codes->place[code_number(value_of(site, SITE_SECTION_sites, i, "code"))] = i + 1;
}

/* Parents are declared, and nobody is an ancestor of itself. */
static enum outcome check_tree(const struct site *site, const struct codes *codes, struct error *error)
{
    int parent_key = site_key_find(SITE_SECTION_sites, TEXT("parent"));
    for (uint32_t i = 0; i < codes->count; i++) {
        uint32_t line = site_line(site, SITE_SECTION_sites, i, parent_key), at = i;
        const char *parent;
        for (unsigned steps = 0; (parent = value_of(site, SITE_SECTION_sites, at, "parent")) != NULL; steps++) {
            uint32_t place = codes->place[code_number(parent)];
            if (steps == SITE_DEPTH_MAX)
                return site_error(site, line, error, "parent: this site is its own ancestor, or the tree is too deep");
            if (place == 0)
                return site_error(site, line, error, "parent: the site '%s' is not declared under sites", parent);
            at = place - 1;
        }
    }
    return OUTCOME_OK;
}

/* Where sites are declared, an entry names one of them. */
static enum outcome check_codes(const struct site *site, const struct codes *codes, enum site_section_id section,
                                struct error *error)
{
    int key = site_key_find(section, TEXT("site"));
    struct site_entries entries = site_entries(site, section);
    for (uint32_t i = 0; key >= 0 && codes->count > 0 && i < entries.count; i++) {
        const char *code = entries.items[i].values[key];
        if (code != NULL && codes->place[code_number(code)] == 0)
            return site_error(site, site_line(site, section, i, key), error,
                              "site: the site '%s' is not declared under sites", code);
    }
    return OUTCOME_OK;
}

static enum outcome check_sites(const struct site *site, struct error *error)
{
    struct codes *codes = calloc(1, sizeof *codes);
    if (codes == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s: not enough memory", site->name);
    fill_codes(site, codes);
    enum outcome outcome = check_tree(site, codes, error);
    for (int i = 0; i < SITE_SECTION_COUNT && outcome == OUTCOME_OK; i++)
        outcome = check_codes(site, codes, (enum site_section_id)i, error);
    free(codes);
    return outcome;
}

static enum outcome check_windows(const struct site *site, struct error *error)
{
    double start, end;
    for (uint32_t i = 0; i < site_entries(site, SITE_SECTION_windows).count; i++) {
        if (site_time(value_of(site, SITE_SECTION_windows, i, "start"), &start) &&
            site_time(value_of(site, SITE_SECTION_windows, i, "end"), &end) && start >= end)
            return site_error(site, site_line(site, SITE_SECTION_windows, i, SITE_KEYS_MAX), error,
                              "windows: the end is not after the start");
    }
    return OUTCOME_OK;
}

static enum outcome check_pairs(const struct site *site, struct error *error)
{
    for (uint32_t i = 0; i < site_entries(site, SITE_SECTION_ipsec).count; i++) {
        char a[SITE_VALUE_MAX], b[SITE_VALUE_MAX];
        fill_part(site, SITE_SECTION_ipsec, i, "address", a);
        fill_part(site, SITE_SECTION_ipsec, i, "peer", b);
        if (strcmp(a, b) == 0)
            return site_error(site, site_line(site, SITE_SECTION_ipsec, i, SITE_KEYS_MAX), error,
                              "ipsec: '%s' is its own peer", a);
    }
    return OUTCOME_OK;
}

enum outcome site_check(const struct site *site, struct error *error)
{
    static const struct {
        enum site_section_id section;
        const char *keys[IDENTITY_PARTS];
    } unique[] = {
        {SITE_SECTION_sites, {"code"}},
        {SITE_SECTION_roles, {"address", "role", "site"}},
        {SITE_SECTION_domain_controllers, {"address"}},
        {SITE_SECTION_ipsec, {"address", "peer"}},
    };
    enum outcome outcome = OUTCOME_OK;
    for (int i = 0; i < SITE_SECTION_COUNT && outcome == OUTCOME_OK; i++)
        outcome = check_values(site, (enum site_section_id)i, error);
    for (size_t i = 0; i < sizeof unique / sizeof unique[0] && outcome == OUTCOME_OK; i++)
        outcome = check_unique(site, unique[i].section, unique[i].keys, error);
    if (outcome == OUTCOME_OK)
        outcome = check_sites(site, error);
    if (outcome == OUTCOME_OK)
        outcome = check_windows(site, error);
    return outcome == OUTCOME_OK ? check_pairs(site, error) : outcome;
}
