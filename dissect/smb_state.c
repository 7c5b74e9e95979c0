/* dissect/smb_state.c: sessions, shares, files and waiting requests of an SMB connection, and their rows; see smb.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dissect/ntstatus.h"
#include "dissect/rpc.h"
#include "dissect/share.h"
#include "dissect/smb.h"
#include "dissect/trouble.h"

#define PENDING_AGE_NS ((int64_t)60 * 1000000000) /* a request is answered before: else the answer was missed */
#define OPERATIONS_TEXT_MAX 96

/* ---- Tables ---- */

static uint32_t hash_bytes(const void *bytes, size_t length, uint32_t hash)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 16777619u; /* FNV-1a */
    return hash;
}

static uint32_t hash_session(uint64_t id)
{
    return hash_bytes(&id, sizeof id, 0);
}

static uint32_t hash_tree(int session, uint32_t id)
{
    return hash_bytes(&id, sizeof id, (uint32_t)session);
}

static uint32_t hash_file(const uint8_t id[16])
{
    return hash_bytes(id, 16, 0);
}

/* Compounds do not go on with what is gone. */
static void forget_in_streams(struct smb *smb, size_t member, int place)
{
    for (size_t i = 0; i < 2; i++) {
        int *at = (int *)((char *)&smb->streams[i] + member);
        if (*at == place)
            *at = SMB_NONE;
    }
}

static const void *kept_row(const struct smb *smb, enum table table, int64_t id)
{
    return sink_kept(&smb->dissect->sink, table, id);
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

/* A place in one of the three tables. Where no more can be had, what was used least recently is removed, which is counted. */
static int place_of(struct smb *smb, struct smb_table *table, void **items, size_t size, size_t most, enum limit limit,
                    void (*remove)(struct smb *smb, int place))
{
    int place = smb_table_take(smb->dissect, table, items, size, most);
    if (place != SMB_NONE || table->room == 0)
        return place;
    trouble_limit(smb->conversation, "smb", limit, smb->moment);
    remove(smb, table->oldest);
    return smb_table_take(smb->dissect, table, items, size, most);
}

/* ---- Sessions ---- */

int smb_session_find(struct smb *smb, uint64_t id)
{
    struct smb_table *table = &smb->session_table;
    int place = id == 0 ? SMB_NONE : smb_table_first(table, hash_session(id));
    while (place != SMB_NONE && smb->sessions[place].id != id)
        place = smb_table_next(table, place);
    if (place != SMB_NONE)
        smb_table_touch(table, place);
    return place;
}

void smb_session_identify(struct smb *smb, int place, uint64_t id)
{
    smb->sessions[place].id = id;
    if (id != 0)
        smb_table_index(&smb->session_table, place, hash_session(id));
}

/* What was negotiated, without what another session added. */
static void row_forget_session(struct smb *smb, struct smb_row *row)
{
    row->packet = smb->moment.packet;
    row->time = moment_seconds(smb->moment);
    row->session = row->status = row->auth = row->user = row->domain = row->host = row->service = TEXT_NULL;
    row->ntlm = row->kerberos = row->encryption_required = row->bound = row->guest = INT_NULL;
    row->messages = row->messages_signed = row->data_messages = row->data_signed = row->signed_ = INT_NULL;
    row->encrypted_messages = row->encrypted = INT_NULL;
}

static int session_place(struct smb *smb)
{
    return place_of(smb, &smb->session_table, (void **)&smb->sessions, sizeof *smb->sessions, SMB_SESSIONS_MAX,
                    LIMIT_smb_sessions, smb_session_remove);
}

int smb_session_add(struct smb *smb, uint64_t id)
{
    int place = session_place(smb);
    if (place == SMB_NONE)
        return SMB_NONE;
    struct smb_session *session = &smb->sessions[place];
    *session = (struct smb_session){.used = true, .serial = ++smb->serial, .row = INT_NULL, .auth = AUTH_NEW};
    smb_session_identify(smb, place, id);
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
    if (status == NTSTATUS_SUCCESS)
        row.guest = auth != NULL && strcmp(auth, "guest") == 0;
    session->established = session->established || !ntstatus_is_error(status);
    sink_amend(&smb->dissect->sink, TABLE_smb, session->row, &row);
    session_write(smb, session);
}

void smb_session_remove(struct smb *smb, int place)
{
    if (place == SMB_NONE || !smb->sessions[place].used)
        return;
    struct smb_session *session = &smb->sessions[place];
    for (size_t i = 0; i < smb->file_table.room && session->files > 0; i++) {
        if (smb->files[i].used && smb->files[i].session == place)
            smb_file_remove(smb, (int)i);
    }
    for (size_t i = 0; i < smb->tree_table.room && session->trees > 0; i++) {
        if (smb->trees[i].used && smb->trees[i].session == place)
            smb_tree_remove(smb, (int)i);
    }
    session_write(smb, session);
    session->used = false;
    smb_table_give(&smb->session_table, place);
    forget_in_streams(smb, offsetof(struct smb_stream, session), place);
}

static int64_t session_row(const struct smb *smb, int session)
{
    return session == SMB_NONE ? INT_NULL : smb->sessions[session].row;
}

/* ---- Shares ---- */

int smb_tree_find(struct smb *smb, int session, uint32_t id)
{
    struct smb_table *table = &smb->tree_table;
    int place = smb_table_first(table, hash_tree(session, id));
    while (place != SMB_NONE && (smb->trees[place].id != id || smb->trees[place].session != session))
        place = smb_table_next(table, place);
    if (place != SMB_NONE)
        smb_table_touch(table, place);
    return place;
}

void smb_tree_identify(struct smb *smb, int place, uint32_t id)
{
    smb->trees[place].id = id;
    smb_table_index(&smb->tree_table, place, hash_tree(smb->trees[place].session, id));
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

static int tree_place(struct smb *smb)
{
    return place_of(smb, &smb->tree_table, (void **)&smb->trees, sizeof *smb->trees, SMB_TREES_MAX, LIMIT_smb_trees,
                    smb_tree_remove);
}

int smb_tree_add(struct smb *smb, int session, struct text path)
{
    int place = tree_place(smb);
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
    *tree = (struct smb_tree){
        .used = true, .serial = ++smb->serial, .session = session, .purpose = share_purpose(row.share)};
    if (session != SMB_NONE)
        smb->sessions[session].trees++;
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
        smb_tree_identify(smb, place, id);
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
    for (size_t i = 0; i < smb->file_table.room && tree->files > 0; i++) {
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
    if (tree->session != SMB_NONE)
        smb->sessions[tree->session].trees--;
    smb_table_give(&smb->tree_table, place);
    forget_in_streams(smb, offsetof(struct smb_stream, tree), place);
}

/* ---- Files ---- */

int smb_file_find(struct smb *smb, int tree, const uint8_t id[16])
{
    struct smb_table *table = &smb->file_table;
    int place = smb_table_first(table, hash_file(id));
    while (place != SMB_NONE && (memcmp(smb->files[place].id, id, sizeof smb->files[place].id) != 0 ||
                                 (tree != SMB_NONE && smb->files[place].tree != tree)))
        place = smb_table_next(table, place);
    if (place != SMB_NONE)
        smb_table_touch(table, place);
    return place;
}

static int file_place(struct smb *smb)
{
    return place_of(smb, &smb->file_table, (void **)&smb->files, sizeof *smb->files, SMB_FILES_MAX, LIMIT_smb_files,
                    smb_file_remove);
}

int smb_file_add(struct smb *smb, int session, int tree, struct text name, unsigned operations, bool directory)
{
    int place = file_place(smb);
    if (place == SMB_NONE)
        return SMB_NONE;
    const struct smb_tree *share = tree == SMB_NONE ? NULL : &smb->trees[tree];
    bool pipe = share != NULL && share->pipe;
    if (name.length >= SHARE_NAME_MAX)
        trouble_limit(smb->conversation, "smb", LIMIT_smb_name, smb->moment);
    struct smb_file_row row = smb_file_row_null();
    row.packet = smb->moment.packet;
    row.time = moment_seconds(smb->moment);
    row.flow = smb->conversation->row;
    row.smb = session_row(smb, session);
    row.client = conversation_address(smb->conversation, smb->client);
    row.server = conversation_address(smb->conversation, direction_reverse(smb->client));
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
    if (session != SMB_NONE)
        smb->sessions[session].files++;
    if (tree != SMB_NONE)
        smb->trees[tree].files++; /* NOLINT(clang-analyzer-core.NullDereference): a place has its array */
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
    smb_table_index(&smb->file_table, place, hash_file(id));
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
    if (file->session != SMB_NONE)
        smb->sessions[file->session].files--;
    if (file->tree != SMB_NONE)
        smb->trees[file->tree].files--;
    *file = (struct smb_file){0};
    smb_table_give(&smb->file_table, place);
    forget_in_streams(smb, offsetof(struct smb_stream, file), place);
    if (layer == NULL)
        return;
    smb->layers--;
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
        smb->layers++;
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
    for (size_t i = 0; i < smb->file_table.room && smb->layers > 0; i++) {
        if (smb->files[i].used && smb->files[i].layer != NULL)
            layer_gap(smb->files[i].layer, direction, 0, smb->moment);
    }
}

/* ---- Requests that wait: a table with one place for each id modulo its size ---- */

static size_t pending_charged(size_t room)
{
    return room <= SMB_ROOM_FIRST ? 0 : (room - SMB_ROOM_FIRST) * sizeof(struct smb_pending);
}

static bool pending_grow(struct smb *smb)
{
    struct dissect *dissect = smb->dissect;
    size_t wanted = smb->pending_room == 0 ? SMB_ROOM_FIRST : smb->pending_room * 2;
    size_t charge = pending_charged(wanted) - pending_charged(smb->pending_room);
    if (wanted > SMB_PENDING_MAX || !budget_take(dissect, charge))
        return false;
    struct smb_pending *grown = pool_zero(&dissect->pool, wanted * sizeof *grown);
    if (grown == NULL) {
        budget_give(dissect, charge);
        return false;
    }
    for (size_t i = 0; i < smb->pending_room; i++) {
        if (smb->pending[i].used)
            grown[smb->pending[i].id & (wanted - 1)] = smb->pending[i];
    }
    pool_give(&dissect->pool, smb->pending, smb->pending_room * sizeof *smb->pending);
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
    if (place->used && place->id != id && smb->moment.time_ns - place->time_ns < PENDING_AGE_NS)
        trouble_limit(smb->conversation, "smb", LIMIT_smb_pending, smb->moment);
    *place = (struct smb_pending){.used = true,
                                  .id = id,
                                  .command = command,
                                  .session = SMB_NONE,
                                  .tree = SMB_NONE,
                                  .file = SMB_NONE,
                                  .time_ns = smb->moment.time_ns};
    return place;
}

struct smb_pending *smb_pending_find(struct smb *smb, uint64_t id)
{
    struct smb_pending *place = smb->pending_room == 0 ? NULL : &smb->pending[id & (smb->pending_room - 1)];
    return place != NULL && place->used && place->id == id ? place : NULL;
}

void smb_pending_set(const struct smb *smb, struct smb_pending *pending, int session, int tree, int file)
{
    pending->session = session;
    pending->tree = tree;
    pending->file = file;
    pending->session_serial = session == SMB_NONE ? 0 : smb->sessions[session].serial;
    pending->tree_serial = tree == SMB_NONE ? 0 : smb->trees[tree].serial;
    pending->file_serial = file == SMB_NONE ? 0 : smb->files[file].serial;
}

int smb_pending_session(const struct smb *smb, const struct smb_pending *pending)
{
    int place = pending == NULL ? SMB_NONE : pending->session;
    bool same =
        place != SMB_NONE && smb->sessions[place].used && smb->sessions[place].serial == pending->session_serial;
    return same ? place : SMB_NONE;
}

int smb_pending_tree(const struct smb *smb, const struct smb_pending *pending)
{
    int place = pending == NULL ? SMB_NONE : pending->tree;
    bool same = place != SMB_NONE && smb->trees[place].used && smb->trees[place].serial == pending->tree_serial;
    return same ? place : SMB_NONE;
}

int smb_pending_file(const struct smb *smb, const struct smb_pending *pending)
{
    int place = pending == NULL ? SMB_NONE : pending->file;
    bool same = place != SMB_NONE && smb->files[place].used && smb->files[place].serial == pending->file_serial;
    return same ? place : SMB_NONE;
}

/* ---- Messages that are not read to their end ---- */

struct cursor smb_part(struct cursor head, uint64_t length, uint32_t offset, uint32_t bytes, enum outcome *outcome)
{
    struct cursor part;
    if (bytes == 0)
        return CURSOR_EMPTY;
    if (cursor_slice(head, offset, bytes, &part))
        return part;
    *outcome = (uint64_t)offset + bytes > length ? OUTCOME_MALFORMED : OUTCOME_LIMIT;
    return CURSOR_EMPTY;
}

void smb_report(struct smb *smb, const char *protocol, enum outcome outcome, const char *what, uint64_t offset)
{
    if (outcome == OUTCOME_LIMIT)
        trouble_limit(smb->conversation, protocol, LIMIT_smb_head, smb->moment);
    else if (outcome != OUTCOME_OK)
        trouble_report(smb->conversation, protocol, outcome, what, offset, smb->moment);
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
    struct dissect *dissect = smb->dissect;
    for (size_t i = 0; i < smb->file_table.room; i++)
        smb_file_remove(smb, (int)i);
    for (size_t i = 0; i < smb->tree_table.room; i++)
        smb_tree_remove(smb, (int)i);
    for (size_t i = 0; i < smb->session_table.room; i++) {
        arena_reset(&dissect->scratch);
        smb_session_remove(smb, (int)i);
    }
    smb_table_free(dissect, &smb->file_table, smb->files, sizeof *smb->files);
    smb_table_free(dissect, &smb->tree_table, smb->trees, sizeof *smb->trees);
    smb_table_free(dissect, &smb->session_table, smb->sessions, sizeof *smb->sessions);
    pool_give(&dissect->pool, smb->pending, smb->pending_room * sizeof *smb->pending);
    budget_give(dissect, pending_charged(smb->pending_room));
}

struct text smb_utf16(struct smb *smb, struct cursor name)
{
    return text_from_utf16(&smb->dissect->scratch, name, false, NULL);
}
