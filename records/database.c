/* records/database.c: see database.h. How statements are kept from doing more than reading:
 * https://sqlite.org/c3ref/set_authorizer.html and https://sqlite.org/security.html */
#define _GNU_SOURCE /* strdup */
#include "records/database.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "records/budget.h"
#include "records/functions.h"
#include "records/index.h"
#include "records/mistake.h"
#include "records/schema.h"
#include "records/vtab.h"

struct database {
    sqlite3 *db;
    struct store *store;
    struct index_list indexes;
    struct vtab_source sources[TABLE_COUNT];
    struct budget budget;
    char **modules;                  /* sources of rows that SQLite brings along; ended by NULL */
    unsigned needs;                  /* collected by the authorizer while a statement is prepared */
    table_set derived;               /* the derived tables that it reads, likewise */
    table_set reads;                 /* the tables that all statements so far read */
    column_set columns[TABLE_COUNT]; /* and the columns of them */
    struct {
        bool learned; /* whether the others are known */
        unsigned needs;
        table_set derived;
    } below[TABLE_COUNT]; /* of a derived table: the same of what it follows from */
};

/* As long as nothing but this is asked for, nobody but statements looks at rows of these tables: neither dissectors of
 * other protocols nor what is settled at the end. */
static const enum table spared[] = {TABLE_flow, TABLE_refused, TABLE_http, TABLE_message};
#define NEEDS_SPARING ((unsigned)(NEED_UPLOAD | NEED_HASH | NEED_TLS | NEED_SERVERS | NEED_NAMES | NEED_STATEMENT))

/* What FINDING stands for: a message is checked in all its parts, but its text need not be kept. */
static unsigned needs_expand(unsigned needs)
{
    if (needs & NEED_FINDING)
        needs |= NEED_PAYLOAD | NEED_SIGNATURE | NEED_REGISTRATION | NEED_POLICY | NEED_UPLOAD;
    return needs;
}

/* Other sources of rows than the tables of the store that do no harm. */
static const char *const harmless[] = {"json_each", "json_tree", "sqlite_master"};

static bool is_harmless_table(const char *name)
{
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (sqlite3_stricmp(harmless[i], name) == 0)
            return true;
    }
    return false;
}

/* The names of all modules that SQLite has: pragma_..., dbstat ... */
static int learn_modules(struct database *database)
{
    char **names = NULL;
    int count = 0;
    int result = sqlite3_get_table(database->db, "SELECT name FROM pragma_module_list", &names, &count, NULL, NULL);
    if (result != SQLITE_OK)
        return result;
    database->modules = calloc((size_t)count + 1, sizeof *database->modules);
    for (int i = 0; database->modules != NULL && i < count; i++) {
        database->modules[i] = names[i + 1] == NULL ? NULL : strdup(names[i + 1]); /* behind the heading */
        if (database->modules[i] == NULL)
            result = SQLITE_NOMEM;
    }
    sqlite3_free_table(names);
    return database->modules == NULL ? SQLITE_NOMEM : result;
}

static bool is_module(const struct database *database, const char *name)
{
    bool found = sqlite3_strnicmp(name, "pragma_", 7) == 0 || sqlite3_strnicmp(name, "sqlite_", 7) == 0;
    for (size_t i = 0; !found && database->modules[i] != NULL; i++)
        found = sqlite3_stricmp(name, database->modules[i]) == 0;
    return found;
}

/* Rows of a table expression (WITH, a subquery) that are only counted: SQLite asks with its name and no column. What the
 * expression itself reads was asked before. https://sqlite.org/c3ref/c_alter_table.html, SQLITE_READ. */
static bool is_expression(const struct database *database, const char *name, const char *column)
{
    return column != NULL && column[0] == '\0' && !is_module(database, name);
}

static const struct table_schema *find_table(const char *name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct table_schema *schema = schema_table((enum table)i);
        if (sqlite3_stricmp(schema->name, name) == 0)
            return schema;
    }
    return NULL;
}

/* NULL for id, rowid, or "" when rows are only counted. */
static const struct column *find_column(const struct table_schema *schema, const char *name)
{
    for (size_t i = 0; name != NULL && i < schema->column_count; i++) {
        if (sqlite3_stricmp(schema->columns[i].name, name) == 0)
            return &schema->columns[i];
    }
    return NULL;
}

static int authorize_read(struct database *database, const char *table, const char *column)
{
    const struct table_schema *schema = table == NULL ? NULL : find_table(table);
    if (table == NULL)
        return SQLITE_DENY;
    if (schema == NULL)
        return is_harmless_table(table) || is_expression(database, table, column) ? SQLITE_OK : SQLITE_DENY;
    const struct column *read = find_column(schema, column);
    database->needs |= schema->need | (read == NULL ? NEED_NOTHING : read->need);
    if (schema->need & NEED_DERIVED)
        database->derived |= table_bit(schema_index(schema));
    database->reads |= table_bit(schema_index(schema));
    if (read != NULL)
        database->columns[schema_index(schema)] |= column_bit((size_t)(read - schema->columns));
    if (read != NULL && read->type == COLUMN_REF) /* ids are those of rows that are kept */
        database->reads |= table_bit(read->refers);
    return SQLITE_OK;
}

static int authorize(void *context, int action, const char *first, const char *second, const char *place,
                     const char *trigger)
{
    (void)place;
    (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        return authorize_read(context, first, second);
    case SQLITE_FUNCTION:
        return second != NULL && sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

/* Bounds for statements that a user or a rule file brings along. */
static void limit(sqlite3 *db)
{
    static const struct {
        int id;
        int value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 256 * 1024 * 1024}, /* a text or a row: above any body that is kept */
        {SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024},   /* a statement written by hand */
        {SQLITE_LIMIT_EXPR_DEPTH, 500},           /* bounds the stack of the parser */
        {SQLITE_LIMIT_VDBE_OP, 250000},           /* a compiled statement: some 10 MB */
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000}, /* matching takes the square of it */
        {SQLITE_LIMIT_ATTACHED, 0},               /* no other file */
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},          /* none exist */
        {SQLITE_LIMIT_WORKER_THREADS, 0},         /* the same order of rows always */
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        sqlite3_limit(db, limits[i].id, limits[i].value);
}

static void harden(sqlite3 *db)
{
    static const struct {
        int option;
        int value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0}, /* "no_such_column" is an error, not a text */
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        sqlite3_db_config(db, options[i].option, options[i].value, NULL);
    limit(db);
}

static int touch(sqlite3 *db, const char *table)
{
    char *sql = sqlite3_mprintf("SELECT 1 FROM \"%w\"", table);
    if (sql == NULL)
        return SQLITE_NOMEM;
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    return result;
}

/* SQLite sets up an eponymous table when it is first named, and asks the authorizer whether it may write its own schema
 * for that (3.40 does). So each is named once before the authorizer is there. */
static int touch_tables(sqlite3 *db)
{
    int result = SQLITE_OK;
    for (size_t i = 0; i < TABLE_COUNT && result == SQLITE_OK; i++)
        result = touch(db, schema_table((enum table)i)->name);
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0] && result == SQLITE_OK; i++)
        result = touch(db, harmless[i]);
    return result;
}

static int make_derived(struct database *database)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if ((schema_table((enum table)i)->need & NEED_DERIVED) == 0)
            continue;
        struct derived *derived = derived_new(database->db, &database->indexes, (enum table)i);
        if (derived == NULL)
            return SQLITE_NOMEM;
        database->sources[i].derived = derived;
    }
    return SQLITE_OK;
}

/* What SQLite sorts beyond this goes to temporary files; a query with many branches has as many sorters at a time. In KB,
 * and as pages, of bytes. Each run in such a file is merged through a page of memory: small ones, since there may be
 * hundreds. */
#define SORT_MEMORY "128"
#define SORT_PAGES 128
#define PAGE_BYTES "1024"

/* Pages of all tables that SQLite makes for a query. One of these would take 2 MB, and there are several at a time: when
 * few of these are left, pages go to a temporary file. */
#define CACHE_PAGES 128
#define CACHE_PAGE ((size_t)4096 + 320) /* with what SQLite keeps of a page */

/* Temporary files are read, not mapped: what is mapped counts as memory, and a disk that fails would be a signal.
 * Nobody asks how much memory SQLite takes; counting it takes a lock for each allocation.
 * Refused, and so without effect, where SQLite has already been started by something else. */
static void configure(void)
{
    static _Alignas(8) char cache[CACHE_PAGES][CACHE_PAGE];
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, cache, (int)CACHE_PAGE, CACHE_PAGES);
    (void)sqlite3_config(SQLITE_CONFIG_MMAP_SIZE, (sqlite3_int64)0, (sqlite3_int64)0);
    (void)sqlite3_config(SQLITE_CONFIG_PMASZ, SORT_PAGES);
}

static int start(struct database *database)
{
    configure();
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
    int result = sqlite3_open_v2(":memory:", &database->db, flags, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(database->db, "PRAGMA page_size = " PAGE_BYTES "; PRAGMA cache_size = -" SORT_MEMORY,
                              NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = make_derived(database);
    if (result == SQLITE_OK)
        result = vtab_register(database->db, &database->indexes, database->sources);
    if (result == SQLITE_OK)
        result = functions_register(database->db);
    if (result == SQLITE_OK)
        result = touch_tables(database->db);
    if (result == SQLITE_OK)
        result = learn_modules(database);
    if (result == SQLITE_OK)
        result = sqlite3_set_authorizer(database->db, authorize, database);
    if (result == SQLITE_OK)
        harden(database->db);
    budget_watch(&database->budget, database->db);
    return result;
}

enum outcome database_open(struct store *store, struct database **database, struct error *error)
{
    *database = NULL;
    struct database *made = calloc(1, sizeof *made);
    if (made == NULL || !index_list_init(&made->indexes, store)) {
        free(made);
        return error_set(error, OUTCOME_SYSTEM, 0, "not enough memory for the database");
    }
    made->store = store;
    int result = start(made);
    if (result != SQLITE_OK) {
        database_close(made);
        return error_set(error, OUTCOME_SYSTEM, 0, "SQLite cannot start: %s", sqlite3_errstr(result));
    }
    *database = made;
    return OUTCOME_OK;
}

void database_close(struct database *database)
{
    if (database == NULL)
        return;
    sqlite3_close_v2(database->db);
    for (size_t i = 0; i < TABLE_COUNT; i++)
        derived_free(database->sources[i].derived);
    index_list_free(&database->indexes);
    for (size_t i = 0; database->modules != NULL && database->modules[i] != NULL; i++)
        free(database->modules[i]);
    free(database->modules);
    free(database);
}

void database_limit(struct database *database, uint64_t steps, unsigned seconds)
{
    database->budget.steps_most = steps;
    database->budget.seconds = seconds;
}

/* Whether the statement is wrong, rather than that something was lacking while it ran. https://sqlite.org/rescode.html */
static bool is_mistake(int result)
{
    static const int mistakes[] = {SQLITE_ERROR,  SQLITE_AUTH,     SQLITE_CONSTRAINT, SQLITE_MISMATCH,
                                   SQLITE_MISUSE, SQLITE_READONLY, SQLITE_RANGE,      SQLITE_TOOBIG};
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        if ((result & 0xFF) == mistakes[i])
            return true;
    }
    return false;
}

static enum outcome stopped(const struct budget *budget, struct error *error)
{
    static const char endless[] = "a recursion without an end, or a join without a condition, never ends; --timeout "
                                  "SECONDS gives it another limit";
    if (budget->end == BUDGET_STEPS)
        return error_set(error, OUTCOME_LIMIT, 0, "stopped after %llu million steps: %s",
                         (unsigned long long)(budget->steps_most / 1000000), endless);
    if (budget->end == BUDGET_TIME)
        return error_set(error, OUTCOME_LIMIT, 0, "stopped after %u seconds (--timeout)", budget->seconds);
    return error_set(error, OUTCOME_LIMIT, 0, "interrupted by a signal");
}

enum outcome database_failure(const struct database *database, int result, struct error *error)
{
    const char *message = sqlite3_errmsg(database->db);
    if (is_mistake(result))
        return error_set(error, OUTCOME_MALFORMED, 0, "%s", message);
    switch (result & 0xFF) {
    case SQLITE_INTERRUPT:
        return stopped(&database->budget, error);
    case SQLITE_NOMEM:
        return error_set(error, OUTCOME_SYSTEM, 0, "not enough memory");
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return error_set(error, OUTCOME_SYSTEM, 0,
                         "a temporary file cannot be used (%s); set TMPDIR to a folder with more room", message);
    default:
        return error_set(error, OUTCOME_SYSTEM, 0, "%s", message);
    }
}

enum outcome database_rows(struct database *database, enum table table, struct store **store, struct error *error)
{
    struct vtab_source *source = &database->sources[table];
    char *message = NULL;
    int result = source->derived == NULL ? SQLITE_OK : derived_fill(source->derived, &source->indexes, &message);
    enum outcome outcome = OUTCOME_OK;
    if (result == SQLITE_INTERRUPT)
        outcome = stopped(&database->budget, error);
    else if (result != SQLITE_OK)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s", message == NULL ? sqlite3_errstr(result) : message);
    sqlite3_free(message);
    *store = source->indexes->store;
    return outcome;
}

/* What SQLite says, with what it means here, and where. */
static enum outcome prepare_error(const struct database *database, const char *sql, int result, struct error *error)
{
    const char *message = sqlite3_errmsg(database->db);
    char text[ERROR_TEXT_MAX];
    if (!is_mistake(result))
        return database_failure(database, result, error);
    uint64_t place = mistake_place(sql, sqlite3_error_offset(database->db), message);
    if (result == SQLITE_AUTH)
        return error_set(error, OUTCOME_MALFORMED, place,
                         "only SELECT over the tables of `cmscope schema` is allowed (SQLite: %s)", message);
    mistake_describe(sql, place, message, text, sizeof text);
    return error_set(error, OUTCOME_MALFORMED, place, "%s", text);
}

/* Whether nothing but white space and comments follows. */
static bool is_blank(sqlite3 *db, const char *tail)
{
    while (*tail != '\0') {
        sqlite3_stmt *other = NULL;
        const char *next = tail;
        int result = sqlite3_prepare_v2(db, tail, -1, &other, &next);
        bool blank = result == SQLITE_OK && other == NULL && next > tail;
        sqlite3_finalize(other);
        if (!blank)
            return false;
        tail = next;
    }
    return true;
}

static table_set spared_tables(void)
{
    table_set tables = 0;
    for (size_t i = 0; i < sizeof spared / sizeof spared[0]; i++)
        tables |= table_bit(spared[i]);
    return tables;
}

/* The tables whose rows are only for statements. Not when `coverage` is read: it tells what became of all rows. */
static table_set for_statements(const struct database *database, unsigned needs)
{
    if ((needs & ~NEEDS_SPARING) != 0 || (database->reads & table_bit(TABLE_coverage)) != 0)
        return 0;
    table_set filled_from_others = database->reads & ~(spared_tables() | table_bit(TABLE_input));
    return needs & ~(unsigned)(NEED_UPLOAD | NEED_HASH) || filled_from_others != 0 ? spared_tables() : ~(table_set)0;
}

table_set database_unread(const struct database *database, unsigned needs)
{
    return for_statements(database, needs) & ~database->reads;
}

bool database_reads(const struct database *database, enum table table)
{
    return (database->reads & table_bit(table)) != 0;
}

column_set database_columns(const struct database *database, enum table table, unsigned needs)
{
    bool narrow = for_statements(database, needs) & spared_tables() & table_bit(table);
    return narrow ? database->columns[table] : COLUMNS_ALL;
}

static enum outcome check_single(struct database *database, sqlite3_stmt *statement, const char *tail,
                                 struct error *error)
{
    if (statement == NULL)
        return error_set(error, OUTCOME_MALFORMED, MISTAKE_PLACE_UNKNOWN, "the statement is empty");
    if (!sqlite3_stmt_readonly(statement) || sqlite3_column_count(statement) == 0)
        return error_set(error, OUTCOME_MALFORMED, MISTAKE_PLACE_UNKNOWN, "only SELECT is allowed");
    if (!is_blank(database->db, tail))
        return error_set(error, OUTCOME_MALFORMED, MISTAKE_PLACE_UNKNOWN, "more than one statement; give one SELECT");
    return OUTCOME_OK;
}

static int prepare_noting(struct database *database, const char *sql, sqlite3_stmt **statement, const char **tail)
{
    database->needs = NEED_NOTHING;
    database->derived = 0;
    return sqlite3_prepare_v2(database->db, sql, -1, statement, tail);
}

/* Learns what a derived table follows from. The plan of its statement is one for tables without rows: not kept. */
static int learn_derived(struct database *database, enum table table)
{
    sqlite3_stmt *statement = NULL;
    if (database->below[table].learned)
        return SQLITE_OK;
    int result = prepare_noting(database, derived_sql(table), &statement, NULL);
    sqlite3_finalize(statement);
    database->below[table].learned = result == SQLITE_OK;
    database->below[table].needs = database->needs;
    database->below[table].derived = database->derived;
    return result;
}

/* Needs of all that is read by the statement just prepared: of derived tables what they follow from, which stands above
 * them in tables.def. */
static int needs_found(struct database *database, unsigned *needs)
{
    table_set derived = database->derived;
    int result = SQLITE_OK;
    *needs = database->needs;
    for (size_t i = TABLE_COUNT; i-- > 0 && result == SQLITE_OK;) {
        if ((derived & table_bit((enum table)i)) == 0)
            continue;
        result = learn_derived(database, (enum table)i);
        *needs |= database->below[i].needs;
        derived |= database->below[i].derived;
    }
    *needs = needs_expand(*needs & ~(unsigned)NEED_DERIVED);
    return result;
}

struct text database_text(sqlite3_stmt *statement, int column)
{
    const char *at = (const char *)sqlite3_column_text(statement, column);
    return at == NULL ? TEXT_NULL : (struct text){at, (size_t)sqlite3_column_bytes(statement, column)};
}

enum outcome database_prepare(struct database *database, const char *sql, sqlite3_stmt **statement, unsigned *needs,
                              struct error *error)
{
    *statement = NULL;
    const char *tail = "";
    budget_start(&database->budget);
    int result = prepare_noting(database, sql, statement, &tail);
    unsigned found = NEED_NOTHING;
    if (result == SQLITE_OK && needs != NULL)
        result = needs_found(database, &found);
    enum outcome outcome = result == SQLITE_OK ? check_single(database, *statement, tail, error)
                                               : prepare_error(database, sql, result, error);
    if (outcome != OUTCOME_OK) {
        sqlite3_finalize(*statement);
        *statement = NULL;
        return outcome;
    }
    if (needs != NULL)
        *needs |= found;
    return OUTCOME_OK;
}
