/* capture/overlap.c: see overlap.h. */
#include "capture/overlap.h"

#include <stddef.h>
#include <string.h>

/* Who wins, 'n' for newer, 'o' for older: a row for each place where the newer segment may start (before, with, after
 * the older one), in it a letter for each place where it may end (before, with, after). What systems do: J. Novak, S.
 * Sturges, "Target-Based TCP Stream Reassembly", 2007; Suricata and Snort agree with it. */
static const struct {
    const char *name;
    char wins[3][4];
} POLICIES[OVERLAP_COUNT] = {
    [OVERLAP_WINDOWS] = {"windows", {"ooo", "ooo", "ooo"}},
    [OVERLAP_WINDOWS_NT5] = {"windows-nt5", {"nnn", "ooo", "ooo"}},
    [OVERLAP_FIRST] = {"first", {"ooo", "ooo", "ooo"}},
    [OVERLAP_LAST] = {"last", {"nnn", "nnn", "nnn"}},
    [OVERLAP_BSD] = {"bsd", {"nnn", "ooo", "ooo"}},
    [OVERLAP_LINUX] = {"linux", {"nnn", "oon", "ooo"}},
    [OVERLAP_SOLARIS] = {"solaris", {"onn", "onn", "oon"}},
};

static size_t place(int64_t a, int64_t b)
{
    return a == b ? 1 : (a < b ? 0 : 2);
}

bool overlap_newer_wins(enum overlap_policy policy, struct extent newer, struct extent older)
{
    if ((size_t)policy >= OVERLAP_COUNT)
        return false;
    return POLICIES[policy].wins[place(newer.start, older.start)][place(newer.end, older.end)] == 'n';
}

const char *overlap_policy_name(enum overlap_policy policy)
{
    return (size_t)policy < OVERLAP_COUNT ? POLICIES[policy].name : "unknown";
}

bool overlap_policy_find(const char *name, enum overlap_policy *policy)
{
    for (size_t i = 0; i < OVERLAP_COUNT; i++) {
        if (strcmp(POLICIES[i].name, name) != 0)
            continue;
        *policy = (enum overlap_policy)i;
        return true;
    }
    return false;
}
