/* bench/smb.h: an SMB2 session that reads or writes one file. */
#ifndef CMSCOPE_BENCH_SMB_H
#define CMSCOPE_BENCH_SMB_H

#include "bench/conversation.h"

#define SMB_PORT 445

/* Adds all turns of the session: negotiate, session set-up, tree connect, create, `count` reads or writes of the first
 * `length` bytes of `noise`, close. */
void smb_fill(struct conversation *conversation, struct dice *dice, bool writes, unsigned count, struct cursor noise);

#endif
