/* capture/foreign.h: files that are no pcap or pcapng: what they are, and how to make a capture of them.
 *
 * Nothing is converted here. A file that is known by its first bytes is named in the error, with the command that makes
 * a capture of it.
 */
#ifndef CMSCOPE_CAPTURE_FOREIGN_H
#define CMSCOPE_CAPTURE_FOREIGN_H

#include <stdbool.h>

#include "core/cursor.h"

/* Bytes of the start of a file that a format may be told from: a tar header's magic is at 257. */
#define FOREIGN_HEAD ((size_t)512)

struct foreign {
    const char *what;   /* "a Microsoft Network Monitor capture" */
    const char *advice; /* what to do to read it; a clause without full stop */
    bool packets;       /* the file holds packets, or may: it must not be passed over in silence */
};

/* Returns the format that the first bytes of a file show, or NULL when they show none. `head` has up to FOREIGN_HEAD
 * bytes, fewer when the file is shorter. */
const struct foreign *foreign_recognise(struct cursor head);

/* Returns the damage that a transfer or a shell does to a capture file, when `bytes` from within the file show it:
 * line ends that were changed, or bytes that were replaced because they are no text. NULL when nothing shows it. */
const struct foreign *foreign_damage(struct cursor bytes);

/* Whether the name of a file ends as those of captures do (".pcap", ".cap.gz", ".pcap3" of a ring ...). */
bool foreign_is_capture_name(const char *path);

#endif
