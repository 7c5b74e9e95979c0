/* dissect/listing.h: several values as one text, separated by commas; what does not fit ends in an ellipsis. */
#ifndef CMSCOPE_DISSECT_LISTING_H
#define CMSCOPE_DISSECT_LISTING_H

#include "core/text.h"

#define LISTING_MAX ((size_t)2000) /* a column that a person reads */

struct listing {
    size_t length;
    unsigned items;
    bool full;
    char bytes[LISTING_MAX + sizeof "..."];
};

static inline void listing_init(struct listing *listing)
{
    listing->length = 0;
    listing->items = 0;
    listing->full = false;
}

/* Adds bytes as they are to the last item. */
static inline void listing_more(struct listing *listing, struct text text)
{
    if (listing->full || text.length == 0)
        return;
    if (text.length > LISTING_MAX - listing->length) {
        listing->full = true;
        memcpy(listing->bytes + listing->length, "...", 3);
        listing->length += 3;
        return;
    }
    memcpy(listing->bytes + listing->length, text.at, text.length);
    listing->length += text.length;
}

/* Begins a new item. */
static inline void listing_add(struct listing *listing, struct text text)
{
    if (listing->items++ > 0)
        listing_more(listing, TEXT(","));
    listing_more(listing, text);
}

/* What was listed; TEXT_NULL for no item. */
static inline struct text listing_text(const struct listing *listing)
{
    return listing->items == 0 ? TEXT_NULL : (struct text){listing->bytes, listing->length};
}

#endif
