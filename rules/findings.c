/* rules/findings.c: see findings.h. */
#include "rules/findings.h"

#include <string.h>

/* C45 tells of signatures that do not hold: nothing is more important. Within a code the order is that of packets. */
static const char QUESTION[] =
    "SELECT f.code, f.level, f.text, f.message, f.packet, f.time,"
    " CASE m.direction WHEN 'reply' THEN m.server || ' -> ' || m.client ELSE m.client || ' -> ' || m.server END"
    " || coalesce(' ' || m.endpoint, '')"
    " FROM finding f LEFT JOIN message m ON m.id = f.message"
    " ORDER BY f.code <> 'C45', f.level <> 'rule', f.code, f.packet, f.id";

enum { FIELD_CODE, FIELD_LEVEL, FIELD_TEXT, FIELD_MESSAGE, FIELD_PACKET, FIELD_TIME, FIELD_SUBJECT };

/* A text without the value that it quotes: "the body does not fit the endpoint: Report". */
static struct text without_value(struct text text)
{
    const char *colon = text.length == 0 ? NULL : memchr(text.at, ':', text.length);
    return colon == NULL ? text : (struct text){text.at, (size_t)(colon - text.at)};
}

static struct finding_kind *kind_of(struct findings *findings, struct arena *arena, sqlite3_stmt *statement)
{
    struct text code = database_text(statement, FIELD_CODE), text = without_value(database_text(statement, FIELD_TEXT));
    for (size_t i = findings->count; i > 0; i--) {
        struct finding_kind *kind = &findings->kinds[i - 1];
        if (text_equal(kind->code, code) && text_equal(kind->text, text))
            return kind;
    }
    if (findings->count == FINDING_KINDS_MAX)
        return NULL;
    struct finding_kind *kind = &findings->kinds[findings->count++];
    kind->code = text_copy(arena, code);
    kind->text = text_copy(arena, text);
    kind->level = text_copy(arena, database_text(statement, FIELD_LEVEL));
    return kind;
}

static void add(struct findings *findings, struct arena *arena, sqlite3_stmt *statement)
{
    struct finding_kind *kind = kind_of(findings, arena, statement);
    findings->total++;
    findings->others += kind == NULL;
    if (kind == NULL || kind->total++ >= FINDING_EVIDENCE_MAX)
        return;
    kind->evidence[kind->evidence_count++] = (struct evidence){
        .result = VERDICT_INFORMATIONAL,
        .grade = GRADE_PROOF,
        .table = TEXT("message"),
        .row = sqlite3_column_int64(statement, FIELD_MESSAGE),
        .packet = sqlite3_column_int64(statement, FIELD_PACKET),
        .time = sqlite3_column_double(statement, FIELD_TIME),
        .subject = text_copy(arena, database_text(statement, FIELD_SUBJECT)),
        .why = text_copy(arena, database_text(statement, FIELD_TEXT)),
    };
}

enum outcome findings_needs(struct database *database, unsigned *needs, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, QUESTION, &statement, needs, error);
    sqlite3_finalize(statement);
    return outcome;
}

enum outcome findings_collect(struct database *database, struct arena *arena, struct findings *findings,
                              struct error *error)
{
    sqlite3_stmt *statement;
    *findings = (struct findings){.kinds = arena_alloc(arena, FINDING_KINDS_MAX * sizeof *findings->kinds)};
    if (findings->kinds == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "no memory for findings");
    enum outcome outcome = database_prepare(database, QUESTION, &statement, NULL, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    int state;
    while ((state = sqlite3_step(statement)) == SQLITE_ROW)
        add(findings, arena, statement);
    if (state != SQLITE_DONE)
        outcome = database_failure(database, state, error);
    sqlite3_finalize(statement);
    return outcome;
}
