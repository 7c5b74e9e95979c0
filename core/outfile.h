/* core/outfile.h: files that the program writes.
 *
 *   outfile_open ---> PATH.xxxxxxxx is filled ---> outfile_close: written out, renamed to PATH
 *                                             \--> outfile_abandon, or a signal: removed
 *
 * So there is never half a file at the place, and what is there stays when something goes wrong. Only a file that the
 * program itself made (or an empty one) is replaced; a symbolic link is not followed, and nothing else is touched.
 * A pipe, a terminal, /dev/null and /dev/stdout are written to directly, where the kind of file allows it.
 */
#ifndef CMSCOPE_CORE_OUTFILE_H
#define CMSCOPE_CORE_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/cursor.h"
#include "core/error.h"

#define OUTFILE_HEAD 1024 /* bytes by which a file of ours is recognised */

struct outfile_kind {
    const char *name;                   /* "a report made by cmscope": for messages */
    bool (*is_own)(struct cursor head); /* whether a file that begins like this may be replaced; NULL: none may */
    bool secret;                        /* only its owner may read it, whatever the umask says */
    bool streams;                       /* it may go to a pipe or a terminal */
};

struct outfile {
    const char *path; /* as given; must outlive it */
    char *made;       /* the name while it is being filled; NULL: written to directly */
    FILE *stream;     /* to write to; NULL after outfile_close */
};

/* Whether a file of this kind may be written to `path`: what is there, if anything, is of its kind. The folder is not
 * looked at. OUTCOME_SYSTEM says why not. */
MUST_USE enum outcome outfile_check(const char *path, const struct outfile_kind *kind, struct error *error);

/* Checks the place and opens a file for it. */
MUST_USE enum outcome outfile_open(struct outfile *file, const char *path, const struct outfile_kind *kind,
                                   struct error *error);

/* Puts the file in place; when that fails, or something could not be written before, it is removed and OUTCOME_SYSTEM
 * says why. */
MUST_USE enum outcome outfile_close(struct outfile *file, struct error *error);

/* Removes the file. Nothing to do after outfile_close. */
void outfile_abandon(struct outfile *file);

/* Removes all files that are not yet in place. For a signal handler, just before the program ends. */
void outfile_discard_all(void);

#endif
