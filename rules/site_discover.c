/* rules/site_discover.c: see site_discover.h. libyaml's emitter writes no comments, so the few forms that are needed are
 * written here. */
#include "rules/site_discover.h"

#include <inttypes.h>
#include <string.h>

#include "rules/site_keys.h"

const struct outfile_kind site_file_kind = {.name = "empty", .streams = true};

/* ---- YAML ---- */

/* Characters that YAML 1.1 readers take for text and that no terminal takes for more. */
static bool is_plain(uint32_t character)
{
    if (character < 0x80)
        return character >= 0x20 && character != 0x7F && character != '"' && character != '\\';
    bool unseen = character < 0xA0 || character == 0xAD || (character >= 0x200B && character <= 0x200F) ||
                  (character >= 0x2028 && character <= 0x202E) || (character >= 0x2060 && character <= 0x206F) ||
                  character == 0xFEFF || character >= 0xFFFE; /* above the first plane: escaped, to be safe */
    return !unseen;
}

void site_print_escaped(FILE *out, struct text text)
{
    const uint8_t *at = (const uint8_t *)text.at, *end = at + text.length;
    while (at != NULL && at < end) {
        char encoded[4];
        uint32_t character = text_next(&at, end);
        if (is_plain(character))
            fwrite(encoded, 1, text_encode(character, encoded), out);
        else if (character == '"' || character == '\\')
            fprintf(out, "\\%c", (int)character);
        else if (character > 0xFFFF)
            fprintf(out, "\\U%08" PRIX32, character);
        else
            fprintf(out, "\\u%04" PRIX32, character);
    }
}

static bool is_value(struct text text)
{
    return text.length > 0 && text.length <= SITE_TEXT_MAX && memchr(text.at, '\0', text.length) == NULL;
}

/* ---- What is asked ---- */

/* The columns are the keys of the section by their names; `comment` follows them. A row must have what the section
 * requires. */
/* clang-format off */
static const struct question {
    enum site_section_id section;
    const char *sql;
} QUESTIONS[] = {
    {SITE_SECTION_sites,
     "SELECT upper(site_code) AS code,"
     " CASE WHEN count(DISTINCT mode) = 1 THEN min(mode) END AS mode,"
     " 'hosts: ' || count(DISTINCT host) AS comment"
     " FROM role WHERE upper(site_code) GLOB '[0-9A-Z][0-9A-Z][0-9A-Z]'"
     " GROUP BY upper(site_code) ORDER BY 1"},
    {SITE_SECTION_roles,
     "SELECT role, host AS address,"
     " CASE WHEN instr(known, '.') > 0 THEN known END AS fqdn, CASE WHEN instr(known, '.') = 0 THEN known END AS netbios,"
     " CASE WHEN upper(site_code) GLOB '[0-9A-Z][0-9A-Z][0-9A-Z]' THEN upper(site_code) END AS site, mode,"
     " grade || coalesce(', ' || signal, '') || coalesce(', ' || why, '') || coalesce(', packet ' || packet, '')"
     " AS comment"
     /* A site file is believed, so a name that only the writer of the capture file gave is left out of it. */
     " FROM (SELECT *, CASE WHEN (host, name) NOT IN (SELECT host, name FROM host_name GROUP BY host, name"
     " HAVING min(source) = 'capture' AND max(source) = 'capture') THEN name END AS known FROM role)"
     " WHERE role <> 'client' AND is_ip(host) AND grade <> 'hint'"
     " ORDER BY host, role, packet"},
    {SITE_SECTION_domain_controllers,
     "SELECT server AS address, host AS fqdn, domain, forest, 'packet ' || min(packet) AS comment"
     " FROM netlogon_ping WHERE is_ip(server) GROUP BY server ORDER BY server"},
    {SITE_SECTION_sql_servers,
     "SELECT server AS address, port,"
     " upper(substr(database, instr(database, '_') + 1)) AS site, 'packet ' || min(packet) AS comment"
     " FROM sql_login WHERE (upper(database) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]'"
     " OR upper(database) GLOB 'CM_[0-9A-Z][0-9A-Z][0-9A-Z]') AND is_ip(server)"
     " AND upper(substr(database, instr(database, '_') + 1)) IN"
     " (SELECT upper(site_code) FROM role WHERE site_code IS NOT NULL)"
     " GROUP BY server, port, site ORDER BY server, port, site"},
};
/* clang-format on */

/* Roles that cannot be declared as they are: for a comment each. */
static const char UNSURE[] =
    "SELECT role || coalesce(' ' || host, '') || coalesce(' ' || name, '') || coalesce(', site ' || site_code, '')"
    " || CASE WHEN host IS NULL THEN ': its address was not seen' ELSE ': only a hint' END"
    " || coalesce(', ' || why, '') || coalesce(', packet ' || packet, '')"
    " FROM role WHERE role <> 'client' AND (host IS NULL OR grade = 'hint') ORDER BY packet, id";

#define QUESTION_COUNT (sizeof QUESTIONS / sizeof QUESTIONS[0])

enum outcome site_discover_needs(struct database *database, unsigned *needs, struct error *error)
{
    enum outcome outcome = OUTCOME_OK;
    for (size_t i = 0; i < QUESTION_COUNT && outcome == OUTCOME_OK; i++) {
        sqlite3_stmt *statement = NULL;
        outcome = database_prepare(database, QUESTIONS[i].sql, &statement, needs, error);
        sqlite3_finalize(statement);
    }
    if (outcome != OUTCOME_OK)
        return outcome;
    sqlite3_stmt *statement = NULL;
    outcome = database_prepare(database, UNSURE, &statement, needs, error);
    sqlite3_finalize(statement);
    return outcome;
}

/* ---- Writing ---- */

static void write_row(FILE *out, sqlite3_stmt *statement)
{
    bool first = true;
    int columns = sqlite3_column_count(statement);
    for (int i = 0; i < columns; i++) {
        const char *key = sqlite3_column_name(statement, i);
        struct text value = database_text(statement, i);
        if (value.at == NULL)
            continue;
        if (strcmp(key, "comment") == 0 || !is_value(value)) {
            fprintf(out, "    # %s", strcmp(key, "comment") == 0 ? "" : key);
            if (strcmp(key, "comment") == 0 || is_value(value))
                site_print_escaped(out, value);
            else
                fputs(": left out, it is longer than 255 bytes, empty, or not text", out);
            fputc('\n', out);
            continue;
        }
        fprintf(out, "  %s %s: \"", first ? "-" : " ", key);
        site_print_escaped(out, value);
        fputs("\"\n", out);
        first = false;
    }
}

static enum outcome write_section(struct database *database, const struct question *question, FILE *out,
                                  bool written[SITE_SECTION_COUNT], struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, question->sql, &statement, NULL, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    int state;
    uint32_t rows = 0;
    while ((state = sqlite3_step(statement)) == SQLITE_ROW && rows < SITE_ENTRIES_MAX) {
        if (rows++ == 0)
            fprintf(out, "\n%s:\n", SITE_SECTIONS[question->section].name);
        write_row(out, statement);
    }
    if (state == SQLITE_ROW)
        fprintf(out, "# There are more than %d: the others are left out.\n", SITE_ENTRIES_MAX);
    else if (state != SQLITE_DONE)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_finalize(statement);
    written[question->section] = rows > 0;
    return outcome;
}

static enum outcome write_unsure(struct database *database, FILE *out, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum outcome outcome = database_prepare(database, UNSURE, &statement, NULL, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    int state;
    uint32_t rows = 0;
    while ((state = sqlite3_step(statement)) == SQLITE_ROW && rows < SITE_ENTRIES_MAX) {
        if (rows++ == 0)
            fputs("\n# Not sure enough to be declared, or without an address:\n", out);
        fputs("#   ", out);
        site_print_escaped(out, database_text(statement, 0));
        fputc('\n', out);
    }
    if (state == SQLITE_ROW)
        fprintf(out, "# There are more than %d: the others are left out.\n", SITE_ENTRIES_MAX);
    else if (state != SQLITE_DONE)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_finalize(statement);
    return outcome;
}

#define FORM_WIDTH 24 /* of a key, before what it may be */

/* A section that nothing is known of, as a form to be filled in. */
static void write_form(FILE *out, const struct site_section *section)
{
    fprintf(out, "\n# %s:\n", section->name);
    for (size_t k = 0; section->keys[k].name != NULL; k++) {
        const struct site_key *key = &section->keys[k];
        int length = fprintf(out, "#  %s %s: \"\"", k == 0 ? "-" : " ", key->name);
        fprintf(out, "%*s# %s%s%s%s\n", length < FORM_WIDTH ? FORM_WIDTH - length : 1, "", site_kind_meaning(key->kind),
                key->words == NULL ? "" : ": ", key->words == NULL ? "" : key->words,
                key->required ? "" : "; may be left out");
    }
}

enum outcome site_discover(struct database *database, FILE *out, struct error *error)
{
    bool written[SITE_SECTION_COUNT] = {false};
    enum outcome outcome = OUTCOME_OK;
    fputs("# A site file for cmscope --site, made by `cmscope discover` of what was learned from traffic.\n"
          "# Check it: what it declares is taken for true. docs/site.md tells of all keys.\n",
          out);
    for (size_t i = 0; i < QUESTION_COUNT && outcome == OUTCOME_OK; i++)
        outcome = write_section(database, &QUESTIONS[i], out, written, error);
    if (outcome == OUTCOME_OK)
        outcome = write_unsure(database, out, error);
    for (int i = 0; i < SITE_SECTION_COUNT && outcome == OUTCOME_OK; i++) {
        if (!written[i])
            write_form(out, &SITE_SECTIONS[i]);
    }
    return outcome;
}
