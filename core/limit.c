/* core/limit.c: see limit.h. */
#include "core/limit.h"

static const struct {
    const char *name, *meaning;
    bool loses;
} LIMITS[LIMIT_COUNT] = {
#define LIMIT(name, file, constant, loses, meaning) [LIMIT_##name] = {"limit_" #name, meaning, loses},
#include "core/limits.def"
#undef LIMIT
};

const char *limit_name(enum limit limit)
{
    return LIMITS[limit].name;
}

const char *limit_meaning(enum limit limit)
{
    return LIMITS[limit].meaning;
}

bool limit_loses(enum limit limit)
{
    return LIMITS[limit].loses;
}
