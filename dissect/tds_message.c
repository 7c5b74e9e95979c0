/* dissect/tds_message.c: see tds_message.h. Numbers are little endian but for those of PRELOGIN. */
#include "dissect/tds_message.h"

#include "dissect/sspi.h"

#define STATEMENT_BYTES_MAX ((size_t)4096) /* of UTF-16 */
#define PRELOGIN_OPTIONS_MAX 16
#define FEATURES_MAX 32

/* ---- PRELOGIN: u8 option, u16 offset, u16 length (big endian) ..., 255 (MS-TDS 2.2.6.5) ---- */

enum { OPTION_VERSION = 0, OPTION_ENCRYPTION = 1, OPTION_INSTANCE = 2, OPTION_END = 255 };

static struct text encryption_name(uint8_t value)
{
    static const char *const names[] = {"off", "on", "notsupported", "required"};
    value &= 0x0F; /* a client certificate is told by 0x80 */
    return value < sizeof names / sizeof names[0] ? text_of(names[value]) : TEXT_NULL;
}

/* Major, minor, build. */
static struct text version_text(struct cursor value, struct arena *arena)
{
    uint8_t major, minor;
    uint16_t build;
    if (!cursor_u8(&value, &major) || !cursor_u8(&value, &minor) || !cursor_be16(&value, &build))
        return TEXT_NULL;
    return text_format(arena, "%u.%u.%u", major, minor, build);
}

static struct text until_nul(struct cursor value, struct arena *arena)
{
    size_t length = 0;
    while (length < value.left && value.at[length] != 0)
        length++;
    return length == 0 ? TEXT_NULL : text_utf8(arena, text_from(cursor_of(value.at, length)));
}

static void read_option(uint8_t option, struct cursor value, bool from_server, struct sql_login_row *row,
                        struct arena *arena)
{
    uint8_t byte;
    if (option == OPTION_VERSION && from_server)
        row->server_version = version_text(value, arena);
    else if (option == OPTION_VERSION)
        row->client_version = version_text(value, arena);
    else if (option == OPTION_ENCRYPTION && cursor_u8(&value, &byte))
        *(from_server ? &row->server_encryption : &row->client_encryption) = encryption_name(byte);
    else if (option == OPTION_INSTANCE && !from_server)
        row->instance = until_nul(value, arena);
}

enum outcome tds_read_prelogin(struct cursor message, bool from_server, struct sql_login_row *row, struct arena *arena)
{
    struct cursor at = message, value;
    uint8_t option;
    uint16_t offset, length;
    for (int i = 0; i < PRELOGIN_OPTIONS_MAX; i++) {
        if (!cursor_u8(&at, &option))
            return OUTCOME_MALFORMED;
        if (option == OPTION_END)
            return OUTCOME_OK;
        if (!cursor_be16(&at, &offset) || !cursor_be16(&at, &length) || !cursor_slice(message, offset, length, &value))
            return OUTCOME_MALFORMED;
        read_option(option, value, from_server, row, arena);
    }
    return OUTCOME_LIMIT;
}

/* ---- LOGIN7 (MS-TDS 2.2.6.4) ---- */

enum { FLAG2_INTEGRATED = 0x80, FLAG3_EXTENSION = 0x10, FEATURE_FEDAUTH = 2, FEATURE_END = 0xFF };

/* Reads offset and number of characters, and the text that they mean. */
static bool take_text(struct cursor *at, struct cursor message, struct arena *arena, struct text *text)
{
    uint16_t offset, characters;
    struct cursor bytes;
    if (!cursor_le16(at, &offset) || !cursor_le16(at, &characters))
        return false;
    *text = TEXT_NULL;
    if (characters == 0)
        return true;
    if (!cursor_slice(message, offset, (uint64_t)characters * 2, &bytes))
        return false;
    *text = text_from_utf16(arena, bytes, false, NULL);
    return true;
}

/* Whether the feature extension, whose offset stands at `offset`, asks for federated authentication. */
static bool is_federated(struct cursor message, uint16_t offset)
{
    struct cursor at;
    uint32_t features, length;
    uint8_t feature;
    if (!cursor_slice(message, offset, 4, &at) || !cursor_le32(&at, &features) || features > message.left ||
        !cursor_slice(message, features, message.left - features, &at))
        return false;
    for (int i = 0; i < FEATURES_MAX; i++) {
        if (!cursor_u8(&at, &feature) || feature == FEATURE_END)
            return false;
        if (feature == FEATURE_FEDAUTH)
            return true;
        if (!cursor_le32(&at, &length) || !cursor_skip(&at, length))
            return false;
    }
    return false;
}

static bool read_login_names(struct cursor *at, struct cursor message, struct sql_login_row *row, struct arena *arena,
                             uint16_t *extension)
{
    uint16_t offset, password, unused;
    struct text language;
    if (!take_text(at, message, arena, &row->host) || !take_text(at, message, arena, &row->user) ||
        !cursor_le16(at, &offset) || !cursor_le16(at, &password) || !take_text(at, message, arena, &row->application) ||
        !take_text(at, message, arena, &row->server_name) || !cursor_le16(at, extension) || !cursor_le16(at, &unused) ||
        !take_text(at, message, arena, &row->library) || !take_text(at, message, arena, &language) ||
        !take_text(at, message, arena, &row->database))
        return false;
    row->password_sent = password > 0;
    return true;
}

enum outcome tds_read_login7(struct cursor message, struct sql_login_row *row, struct arena *arena,
                             struct cursor *token)
{
    struct cursor at = message;
    *token = CURSOR_EMPTY;
    uint32_t version;
    uint8_t flags1, flags2, type, flags3;
    uint16_t offset, length, extension;
    if (!cursor_skip(&at, 4) || !cursor_le32(&at, &version) || !cursor_skip(&at, 16) || !cursor_u8(&at, &flags1) ||
        !cursor_u8(&at, &flags2) || !cursor_u8(&at, &type) || !cursor_u8(&at, &flags3) || !cursor_skip(&at, 8))
        return OUTCOME_MALFORMED;
    row->tds_version = text_format(arena, "%08X", (unsigned)version);
    row->integrated = (flags2 & FLAG2_INTEGRATED) != 0;
    row->auth = row->integrated ? TEXT_NULL : TEXT("sql");
    if (!read_login_names(&at, message, row, arena, &extension))
        return OUTCOME_MALFORMED;
    if (flags3 & FLAG3_EXTENSION && is_federated(message, extension))
        row->auth = TEXT("federated");
    if (!cursor_skip(&at, 6) || !cursor_le16(&at, &offset) || !cursor_le16(&at, &length) ||
        (length > 0 && !cursor_slice(message, offset, length, token)))
        return OUTCOME_MALFORMED;
    if (length > 0)
        row->auth = sspi_mechanism(*token);
    return OUTCOME_OK;
}

/* ---- The login of TDS 4.2 and 5.0: fields of fixed size, each with its length behind it ---- */

#define OLD_FIELD 30
#define OLD_APPLICATION 140
#define OLD_SERVER 171
#define OLD_VERSION 458
#define OLD_LIBRARY 462

static struct text old_text(struct cursor message, size_t offset, size_t size, struct arena *arena)
{
    struct cursor field, text;
    uint8_t length;
    if (!cursor_slice(message, offset, size + 1, &field) || !cursor_take(&field, size, &text) ||
        !cursor_u8(&field, &length) || length == 0 || length > size)
        return TEXT_NULL;
    return text_clean(arena, cursor_of(text.at, length));
}

enum outcome tds_read_login_old(struct cursor message, struct sql_login_row *row, struct arena *arena)
{
    struct cursor version;
    uint8_t major, minor;
    row->host = old_text(message, 0, OLD_FIELD, arena);
    row->user = old_text(message, OLD_FIELD + 1, OLD_FIELD, arena);
    row->password_sent = old_text(message, (size_t)2 * (OLD_FIELD + 1), OLD_FIELD, arena).at != NULL;
    row->application = old_text(message, OLD_APPLICATION, OLD_FIELD, arena);
    row->server_name = old_text(message, OLD_SERVER, OLD_FIELD, arena);
    row->library = old_text(message, OLD_LIBRARY, 10, arena);
    row->integrated = 0;
    row->auth = TEXT("sql");
    if (!cursor_slice(message, OLD_VERSION, 2, &version) || !cursor_u8(&version, &major) ||
        !cursor_u8(&version, &minor))
        return OUTCOME_MALFORMED;
    row->tds_version = text_format(arena, "%u.%u", major, minor);
    return OUTCOME_OK;
}

/* ---- Batches and calls ---- */

/* Skips ALL_HEADERS (MS-TDS 2.2.5.3), which TDS 7.2 and later put before: u32 total, then u32 length, u16 type ... */
static struct cursor behind_headers(struct cursor message)
{
    struct cursor at = message;
    uint32_t total, length;
    uint16_t type;
    if (cursor_le32(&at, &total) && total <= message.left && total >= 10 && cursor_le32(&at, &length) &&
        length <= total - 4 && cursor_le16(&at, &type) && type >= 1 && type <= 3 && cursor_skip(&message, total))
        return message;
    return message;
}

struct text tds_batch_text(struct cursor message, struct arena *arena)
{
    struct cursor text = behind_headers(message);
    if (text.left > STATEMENT_BYTES_MAX)
        text.left = STATEMENT_BYTES_MAX;
    return text_from_utf16(arena, text, false, NULL);
}

enum outcome tds_procedure(struct cursor message, struct arena *arena, struct text *procedure)
{
    static const char *const known[] = {NULL,
                                        "sp_cursor",
                                        "sp_cursoropen",
                                        "sp_cursorprepare",
                                        "sp_cursorexecute",
                                        "sp_cursorprepexec",
                                        "sp_cursorunprepare",
                                        "sp_cursorfetch",
                                        "sp_cursoroption",
                                        "sp_cursorclose",
                                        "sp_executesql",
                                        "sp_prepare",
                                        "sp_execute",
                                        "sp_prepexec",
                                        "sp_prepexecrpc",
                                        "sp_unprepare"};
    struct cursor at = behind_headers(message), name;
    uint16_t characters, number;
    *procedure = TEXT_NULL;
    if (!cursor_le16(&at, &characters))
        return OUTCOME_MALFORMED;
    if (characters != UINT16_MAX) {
        if (!cursor_take(&at, (size_t)characters * 2, &name))
            return OUTCOME_MALFORMED;
        *procedure = text_from_utf16(arena, name, false, NULL);
        return OUTCOME_OK;
    }
    if (!cursor_le16(&at, &number))
        return OUTCOME_MALFORMED;
    if (number < sizeof known / sizeof known[0]) /* later versions may have more */
        *procedure = text_of(known[number]);
    return OUTCOME_OK;
}

/* ---- Tokens of a reply (MS-TDS 2.2.7) ---- */

enum {
    TOKEN_RETURN_STATUS = 0x79,
    TOKEN_ORDER = 0xA9,
    TOKEN_ERROR = 0xAA,
    TOKEN_INFO = 0xAB,
    TOKEN_LOGINACK = 0xAD,
    TOKEN_ENVCHANGE = 0xE3,
    TOKEN_SSPI = 0xED
};
enum { ENVIRONMENT_DATABASE = 1 };

static bool take_characters(struct cursor *at, size_t characters, bool old, struct arena *arena, struct text *text)
{
    struct cursor bytes;
    if (!cursor_take(at, old ? characters : 2 * characters, &bytes))
        return false;
    *text = old ? text_clean(arena, bytes) : text_from_utf16(arena, bytes, false, NULL);
    return true;
}

static bool take_short_text(struct cursor *at, bool old, struct arena *arena, struct text *text)
{
    uint8_t characters;
    return cursor_u8(at, &characters) && take_characters(at, characters, old, arena, text);
}

static enum tds_event read_error(struct cursor at, bool old, struct tds_token *token, struct arena *arena)
{
    uint32_t number;
    uint8_t state, class;
    uint16_t characters;
    token->error = sql_error_row_null();
    if (!cursor_le32(&at, &number) || !cursor_u8(&at, &state) || !cursor_u8(&at, &class))
        return TDS_EVENT_DAMAGED;
    token->error.number = number;
    token->error.state = state;
    token->error.class = class;
    if (cursor_le16(&at, &characters) && take_characters(&at, characters, old, arena, &token->error.text) &&
        !take_short_text(&at, old, arena, &token->error.server_name))
        token->error.server_name = TEXT_NULL;
    return TDS_EVENT_ERROR;
}

static enum tds_event read_login_answer(struct cursor at, bool old, struct tds_token *token, struct arena *arena)
{
    struct text program;
    if (!cursor_skip(&at, 5) || !take_short_text(&at, old, arena, &program))
        return TDS_EVENT_DAMAGED;
    token->text = version_text(at, arena);
    return TDS_EVENT_LOGIN;
}

static enum tds_event read_environment(struct cursor at, bool old, struct tds_token *token, struct arena *arena)
{
    uint8_t kind;
    if (!cursor_u8(&at, &kind) || kind != ENVIRONMENT_DATABASE || !take_short_text(&at, old, arena, &token->text))
        return TDS_EVENT_OTHER;
    return TDS_EVENT_DATABASE;
}

enum tds_event tds_next_token(struct cursor *reply, bool old, struct tds_token *token, struct arena *arena)
{
    uint8_t type;
    uint16_t length;
    struct cursor value;
    token->text = TEXT_NULL;
    if (!cursor_u8(reply, &type))
        return TDS_EVENT_NONE;
    if (type == TOKEN_RETURN_STATUS)
        return cursor_skip(reply, 4) ? TDS_EVENT_OTHER : TDS_EVENT_DAMAGED;
    if (type != TOKEN_ORDER && type != TOKEN_ERROR && type != TOKEN_INFO && type != TOKEN_LOGINACK &&
        type != TOKEN_ENVCHANGE && type != TOKEN_SSPI)
        return TDS_EVENT_NONE; /* rows: how long they are, only their columns tell */
    if (!cursor_le16(reply, &length) || !cursor_take(reply, length, &value))
        return TDS_EVENT_DAMAGED;
    switch (type) {
    case TOKEN_ERROR:
        return read_error(value, old, token, arena);
    case TOKEN_LOGINACK:
        return read_login_answer(value, old, token, arena);
    case TOKEN_ENVCHANGE:
        return read_environment(value, old, token, arena);
    case TOKEN_SSPI:
        token->sspi = value;
        return TDS_EVENT_SSPI;
    default:
        return TDS_EVENT_OTHER;
    }
}
