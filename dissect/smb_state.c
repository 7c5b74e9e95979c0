/* dissect/smb_state.c: sessions, shares, files and waiting requests of an SMB connection, and their rows; see smb.h. */
#include <stdlib.h>
#include <string.h>

#include "dissect/ntstatus.h"
#include "dissect/rpc.h"
#include "dissect/share.h"
#include "dissect/smb.h"

#define ROOM_FIRST 8
#define OPERATIONS_TEXT_MAX 96

/* ---- Tables ---- */

/* An unused place among `*room` elements that start with a bool `used`; grows up to `max`. SMB_NONE when full. */
static int slot_take(void **items, size_t *room, size_t size, size_t max)
{
    for (size_t i = 0; i < *room; i++) {
        if (!*((const bool *)((const char *)*items + i * size)))
            return (int)i;
    }
    size_t wanted = *room == 0 ? ROOM_FIRST : *room * 2;
    void *grown = *room >= max ? NULL : realloc(*items, wanted * size);
    if (grown == NULL)
        return SMB_NONE;
    memset((char *)grown + *room * size, 0, (wanted - *room) * size);
    *items = grown;
    int first = (int)*room;
    *room = wanted;
    return first;
}

static const void *kept_row(const struct smb *smb, enum table table, int64_t id)
{
    const struct sink *sink = &smb->dissect->sink;
    return id == INT_NULL ? NULL : sink->row(sink->context, table, id);
}

/* ---- Negotiation ---- */

struct smb_row smb_row_get(struct smb *smb)
{
    const struct smb_row *kept = kept_row(smb, TABLE_smb, smb->row);
    if (kept != NULL)
        return *kept;
    struct smb_row row = smb_row_null();
    row.packet = smb->moment.packet;
    row.time = moment_seconds(smb->moment);
    row.flow = smb->conversation->row;
    row.client = conversation_address(smb->conversation, smb->client);
    row.server = conversation_address(smb->conversation, direction_reverse(smb->client));
    row.port = smb->conversation->flow->port[direction_reverse(smb->client)];
    return row;
}

void smb_row_put(struct smb *smb, const struct smb_row *row)
{
    struct smb_row changed = *row;
    changed.version = smb->version;
    if (smb->row == INT_NULL)
        smb->row = sink_append(&smb->dissect->sink, TABLE_smb, &changed);
    else
        sink_amend(&smb->dissect->sink, TABLE_smb, smb->row, &changed);
}

/* ---- Sessions ---- */

int smb_session_find(struct smb *smb, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < smb->session_room; i++) {
        if (smb->sessions[i].used && smb->sessions[i].id == id)
            return (int)i;
    }
    return SMB_NONE;
}

/* What was negotiated, without what another session added. */
static void row_forget_session(struct smb *smb, struct smb_row *row)
{
    row->packet = smb->moment.packet;
    row->time = moment_seconds(smb->moment);
    row->session = row->status = row->auth = row->user = row->domain = row->host = row->service = TEXT_NULL;
    row->ntlm = row->kerberos = row->encryption_required = row->bound = INT_NULL;
    row->messages = row->messages_signed = row->data_messages = row->data_signed = row->signed_ = INT_NULL;
    row->encrypted_messages = row->encrypted = INT_NULL;
}

int smb_session_add(struct smb *smb, uint64_t id)
{
    int place = slot_take((void **)&smb->sessions, &smb->session_room, sizeof *smb->sessions, SMB_SESSIONS_MAX);
    if (place == SMB_NONE)
        return SMB_NONE;
    struct smb_session *session = &smb->sessions[place];
    *session = (struct smb_session){.used = true, .id = id, .row = INT_NULL, .auth = AUTH_NEW};
    struct smb_row row = smb_row_get(smb);
    if (smb->row_taken) {
        row_forget_session(smb, &row);
        session->row = sink_append(&smb->dissect->sink, TABLE_smb, &row);
        return place;
    }
    smb_row_put(smb, &row);
    smb->row_taken = true;
    session->row = smb->row;
    return place;
}

int smb_session_get(struct smb *smb, uint64_t id)
{
    int place = smb_session_find(smb, id);
    if (place != SMB_NONE || id == 0)
        return place;
    place = smb_session_add(smb, id);
    if (place != SMB_NONE)
        smb->sessions[place].established = true;
    return place;
}

static void session_fill_auth(const struct smb *smb, const struct smb_session *session, struct smb_row *row)
{
    const struct ntlm_row *ntlm = kept_row(smb, TABLE_ntlm, session->auth.ntlm);
    const struct kerberos_row *kerberos = kept_row(smb, TABLE_kerberos, session->auth.kerberos);
    row->ntlm = session->auth.ntlm;
    row->kerberos = session->auth.kerberos;
    if (session->auth.method == AUTH_KERBEROS && kerberos != NULL) {
        row->service = kerberos->service;
    } else if (ntlm != NULL) {
        row->user = ntlm->user;
        row->domain = ntlm->domain;
        row->host = ntlm->workstation;
        row->service = ntlm->service;
    }
}

static void session_write(struct smb *smb, const struct smb_session *session)
{
    const struct smb_row *kept = kept_row(smb, TABLE_smb, session->row);
    if (kept == NULL)
        return;
    struct smb_row row = *kept;
    const struct smb_counts *counts = &session->counts;
    if (session->auth.method != AUTH_UNKNOWN)
        session_fill_auth(smb, session, &row);
    if (row.auth.at == NULL)
        row.auth = text_of(auth_name(&session->auth));
    if (session->id != 0)
        row.session = text_format(&smb->dissect->scratch, "0x%llx", (unsigned long long)session->id);
    row.version = smb->version;
    row.messages = (int64_t)counts->messages;
    row.messages_signed = (int64_t)counts->messages_signed;
    row.data_messages = (int64_t)counts->data;
    row.data_signed = (int64_t)counts->data_signed;
    row.signed_ = counts->data == 0 ? INT_NULL : counts->data == counts->data_signed;
    row.encrypted_messages = (int64_t)counts->encrypted;
    row.encrypted = counts->encrypted > 0 && counts->data == 0;
    sink_amend(&smb->dissect->sink, TABLE_smb, session->row, &row);
}

void smb_session_status(struct smb *smb, int place, uint32_t status, const char *auth)
{
    struct smb_session *session = place == SMB_NONE ? NULL : &smb->sessions[place];
    const struct smb_row *kept = session == NULL ? NULL : kept_row(smb, TABLE_smb, session->row);
    if (kept == NULL)
        return;
    struct smb_row row = *kept;
    row.status = ntstatus_text(status, &smb->dissect->scratch);
    row.auth = text_of(auth != NULL ? auth : auth_name(&session->auth));
    session->established = session->established || !ntstatus_is_error(status);
    sink_amend(&smb->dissect->sink, TABLE_smb, session->row, &row);
    session_write(smb, session);
}

void smb_session_remove(struct smb *smb, int place)
{
    if (place == SMB_NONE || !smb->sessions[place].used)
        return;
    for (size_t i = 0; i < smb->file_room; i++) {
        if (smb->files[i].used && smb->files[i].session == place)
            smb_file_remove(smb, (int)i);
    }
    for (size_t i = 0; i < smb->tree_room; i++) {
        if (smb->trees[i].used && smb->trees[i].session == place)
            smb_tree_remove(smb, (int)i);
    }
    session_write(smb, &smb->sessions[place]);
    smb->sessions[place].used = false;
}

static int64_t session_row(const struct smb *smb, int session)
{
    return session == SMB_NONE ? INT_NULL : smb->sessions[session].row;
}

/* ---- Shares ---- */

int smb_tree_find(struct smb *smb, int session, uint32_t id)
{
    for (size_t i = 0; i < smb->tree_room; i++) {
        const struct smb_tree *tree = &smb->trees[i];
        if (tree->used && tree->id == id && tree->session == session)
            return (int)i;
    }
    return SMB_NONE;
}

/* "\\host\share" into its parts; some clients send one backslash, or none. */
static void split_path(struct text path, struct text *host, struct text *share)
{
    while (path.length > 0 && path.at[0] == '\\') {
        path.at++;
        path.length--;
    }
    size_t at = 0;
    while (at < path.length && path.at[at] != '\\')
        at++;
    if (at == path.length) {
        *share = path;
        return;
    }
    *host = (struct text){path.at, at};
    *share = (struct text){path.at + at + 1, path.length - at - 1};
}

int smb_tree_add(struct smb *smb, int session, struct text path)
{
    int place = slot_take((void **)&smb->trees, &smb->tree_room, sizeof *smb->trees, SMB_TREES_MAX);
    if (place == SMB_NONE)
        return SMB_NONE;
    struct smb_tree_row row = smb_tree_row_null();
    row.packet = smb->moment.packet;
    row.time = moment_seconds(smb->moment);
    row.flow = smb->conversation->row;
    row.smb = session_row(smb, session);
    row.client = conversation_address(smb->conversation, smb->client);
    row.server = conversation_address(smb->conversation, direction_reverse(smb->client));
    row.path = path;
    if (path.at != NULL)
        split_path(path, &row.host, &row.share);
    struct smb_tree *tree = &smb->trees[place];
    *tree = (struct smb_tree){.used = true, .session = session, .purpose = share_purpose(row.share)};
    tree->pipe = tree->purpose != NULL && strcmp(tree->purpose, "ipc") == 0;
    row.purpose = text_of(tree->purpose);
    tree->row = sink_append(&smb->dissect->sink, TABLE_smb_tree, &row);
    return place;
}

int smb_tree_get(struct smb *smb, int session, uint32_t id)
{
    int place = smb_tree_find(smb, session, id);
    if (place != SMB_NONE)
        return place;
    place = smb_tree_add(smb, session, TEXT_NULL);
    if (place != SMB_NONE)
        smb->trees[place].id = id;
    return place;
}

void smb_tree_answer(struct smb *smb, int place, struct text status, struct text type, bool encrypted)
{
    const struct smb_tree_row *kept = place == SMB_NONE ? NULL : kept_row(smb, TABLE_smb_tree, smb->trees[place].row);
    if (kept == NULL)
        return;
    struct smb_tree_row row = *kept;
    row.status = status;
    row.type = type;
    row.encryption_required = encrypted;
    if (text_is(type, "pipe"))
        smb->trees[place].pipe = true;
    sink_amend(&smb->dissect->sink, TABLE_smb_tree, smb->trees[place].row, &row);
}

void smb_tree_file_system(struct smb *smb, int place, struct text name)
{
    const struct smb_tree_row *kept = place == SMB_NONE ? NULL : kept_row(smb, TABLE_smb_tree, smb->trees[place].row);
    if (kept == NULL || name.length == 0)
        return;
    struct smb_tree_row row = *kept;
    row.file_system = name;
    sink_amend(&smb->dissect->sink, TABLE_smb_tree, smb->trees[place].row, &row);
}

void smb_tree_remove(struct smb *smb, int place)
{
    if (place == SMB_NONE || !smb->trees[place].used)
        return;
    struct smb_tree *tree = &smb->trees[place];
    for (size_t i = 0; i < smb->file_room; i++) {
        if (smb->files[i].used && smb->files[i].tree == place)
            smb_file_remove(smb, (int)i);
    }
    const struct smb_tree_row *kept = kept_row(smb, TABLE_smb_tree, tree->row);
    if (kept != NULL) {
        struct smb_tree_row row = *kept;
        row.read_bytes = (int64_t)tree->read_bytes;
        row.written_bytes = (int64_t)tree->written_bytes;
        row.data_messages = (int64_t)tree->data;
        row.data_signed = (int64_t)tree->data_signed;
        sink_amend(&smb->dissect->sink, TABLE_smb_tree, tree->row, &row);
    }
    tree->used = false;
}

/* ---- Files ---- */

int smb_file_find(struct smb *smb, int tree, const uint8_t id[16])
{
    for (size_t i = 0; i < smb->file_room; i++) {
        const struct smb_file *file = &smb->files[i];
        if (file->used && file->identified && memcmp(file->id, id, sizeof file->id) == 0 &&
            (tree == SMB_NONE || file->tree == tree))
            return (int)i;
    }
    return SMB_NONE;
}

static int file_place(struct smb *smb)
{
    int place = slot_take((void **)&smb->files, &smb->file_room, sizeof *smb->files, SMB_FILES_MAX);
    if (place != SMB_NONE || smb->file_room == 0)
        return place;
    place = (int)(smb->file_victim++ % smb->file_room);
    smb_file_remove(smb, place);
    return place;
}

int smb_file_add(struct smb *smb, int session, int tree, struct text name, unsigned operations, bool directory)
{
    int place = file_place(smb);
    if (place == SMB_NONE)
        return SMB_NONE;
    const struct smb_tree *share = tree == SMB_NONE ? NULL : &smb->trees[tree];
    bool pipe = share != NULL && share->pipe;
    struct smb_file_row row = smb_file_row_null();
    row.packet = smb->moment.packet;
    row.time = moment_seconds(smb->moment);
    row.flow = smb->conversation->row;
    row.smb = session_row(smb, session);
    row.tree = share == NULL ? INT_NULL : share->row;
    row.name = name;
    row.pipe = pipe;
    row.directory = directory ? 1 : INT_NULL;
    row.purpose =
        text_of(pipe ? share_pipe_purpose(name) : share_file_purpose(share == NULL ? NULL : share->purpose, name));
    smb->files[place] = (struct smb_file){.used = true,
                                          .pipe = pipe,
                                          .session = session,
                                          .tree = tree,
                                          .operations = operations,
                                          .serial = ++smb->serial};
    smb->files[place].row = sink_append(&smb->dissect->sink, TABLE_smb_file, &row);
    return place;
}

void smb_file_identify(struct smb *smb, int place, const uint8_t id[16])
{
    struct smb_file *file = &smb->files[place];
    int before = smb_file_find(smb, file->tree, id);
    if (before != SMB_NONE && before != place)
        smb_file_remove(smb, before); /* its close was not seen */
    memcpy(file->id, id, sizeof file->id);
    file->identified = true;
}

int smb_file_get(struct smb *smb, int session, int tree, const uint8_t id[16])
{
    int place = smb_file_find(smb, tree, id);
    if (place != SMB_NONE)
        return place;
    place = smb_file_add(smb, session, tree, TEXT_NULL, 0, false);
    if (place != SMB_NONE)
        smb_file_identify(smb, place, id);
    return place;
}

static void file_amend(struct smb *smb, int place, void (*change)(struct smb_file_row *row, struct text text),
                       struct text text)
{
    const struct smb_file_row *kept = place == SMB_NONE ? NULL : kept_row(smb, TABLE_smb_file, smb->files[place].row);
    if (kept == NULL)
        return;
    struct smb_file_row row = *kept;
    change(&row, text);
    sink_amend(&smb->dissect->sink, TABLE_smb_file, smb->files[place].row, &row);
}

static void set_status(struct smb_file_row *row, struct text text)
{
    row->status = text;
}

static void set_pipe(struct smb_file_row *row, struct text text)
{
    (void)text;
    row->pipe = 1;
    row->purpose = text_of(share_pipe_purpose(row->name));
}

static void set_renamed(struct smb_file_row *row, struct text text)
{
    row->renamed_to = text;
}

void smb_file_status(struct smb *smb, int file, uint32_t status)
{
    file_amend(smb, file, set_status, ntstatus_text(status, &smb->dissect->scratch));
}

void smb_file_rename(struct smb *smb, int file, struct text name)
{
    if (file == SMB_NONE)
        return;
    smb->files[file].operations |= SMB_RENAME;
    file_amend(smb, file, set_renamed, name);
}

/* The words of a set of operations, in the order of their bits. */
static struct text operations_text(unsigned operations, char text[OPERATIONS_TEXT_MAX])
{
    static const char *const words[] = {"open",  "create", "overwrite", "list",  "read",
                                        "write", "rename", "delete",    "mkdir", "rmdir"};
    size_t length = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!(operations & 1u << i))
            continue;
        size_t word = strlen(words[i]);
        if (length > 0)
            text[length++] = ',';
        memcpy(text + length, words[i], word);
        length += word;
    }
    return (struct text){text, length};
}

static void file_write(struct smb *smb, const struct smb_file *file)
{
    char operations[OPERATIONS_TEXT_MAX];
    const struct smb_file_row *kept = kept_row(smb, TABLE_smb_file, file->row);
    if (kept == NULL)
        return;
    struct smb_file_row row = *kept;
    row.pipe = file->pipe;
    row.operation = operations_text(file->operations, operations);
    row.read_bytes = (int64_t)file->read_bytes;
    row.written_bytes = (int64_t)file->written_bytes;
    row.bytes = row.read_bytes + row.written_bytes;
    row.deleted = (file->operations & (SMB_DELETE | SMB_RMDIR)) != 0;
    row.data_messages = (int64_t)file->data;
    row.data_signed = (int64_t)file->data_signed;
    sink_amend(&smb->dissect->sink, TABLE_smb_file, file->row, &row);
}

void smb_file_remove(struct smb *smb, int place)
{
    if (place == SMB_NONE || !smb->files[place].used)
        return;
    struct smb_file *file = &smb->files[place];
    struct layer *layer = file->layer;
    file_write(smb, file);
    *file = (struct smb_file){0};
    if (layer == NULL)
        return;
    layer_close(layer); /* NOLINT(clang-analyzer-unix.Malloc): no two files share a layer */
    free(layer);
}

int smb_file_named(struct smb *smb, int session, int tree, struct text name, struct text renamed_to, unsigned operation)
{
    int place = smb_file_add(smb, session, tree, name, operation, false);
    if (renamed_to.at != NULL)
        smb_file_rename(smb, place, renamed_to);
    return place;
}

/* ---- Pipes ---- */

void smb_file_is_pipe(struct smb *smb, int place)
{
    struct smb_file *file = place == SMB_NONE ? NULL : &smb->files[place];
    if (file == NULL || file->layer != NULL)
        return;
    file->pipe = true;
    file_amend(smb, place, set_pipe, TEXT_NULL);
    file->layer = calloc(1, sizeof *file->layer);
    if (file->layer == NULL)
        return;
    file->layer->conversation = smb->conversation;
    file->layer->secure = smb->layer->secure;
    if (layer_open(file->layer, &rpc_dissector, smb->client)) {
        rpc_carried_by(file->layer->state, file->row);
        return;
    }
    free(file->layer);
    file->layer = NULL;
}

void smb_pipe_data(struct smb *smb, int place, enum direction direction, struct cursor bytes)
{
    if (place != SMB_NONE && smb->files[place].layer != NULL && bytes.left > 0)
        layer_data(smb->files[place].layer, direction, bytes, smb->moment);
}

void smb_state_gap(struct smb *smb, enum direction direction)
{
    for (size_t i = 0; i < smb->file_room; i++) {
        if (smb->files[i].used && smb->files[i].layer != NULL)
            layer_gap(smb->files[i].layer, direction, 0, smb->moment);
    }
}

/* ---- Requests that wait: a table with one place for each id modulo its size ---- */

static bool pending_grow(struct smb *smb)
{
    size_t wanted = smb->pending_room == 0 ? ROOM_FIRST : smb->pending_room * 2;
    struct smb_pending *grown = smb->pending_room >= SMB_PENDING_MAX ? NULL : calloc(wanted, sizeof *grown);
    if (grown == NULL)
        return false;
    for (size_t i = 0; i < smb->pending_room; i++) {
        if (smb->pending[i].used)
            grown[smb->pending[i].id & (wanted - 1)] = smb->pending[i];
    }
    free(smb->pending);
    smb->pending = grown;
    smb->pending_room = wanted;
    return true;
}

struct smb_pending *smb_pending_add(struct smb *smb, uint64_t id, uint16_t command)
{
    if (smb->pending_room == 0 && !pending_grow(smb))
        return NULL;
    struct smb_pending *place = &smb->pending[id & (smb->pending_room - 1)];
    while (place->used && place->id != id && pending_grow(smb))
        place = &smb->pending[id & (smb->pending_room - 1)];
    *place = (struct smb_pending){
        .used = true, .id = id, .command = command, .session = SMB_NONE, .tree = SMB_NONE, .file = SMB_NONE};
    return place;
}

struct smb_pending *smb_pending_find(struct smb *smb, uint64_t id)
{
    struct smb_pending *place = smb->pending_room == 0 ? NULL : &smb->pending[id & (smb->pending_room - 1)];
    return place != NULL && place->used && place->id == id ? place : NULL;
}

int smb_pending_file(const struct smb *smb, const struct smb_pending *pending)
{
    if (pending == NULL || pending->file == SMB_NONE || (size_t)pending->file >= smb->file_room ||
        !smb->files[pending->file].used || smb->files[pending->file].serial != pending->file_serial)
        return SMB_NONE;
    return pending->file;
}

/* ---- Counting ---- */

void smb_count(struct smb *smb, int session, int tree, int file, bool data, bool is_signed)
{
    if (session != SMB_NONE) {
        struct smb_counts *counts = &smb->sessions[session].counts;
        counts->messages++;
        counts->messages_signed += is_signed;
        counts->data += data;
        counts->data_signed += data && is_signed;
    }
    if (tree != SMB_NONE && data) {
        smb->trees[tree].data++;
        smb->trees[tree].data_signed += is_signed;
    }
    if (file != SMB_NONE && data) {
        smb->files[file].data++;
        smb->files[file].data_signed += is_signed;
    }
}

void smb_state_close(struct smb *smb)
{
    for (size_t i = 0; i < smb->file_room; i++)
        smb_file_remove(smb, (int)i);
    for (size_t i = 0; i < smb->tree_room; i++)
        smb_tree_remove(smb, (int)i);
    for (size_t i = 0; i < smb->session_room; i++) {
        arena_reset(&smb->dissect->scratch);
        smb_session_remove(smb, (int)i);
    }
    free(smb->files);
    free(smb->trees);
    free(smb->sessions);
    free(smb->pending);
}

struct text smb_utf16(struct smb *smb, struct cursor name)
{
    return text_from_utf16(&smb->dissect->scratch, name, false, NULL);
}
