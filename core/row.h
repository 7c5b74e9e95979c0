/* core/row.h: the vocabulary of records: a struct for each table of records/tables.def, and where rows go.
 *
 * A dissector fills a struct and hands it to a sink; it does not know what stands behind. Texts in a row are views: the
 * sink copies what it keeps.
 */
#ifndef CMSCOPE_CORE_ROW_H
#define CMSCOPE_CORE_ROW_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"

/* What reading a table or column makes the engine decode. A set of flags. */
enum need {
    NEED_NOTHING = 0,               /* comes with the envelope, which is always decoded */
    NEED_PAYLOAD = 1 << 0,          /* payloads are inflated and their XML root is read */
    NEED_BODY = 1 << 1,             /* body texts are kept */
    NEED_SIGNATURE = 1 << 2,        /* signatures are verified */
    NEED_REGISTRATION = 1 << 3,     /* registration bodies are read: their payloads are inflated */
    NEED_POLICY = 1 << 4,           /* policy assignments and policy bodies are read: those payloads are inflated */
    NEED_FINDING = 1 << 5,          /* messages are checked: implies all above but NEED_BODY, and NEED_UPLOAD */
    NEED_EVERYTHING = (1 << 6) - 1, /* all about messages */
    NEED_HASH = 1 << 6,             /* HTTP bodies are decoded and hashed, all of them */
    NEED_FIELD = 1 << 7,            /* every document is read field by field: all payloads, lists, listings, uploads */
    NEED_SECRETS = 1 << 8,          /* secret values are made readable: only when the user asks for them */
    NEED_NAMES = 1 << 9,            /* questions for names are read, and their answers */
    NEED_STATEMENT = 1 << 10,       /* texts of SQL batches are kept */
    NEED_UPLOAD = 1 << 11,          /* uploads are kept and read: they are messages too */
    NEED_SITE = 1 << 12,            /* nothing is decoded: it asks what the operator declared of the site */
    NEED_ATTEMPT = 1 << 13,         /* messages are compared with those sent before; NEED_PAYLOAD implies it */
    NEED_TLS = 1 << 14,             /* handshakes of TLS are written down; decrypted they are anyway */
    NEED_SERVERS = 1 << 15,         /* SMB, RPC, NTLM and Kerberos are read */
    NEED_REVOCATION = 1 << 16,      /* fetches of revocation lists are matched to certificates */
    NEED_OWNER = 1 << 17,           /* keys that signed are compared with those registered and shown */
    /* what `--db` keeps: all rows, without the texts that are kept only when asked for */
    NEED_DATABASE = (NEED_EVERYTHING & ~NEED_BODY) | NEED_HASH | NEED_FIELD | NEED_NAMES | NEED_UPLOAD | NEED_ATTEMPT |
                    NEED_TLS | NEED_SERVERS | NEED_REVOCATION | NEED_OWNER,
    NEED_DERIVED = 1 << 29 /* of a table: made by SQL from other tables (records/derived.h), needs what they need */
};

/* NULL of a number is a value that no fact has. */
#define INT_NULL INT64_MIN
#define REAL_NULL ((double)NAN)

enum column_type { COLUMN_INT, COLUMN_BOOL, COLUMN_REAL, COLUMN_TEXT, COLUMN_REF };

/* Names of tables: TABLE_flow, TABLE_http, ... and TABLE_COUNT. */
enum table {
#define TABLE_BEGIN(table, need, meaning) TABLE_##table,
#define COLUMN(table, name, type, need, unit, meaning)
#define TABLE_END(table)
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END
    TABLE_COUNT
};

#define ROW_TYPE_INT int64_t
#define ROW_TYPE_BOOL int64_t
#define ROW_TYPE_REAL double
#define ROW_TYPE_TEXT struct text
#define ROW_TYPE_REF_flow int64_t
#define ROW_TYPE_REF_http int64_t
#define ROW_TYPE_REF_message int64_t
#define ROW_TYPE_REF_bits int64_t
#define ROW_TYPE_REF_tls int64_t
#define ROW_TYPE_REF_smb int64_t
#define ROW_TYPE_REF_smb_tree int64_t
#define ROW_TYPE_REF_smb_file int64_t
#define ROW_TYPE_REF_ntlm int64_t
#define ROW_TYPE_REF_kerberos int64_t
#define ROW_TYPE_REF_rpc int64_t
#define ROW_TYPE_REF_name_query int64_t
#define ROW_TYPE_REF_ldap_operation int64_t
#define ROW_TYPE_REF_certificate int64_t
#define ROW_TYPE_REF_sql_login int64_t

/* struct flow_row { int64_t packet; double time; ... }; and so on. */
#define TABLE_BEGIN(table, need, meaning) struct table##_row {
#define COLUMN(table, name, type, need, unit, meaning) ROW_TYPE_##type name;
#define TABLE_END(table)                                                                                               \
    }                                                                                                                  \
    ;
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END

#define ROW_NULL_INT INT_NULL
#define ROW_NULL_BOOL INT_NULL
#define ROW_NULL_REAL REAL_NULL
#define ROW_NULL_TEXT TEXT_NULL
#define ROW_NULL_REF_flow INT_NULL
#define ROW_NULL_REF_http INT_NULL
#define ROW_NULL_REF_certificate INT_NULL
#define ROW_NULL_REF_message INT_NULL
#define ROW_NULL_REF_bits INT_NULL
#define ROW_NULL_REF_tls INT_NULL
#define ROW_NULL_REF_smb INT_NULL
#define ROW_NULL_REF_smb_tree INT_NULL
#define ROW_NULL_REF_smb_file INT_NULL
#define ROW_NULL_REF_ntlm INT_NULL
#define ROW_NULL_REF_kerberos INT_NULL
#define ROW_NULL_REF_rpc INT_NULL
#define ROW_NULL_REF_name_query INT_NULL
#define ROW_NULL_REF_ldap_operation INT_NULL
#define ROW_NULL_REF_sql_login INT_NULL

/* flow_row_null(), http_row_null() ...: a row that knows nothing yet: every column is NULL. Start from it. */
#define TABLE_BEGIN(table, need, meaning)                                                                              \
    static inline struct table##_row table##_row_null(void)                                                            \
    {                                                                                                                  \
        struct table##_row row = {
#define COLUMN(table, name, type, need, unit, meaning) .name = ROW_NULL_##type,
#define TABLE_END(table)                                                                                               \
    }                                                                                                                  \
    ;                                                                                                                  \
    return row;                                                                                                        \
    }
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END

/* A set of tables. */
typedef uint64_t table_set;
_Static_assert(TABLE_COUNT <= 64, "a table_set has a bit for each table");

static inline table_set table_bit(enum table table)
{
    return (table_set)1 << table;
}

/* A set of columns of one table. Those that find no bit of their own share the last one. */
typedef uint64_t column_set;

#define COLUMNS_ALL (~(column_set)0)

static inline column_set column_bit(size_t column)
{
    return (column_set)1 << (column < 63 ? column : 63);
}

/* The id of a row that was not kept because nobody reads its table. */
#define ROW_DROPPED 0

/* Where rows go. `append` returns the new row's id (1, 2 ...), or INT_NULL when it could not be kept, which the sink
 * counts. `amend` replaces the row `id` of the same table; an id of INT_NULL is ignored. `row` points to the struct of
 * `table`; nothing in it is kept by reference. */
struct sink {
    void *context;
    int64_t (*append)(void *context, enum table table, const void *row);
    void (*amend)(void *context, enum table table, int64_t id, const void *row);
    /* The row `id` as it is kept (valid until the next append or amend), or NULL; and the number of rows. For what can
     * only be settled when more is known than one packet. */
    const void *(*row)(void *context, enum table table, int64_t id);
    int64_t (*count)(void *context, enum table table);
    table_set dropped; /* tables that nobody reads: sink_append returns ROW_DROPPED, which is the id of no row */
};

/* Will rows of this table be read? Where not, they need not be made. */
static inline bool sink_keeps(const struct sink *sink, enum table table)
{
    return !(sink->dropped & table_bit(table));
}

static inline int64_t sink_append(const struct sink *sink, enum table table, const void *row)
{
    return sink_keeps(sink, table) ? sink->append(sink->context, table, row) : ROW_DROPPED;
}

static inline void sink_amend(const struct sink *sink, enum table table, int64_t id, const void *row)
{
    if (id != INT_NULL && sink_keeps(sink, table))
        sink->amend(sink->context, table, id, row);
}

/* The row `id` as it is kept, valid until the next append or amend; NULL when it is not kept, or `id` is INT_NULL. */
static inline const void *sink_kept(const struct sink *sink, enum table table, int64_t id)
{
    return id == INT_NULL ? NULL : sink->row(sink->context, table, id);
}

#endif
