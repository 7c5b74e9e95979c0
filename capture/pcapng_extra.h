/* capture/pcapng_extra.h: what a pcapng file holds besides packets: names, secrets, comments; and how options are
 * read. */
#ifndef CMSCOPE_CAPTURE_PCAPNG_EXTRA_H
#define CMSCOPE_CAPTURE_PCAPNG_EXTRA_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/limit.h"
#include "core/text.h"

struct pcapng_options {
    struct cursor left;
    bool big;
};

enum pcapng_option { OPTION_END = 0, OPTION_COMMENT = 1 };

/* The next option: code 2, length 2, value up to a multiple of 4. False at the end, or where it is wrong. */
MUST_USE bool pcapng_option(struct pcapng_options *options, uint16_t *code, struct cursor *value);
/* The value of the first option `code`; CURSOR_EMPTY when there is none. */
struct cursor pcapng_option_find(struct cursor options, bool big, uint16_t code);

/* A name that the capture gives to an address. */
struct pcapng_name {
    uint8_t address[16]; /* IPv4: the first 4 */
    uint8_t version;     /* 4 or 6 */
    struct text name;    /* UTF-8: bytes that are none became U+FFFD */
};

struct pcapng_extra {
    struct arena arena; /* texts */
    struct pcapng_name *names;
    size_t name_count, name_room;
    struct buffer secrets; /* TLS key log lines (NSS format) */
    struct text comment;   /* of the first section that has one */
    struct limit_counts limits;
};

void pcapng_extra_init(struct pcapng_extra *extra);
void pcapng_extra_free(struct pcapng_extra *extra);

/* Bodies of blocks. What is wrong in them is left out; so is what is too much, which is counted. */
void pcapng_extra_names(struct pcapng_extra *extra, struct cursor body, bool big);
void pcapng_extra_secrets(struct pcapng_extra *extra, struct cursor body, bool big);
void pcapng_extra_comment(struct pcapng_extra *extra, struct cursor options, bool big);

#endif
