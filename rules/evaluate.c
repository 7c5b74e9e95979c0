/* rules/evaluate.c: see evaluate.h. */
#include "rules/evaluate.h"

#include <stdbool.h>
#include <string.h>

#include "records/schema.h"
#include "rules/evidence.h"

#define DEFAULT_PROFILE "modern"

const char *grade_name(enum grade grade)
{
    static const char *const names[] = {[GRADE_HINT] = "hint", [GRADE_STRONG] = "strong", [GRADE_PROOF] = "proof"};
    return names[grade];
}

const char *basis_name(enum basis basis)
{
    static const char *const names[] = {
        [BASIS_NONE] = NULL, [BASIS_DECLARED] = "declared", [BASIS_LEARNED] = "learned"};
    return names[basis];
}

/* The columns of a query, and their place in it. */
enum field {
    FIELD_RESULT,
    FIELD_GRADE,
    FIELD_EVIDENCE,
    FIELD_ROW,
    FIELD_PACKET,
    FIELD_TIME,
    FIELD_SUBJECT,
    FIELD_WHY,
    FIELD_RESTS_ON, /* the only one that may be missing */
    FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_RESULT] = "result",   [FIELD_GRADE] = "grade",   [FIELD_EVIDENCE] = "evidence",
    [FIELD_ROW] = "row",         [FIELD_PACKET] = "packet", [FIELD_TIME] = "time",
    [FIELD_SUBJECT] = "subject", [FIELD_WHY] = "why",       [FIELD_RESTS_ON] = "rests_on",
};

/* One query on its way. */
struct query {
    const struct rule *rule;
    struct database *database; /* what it is about */
    const char *profile;
    bool known; /* built in: what it needs is not asked again */
    sqlite3_stmt *statement;
    unsigned needs; /* nothing when it is known */
    int place[FIELD_COUNT];
    struct error *error;
};

/* What becomes of an observation. The first pile that is not empty is the verdict (evaluate.h); remarks never are. */
enum pile_kind { PILE_FAIL, PILE_PASS, PILE_INFORMATIONAL, PILE_NOTOBSERVED, PILE_REMARK, PILE_COUNT };

static const enum verdict pile_verdicts[] = {
    [PILE_FAIL] = VERDICT_FAIL,
    [PILE_PASS] = VERDICT_PASS,
    [PILE_INFORMATIONAL] = VERDICT_INFORMATIONAL,
    [PILE_NOTOBSERVED] = VERDICT_NOTOBSERVED,
};

static bool is_selected(const struct evaluation *evaluation, const struct rule *rule)
{
    if (evaluation->ids == NULL)
        return evaluation->profile == NULL || rule_in_profile(rule, evaluation->profile);
    for (size_t i = 0; i < evaluation->id_count; i++) {
        if (strcmp(evaluation->ids[i], rule->id) == 0)
            return true;
    }
    return false;
}

static enum outcome check_selection(const struct benchmark *benchmark, const struct evaluation *evaluation,
                                    struct error *error)
{
    if (evaluation->profile != NULL && benchmark_profile(benchmark, evaluation->profile) == NULL)
        return error_set(error, OUTCOME_MALFORMED, 0, "no profile is named %s; `cmscope rules` lists them",
                         evaluation->profile);
    for (size_t i = 0; evaluation->ids != NULL && i < evaluation->id_count; i++) {
        if (benchmark_rule(benchmark, evaluation->ids[i]) == NULL)
            return error_set(error, OUTCOME_MALFORMED, 0, "no rule is named %s; `cmscope rules` lists them",
                             evaluation->ids[i]);
    }
    return OUTCOME_OK;
}

static enum outcome find_fields(struct query *query)
{
    int columns = sqlite3_column_count(query->statement);
    for (int field = 0; field < FIELD_COUNT; field++) {
        query->place[field] = -1;
        for (int i = columns - 1; i >= 0; i--) {
            const char *name = sqlite3_column_name(query->statement, i);
            if (name != NULL && sqlite3_stricmp(name, field_names[field]) == 0)
                query->place[field] = i;
        }
        bool needed = field != FIELD_RESTS_ON || (query->needs & NEED_SITE) != 0;
        if (query->place[field] < 0 && needed)
            return error_set(query->error, OUTCOME_MALFORMED, 0, "rule %s: its query has no column \"%s\"%s",
                             query->rule->id, field_names[field],
                             field == FIELD_RESTS_ON ? ", which one that asks for roles must have" : "");
    }
    return OUTCOME_OK;
}

/* The parameters that there may be: :profile, and :rule, which tells apart rules that share a query. */
static enum outcome bind_parameters(struct query *query)
{
    const char *profile = query->profile == NULL ? DEFAULT_PROFILE : query->profile;
    int parameters = sqlite3_bind_parameter_count(query->statement);
    for (int i = 1; i <= parameters; i++) {
        const char *name = sqlite3_bind_parameter_name(query->statement, i);
        bool is_rule = name != NULL && strcmp(name, ":rule") == 0;
        if (name == NULL || (!is_rule && strcmp(name, ":profile") != 0))
            return error_set(query->error, OUTCOME_MALFORMED, 0,
                             "rule %s: its query has the parameter %s; only :profile and :rule are known",
                             query->rule->id, name == NULL ? "?" : name);
        const char *value = is_rule ? query->rule->id : profile;
        if (sqlite3_bind_text(query->statement, i, value, -1, SQLITE_STATIC) != SQLITE_OK)
            return error_set(query->error, OUTCOME_SYSTEM, 0, "rule %s: not enough memory", query->rule->id);
    }
    return OUTCOME_OK;
}

/* The statement in *query must be finalized, also after a failure. */
static enum outcome query_open(struct query *query)
{
    struct error inner = {0};
    enum outcome outcome = database_prepare(query->database, query->rule->sql, &query->statement,
                                            query->known ? NULL : &query->needs, &inner);
    if (outcome == OUTCOME_MALFORMED)
        return error_set(query->error, outcome, inner.offset, "rule %s: its query is not valid: %s", query->rule->id,
                         inner.text);
    if (outcome != OUTCOME_OK)
        return error_set(query->error, outcome, 0, "%s", inner.text);
    outcome = find_fields(query);
    return outcome == OUTCOME_OK ? bind_parameters(query) : outcome;
}

enum outcome evaluate_needs(struct database *database, const struct benchmark *benchmark,
                            const struct evaluation *evaluation, unsigned *needs, struct error *error)
{
    enum outcome outcome = check_selection(benchmark, evaluation, error);
    if (benchmark->built_in && evaluation->ids == NULL) {
        *needs |= NEEDS_BUILT_IN;
        return outcome;
    }
    for (size_t i = 0; i < benchmark->rule_count && outcome == OUTCOME_OK; i++) {
        const struct rule *rule = &benchmark->rules[i];
        struct query query = {.rule = rule, .database = database, .profile = evaluation->profile, .error = error};
        if (rule->sql == NULL || !is_selected(evaluation, rule))
            continue;
        outcome = query_open(&query);
        *needs |= query.needs;
        sqlite3_finalize(query.statement);
    }
    return outcome;
}

static struct text field_text(const struct query *query, enum field field)
{
    return database_text(query->statement, query->place[field]);
}

/* A whole number or NULL. */
static bool field_number(const struct query *query, enum field field, int64_t *number)
{
    int type = sqlite3_column_type(query->statement, query->place[field]);
    *number = type == SQLITE_NULL ? INT_NULL : sqlite3_column_int64(query->statement, query->place[field]);
    return type == SQLITE_NULL || type == SQLITE_INTEGER;
}

static bool parse_result(struct text word, enum verdict *result)
{
    static const enum verdict allowed[] = {VERDICT_PASS, VERDICT_FAIL, VERDICT_NOTOBSERVED, VERDICT_INFORMATIONAL};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        *result = allowed[i];
        if (text_is(word, verdict_name(allowed[i])))
            return true;
    }
    return false;
}

static bool parse_grade(struct text word, enum grade *grade)
{
    for (int i = GRADE_HINT; i <= GRADE_PROOF; i++) {
        *grade = (enum grade)i;
        if (text_is(word, grade_name(*grade)))
            return true;
    }
    return false;
}

static bool parse_basis(const struct query *query, enum basis *basis)
{
    *basis = BASIS_NONE;
    struct text word = query->place[FIELD_RESTS_ON] < 0 ? TEXT_NULL : field_text(query, FIELD_RESTS_ON);
    if (word.at == NULL)
        return true;
    *basis = text_is(word, basis_name(BASIS_LEARNED)) ? BASIS_LEARNED : BASIS_DECLARED;
    return text_is(word, basis_name(*basis));
}

/* The table's own name, which lives for ever. */
static bool parse_table(struct text name, struct text *table)
{
    *table = TEXT_NULL;
    for (size_t i = 0; name.at != NULL && i < TABLE_COUNT; i++) {
        const char *known = schema_table((enum table)i)->name;
        if (text_is(name, known))
            *table = text_of(known);
    }
    return name.at == NULL || table->at != NULL;
}

#define WORD_SHOWN 80

static enum outcome bad_field(const struct query *query, enum field field, const char *expected)
{
    struct text word = field_text(query, field);
    if (word.at == NULL)
        word = TEXT("NULL");
    int length = word.length > WORD_SHOWN ? WORD_SHOWN : (int)word.length;
    return error_set(query->error, OUTCOME_MALFORMED, 0, "rule %s: its query returned %s \"%.*s\"; expected %s",
                     query->rule->id, field_names[field], length, word.at, expected);
}

/* Evidence must be there to be looked at. */
static enum outcome check_row(const struct query *query, const struct evidence *evidence)
{
    static const char expected[] = "the id of a row of that table, or NULL";
    struct store *store = NULL;
    if (evidence->row == INT_NULL)
        return OUTCOME_OK;
    if (evidence->table.at == NULL)
        return bad_field(query, FIELD_ROW, expected);
    enum table table = schema_index(schema_find(evidence->table.at));
    enum outcome outcome = database_rows(query->database, table, &store, query->error);
    if (outcome == OUTCOME_OK && store_row(store, table, evidence->row) == NULL)
        return bad_field(query, FIELD_ROW, expected);
    return outcome;
}

static enum outcome read_row(const struct query *query, struct evidence *evidence)
{
    *evidence = (struct evidence){0};
    if (!parse_result(field_text(query, FIELD_RESULT), &evidence->result))
        return bad_field(query, FIELD_RESULT, "pass, fail, informational or notobserved");
    if (!parse_grade(field_text(query, FIELD_GRADE), &evidence->grade))
        return bad_field(query, FIELD_GRADE, "proof, strong or hint");
    if (!parse_table(field_text(query, FIELD_EVIDENCE), &evidence->table))
        return bad_field(query, FIELD_EVIDENCE, "the name of a table or NULL");
    if (!field_number(query, FIELD_ROW, &evidence->row))
        return bad_field(query, FIELD_ROW, "the id of a row of that table, or NULL");
    enum outcome outcome = check_row(query, evidence);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (!field_number(query, FIELD_PACKET, &evidence->packet))
        return bad_field(query, FIELD_PACKET, "the number of a packet or NULL");
    if (!parse_basis(query, &evidence->basis))
        return bad_field(query, FIELD_RESTS_ON, "declared, learned or NULL");
    if (evidence->basis == BASIS_LEARNED && evidence->grade == GRADE_PROOF)
        evidence->grade = GRADE_STRONG;
    int time = query->place[FIELD_TIME];
    bool timed = sqlite3_column_type(query->statement, time) != SQLITE_NULL;
    evidence->time = timed ? sqlite3_column_double(query->statement, time) : REAL_NULL;
    evidence->subject = field_text(query, FIELD_SUBJECT);
    evidence->why = field_text(query, FIELD_WHY);
    return evidence->why.at != NULL ? OUTCOME_OK : bad_field(query, FIELD_WHY, "a sentence");
}

static enum pile_kind sort_observation(const struct evidence *evidence)
{
    bool decides = evidence->grade >= GRADE_STRONG;
    if (evidence->result == VERDICT_FAIL)
        return decides ? PILE_FAIL : PILE_REMARK;
    if (evidence->result == VERDICT_PASS)
        return decides ? PILE_PASS : PILE_NOTOBSERVED;
    return evidence->result == VERDICT_INFORMATIONAL ? PILE_INFORMATIONAL : PILE_NOTOBSERVED;
}

static enum outcome step_error(const struct query *query, int result)
{
    struct error inner = {0};
    enum outcome outcome = database_failure(query->database, result, &inner);
    if (outcome != OUTCOME_MALFORMED)
        return error_set(query->error, outcome, 0, "%s", inner.text);
    return error_set(query->error, outcome, 0, "rule %s: its query failed: %s", query->rule->id, inner.text);
}

static enum outcome collect(const struct query *query, struct pile *piles)
{
    int result;
    while ((result = sqlite3_step(query->statement)) == SQLITE_ROW) {
        struct evidence evidence;
        enum outcome outcome = read_row(query, &evidence);
        if (outcome != OUTCOME_OK)
            return outcome;
        if (!pile_add(&piles[sort_observation(&evidence)], &evidence))
            return error_set(query->error, OUTCOME_SYSTEM, 0, "not enough memory for its evidence");
    }
    return result == SQLITE_DONE ? OUTCOME_OK : step_error(query, result);
}

/* One or two sentences for people. */
static struct text describe(struct pile *deciding, struct pile *remarks, struct arena *arena)
{
    if (deciding->total > 0)
        return pile_summary(deciding, arena);
    if (remarks->total == 0)
        return text_copy(arena, TEXT("The traffic that would decide this was not in the capture"));
    struct text hints = pile_summary(remarks, arena);
    if (hints.at == NULL)
        return TEXT_NULL;
    return text_format(arena, "Only hints were seen, which cannot decide: %.*s", (int)hints.length, hints.at);
}

static enum outcome conclude(struct pile *piles, struct arena *arena, struct rule_verdict *verdict, struct error *error)
{
    size_t kind = PILE_FAIL;
    while (kind < PILE_NOTOBSERVED && piles[kind].total == 0)
        kind++;
    struct pile *deciding = &piles[kind];
    verdict->verdict = pile_verdicts[kind];
    verdict->grade = deciding->best;
    verdict->basis = pile_basis(deciding, kind == PILE_FAIL);
    verdict->evidence_total = deciding->total;
    verdict->remark_total = piles[PILE_REMARK].total;
    verdict->detail = describe(deciding, &piles[PILE_REMARK], arena);
    if (verdict->detail.at != NULL && pile_copy(deciding, arena, &verdict->evidence, &verdict->evidence_count) &&
        pile_copy(&piles[PILE_REMARK], arena, &verdict->remarks, &verdict->remark_count))
        return OUTCOME_OK;
    return error_set(error, OUTCOME_LIMIT, 0, "its evidence is larger than the memory for verdicts");
}

static enum outcome evaluate_query(struct query *query, struct arena *arena, struct rule_verdict *verdict)
{
    struct pile piles[PILE_COUNT];
    for (size_t i = 0; i < PILE_COUNT; i++)
        pile_init(&piles[i]);
    enum outcome outcome = query_open(query);
    if (outcome == OUTCOME_OK)
        outcome = collect(query, piles);
    sqlite3_finalize(query->statement);
    if (outcome == OUTCOME_OK)
        outcome = conclude(piles, arena, verdict, query->error);
    for (size_t i = 0; i < PILE_COUNT; i++)
        pile_free(&piles[i]);
    return outcome;
}

static enum outcome evaluate_rule(struct query *query, struct arena *arena, struct rule_verdict *verdict)
{
    *verdict = (struct rule_verdict){.rule = query->rule};
    if (query->rule->sql != NULL)
        return evaluate_query(query, arena, verdict);
    verdict->verdict = query->rule->fixed;
    verdict->detail = text_copy(arena, text_of(query->rule->fixed_reason));
    return verdict->detail.at != NULL
               ? OUTCOME_OK
               : error_set(query->error, OUTCOME_LIMIT, 0, "too many rules for the memory for verdicts");
}

/* The rule stays undecided for want of memory, disk or time; this does no harm to other rules. */
static void give_up(struct rule_verdict *verdict, const struct error *why, struct arena *arena)
{
    *verdict = (struct rule_verdict){.rule = verdict->rule, .verdict = VERDICT_NOTOBSERVED, .unjudged = true};
    verdict->detail = text_format(arena, "Could not be judged: %s", why->text);
    if (verdict->detail.at == NULL)
        verdict->detail = TEXT("Could not be judged: not enough memory");
}

/* Rules that share a query, and are not told apart in it by :rule, have the same verdict. NULL: none yet. */
static const struct rule_verdict *find_same(const struct verdicts *verdicts, const struct rule *rule)
{
    if (rule->sql == NULL || strstr(rule->sql, ":rule") != NULL)
        return NULL;
    for (size_t i = 0; i < verdicts->count; i++) {
        const char *sql = verdicts->items[i].rule->sql;
        if (sql != NULL && strcmp(sql, rule->sql) == 0)
            return &verdicts->items[i];
    }
    return NULL;
}

enum outcome evaluate_rules(struct database *database, const struct benchmark *benchmark,
                            const struct evaluation *evaluation, struct arena *arena, struct verdicts *verdicts,
                            struct error *error)
{
    *verdicts = (struct verdicts){0};
    verdicts->items = arena_alloc(arena, (benchmark->rule_count + 1) * sizeof *verdicts->items);
    if (verdicts->items == NULL)
        return error_set(error, OUTCOME_LIMIT, 0, "too many rules for the memory for verdicts");
    enum outcome outcome = check_selection(benchmark, evaluation, error);
    for (size_t i = 0; i < benchmark->rule_count && outcome == OUTCOME_OK; i++) {
        const struct rule *rule = &benchmark->rules[i];
        if (!is_selected(evaluation, rule))
            continue;
        struct query query = {.rule = rule,
                              .database = database,
                              .profile = evaluation->profile,
                              .known = benchmark->built_in,
                              .error = error};
        struct rule_verdict *verdict = &verdicts->items[verdicts->count];
        const struct rule_verdict *same = find_same(verdicts, rule);
        if (same == NULL) {
            outcome = evaluate_rule(&query, arena, verdict);
        } else {
            *verdict = *same;
            verdict->rule = rule;
        }
        if (outcome == OUTCOME_SYSTEM || outcome == OUTCOME_LIMIT) {
            give_up(verdict, error, arena);
            outcome = OUTCOME_OK;
        }
        if (outcome == OUTCOME_OK) {
            verdicts->count++;
            verdicts->unjudged += verdict->unjudged;
            verdicts->by_verdict[verdict->verdict]++;
        }
    }
    return outcome;
}
