/* dissect/smb1.c: messages of SMB1; see smb.h.
 *
 *   header (MS-CIFS 2.2.3.1): "\xFFSMB", u8 command, u32 status, u8 flags, u16 flags2, u16 PID high, signature[8],
 *   u16 reserved, u16 TID, u16 PID, u16 UID, u16 MID
 *   then blocks: u8 count, that many u16 words, u16 count, that many bytes. The words of an AndX command begin with
 *   u8 next command, u8, u16 offset of its block from the header. Texts are UTF-16 (flags2 0x8000), aligned to 2.
 */
#include <string.h>

#include "capture/order.h"
#include "dissect/ntstatus.h"
#include "dissect/smb.h"
#include "dissect/smb1_block.h"
#include "dissect/trouble.h"

#define HEADER_BYTES 32
#define ANDX_MAX 8 /* commands in one message; a real one has 4 */
#define NO_ANDX 0xFF
#define TRANSACTION_MAX 4096
#define BLOB_CAPABILITY 0x80000000u /* extended security */

enum command {
    CREATE_DIRECTORY = 0x00,
    DELETE_DIRECTORY = 0x01,
    CLOSE = 0x04,
    DELETE = 0x06,
    RENAME = 0x07,
    READ = 0x0A,
    WRITE = 0x0B,
    TRANSACTION = 0x25,
    OPEN_ANDX = 0x2D,
    READ_ANDX = 0x2E,
    WRITE_ANDX = 0x2F,
    TRANSACTION2 = 0x32,
    TREE_CONNECT = 0x70,
    TREE_DISCONNECT = 0x71,
    NEGOTIATE = 0x72,
    SESSION_SETUP_ANDX = 0x73,
    LOGOFF_ANDX = 0x74,
    TREE_CONNECT_ANDX = 0x75,
    NT_TRANSACT = 0xA0,
    NT_CREATE_ANDX = 0xA2,
    NT_CANCEL = 0xA4
};

enum flags2 { FLAGS2_SIGNATURE = 0x0004, FLAGS2_SIGNATURE_REQUIRED = 0x0010, FLAGS2_UNICODE = 0x8000 };

#define TRANSACT_NAMED_PIPE 0x26
#define TRANS2_FIND_FIRST 0x01
#define TRANS2_QUERY_FS 0x03
#define TRANS2_SET_PATH 0x06
#define TRANS2_SET_FILE 0x08
#define LEVEL_DISPOSITION 0x0102
#define LEVEL_RENAME 1010 /* pass-through of FileRenameInformation */
#define LEVEL_DISPOSITION_2 1013
#define LEVEL_FS_ATTRIBUTE 0x0105
#define LEVEL_FS_ATTRIBUTE_2 1005

struct message {
    struct cursor head; /* from the header on */
    enum direction direction;
    bool response, is_signed;
    uint8_t command;
    uint32_t status;
    uint16_t flags2, tid, uid;
    uint64_t key; /* PID and MID */
    int session, tree, file;
    struct smb_pending *pending; /* of a response */
    uint32_t detail;
    uint64_t length;      /* of the whole message */
    enum outcome outcome; /* how reading it ended */
};

/* Commands that are read, and how many words they must have at least (MS-CIFS 2.2.4): in the request, and in a response
 * that is no error. */
static const struct command_row {
    uint8_t command;
    const char *name;
    uint8_t words[2];
} COMMANDS[] = {
    {CREATE_DIRECTORY, "CREATE_DIRECTORY", {0, 0}},
    {DELETE_DIRECTORY, "DELETE_DIRECTORY", {0, 0}},
    {CLOSE, "CLOSE", {3, 0}},
    {DELETE, "DELETE", {1, 0}},
    {RENAME, "RENAME", {1, 0}},
    {READ, "READ", {5, 5}},
    {WRITE, "WRITE", {5, 1}},
    {TRANSACTION, "TRANSACTION", {14, 0}}, /* an interim response has none */
    {OPEN_ANDX, "OPEN_ANDX", {15, 15}},
    {READ_ANDX, "READ_ANDX", {10, 12}},
    {WRITE_ANDX, "WRITE_ANDX", {12, 6}},
    {TRANSACTION2, "TRANSACTION2", {14, 0}},
    {NEGOTIATE, "NEGOTIATE", {0, 1}},
    {SESSION_SETUP_ANDX, "SESSION_SETUP_ANDX", {10, 3}},
    {LOGOFF_ANDX, "LOGOFF_ANDX", {2, 2}},
    {TREE_CONNECT_ANDX, "TREE_CONNECT_ANDX", {4, 2}},
    {NT_CREATE_ANDX, "NT_CREATE_ANDX", {24, 34}},
};

/* NULL: it is not read. */
static const struct command_row *command_row(uint8_t command)
{
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        if (COMMANDS[i].command == command)
            return &COMMANDS[i];
    }
    return NULL;
}

/* ---- Header ---- */

static bool take_header(struct cursor head, struct message *message)
{
    struct cursor at = head, signature;
    uint8_t flags;
    uint16_t pid_high, reserved, pid, mid;
    if (!cursor_skip(&at, 4) || !cursor_u8(&at, &message->command) || !cursor_le32(&at, &message->status) ||
        !cursor_u8(&at, &flags) || !cursor_le16(&at, &message->flags2) || !cursor_le16(&at, &pid_high) ||
        !cursor_take(&at, 8, &signature) || !cursor_le16(&at, &reserved) || !cursor_le16(&at, &message->tid) ||
        !cursor_le16(&at, &pid) || !cursor_le16(&at, &message->uid) || !cursor_le16(&at, &mid))
        return false;
    static const uint8_t none[8] = {0};
    message->head = head;
    message->response = flags & 0x80;
    message->key = (uint64_t)pid << 16 | mid;
    /* Without a key yet, clients send "BSRSPYL " (MS-SMB 3.2.4.2.3). */
    message->is_signed = message->flags2 & FLAGS2_SIGNATURE && memcmp(signature.at, none, sizeof none) != 0 &&
                         memcmp(signature.at, "BSRSPYL ", 8) != 0;
    message->session = message->tree = message->file = SMB_NONE;
    return true;
}

static bool has_andx(uint8_t command)
{
    return command == SESSION_SETUP_ANDX || command == LOGOFF_ANDX || command == TREE_CONNECT_ANDX ||
           command == NT_CREATE_ANDX || command == OPEN_ANDX || command == READ_ANDX || command == WRITE_ANDX ||
           command == 0x24; /* LOCKING_ANDX */
}

/* Takes a text that ends with NUL or with the bytes. */
static struct text take_text(struct smb *smb, const struct message *message, struct smb1_block *block)
{
    struct cursor *at = &block->bytes;
    struct arena *arena = &smb->dissect->scratch;
    if (!(message->flags2 & FLAGS2_UNICODE)) {
        const uint8_t *end = at->left == 0 ? NULL : memchr(at->at, 0, at->left);
        size_t length = end == NULL ? at->left : (size_t)(end - at->at);
        struct text text = text_clean(arena, cursor_of(at->at, length));
        if (!cursor_skip(at, end == NULL ? length : length + 1))
            return TEXT_NULL;
        return text;
    }
    if (at->left > 0 && ((at->at - message->head.at) & 1) != 0 && !cursor_skip(at, 1))
        return TEXT_NULL;
    struct cursor scan = *at;
    uint16_t character;
    size_t length = 0;
    while (cursor_le16(&scan, &character) && character != 0)
        length += 2;
    struct text text = text_from_utf16(arena, cursor_of(at->at, length), false, NULL);
    if (!cursor_skip(at, length + 2 < at->left ? length + 2 : at->left))
        return TEXT_NULL;
    return text;
}

static struct cursor part_of(struct message *message, uint32_t offset, uint32_t length)
{
    return smb_part(message->head, message->length, offset, length, &message->outcome);
}

/* Notes when a command has less words than it must have. */
static void check_words(struct message *message, const struct smb1_block *block)
{
    const struct command_row *row = command_row(block->command);
    bool error = message->response && ntstatus_is_error(message->status);
    if (row != NULL && !error && smb1_word_count(block) < row->words[message->response])
        message->outcome = OUTCOME_MALFORMED;
}

static uint8_t const *fid_bytes(uint16_t fid, uint8_t id[16])
{
    memset(id, 0, 16);
    id[0] = (uint8_t)fid;
    id[1] = (uint8_t)(fid >> 8);
    return id;
}

static int file_of(struct smb *smb, const struct message *message, uint16_t fid)
{
    uint8_t id[16];
    return smb_file_get(smb, message->session, message->tree, fid_bytes(fid, id));
}

/* ---- How much of a message is wanted ---- */

static bool is_pipe_data(struct smb *smb, const struct message *message, const struct smb1_block *block)
{
    uint8_t id[16];
    if (message->command == WRITE_ANDX && !message->response) {
        int file = smb_file_find(smb, SMB_NONE, fid_bytes(smb1_word(block, 2), id));
        return file != SMB_NONE && smb->files[file].pipe;
    }
    if (message->command == READ_ANDX && message->response) {
        int file = smb_pending_file(smb, smb_pending_find(smb, message->key));
        return file != SMB_NONE && smb->files[file].pipe;
    }
    return false;
}

size_t smb1_need(struct smb *smb, struct cursor have, uint64_t length)
{
    struct message message = {0};
    struct smb1_block block;
    size_t need = HEADER_BYTES + 1;
    if (take_header(have, &message) && have.left >= need) {
        size_t words = HEADER_BYTES + 1 + (size_t)have.at[HEADER_BYTES] * 2 + 2;
        bool data =
            (message.command == WRITE_ANDX && !message.response) || (message.command == READ_ANDX && message.response);
        bool listing = message.command == TRANSACTION2 && message.response;
        need = SMB_HEAD_MAX;
        if (listing)
            need = TRANSACTION_MAX;
        else if (data && (have.left < words || !smb1_block_take(have, HEADER_BYTES, message.command, &block) ||
                          !is_pipe_data(smb, &message, &block)))
            need = words;
    }
    return length < need ? (size_t)length : need;
}

/* ---- Negotiate (MS-CIFS 2.2.4.52) ---- */

static void negotiate_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    struct arena *arena = &smb->dissect->scratch;
    struct smb_row row = smb_row_get(smb);
    uint8_t format;
    row.dialects = TEXT_NULL;
    row.smb1_offered = 0;
    smb->dialects1_count = 0;
    while (smb->dialects1_count < sizeof smb->dialects1 / sizeof smb->dialects1[0] &&
           cursor_u8(&block->bytes, &format) && format == 2) {
        const uint8_t *end = block->bytes.left == 0 ? NULL : memchr(block->bytes.at, 0, block->bytes.left);
        size_t length = end == NULL ? block->bytes.left : (size_t)(end - block->bytes.at);
        struct text name = text_clean(arena, cursor_of(block->bytes.at, length));
        if (name.at == NULL || !cursor_skip(&block->bytes, end == NULL ? length : length + 1))
            break;
        char *kept = smb->dialects1[smb->dialects1_count++];
        size_t fits = name.length < sizeof smb->dialects1[0] - 1 ? name.length : sizeof smb->dialects1[0] - 1;
        memcpy(kept, name.at, fits);
        kept[fits] = '\0';
        row.dialects =
            text_format(arena, "%.*s%s%.*s", (int)row.dialects.length, row.dialects.at == NULL ? "" : row.dialects.at,
                        row.dialects.at == NULL ? "" : ",", (int)name.length, name.at);
        if (!text_starts_like(name, "SMB 2"))
            row.smb1_offered = 1;
    }
    row.client_signing = text_of(message->flags2 & FLAGS2_SIGNATURE_REQUIRED ? "required"
                                 : message->flags2 & FLAGS2_SIGNATURE        ? "enabled"
                                                                             : "none");
    smb_row_put(smb, &row);
}

static void negotiate_response(struct smb *smb, struct message *message, struct smb1_block *block)
{
    struct cursor at = block->words;
    uint16_t index;
    uint8_t mode;
    if (message->status != NTSTATUS_SUCCESS || !cursor_le16(&at, &index) || !cursor_u8(&at, &mode))
        return;
    struct smb_row row = smb_row_get(smb);
    if (index < smb->dialects1_count)
        row.dialect = text_copy(&smb->dissect->scratch, text_of(smb->dialects1[index]));
    row.server_signing = text_of(mode & 8 ? "required" : mode & 4 ? "enabled" : "none");
    row.server_encryption = 0;
    smb->plaintext = !(mode & 2);
    smb_row_put(smb, &row);
}

/* ---- Sessions (MS-CIFS 2.2.4.53, MS-SMB 2.2.4.6) ---- */

static void session_amend(struct smb *smb, int session, void (*change)(struct smb_row *row, const struct text texts[3]),
                          const struct text texts[3])
{
    const struct sink *sink = &smb->dissect->sink;
    const struct smb_row *kept = session == SMB_NONE ? NULL : sink_kept(sink, TABLE_smb, smb->sessions[session].row);
    if (kept == NULL)
        return;
    struct smb_row row = *kept;
    change(&row, texts);
    sink_amend(sink, TABLE_smb, smb->sessions[session].row, &row);
}

static void set_client(struct smb_row *row, const struct text texts[3])
{
    row->client_os = texts[0];
    if (texts[1].length > 0) {
        row->user = texts[1];
        row->domain = texts[2];
    }
}

static void set_server(struct smb_row *row, const struct text texts[3])
{
    row->server_os = texts[0];
}

static void session_setup_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    struct text texts[3] = {TEXT_NULL, TEXT_NULL, TEXT_NULL};
    struct cursor part;
    message->session = smb_session_find(smb, message->uid);
    if (message->session == SMB_NONE)
        message->session = smb_session_add(smb, 0);
    if (message->session == SMB_NONE)
        return;
    struct smb_session *session = &smb->sessions[message->session];
    if (smb1_word_count(block) == 12) {
        if (!cursor_take(&block->bytes, smb1_word(block, 7), &part)) {
            message->outcome = OUTCOME_MALFORMED;
            return;
        }
        auth_token(&session->auth, &smb->carrier, part, smb->moment);
    } else if (smb1_word_count(block) == 13) {
        uint16_t lm = smb1_word(block, 7), nt = smb1_word(block, 8);
        if (!cursor_skip(&block->bytes, lm) || !cursor_skip(&block->bytes, nt)) {
            message->outcome = OUTCOME_MALFORMED;
            return;
        }
        texts[1] = take_text(smb, message, block);
        texts[2] = take_text(smb, message, block);
        session->auth.method = AUTH_NTLM;
        session->auth.anonymous = texts[1].length == 0;
    }
    texts[0] = take_text(smb, message, block);
    session_amend(smb, message->session, set_client, texts);
}

static void session_setup_response(struct smb *smb, struct message *message, struct smb1_block *block)
{
    struct text texts[3] = {TEXT_NULL, TEXT_NULL, TEXT_NULL};
    struct cursor part;
    int place = smb_pending_session(smb, message->pending);
    if (place == SMB_NONE)
        return;
    struct smb_session *session = &smb->sessions[place];
    message->session = place;
    if (session->id == 0)
        smb_session_identify(smb, place, message->uid);
    const char *auth = NULL;
    if (smb1_word_count(block) == 4 && cursor_take(&block->bytes, smb1_word(block, 3), &part))
        auth_token(&session->auth, &smb->carrier, part, smb->moment);
    else if (smb1_word_count(block) == 4)
        message->outcome = OUTCOME_MALFORMED;
    if (message->status == NTSTATUS_SUCCESS && smb1_word_count(block) >= 3) {
        if (smb1_word(block, 2) & 1)
            auth = "guest";
        else if (smb->plaintext && session->auth.ntlm == INT_NULL && !session->auth.anonymous &&
                 session->auth.method == AUTH_NTLM)
            auth = "plaintext";
        texts[0] = take_text(smb, message, block);
        session_amend(smb, place, set_server, texts);
    }
    if (message->status != NTSTATUS_MORE_PROCESSING_REQUIRED)
        smb_session_status(smb, place, message->status, auth);
}

/* ---- Shares (MS-CIFS 2.2.4.55, 2.2.4.50) ---- */

static void tree_connect_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    if (message->session == SMB_NONE)
        message->session = smb_session_get(smb, message->uid);
    if (!cursor_skip(&block->bytes, smb1_word(block, 3))) {
        message->outcome = OUTCOME_MALFORMED;
        return;
    }
    message->tree = smb_tree_add(smb, message->session, take_text(smb, message, block));
}

static void tree_connect_response(struct smb *smb, struct message *message, struct smb1_block *block)
{
    static const struct {
        const char *service, *type;
    } types[] = {{"A:", "disk"}, {"IPC", "pipe"}, {"LPT1:", "print"}};
    int tree = smb_pending_tree(smb, message->pending);
    if (tree == SMB_NONE)
        return;
    struct text status = ntstatus_text(message->status, &smb->dissect->scratch), type = TEXT_NULL;
    if (message->status != NTSTATUS_SUCCESS) {
        smb_tree_answer(smb, tree, status, TEXT_NULL, false);
        smb_tree_remove(smb, tree);
        return;
    }
    struct message ascii = *message;
    ascii.flags2 &= (uint16_t)~FLAGS2_UNICODE;
    struct text service = take_text(smb, &ascii, block);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (text_is(service, types[i].service))
            type = text_of(types[i].type);
    }
    smb_tree_identify(smb, tree, message->tid);
    message->tree = tree;
    smb_tree_answer(smb, tree, status, type, false);
    smb_tree_file_system(smb, tree, take_text(smb, message, block));
}

/* ---- Files ---- */

static void create_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    uint32_t options =
        smb1_word32_at(block, 39); /* behind AndX, names, access, size, attributes, sharing, disposition */
    struct text name = take_text(smb, message, block);
    message->file = smb_file_add(smb, message->session, message->tree, name, 0, options & 1);
    if (message->file != SMB_NONE)
        smb->files[message->file].delete_pending = options & 0x1000;
}

static void created(struct smb *smb, const struct message *message, int file, uint16_t fid, uint32_t action, bool pipe)
{
    static const unsigned actions[] = {SMB_OVERWRITE, SMB_OPEN, SMB_CREATE, SMB_OVERWRITE};
    if (file == SMB_NONE)
        return;
    smb_file_status(smb, file, message->status);
    if (ntstatus_is_error(message->status)) {
        smb_file_remove(smb, file);
        return;
    }
    uint8_t id[16];
    smb_file_identify(smb, file, fid_bytes(fid, id));
    smb->files[file].operations |= actions[action & 3];
    if (pipe || smb->files[file].pipe)
        smb_file_is_pipe(smb, file);
}

static void create_response(struct smb *smb, const struct message *message, const struct smb1_block *block)
{
    struct cursor at;
    uint16_t fid = 0, resource = 0;
    if (cursor_slice(block->words, 5, 2, &at) && !cursor_le16(&at, &fid))
        return;
    if (cursor_slice(block->words, 63, 2, &at) && !cursor_le16(&at, &resource))
        return;
    created(smb, message, message->file, fid, smb1_word32_at(block, 7), resource == 1 || resource == 2);
}

static void open_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    message->file = smb_file_add(smb, message->session, message->tree, take_text(smb, message, block), 0, false);
}

static void open_response(struct smb *smb, const struct message *message, const struct smb1_block *block)
{
    created(smb, message, message->file, smb1_word(block, 2), smb1_word(block, 11) & 3, smb1_word(block, 9) == 2);
}

static void count_bytes(struct smb *smb, int file, uint64_t bytes, bool written)
{
    if (file == SMB_NONE)
        return;
    struct smb_file *f = &smb->files[file];
    struct smb_tree *tree = f->tree == SMB_NONE ? NULL : &smb->trees[f->tree];
    f->operations |= written ? SMB_WRITE : SMB_READ;
    f->written_bytes += written ? bytes : 0;
    f->read_bytes += written ? 0 : bytes;
    if (tree != NULL) {
        tree->written_bytes += written ? bytes : 0;
        tree->read_bytes += written ? 0 : bytes;
    }
}

/* RENAME (2.2.4.8), DELETE (2.2.4.7), directories: each name after a byte 4. */
static void named_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    static const struct {
        uint8_t command;
        unsigned operation;
    } operations[] = {
        {RENAME, SMB_RENAME}, {DELETE, SMB_DELETE}, {CREATE_DIRECTORY, SMB_MKDIR}, {DELETE_DIRECTORY, SMB_RMDIR}};
    struct text to = TEXT_NULL;
    if (!cursor_skip(&block->bytes, 1))
        return;
    struct text name = take_text(smb, message, block);
    if (block->command == RENAME && cursor_skip(&block->bytes, 1))
        to = take_text(smb, message, block);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].command == block->command)
            message->file = smb_file_named(smb, message->session, message->tree, name, to, operations[i].operation);
    }
}

static void named_response(struct smb *smb, struct message *message)
{
    smb_file_status(smb, message->file, message->status);
    if (message->file != SMB_NONE && ntstatus_is_error(message->status))
        smb->files[message->file].operations &= ~(unsigned)(SMB_DELETE | SMB_RMDIR);
    smb_file_remove(smb, message->file);
    message->file = SMB_NONE;
}

static void close_response(struct smb *smb, struct message *message)
{
    if (message->file == SMB_NONE)
        return;
    if (smb->files[message->file].delete_pending)
        smb->files[message->file].operations |= SMB_DELETE;
    smb_file_remove(smb, message->file);
    message->file = SMB_NONE;
}

/* ---- Transactions (2.2.4.33, 2.2.4.46) ---- */

/* SET_FILE_INFORMATION: u16 FID, u16 level; SET_PATH_INFORMATION: u16 level, u32, name. */
static void set_information(struct smb *smb, struct message *message, uint16_t level, struct cursor data)
{
    uint8_t flag;
    uint32_t length;
    struct cursor name;
    if (message->file == SMB_NONE)
        return;
    if (level == LEVEL_RENAME) {
        if (cursor_skip(&data, 8) && cursor_le32(&data, &length) && cursor_take(&data, length, &name))
            smb_file_rename(smb, message->file, smb_utf16(smb, name));
    } else if ((level == LEVEL_DISPOSITION || level == LEVEL_DISPOSITION_2) && cursor_u8(&data, &flag)) {
        smb->files[message->file].delete_pending = flag != 0;
    }
}

static void transaction2_request(struct smb *smb, struct message *message, struct smb1_block *block)
{
    uint16_t subcommand = smb1_word(block, 14), fid, level;
    message->detail = (uint32_t)subcommand << 16;
    if (subcommand != TRANS2_SET_FILE && subcommand != TRANS2_QUERY_FS)
        return;
    struct cursor parameters = part_of(message, smb1_word(block, 10), smb1_word(block, 9));
    struct cursor data = part_of(message, smb1_word(block, 12), smb1_word(block, 11));
    if (subcommand == TRANS2_SET_FILE && cursor_le16(&parameters, &fid) && cursor_le16(&parameters, &level)) {
        message->file = file_of(smb, message, fid);
        set_information(smb, message, level, data);
    } else if (subcommand == TRANS2_QUERY_FS && cursor_le16(&parameters, &level)) {
        message->detail |= level;
    }
}

static void transaction2_response(struct smb *smb, struct message *message, const struct smb1_block *block)
{
    uint32_t length;
    struct cursor name;
    uint32_t detail = message->pending == NULL ? 0 : message->pending->detail;
    uint32_t level = detail & 0xFFFF;
    if (detail >> 16 != TRANS2_QUERY_FS || (level != LEVEL_FS_ATTRIBUTE && level != LEVEL_FS_ATTRIBUTE_2))
        return;
    struct cursor data = part_of(message, smb1_word(block, 7), smb1_word(block, 6));
    if (cursor_skip(&data, 8) && cursor_le32(&data, &length) && cursor_take(&data, length, &name))
        smb_tree_file_system(smb, message->tree, smb_utf16(smb, name));
}

static struct cursor pipe_bytes(struct message *message, const struct smb1_block *block)
{
    if (block->command == WRITE_ANDX && !message->response)
        return part_of(message, smb1_word(block, 11), smb1_word(block, 10));
    if (block->command == READ_ANDX && message->response)
        return part_of(message, smb1_word(block, 6), smb1_word(block, 5));
    if (block->command == TRANSACTION && !message->response)
        return part_of(message, smb1_word(block, 12), smb1_word(block, 11));
    if (block->command == TRANSACTION && message->response)
        return part_of(message, smb1_word(block, 7), smb1_word(block, 6));
    return CURSOR_EMPTY;
}

/* ---- Requests and responses ---- */

static void request_block(struct smb *smb, struct message *message, struct smb1_block *block)
{
    switch (block->command) {
    case NEGOTIATE:
        negotiate_request(smb, message, block);
        break;
    case SESSION_SETUP_ANDX:
        session_setup_request(smb, message, block);
        break;
    case TREE_CONNECT_ANDX:
        tree_connect_request(smb, message, block);
        break;
    case NT_CREATE_ANDX:
        create_request(smb, message, block);
        break;
    case OPEN_ANDX:
        open_request(smb, message, block);
        break;
    case CLOSE:
    case READ:
        message->file = file_of(smb, message, smb1_word(block, 0));
        break;
    case WRITE:
        message->file = file_of(smb, message, smb1_word(block, 0));
        count_bytes(smb, message->file, smb1_word(block, 1), true);
        break;
    case READ_ANDX:
        message->file = file_of(smb, message, smb1_word(block, 2));
        break;
    case WRITE_ANDX:
        message->file = file_of(smb, message, smb1_word(block, 2));
        count_bytes(smb, message->file, (uint64_t)smb1_word(block, 9) << 16 | smb1_word(block, 10), true);
        break;
    case TRANSACTION:
        if (smb1_word(block, 14) == TRANSACT_NAMED_PIPE && smb1_word_count(block) >= 16) {
            message->file = file_of(smb, message, smb1_word(block, 15));
            smb_file_is_pipe(smb, message->file);
            count_bytes(smb, message->file, smb1_word(block, 11), true);
        }
        break;
    case TRANSACTION2:
        transaction2_request(smb, message, block);
        break;
    case RENAME:
    case DELETE:
    case CREATE_DIRECTORY:
    case DELETE_DIRECTORY:
        named_request(smb, message, block);
        break;
    default:
        break;
    }
}

static void response_block(struct smb *smb, struct message *message, struct smb1_block *block)
{
    switch (block->command) {
    case NEGOTIATE:
        negotiate_response(smb, message, block);
        break;
    case SESSION_SETUP_ANDX:
        session_setup_response(smb, message, block);
        break;
    case LOGOFF_ANDX:
        smb_session_remove(smb, message->session);
        break;
    case TREE_CONNECT_ANDX:
        tree_connect_response(smb, message, block);
        break;
    case TREE_DISCONNECT:
        smb_tree_remove(smb, message->tree);
        break;
    case NT_CREATE_ANDX:
        create_response(smb, message, block);
        break;
    case OPEN_ANDX:
        open_response(smb, message, block);
        break;
    case READ:
        count_bytes(smb, message->file, smb1_word(block, 0), false);
        break;
    case READ_ANDX:
        if (!ntstatus_is_error(message->status))
            count_bytes(smb, message->file, (uint64_t)smb1_word(block, 7) << 16 | smb1_word(block, 5), false);
        break;
    case TRANSACTION:
        count_bytes(smb, message->file, smb1_word(block, 6), false);
        break;
    case TRANSACTION2:
        transaction2_response(smb, message, block);
        break;
    case RENAME:
    case DELETE:
    case CREATE_DIRECTORY:
    case DELETE_DIRECTORY:
        named_response(smb, message);
        break;
    case CLOSE:
        close_response(smb, message);
        break;
    default:
        break;
    }
}

static bool is_data(uint8_t command)
{
    return command != NEGOTIATE && command != SESSION_SETUP_ANDX && command != LOGOFF_ANDX && command != TREE_CONNECT &&
           command != TREE_CONNECT_ANDX && command != TREE_DISCONNECT && command != 0x2B && command != NT_CANCEL;
}

static void find_places(struct smb *smb, struct message *message)
{
    message->session = message->command == SESSION_SETUP_ANDX || message->command == NEGOTIATE
                           ? smb_session_find(smb, message->uid)
                           : smb_session_get(smb, message->uid);
    const struct smb_pending *pending = message->pending;
    if (message->response && pending != NULL) {
        message->file = smb_pending_file(smb, pending);
        message->tree = smb_pending_tree(smb, pending);
    } else if (!message->response && message->session != SMB_NONE && is_data(message->command)) {
        message->tree = smb_tree_get(smb, message->session, message->tid);
    } else if (!message->response && message->session != SMB_NONE) {
        message->tree = smb_tree_find(smb, message->session, message->tid);
    }
}

static void remember(struct smb *smb, const struct message *message)
{
    struct smb_pending *pending =
        message->command == NT_CANCEL ? NULL : smb_pending_add(smb, message->key, message->command);
    if (pending == NULL)
        return;
    smb_pending_set(smb, pending, message->session, message->tree, message->file);
    pending->detail = message->detail;
}

/* All commands of the message, each named by the one before. The last place of pipe data is told. */
static struct cursor read_blocks(struct smb *smb, struct message *message)
{
    struct smb1_block block;
    struct cursor pipe = CURSOR_EMPTY;
    size_t offset = HEADER_BYTES;
    uint8_t command = message->command;
    for (unsigned i = 0;; i++) {
        if (i == ANDX_MAX || !smb1_block_take(message->head, offset, command, &block)) {
            message->outcome = i == ANDX_MAX ? OUTCOME_UNSUPPORTED : OUTCOME_MALFORMED;
            break;
        }
        struct smb1_block whole = block;
        check_words(message, &whole);
        if (message->response)
            response_block(smb, message, &block);
        else
            request_block(smb, message, &block);
        if (message->file != SMB_NONE && smb->files[message->file].pipe)
            pipe = pipe_bytes(message, &whole);
        size_t next = smb1_word(&whole, 1);
        command = (uint8_t)smb1_word(&whole, 0);
        if (!has_andx(whole.command) || smb1_word_count(&whole) < 2 || command == NO_ANDX || next <= offset)
            break;
        offset = next;
    }
    return pipe;
}

void smb1_message(struct smb *smb, enum direction direction, struct cursor head, uint64_t length)
{
    struct message message = {.direction = direction};
    if (!take_header(head, &message)) {
        trouble_report(smb->conversation, "smb1", OUTCOME_MALFORMED, "header", head.left, smb->moment);
        return;
    }
    message.length = length;
    if (smb->version != 2)
        smb->version = 1;
    if (message.response) {
        message.pending = smb_pending_find(smb, message.key);
        if (message.pending != NULL && message.pending->command != message.command)
            message.pending = NULL;
    }
    find_places(smb, &message);
    bool data = is_data(message.command);
    if (message.response)
        smb_count(smb, message.session, message.tree, message.file, data, message.is_signed);
    struct cursor pipe = read_blocks(smb, &message);
    if (!message.response) {
        smb_count(smb, message.session, message.tree, message.file, data, message.is_signed);
        remember(smb, &message);
    } else if (message.pending != NULL) {
        message.pending->used = false;
    }
    if (message.file != SMB_NONE && smb->files[message.file].used && smb->files[message.file].pipe)
        smb_pipe_data(smb, message.file, direction, pipe);
    const struct command_row *row = command_row(message.command);
    smb_report(smb, "smb1", message.outcome, row == NULL ? "command that is not read" : row->name, HEADER_BYTES);
}
