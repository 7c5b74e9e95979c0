/* dissect/smb2.c: messages of SMB2 and SMB3; see smb.h.
 *
 *   header (MS-SMB2 2.2.1): "\xFESMB", u16 64, u16 credit charge, u32 status, u16 command, u16 credits, u32 flags,
 *   u32 next command, u64 message id, u32 process, u32 tree id (both: u64 async id), u64 session id, signature[16]
 *   transform header (2.2.41): "\xFDSMB", signature[16], nonce[16], u32 size, u16, u16 flags, u64 session id
 */
#include <string.h>

#include "capture/order.h"
#include "dissect/ntstatus.h"
#include "dissect/smb.h"
#include "dissect/trouble.h"

#define HEADER_BYTES 64
#define DIALECTS_MAX 64 /* of a negotiation: five exist */
#define CONTEXTS_MAX 16
#define CIPHERS_MAX 8
#define CREATE_MAX 8192 /* a name has at most 64 KB, and in real life 520 bytes */
#define SET_INFO_MAX 4096
#define QUERY_INFO_MAX 256

enum command {
    NEGOTIATE,
    SESSION_SETUP,
    LOGOFF,
    TREE_CONNECT,
    TREE_DISCONNECT,
    CREATE,
    CLOSE,
    FLUSH,
    READ,
    WRITE,
    LOCK,
    IOCTL,
    CANCEL,
    ECHO_,
    QUERY_DIRECTORY,
    CHANGE_NOTIFY,
    QUERY_INFO,
    SET_INFO,
    OPLOCK_BREAK,
    COMMAND_COUNT
};

enum flag { FLAG_RESPONSE = 0x1, FLAG_ASYNC = 0x2, FLAG_RELATED = 0x4, FLAG_SIGNED = 0x8 };

#define FSCTL_PIPE_TRANSCEIVE 0x0011C017u
#define FSCTL_VALIDATE_NEGOTIATE 0x00140204u
#define SESSION_BINDING 0x01
#define FILE_RENAME_INFORMATION 10
#define FILE_DISPOSITION_INFORMATION 13
#define FILE_DISPOSITION_INFORMATION_EX 64
#define FILE_RENAME_INFORMATION_EX 65
#define FS_ATTRIBUTE_INFORMATION 5
#define INFO_FILE 1
#define INFO_FILE_SYSTEM 2
#define OPTION_DIRECTORY 0x1
#define OPTION_DELETE_ON_CLOSE 0x1000
#define CAPABILITY_ENCRYPTION 0x40
#define DIALECT_WILDCARD 0x02FF

struct message {
    struct cursor head; /* from the header on, as far as it is there */
    struct cursor body; /* behind the header */
    uint64_t length;    /* of the whole message */
    uint32_t status, flags, tree_id;
    uint16_t command;
    uint64_t id, session_id;
    enum direction direction;
    int session, tree; /* places, or SMB_NONE */
    struct smb_pending *pending;
    enum outcome outcome; /* how reading it ended */
};

/* Whether a response brings what was asked, not an error, which warnings bring as well (2.2.2: its structure has size 9). */
static bool is_result(const struct message *message)
{
    return !ntstatus_is_error(message->status) && !cursor_starts(message->body, "\x09\x00", 2);
}

/* The body is shorter than what it must hold. */
static void malformed(struct message *message)
{
    message->outcome = OUTCOME_MALFORMED;
}

/* ---- Header ---- */

static bool take_header(struct cursor head, struct message *message)
{
    struct cursor at = head;
    uint32_t next, process;
    uint16_t size, charge, credits;
    return cursor_skip(&at, 4) && cursor_le16(&at, &size) && cursor_le16(&at, &charge) &&
           cursor_le32(&at, &message->status) && cursor_le16(&at, &message->command) && cursor_le16(&at, &credits) &&
           cursor_le32(&at, &message->flags) && cursor_le32(&at, &next) && order_u64(&at, false, &message->id) &&
           cursor_le32(&at, &process) && cursor_le32(&at, &message->tree_id) &&
           order_u64(&at, false, &message->session_id) && cursor_skip(&at, 16) && ((message->body = at), true);
}

uint64_t smb2_length(struct cursor have, uint64_t length)
{
    struct cursor at = have;
    uint32_t next;
    if (!cursor_skip(&at, 20) || !cursor_le32(&at, &next) || next < HEADER_BYTES || next >= length)
        return length;
    return next;
}

/* The names of request and response, and how many bytes must be there of each to read it, header included. */
static const struct {
    const char *name[2];
    size_t need[2];
} COMMANDS[COMMAND_COUNT] = {
    [NEGOTIATE] = {{"NEGOTIATE request", "NEGOTIATE response"}, {SMB_HEAD_MAX, SMB_HEAD_MAX}},
    [SESSION_SETUP] = {{"SESSION_SETUP request", "SESSION_SETUP response"}, {SMB_HEAD_MAX, SMB_HEAD_MAX}},
    [LOGOFF] = {{"LOGOFF request", "LOGOFF response"}, {HEADER_BYTES, HEADER_BYTES}},
    [TREE_CONNECT] = {{"TREE_CONNECT request", "TREE_CONNECT response"}, {CREATE_MAX, HEADER_BYTES + 16}},
    [TREE_DISCONNECT] = {{"TREE_DISCONNECT request", "TREE_DISCONNECT response"}, {HEADER_BYTES, HEADER_BYTES}},
    [CREATE] = {{"CREATE request", "CREATE response"}, {CREATE_MAX, HEADER_BYTES + 88}},
    [CLOSE] = {{"CLOSE request", "CLOSE response"}, {HEADER_BYTES + 24, HEADER_BYTES}},
    [FLUSH] = {{"FLUSH request", "FLUSH response"}, {HEADER_BYTES + 24, HEADER_BYTES}},
    [READ] = {{"READ request", "READ response"}, {HEADER_BYTES + 48, HEADER_BYTES + 16}},
    [WRITE] = {{"WRITE request", "WRITE response"}, {HEADER_BYTES + 48, HEADER_BYTES + 16}},
    [LOCK] = {{"LOCK request", "LOCK response"}, {HEADER_BYTES + 24, HEADER_BYTES}},
    [IOCTL] = {{"IOCTL request", "IOCTL response"}, {HEADER_BYTES + 56, HEADER_BYTES + 48}},
    [CANCEL] = {{"CANCEL request", "CANCEL response"}, {HEADER_BYTES, HEADER_BYTES}},
    [ECHO_] = {{"ECHO request", "ECHO response"}, {HEADER_BYTES, HEADER_BYTES}},
    [QUERY_DIRECTORY] = {{"QUERY_DIRECTORY request", "QUERY_DIRECTORY response"}, {HEADER_BYTES + 24, HEADER_BYTES}},
    [CHANGE_NOTIFY] = {{"CHANGE_NOTIFY request", "CHANGE_NOTIFY response"}, {HEADER_BYTES + 24, HEADER_BYTES}},
    [QUERY_INFO] = {{"QUERY_INFO request", "QUERY_INFO response"}, {HEADER_BYTES + 40, QUERY_INFO_MAX}},
    [SET_INFO] = {{"SET_INFO request", "SET_INFO response"}, {SET_INFO_MAX, HEADER_BYTES}},
    [OPLOCK_BREAK] = {{"OPLOCK_BREAK notification", "OPLOCK_BREAK response"}, {HEADER_BYTES, HEADER_BYTES}},
};

/* Whether the message carries bytes of a pipe, which are wanted whole. */
static bool is_pipe_data(struct smb *smb, const struct message *message)
{
    struct cursor at = message->body;
    struct cursor id, control;
    uint32_t code;
    if (message->command == IOCTL && cursor_slice(at, 4, 4, &control) && cursor_le32(&control, &code) &&
        code == FSCTL_PIPE_TRANSCEIVE)
        return true; /* also where the opening was not seen */
    if (message->flags & FLAG_RESPONSE) {
        const struct smb_pending *pending = smb_pending_find(smb, message->id);
        int file = smb_pending_file(smb, pending);
        return file != SMB_NONE && smb->files[file].pipe && (message->command == READ || message->command == IOCTL);
    }
    size_t before = message->command == WRITE ? 16 : 8;
    if ((message->command != WRITE && message->command != IOCTL) || !cursor_skip(&at, before) ||
        !cursor_take(&at, 16, &id))
        return false;
    int file = smb_file_find(smb, SMB_NONE, id.at);
    return file != SMB_NONE && smb->files[file].pipe;
}

size_t smb2_need(struct smb *smb, struct cursor have, uint64_t length)
{
    struct message message = {0};
    if (cursor_starts(have, "\xFDSMB", 4))
        return length < 52 ? (size_t)length : 52;
    if (!take_header(have, &message))
        return length < HEADER_BYTES ? (size_t)length : HEADER_BYTES;
    length = smb2_length(have, length);
    size_t need = HEADER_BYTES;
    if (message.command < COMMAND_COUNT)
        need = COMMANDS[message.command].need[message.flags & FLAG_RESPONSE ? 1 : 0];
    if (have.left >= need && is_pipe_data(smb, &message))
        need = SMB_HEAD_MAX;
    return length < need ? (size_t)length : need;
}

/* A part that the body names by offset from the header, and length. */
static struct cursor part_of(struct message *message, uint32_t offset, uint32_t length)
{
    return smb_part(message->head, message->length, offset, length, &message->outcome);
}

/* ---- Negotiate (2.2.3, 2.2.4) ---- */

static const char *signing_name(unsigned mode)
{
    return mode & 2 ? "required" : mode & 1 ? "enabled" : "none";
}

static struct text dialect_text(uint16_t dialect, struct arena *arena)
{
    static const struct {
        uint16_t dialect;
        const char *name;
    } names[] = {{0x0202, "2.0.2"}, {0x0210, "2.1"}, {0x0300, "3.0"}, {0x0302, "3.0.2"}, {0x0311, "3.1.1"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].dialect == dialect)
            return text_of(names[i].name);
    }
    return text_format(arena, "0x%04X", dialect);
}

static struct text cipher_text(uint16_t cipher, struct arena *arena)
{
    static const char *const names[] = {NULL, "AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM"};
    if (cipher > 0 && cipher < sizeof names / sizeof names[0])
        return text_of(names[cipher]);
    return text_format(arena, "0x%04X", cipher);
}

static struct text joined(struct arena *arena, struct text list, struct text next)
{
    return text_format(arena, "%.*s%s%.*s", (int)list.length, list.at == NULL ? "" : list.at,
                       list.at == NULL ? "" : ",", (int)next.length, next.at == NULL ? "" : next.at);
}

/* Ciphers of SMB2_ENCRYPTION_CAPABILITIES (2.2.3.1.2) among `count` contexts. */
static struct text take_ciphers(struct cursor contexts, unsigned count, struct arena *arena)
{
    uint16_t type, length, ciphers, cipher;
    struct cursor data, padding;
    for (unsigned i = 0; i < count && i < CONTEXTS_MAX; i++) {
        if (!cursor_le16(&contexts, &type) || !cursor_le16(&contexts, &length) || !cursor_skip(&contexts, 4) ||
            !cursor_take(&contexts, length, &data))
            break;
        if (type == 2 && cursor_le16(&data, &ciphers)) {
            struct text list = TEXT_NULL;
            for (unsigned k = 0; k < ciphers && k < CIPHERS_MAX && cursor_le16(&data, &cipher); k++)
                list = joined(arena, list, cipher_text(cipher, arena));
            return list;
        }
        if (!cursor_take(&contexts, (8u - length % 8u) % 8u, &padding))
            break;
    }
    return TEXT_NULL;
}

static void negotiate_request(struct smb *smb, struct message *message)
{
    struct cursor at = message->body;
    struct arena *arena = &smb->dissect->scratch;
    uint16_t size, count, mode, reserved, dialect, context_count;
    uint32_t capabilities, context_offset;
    if (!cursor_le16(&at, &size) || !cursor_le16(&at, &count) || !cursor_le16(&at, &mode) ||
        !cursor_le16(&at, &reserved) || !cursor_le32(&at, &capabilities) || !cursor_skip(&at, 16) ||
        !cursor_le32(&at, &context_offset) || !cursor_le16(&at, &context_count) || !cursor_skip(&at, 2)) {
        malformed(message);
        return;
    }
    struct smb_row row = smb_row_get(smb);
    bool has_311 = false, has_3 = false;
    row.dialects = TEXT_NULL;
    if (count > DIALECTS_MAX)
        message->outcome = OUTCOME_LIMIT;
    for (unsigned i = 0; i < count && i < DIALECTS_MAX; i++) {
        if (!cursor_le16(&at, &dialect)) {
            malformed(message);
            break;
        }
        row.dialects = joined(arena, row.dialects, dialect_text(dialect, arena));
        has_311 = has_311 || dialect == 0x0311;
        has_3 = has_3 || dialect >= 0x0300;
    }
    row.smb1_offered = row.smb1_offered == 1;
    row.client_signing = text_of(signing_name(mode));
    row.client_encryption = has_3 && (capabilities & CAPABILITY_ENCRYPTION);
    struct cursor contexts;
    if (has_311 &&
        cursor_slice(message->head, context_offset,
                     message->head.left > context_offset ? message->head.left - context_offset : 0, &contexts)) {
        row.ciphers = take_ciphers(contexts, context_count, arena);
        row.client_encryption = row.client_encryption == 1 || row.ciphers.at != NULL;
    }
    smb_row_put(smb, &row);
}

static void negotiate_response(struct smb *smb, struct message *message)
{
    struct cursor at = message->body;
    struct arena *arena = &smb->dissect->scratch;
    uint16_t size, mode, dialect, context_count, token_offset, token_length;
    uint32_t capabilities, context_offset;
    if (message->status != NTSTATUS_SUCCESS)
        return;
    if (!cursor_le16(&at, &size) || !cursor_le16(&at, &mode) || !cursor_le16(&at, &dialect) ||
        !cursor_le16(&at, &context_count) || !cursor_skip(&at, 16) || !cursor_le32(&at, &capabilities) ||
        !cursor_skip(&at, 28) || !cursor_le16(&at, &token_offset) || !cursor_le16(&at, &token_length) ||
        !cursor_le32(&at, &context_offset)) {
        malformed(message);
        return;
    }
    struct smb_row row = smb_row_get(smb);
    row.server_signing = text_of(signing_name(mode));
    if (dialect != DIALECT_WILDCARD) /* another negotiation follows */
        row.dialect = dialect_text(dialect, arena);
    row.server_encryption = dialect >= 0x0300 && (capabilities & CAPABILITY_ENCRYPTION);
    struct cursor contexts;
    if (dialect == 0x0311 &&
        cursor_slice(message->head, context_offset,
                     message->head.left > context_offset ? message->head.left - context_offset : 0, &contexts)) {
        row.cipher = take_ciphers(contexts, context_count, arena);
        row.server_encryption = row.cipher.at != NULL;
    }
    smb_row_put(smb, &row);
}

/* ---- Sessions (2.2.5 to 2.2.8) ---- */

static void session_setup_request(struct smb *smb, struct message *message)
{
    struct cursor at = message->body;
    uint16_t size, offset, length;
    uint8_t flags, mode;
    uint32_t capabilities, channel;
    if (!cursor_le16(&at, &size) || !cursor_u8(&at, &flags) || !cursor_u8(&at, &mode) ||
        !cursor_le32(&at, &capabilities) || !cursor_le32(&at, &channel) || !cursor_le16(&at, &offset) ||
        !cursor_le16(&at, &length)) {
        malformed(message);
        return;
    }
    if (message->session == SMB_NONE)
        message->session = smb_session_add(smb, message->session_id);
    if (message->session == SMB_NONE)
        return;
    struct smb_session *session = &smb->sessions[message->session];
    const struct sink *sink = &smb->dissect->sink;
    const struct smb_row *kept = sink_kept(sink, TABLE_smb, session->row);
    if (kept != NULL) {
        struct smb_row row = *kept;
        row.client_signing = text_of(signing_name(mode));
        row.bound = flags & SESSION_BINDING ? 1 : row.bound;
        sink_amend(sink, TABLE_smb, session->row, &row);
    }
    auth_token(&session->auth, &smb->carrier, part_of(message, offset, length), smb->moment);
}

static void session_setup_response(struct smb *smb, struct message *message)
{
    struct cursor at = message->body;
    uint16_t size, flags, offset, length;
    int place = smb_pending_session(smb, message->pending);
    if (place == SMB_NONE)
        place = message->session;
    if (place == SMB_NONE)
        return;
    struct smb_session *session = &smb->sessions[place];
    if (session->id == 0)
        smb_session_identify(smb, place, message->session_id);
    message->session = place;
    const char *auth = NULL;
    bool has_body = !ntstatus_is_error(message->status) || message->status == NTSTATUS_MORE_PROCESSING_REQUIRED;
    bool read = has_body && cursor_le16(&at, &size) && cursor_le16(&at, &flags) && cursor_le16(&at, &offset) &&
                cursor_le16(&at, &length);
    if (has_body && !read)
        malformed(message);
    if (read) {
        auth_token(&session->auth, &smb->carrier, part_of(message, offset, length), smb->moment);
        if (message->status == NTSTATUS_SUCCESS)
            auth = flags & 2 ? "anonymous" : flags & 1 ? "guest" : NULL;
        const struct sink *sink = &smb->dissect->sink;
        const struct smb_row *kept = sink_kept(sink, TABLE_smb, session->row);
        if (kept != NULL && message->status == NTSTATUS_SUCCESS) {
            struct smb_row row = *kept;
            row.encryption_required = (flags & 4) != 0;
            sink_amend(sink, TABLE_smb, session->row, &row);
        }
    }
    if (message->status != NTSTATUS_MORE_PROCESSING_REQUIRED)
        smb_session_status(smb, place, message->status, auth);
}

/* ---- Shares (2.2.9, 2.2.10) ---- */

static void tree_connect_request(struct smb *smb, struct message *message)
{
    struct cursor at = message->body;
    uint16_t size, flags, offset, length;
    if (!cursor_le16(&at, &size) || !cursor_le16(&at, &flags) || !cursor_le16(&at, &offset) ||
        !cursor_le16(&at, &length)) {
        malformed(message);
        return;
    }
    message->tree = smb_tree_add(smb, message->session, smb_utf16(smb, part_of(message, offset, length)));
}

static void tree_connect_response(struct smb *smb, struct message *message)
{
    static const char *const types[] = {NULL, "disk", "pipe", "print"};
    struct cursor at = message->body;
    uint16_t size;
    uint8_t type, reserved;
    uint32_t flags;
    int tree = smb_pending_tree(smb, message->pending);
    if (tree == SMB_NONE)
        return;
    struct text status = ntstatus_text(message->status, &smb->dissect->scratch);
    bool granted = message->status == NTSTATUS_SUCCESS;
    bool read = granted && cursor_le16(&at, &size) && cursor_u8(&at, &type) && cursor_u8(&at, &reserved) &&
                cursor_le32(&at, &flags);
    if (granted && !read)
        malformed(message);
    if (!read) {
        smb_tree_answer(smb, tree, status, TEXT_NULL, false);
        smb_tree_remove(smb, tree);
        return;
    }
    smb_tree_identify(smb, tree, message->tree_id);
    message->tree = tree;
    smb_tree_answer(smb, tree, status, text_of(types[type & 3]), flags & 0x8000);
}

/* ---- Files ---- */

/* The file that a request names; of a compound, all ones mean the one before. */
static int file_of(struct smb *smb, const struct message *message, struct cursor id)
{
    static const uint8_t before[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                       0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    if (memcmp(id.at, before, sizeof before) == 0)
        return smb->streams[message->direction].file;
    return smb_file_get(smb, message->session, message->tree, id.at);
}

static int create_request(struct smb *smb, struct message *message)
{
    struct cursor at = message->body;
    uint16_t offset, length;
    uint32_t disposition, options;
    if (!cursor_skip(&at, 36) || !cursor_le32(&at, &disposition) || !cursor_le32(&at, &options) ||
        !cursor_le16(&at, &offset) || !cursor_le16(&at, &length)) {
        malformed(message);
        return SMB_NONE;
    }
    struct text name = length == 0 ? TEXT("") : smb_utf16(smb, part_of(message, offset, length));
    int file = smb_file_add(smb, message->session, message->tree, name, 0, options & OPTION_DIRECTORY);
    if (file != SMB_NONE)
        smb->files[file].delete_pending = options & OPTION_DELETE_ON_CLOSE;
    return file;
}

static void create_response(struct smb *smb, struct message *message, int file)
{
    static const unsigned actions[] = {SMB_OVERWRITE, SMB_OPEN, SMB_CREATE, SMB_OVERWRITE}; /* 2.2.14 */
    struct cursor at = message->body, id;
    uint32_t action;
    if (file == SMB_NONE)
        return;
    smb_file_status(smb, file, message->status);
    bool made = is_result(message);
    bool read =
        made && cursor_skip(&at, 4) && cursor_le32(&at, &action) && cursor_skip(&at, 56) && cursor_take(&at, 16, &id);
    if (made && !read)
        malformed(message);
    if (!read) {
        smb_file_remove(smb, file);
        return;
    }
    smb_file_identify(smb, file, id.at);
    smb->files[file].operations |= actions[action & 3];
    if (smb->files[file].pipe)
        smb_file_is_pipe(smb, file);
}

static void close_file(struct smb *smb, int file)
{
    if (file == SMB_NONE)
        return;
    if (smb->files[file].delete_pending)
        smb->files[file].operations |= SMB_DELETE;
    smb_file_remove(smb, file);
}

static void write_request(struct smb *smb, struct message *message, int file)
{
    struct cursor at = message->body;
    uint16_t size, offset;
    uint32_t length;
    if (!cursor_le16(&at, &size) || !cursor_le16(&at, &offset) || !cursor_le32(&at, &length)) {
        malformed(message);
        return;
    }
    if (file == SMB_NONE)
        return;
    struct smb_file *f = &smb->files[file];
    f->operations |= SMB_WRITE;
    f->written_bytes += length;
    if (f->tree != SMB_NONE)
        smb->trees[f->tree].written_bytes += length;
}

static void read_response(struct smb *smb, struct message *message, int file)
{
    struct cursor at = message->body;
    uint16_t size;
    uint8_t offset, reserved;
    uint32_t length;
    if (!is_result(message))
        return;
    if (!cursor_le16(&at, &size) || !cursor_u8(&at, &offset) || !cursor_u8(&at, &reserved) ||
        !cursor_le32(&at, &length)) {
        malformed(message);
        return;
    }
    if (file == SMB_NONE)
        return;
    struct smb_file *f = &smb->files[file];
    f->operations |= SMB_READ;
    f->read_bytes += length;
    if (f->tree != SMB_NONE)
        smb->trees[f->tree].read_bytes += length;
}

/* SET_INFO (2.2.39): renames and deletions (MS-FSCC 2.4.37, 2.4.11). */
static void set_info_request(struct smb *smb, struct message *message, int file)
{
    struct cursor at = message->body, data, name;
    uint16_t size, offset;
    uint8_t type, class, flag;
    uint32_t length, name_length;
    if (!cursor_le16(&at, &size) || !cursor_u8(&at, &type) || !cursor_u8(&at, &class) || !cursor_le32(&at, &length) ||
        !cursor_le16(&at, &offset)) {
        malformed(message);
        return;
    }
    bool renames = class == FILE_RENAME_INFORMATION || class == FILE_RENAME_INFORMATION_EX;
    bool disposes = class == FILE_DISPOSITION_INFORMATION || class == FILE_DISPOSITION_INFORMATION_EX;
    if (file == SMB_NONE || type != INFO_FILE || !(renames || disposes))
        return;
    data = part_of(message, offset, length);
    if (message->outcome != OUTCOME_OK)
        return;
    if (renames && cursor_skip(&data, 16) && cursor_le32(&data, &name_length) && cursor_take(&data, name_length, &name))
        smb_file_rename(smb, file, smb_utf16(smb, name));
    else if (disposes && cursor_u8(&data, &flag))
        smb->files[file].delete_pending = flag & 1;
    else
        malformed(message);
}

static void query_info_request(struct message *message, struct smb_pending *pending)
{
    struct cursor at = message->body;
    uint16_t size;
    uint8_t type, class;
    if (!cursor_le16(&at, &size) || !cursor_u8(&at, &type) || !cursor_u8(&at, &class))
        malformed(message);
    else if (pending != NULL)
        pending->detail = (uint32_t)type << 8 | class;
}

static void ioctl_request(struct smb *smb, struct message *message, struct smb_pending *pending, int file)
{
    struct cursor at = message->body;
    uint32_t control;
    if (!cursor_skip(&at, 4) || !cursor_le32(&at, &control))
        malformed(message);
    else if (pending != NULL)
        pending->detail = control;
    if (pending != NULL && pending->detail == FSCTL_PIPE_TRANSCEIVE)
        smb_file_is_pipe(smb, file); /* also when its opening was not seen */
}

/* FileFsAttributeInformation (MS-FSCC 2.5.1): u32 attributes, u32 longest name, u32 length, name. */
static void query_info_response(struct smb *smb, struct message *message)
{
    struct cursor at = message->body, data, name;
    uint16_t size, offset;
    uint32_t length, name_length;
    if (message->pending == NULL || message->pending->detail != (INFO_FILE_SYSTEM << 8 | FS_ATTRIBUTE_INFORMATION) ||
        message->tree == SMB_NONE || ntstatus_is_error(message->status))
        return;
    if (!cursor_le16(&at, &size) || !cursor_le16(&at, &offset) || !cursor_le32(&at, &length)) {
        malformed(message);
        return;
    }
    data = part_of(message, offset, length);
    if (!cursor_skip(&data, 8) || !cursor_le32(&data, &name_length) || !cursor_take(&data, name_length, &name)) {
        malformed(message);
        return;
    }
    smb_tree_file_system(smb, message->tree, smb_utf16(smb, name));
}

/* ---- Pipes: bytes of READ, WRITE and FSCTL_PIPE_TRANSCEIVE go to what reads the pipe ---- */

static struct cursor pipe_bytes(struct message *message)
{
    struct cursor at = message->body;
    uint16_t size, offset16;
    uint8_t offset8, reserved;
    uint32_t control, offset, length;
    bool response = message->flags & FLAG_RESPONSE;
    if (message->command == WRITE && !response && cursor_le16(&at, &size) && cursor_le16(&at, &offset16) &&
        cursor_le32(&at, &length))
        return part_of(message, offset16, length);
    if (message->command == READ && response && !ntstatus_is_error(message->status) && cursor_le16(&at, &size) &&
        cursor_u8(&at, &offset8) && cursor_u8(&at, &reserved) && cursor_le32(&at, &length))
        return part_of(message, offset8, length);
    if (message->command != IOCTL || ntstatus_is_error(message->status) || !cursor_skip(&at, 4) ||
        !cursor_le32(&at, &control) || control != FSCTL_PIPE_TRANSCEIVE || !cursor_skip(&at, 16))
        return CURSOR_EMPTY;
    /* Request: InputOffset, InputCount; response: the same of the input, then OutputOffset, OutputCount. */
    if (response && !cursor_skip(&at, 8))
        return CURSOR_EMPTY;
    return cursor_le32(&at, &offset) && cursor_le32(&at, &length) ? part_of(message, offset, length) : CURSOR_EMPTY;
}

/* ---- Requests and responses ---- */

/* Where the file id stands in the bodies of requests; 0: there is none. */
static size_t file_id_at(uint16_t command)
{
    switch (command) {
    case CLOSE:
    case FLUSH:
    case LOCK:
    case IOCTL:
    case QUERY_DIRECTORY:
    case CHANGE_NOTIFY:
        return 8;
    case READ:
    case WRITE:
    case SET_INFO:
        return 16;
    case QUERY_INFO:
        return 24;
    default:
        return 0;
    }
}

static bool is_data(const struct message *message)
{
    struct cursor at = message->body;
    uint32_t control;
    if (message->command < CREATE || message->command > SET_INFO || message->command == CANCEL ||
        message->command == ECHO_)
        return false;
    if (message->command != IOCTL)
        return true;
    /* Validation of the negotiation is signed in any case (3.2.5.5). An error does not tell what was asked. */
    if (message->pending != NULL)
        return message->pending->detail != FSCTL_VALIDATE_NEGOTIATE;
    return cursor_skip(&at, 4) && cursor_le32(&at, &control) && control != FSCTL_VALIDATE_NEGOTIATE;
}

static void request(struct smb *smb, struct message *message)
{
    struct smb_stream *stream = &smb->streams[message->direction];
    struct cursor at = message->body, id;
    bool related = message->flags & FLAG_RELATED;
    message->session =
        related && stream->session != SMB_NONE ? stream->session : smb_session_get(smb, message->session_id);
    bool in_tree = message->command >= TREE_DISCONNECT && message->command <= SET_INFO && message->command != CANCEL &&
                   message->command != ECHO_;
    if (related && stream->tree != SMB_NONE)
        message->tree = stream->tree;
    else if (in_tree && !(message->flags & FLAG_ASYNC) && message->session != SMB_NONE)
        message->tree = smb_tree_get(smb, message->session, message->tree_id);
    int file = SMB_NONE;
    size_t skip = file_id_at(message->command);
    if (skip > 0 && cursor_skip(&at, skip) && cursor_take(&at, 16, &id))
        file = file_of(smb, message, id);
    else if (skip > 0)
        malformed(message);
    switch (message->command) {
    case NEGOTIATE:
        negotiate_request(smb, message);
        break;
    case SESSION_SETUP:
        session_setup_request(smb, message);
        break;
    case TREE_CONNECT:
        tree_connect_request(smb, message);
        break;
    case CREATE:
        file = create_request(smb, message);
        break;
    case WRITE:
        write_request(smb, message, file);
        break;
    case SET_INFO:
        set_info_request(smb, message, file);
        break;
    case QUERY_DIRECTORY:
        if (file != SMB_NONE)
            smb->files[file].operations |= SMB_LIST;
        break;
    default:
        break;
    }
    struct smb_pending *pending =
        message->command == CANCEL ? NULL : smb_pending_add(smb, message->id, message->command);
    if (pending != NULL) {
        smb_pending_set(smb, pending, message->session, message->tree, file);
    }
    if (message->command == QUERY_INFO)
        query_info_request(message, pending);
    else if (message->command == IOCTL)
        ioctl_request(smb, message, pending, file);
    smb_count(smb, message->session, message->tree, file, is_data(message), message->flags & FLAG_SIGNED);
    stream->session = message->session;
    stream->tree = message->tree;
    stream->file = file;
    if (file != SMB_NONE && smb->files[file].pipe)
        smb_pipe_data(smb, file, message->direction, pipe_bytes(message));
}

static void response(struct smb *smb, struct message *message)
{
    struct smb_pending *pending = smb_pending_find(smb, message->id);
    if (pending != NULL && pending->command != message->command)
        pending = NULL;
    message->pending = pending;
    message->session = smb_session_find(smb, message->session_id);
    message->tree = smb_pending_tree(smb, pending);
    int file = smb_pending_file(smb, pending);
    if (message->status == NTSTATUS_PENDING && message->flags & FLAG_ASYNC) {
        smb_count(smb, message->session, message->tree, file, false, message->flags & FLAG_SIGNED);
        return; /* interim: the answer follows; it need not be signed (3.3.4.1.1) */
    }
    if (message->command == SESSION_SETUP)
        session_setup_response(smb, message);
    if (message->session == SMB_NONE)
        message->session = smb_session_get(smb, message->session_id);
    bool data = is_data(message) && message->id != UINT64_MAX;
    smb_count(smb, message->session, message->tree, file, data, message->flags & FLAG_SIGNED);
    if (file != SMB_NONE && smb->files[file].pipe)
        smb_pipe_data(smb, file, message->direction, pipe_bytes(message));
    switch (message->command) {
    case NEGOTIATE:
        negotiate_response(smb, message);
        break;
    case LOGOFF:
        smb_session_remove(smb, message->session);
        break;
    case TREE_CONNECT:
        tree_connect_response(smb, message);
        break;
    case TREE_DISCONNECT:
        smb_tree_remove(smb, message->tree);
        break;
    case CREATE:
        create_response(smb, message, file);
        break;
    case CLOSE:
        close_file(smb, file);
        break;
    case READ:
        read_response(smb, message, file);
        break;
    case QUERY_INFO:
        query_info_response(smb, message);
        break;
    default:
        break;
    }
    if (pending != NULL)
        pending->used = false;
}

void smb2_message(struct smb *smb, enum direction direction, struct cursor head, uint64_t length)
{
    struct message message = {
        .head = head, .length = length, .direction = direction, .session = SMB_NONE, .tree = SMB_NONE};
    if (!take_header(head, &message)) {
        trouble_report(smb->conversation, "smb2", OUTCOME_MALFORMED, "header", head.left, smb->moment);
        return;
    }
    if (message.command >= COMMAND_COUNT) {
        trouble_report(smb->conversation, "smb2", OUTCOME_UNSUPPORTED, "command", 12, smb->moment);
        return;
    }
    bool answers = message.flags & FLAG_RESPONSE;
    smb->version = 2;
    if (answers)
        response(smb, &message);
    else
        request(smb, &message);
    smb_report(smb, "smb2", message.outcome, COMMANDS[message.command].name[answers], HEADER_BYTES);
}

void smb2_transform(struct smb *smb, struct cursor head)
{
    uint64_t id;
    if (!cursor_skip(&head, 44) || !order_u64(&head, false, &id)) {
        trouble_report(smb->conversation, "smb2", OUTCOME_MALFORMED, "transform header", head.left, smb->moment);
        return;
    }
    smb->version = 2;
    int session = smb_session_get(smb, id);
    if (session != SMB_NONE)
        smb->sessions[session].counts.encrypted++;
}
