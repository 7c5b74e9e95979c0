/* dissect/share.h: what ConfigMgr and Windows use a share, a file or a pipe for, by its name (practices.md A0.2, D). */
#ifndef CMSCOPE_DISSECT_SHARE_H
#define CMSCOPE_DISSECT_SHARE_H

#include "core/text.h"

/* Longer names match nothing: none of those that are known comes near, and matching stays cheap. */
#define SHARE_NAME_MAX 2048

/* A word of the column smb_tree.purpose; NULL when the name says nothing. */
const char *share_purpose(struct text share);
/* A word of the column smb_file.purpose. `share` is what share_purpose said of the share. */
const char *share_file_purpose(const char *share, struct text path);
/* The same of a named pipe; its name with or without a leading backslash or "PIPE". */
const char *share_pipe_purpose(struct text pipe);

#endif
