/* dissect/smb.h: one SMB connection as smb.c (framing), smb1.c, smb2.c (messages) and smb_state.c (sessions, shares,
 * files and their rows) share it.
 *
 *   bytes --smb.c: NetBIOS session header, messages of a compound--> smb1.c, smb2.c --> smb_state.c --> rows
 *                                                                        `--> pipes: a layer for rpc.c
 *
 * Only the head of a message is ever kept; what is read from or written to files goes by.
 */
#ifndef CMSCOPE_DISSECT_SMB_H
#define CMSCOPE_DISSECT_SMB_H

#include "core/buffer.h"
#include "dissect/auth.h"
#include "dissect/internal.h"
#include "dissect/smb_table.h"

/* What a connection remembers at one time, where the budget of memory allows (smb_table.h). Beyond, what was used least
 * recently is written and forgotten. Windows grants at most 8192 requests that wait, and 16384 open files. */
#define SMB_SESSIONS_MAX 1024
#define SMB_TREES_MAX 4096
#define SMB_FILES_MAX 16384
#define SMB_PENDING_MAX 8192

#define SMB_HEAD_MAX ((size_t)72 * 1024) /* of a message that is kept: a security token has at most 64 KB */

enum smb_operation {
    SMB_OPEN = 1 << 0,
    SMB_CREATE = 1 << 1,
    SMB_OVERWRITE = 1 << 2,
    SMB_LIST = 1 << 3,
    SMB_READ = 1 << 4,
    SMB_WRITE = 1 << 5,
    SMB_RENAME = 1 << 6,
    SMB_DELETE = 1 << 7,
    SMB_MKDIR = 1 << 8,
    SMB_RMDIR = 1 << 9
};

struct smb_counts {
    uint64_t messages, messages_signed; /* in clear */
    uint64_t data, data_signed;         /* of those: about files and pipes */
    uint64_t encrypted;
};

struct smb_session {
    bool used;
    bool established; /* set up, or met in the middle */
    uint32_t serial;  /* tells it from others in the same place */
    uint64_t id;      /* 0: not told yet; SMB1: UID */
    int64_t row;
    size_t trees, files; /* that belong to it */
    struct auth auth;
    struct smb_counts counts;
};

struct smb_tree {
    bool used;
    bool pipe; /* IPC$ */
    uint32_t id, serial;
    int session;
    int64_t row;
    size_t files;        /* that belong to it */
    const char *purpose; /* of the share, or NULL */
    uint64_t data, data_signed, read_bytes, written_bytes;
};

struct smb_file {
    bool used;
    bool pipe, identified;
    bool delete_pending; /* delete on close, or disposition */
    uint8_t id[16];      /* SMB1: FID in the first two */
    uint32_t serial;     /* tells it from others in the same place */
    int session, tree;
    int64_t row;
    unsigned operations; /* set of enum smb_operation */
    uint64_t data, data_signed, read_bytes, written_bytes;
    struct layer *layer; /* what the pipe carries, or NULL */
};

/* A request that waits for its answer. */
struct smb_pending {
    bool used;
    uint64_t id; /* MessageId; SMB1: PID and MID */
    uint16_t command;
    uint32_t detail; /* information class, control code, subcommand */
    int session, tree, file;
    uint32_t session_serial, tree_serial, file_serial;
    int64_t time_ns;
};

/* How far one direction has come. */
struct smb_stream {
    bool lost;       /* looking for the next header */
    uint8_t nbss[4]; /* header that arrives in pieces */
    size_t nbss_have;
    uint64_t left;           /* bytes of the NetBIOS message that were not consumed, without `skip` */
    uint64_t skip;           /* bytes that go by */
    struct buffer head;      /* beginning of a message that arrives in pieces */
    int session, tree, file; /* of the message before in a compound */
};

struct smb {
    struct layer *layer;
    struct conversation *conversation;
    struct dissect *dissect;
    struct auth_carrier carrier;
    enum direction client;
    struct moment moment; /* of the packet that is read */
    struct smb_stream streams[2];

    int64_t row;            /* first row of `smb`: what was negotiated */
    bool row_taken;         /* a session has it */
    unsigned version;       /* 1 or 2 */
    bool plaintext;         /* SMB1: the server asks for plain passwords */
    char dialects1[16][32]; /* SMB1: offered, to tell the chosen one by its index */
    unsigned dialects1_count;

    struct smb_session *sessions;
    struct smb_tree *trees;
    struct smb_file *files;
    struct smb_pending *pending;
    struct smb_table session_table, tree_table, file_table;
    size_t pending_room, layers; /* pipes that are read */
    uint32_t serial;
};

/* ---- smb_state.c ---- */

/* The row of what was negotiated, made when there is none; to be written back with smb_row_put. */
struct smb_row smb_row_get(struct smb *smb);
void smb_row_put(struct smb *smb, const struct smb_row *row);

/* Each gives a place in its table, or SMB_NONE. `..._get` makes one for what was met in the middle. */
int smb_session_find(struct smb *smb, uint64_t id);
int smb_session_add(struct smb *smb, uint64_t id);
int smb_session_get(struct smb *smb, uint64_t id);
/* The id that the server gave. */
void smb_session_identify(struct smb *smb, int place, uint64_t id);
void smb_session_remove(struct smb *smb, int place);
/* Writes what is known of the session into its row. `status`: of the set-up. */
void smb_session_status(struct smb *smb, int place, uint32_t status, const char *auth);

int smb_tree_find(struct smb *smb, int session, uint32_t id);
int smb_tree_add(struct smb *smb, int session, struct text path);
int smb_tree_get(struct smb *smb, int session, uint32_t id);
/* The id that the server gave. */
void smb_tree_identify(struct smb *smb, int place, uint32_t id);
void smb_tree_remove(struct smb *smb, int place);

/* What a message adds to the row of a tree or file. Texts may be TEXT_NULL: nothing new. */
void smb_tree_answer(struct smb *smb, int place, struct text status, struct text type, bool encrypted);
void smb_tree_file_system(struct smb *smb, int place, struct text name);

int smb_file_find(struct smb *smb, int tree, const uint8_t id[16]);
int smb_file_add(struct smb *smb, int session, int tree, struct text name, unsigned operations, bool directory);
/* The id that the server gave; another file that had it is closed. */
void smb_file_identify(struct smb *smb, int place, const uint8_t id[16]);
int smb_file_get(struct smb *smb, int session, int tree, const uint8_t id[16]);
void smb_file_rename(struct smb *smb, int file, struct text name);
void smb_file_status(struct smb *smb, int file, uint32_t status);
void smb_file_remove(struct smb *smb, int place);
/* A row for what is named without being opened (SMB1 rename and delete). */
int smb_file_named(struct smb *smb, int session, int tree, struct text name, struct text renamed_to,
                   unsigned operation);
/* Opens the layer of a pipe. */
void smb_file_is_pipe(struct smb *smb, int place);
/* Hands on what a pipe carries; scratch memory may be reset. */
void smb_pipe_data(struct smb *smb, int place, enum direction direction, struct cursor bytes);

struct smb_pending *smb_pending_add(struct smb *smb, uint64_t id, uint16_t command);
/* Looks, without taking. NULL when there is none. */
struct smb_pending *smb_pending_find(struct smb *smb, uint64_t id);
/* Remembers what a request is about. */
void smb_pending_set(const struct smb *smb, struct smb_pending *pending, int session, int tree, int file);
/* The session, share and file of a request, each if it still is the same; `pending` may be NULL. */
int smb_pending_session(const struct smb *smb, const struct smb_pending *pending);
int smb_pending_tree(const struct smb *smb, const struct smb_pending *pending);
int smb_pending_file(const struct smb *smb, const struct smb_pending *pending);

/* Counts a message in clear. `data`: it is about files. */
void smb_count(struct smb *smb, int session, int tree, int file, bool data, bool is_signed);

/* The part of a message at `offset` from its header; empty when it is not there, which *outcome says: a message of `length`
 * bytes of which `head` is kept may be longer than that (OUTCOME_LIMIT), or not as long as it says (OUTCOME_MALFORMED). */
struct cursor smb_part(struct cursor head, uint64_t length, uint32_t offset, uint32_t bytes, enum outcome *outcome);
/* Records how reading the message of `protocol` ended; nothing when it went well. `offset`: where its body begins. */
void smb_report(struct smb *smb, const char *protocol, enum outcome outcome, const char *what, uint64_t offset);

/* Writes all rows, frees tables and layers. */
void smb_state_close(struct smb *smb);
/* A gap: pipes lost bytes. */
void smb_state_gap(struct smb *smb, enum direction direction);

/* ---- smb1.c, smb2.c ---- */

/* How many bytes of the message must be there to read what is wanted of it; `have` may be too short to tell, then a
 * few more. Never more than `length`, the whole of it. */
size_t smb1_need(struct smb *smb, struct cursor have, uint64_t length);
size_t smb2_need(struct smb *smb, struct cursor have, uint64_t length);
/* Where the message ends that `have` begins: SMB2 chains several (NextCommand). */
uint64_t smb2_length(struct cursor have, uint64_t length);
/* Reads a message, of which `head` is the beginning and `length` the whole length. */
void smb1_message(struct smb *smb, enum direction direction, struct cursor head, uint64_t length);
void smb2_message(struct smb *smb, enum direction direction, struct cursor head, uint64_t length);
void smb2_transform(struct smb *smb, struct cursor head);

/* UTF-16LE name, or NULL text. */
struct text smb_utf16(struct smb *smb, struct cursor name);

#endif
