/* dissect/tds_message.h: what messages of TDS say (MS-TDS 2.2.6, 2.2.7; TDS 4.2 and 5.0 as free implementations know them).
 * Pure functions over one message; texts live in the arena. */
#ifndef CMSCOPE_DISSECT_TDS_MESSAGE_H
#define CMSCOPE_DISSECT_TDS_MESSAGE_H

#include "core/row.h"

enum tds_type {
    TDS_BATCH = 1,
    TDS_LOGIN_OLD = 2,
    TDS_RPC = 3,
    TDS_REPLY = 4,
    TDS_ATTENTION = 6,
    TDS_BULK = 7,
    TDS_FEDAUTH = 8,
    TDS_TRANSACTION = 14,
    TDS_QUERY_5 = 15,
    TDS_LOGIN7 = 16,
    TDS_SSPI = 17,
    TDS_PRELOGIN = 18
};

/* Each fills what the message tells into `row` and leaves the rest. OUTCOME_MALFORMED: damage ended it early. OUTCOME_LIMIT:
 * there is more than is read. */
MUST_USE enum outcome tds_read_prelogin(struct cursor message, bool from_server, struct sql_login_row *row,
                                        struct arena *arena);
/* *token gets the token of Windows authentication, or is empty. */
MUST_USE enum outcome tds_read_login7(struct cursor message, struct sql_login_row *row, struct arena *arena,
                                      struct cursor *token);
MUST_USE enum outcome tds_read_login_old(struct cursor message, struct sql_login_row *row, struct arena *arena);
/* The text of a batch, at most its beginning. */
struct text tds_batch_text(struct cursor message, struct arena *arena);
/* The name of the procedure that is called. OUTCOME_MALFORMED: it is cut off, or its number is none. */
MUST_USE enum outcome tds_procedure(struct cursor message, struct arena *arena, struct text *name);

enum tds_event {
    TDS_EVENT_NONE,    /* the reply is read as far as it is understood */
    TDS_EVENT_DAMAGED, /* a token is cut off */
    TDS_EVENT_OTHER,
    TDS_EVENT_ERROR,
    TDS_EVENT_LOGIN, /* LOGINACK */
    TDS_EVENT_DATABASE,
    TDS_EVENT_SSPI
};

struct tds_token {
    struct sql_error_row error; /* its number, state, class, text, server_name */
    struct text text;           /* new database; version of the server */
    struct cursor sspi;         /* token of Windows authentication */
};

/* Takes the next token of a reply. `old`: texts have one byte for each character (TDS 4.2, 5.0). */
enum tds_event tds_next_token(struct cursor *reply, bool old, struct tds_token *token, struct arena *arena);

#endif
