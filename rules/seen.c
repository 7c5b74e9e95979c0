/* rules/seen.c: see seen.h. */
#include "rules/seen.h"

/* The paths are those of management points, distribution points and their helpers (wire.md 1): to ask is enough here,
 * because a role is not learned from it. A domain controller or a proxy is no sign of ConfigMgr. */
static const char QUESTION[] =
    "SELECT EXISTS (SELECT 1 FROM message)"
    " OR EXISTS (SELECT 1 FROM http WHERE method IN ('CCM_POST', 'BITS_POST') OR uri LIKE '%/sms\\_%' ESCAPE '\\'"
    "            OR uri LIKE '%/ccm\\_%' ESCAPE '\\' OR uri LIKE '%/bgb/%')"
    " OR EXISTS (SELECT 1 FROM role WHERE signal IS NOT NULL AND grade <> 'hint'"
    "            AND role NOT IN ('domain_controller', 'proxy'))"
    " OR EXISTS (SELECT 1 FROM remote_tool),"
    " coalesce((SELECT sum(value) FROM coverage WHERE name = 'tls_hidden'), 0) > 0"
    " AND NOT EXISTS (SELECT 1 FROM http)";

enum outcome seen_needs(struct database *database, unsigned *needs, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, QUESTION, &statement, needs, error);
    sqlite3_finalize(statement);
    return outcome;
}

enum outcome seen_look(struct database *database, struct seen *seen, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, QUESTION, &statement, NULL, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *seen = (struct seen){sqlite3_column_int(statement, 0) != 0, sqlite3_column_int(statement, 1) != 0};
    else
        outcome =
            error_set(error, OUTCOME_SYSTEM, 0, "what was seen: %s", sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_finalize(statement);
    return outcome;
}
