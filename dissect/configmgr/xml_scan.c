/* dissect/configmgr/xml_scan.c: see xml_scan.h. The grammar is that of XML 1.0 (fifth edition) and of Namespaces in XML
 * 1.0; numbers in brackets are their productions. */
#include "dissect/configmgr/xml_scan.h"

#include <string.h>

#include "dissect/configmgr/xml_tree.h"

#define ATTRIBUTES_MAX 32 /* of an element: their names are compared with each other */
#define NAMESPACES_MAX 32 /* declarations in one document */
#define NAME_MAX_LENGTH 1024

/* What a byte may be part of. A NUL is nothing, so it stands for the end as well. */
enum {
    NAME_START = 1, /* ASCII part of NCName [4] */
    NAME = 2,
    SPACE = 4,     /* S [3] */
    CHARACTER = 8, /* of text, needing no thought */
    VALUE = 16,    /* of an attribute, likewise */
    BEYOND = 32    /* ASCII: a sequence of UTF-8 */
};

#define LETTER (NAME_START | NAME | CHARACTER | VALUE)
#define DIGIT (NAME | CHARACTER | VALUE)
#define OTHER (CHARACTER | VALUE)

static const uint8_t CLASSES[256] = {
    ['\t' ... '\n'] = SPACE | CHARACTER,
    ['\r'] = SPACE,
    [' '] = SPACE | CHARACTER | VALUE,
    ['!' ... '%'] = OTHER, /* not & */
    ['\'' ... ','] = OTHER,
    ['-' ... '.'] = DIGIT,
    ['/'] = OTHER,
    ['0' ... '9'] = DIGIT,
    [':' ... ';'] = OTHER, /* not < */
    ['=' ... '@'] = OTHER,
    ['A' ... 'Z'] = LETTER,
    ['[' ... '\\'] = OTHER,
    [']'] = VALUE,
    ['^'] = OTHER,
    ['_'] = LETTER,
    ['`'] = OTHER,
    ['a' ... 'z'] = LETTER,
    ['{' ... 0x7F] = OTHER,
    [0x80 ... 0xFF] = BEYOND,
};

struct scanner {
    struct cursor left;
    struct arena *arena;
    struct text open[XML_DEPTH_MAX]; /* names as written */
    size_t namespaces;
    struct xml_tree tree;
};

static uint8_t next_byte(const struct scanner *scanner)
{
    return scanner->left.left == 0 ? 0 : scanner->left.at[0];
}

static bool accept(struct scanner *scanner, char byte)
{
    return next_byte(scanner) == (uint8_t)byte && cursor_skip(&scanner->left, 1);
}

static bool accept_word(struct cursor *cursor, struct text word)
{
    return cursor_starts(*cursor, word.at, word.length) && cursor_skip(cursor, word.length);
}

/* Takes all bytes that are of `classes`. */
static struct text take_while(struct scanner *scanner, unsigned classes)
{
    size_t length = 0;
    while (length < scanner->left.left && (CLASSES[scanner->left.at[length]] & classes))
        length++;
    struct cursor taken = CURSOR_EMPTY;
    return cursor_take(&scanner->left, length, &taken) ? text_from(taken) : TEXT_NULL;
}

static bool skip_space(struct scanner *scanner)
{
    return (CLASSES[next_byte(scanner)] & SPACE) && take_while(scanner, SPACE).length > 0;
}

/* The length of the character that starts `bytes`, which is beyond ASCII; 0 when XML does not allow it (Char [2]). */
static size_t character_length(struct cursor bytes)
{
    const uint8_t *at = bytes.at;
    uint32_t character = text_next(&at, bytes.at + bytes.left);
    size_t length = (size_t)(at - bytes.at);
    return length == 1 || character == 0xFFFE || character == 0xFFFF ? 0 : length;
}

/* QName [7]: *written is all of it, *local what stands behind the prefix. */
static bool scan_name(struct scanner *scanner, struct text *written, struct text *local)
{
    if (!(CLASSES[next_byte(scanner)] & NAME_START))
        return false;
    *written = *local = take_while(scanner, NAME);
    if (accept(scanner, ':')) {
        if (!(CLASSES[next_byte(scanner)] & NAME_START))
            return false;
        *local = take_while(scanner, NAME);
        written->length += 1 + local->length;
    }
    return written->length <= NAME_MAX_LENGTH;
}

/* One of the five predefined entities (4.6); '\0' for another reference. */
static char scan_entity(struct cursor *cursor)
{
    static const struct {
        struct text written;
        char character;
    } entities[] = {
        {{"&lt;", 4}, '<'}, {{"&gt;", 4}, '>'}, {{"&amp;", 5}, '&'}, {{"&quot;", 6}, '"'}, {{"&apos;", 6}, '\''}};
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        if (accept_word(cursor, entities[i].written))
            return entities[i].character;
    }
    return '\0';
}

/* ---- Attributes ---- */

/* Whether a value may stand as it is, or after cook_value (*cook). */
static bool check_value(struct cursor value, bool *cook)
{
    *cook = false;
    while (value.left > 0) {
        uint8_t byte = value.at[0];
        size_t length = 1;
        if (byte == '&' || byte == '\t' || byte == '\n')
            *cook = true;
        else if (CLASSES[byte] & BEYOND)
            length = character_length(value);
        else if (!(CLASSES[byte] & VALUE))
            return false;
        if (length == 0 || !cursor_skip(&value, length))
            return false;
    }
    return true;
}

/* A copy with entities replaced and with white space made spaces (3.3.3). */
static bool cook_value(struct scanner *scanner, struct cursor value, struct text *cooked)
{
    char *out = arena_take(scanner->arena, value.left);
    if (out == NULL)
        return false;
    size_t length = 0;
    while (value.left > 0) {
        uint8_t byte = value.at[0];
        char character = byte == '&' ? scan_entity(&value) : (CLASSES[byte] & SPACE) ? ' ' : (char)byte;
        if (character == '\0' || (byte != '&' && !cursor_skip(&value, 1)))
            return false;
        out[length++] = character;
    }
    *cooked = (struct text){out, length};
    return true;
}

/* AttValue [10]. */
static bool scan_value(struct scanner *scanner, struct text *value)
{
    uint8_t quote = next_byte(scanner);
    if ((quote != '"' && quote != '\'') || !cursor_skip(&scanner->left, 1))
        return false;
    size_t length = 0;
    while (length < scanner->left.left && (CLASSES[scanner->left.at[length]] & VALUE) &&
           scanner->left.at[length] != quote)
        length++;
    struct cursor raw;
    bool cook = false;
    bool simple = length < scanner->left.left && scanner->left.at[length] == quote;
    if ((!simple && !cursor_find(scanner->left, cursor_of(&quote, 1), &length)) ||
        !cursor_take(&scanner->left, length, &raw) || !cursor_skip(&scanner->left, 1) ||
        (!simple && !check_value(raw, &cook)))
        return false;
    *value = text_from(raw);
    return !cook || cook_value(scanner, raw, value);
}

/* Attribute [15] of an element whose attributes so far are called `names`. */
static bool scan_attribute(struct scanner *scanner, struct text names[ATTRIBUTES_MAX], size_t count)
{
    struct text local, value;
    if (count == ATTRIBUTES_MAX || !scan_name(scanner, &names[count], &local))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (names[i].length == names[count].length && text_equal(names[i], names[count]))
            return false;
    }
    skip_space(scanner);
    if (!accept(scanner, '='))
        return false;
    skip_space(scanner);
    if (!scan_value(scanner, &value))
        return false;
    bool prefixed = local.length < names[count].length;
    struct text declaration = {names[count].at, names[count].length - (prefixed ? local.length + 1 : 0)};
    if (declaration.length == 5 && text_is(declaration, "xmlns"))
        return ++scanner->namespaces <= NAMESPACES_MAX;
    return xml_tree_attribute(&scanner->tree, local, value) == NULL;
}

/* ---- Elements ---- */

/* STag [40] or EmptyElemTag [44], behind its "<". */
static bool scan_start(struct scanner *scanner)
{
    struct text written, local, names[ATTRIBUTES_MAX];
    if (!scan_name(scanner, &written, &local) || xml_tree_open(&scanner->tree, local) != NULL)
        return false;
    scanner->open[scanner->tree.depth - 1] = written;
    for (size_t count = 0;; count++) {
        bool space = skip_space(scanner);
        if (accept(scanner, '>'))
            return true;
        if (accept(scanner, '/')) {
            xml_tree_close(&scanner->tree);
            return accept(scanner, '>');
        }
        if (!space || !scan_attribute(scanner, names, count))
            return false;
    }
}

/* ETag [42], behind its "</". */
static bool scan_end(struct scanner *scanner)
{
    struct text name = scanner->open[scanner->tree.depth - 1];
    if (!cursor_starts(scanner->left, name.at, name.length) || !cursor_skip(&scanner->left, name.length))
        return false;
    skip_space(scanner);
    xml_tree_close(&scanner->tree);
    return accept(scanner, '>');
}

/* ---- Text ---- */

typedef int8_t block __attribute__((vector_size(16)));

/* How many bytes at the start of a block are text that needs no thought; white space other than spaces ends it too. */
static size_t plain_of_block(const uint8_t *at)
{
    block b;
    uint64_t halves[2];
    memcpy(&b, at, sizeof b);
    b = (b < ' ') | (b == '<') | (b == '&') | (b == ']'); /* as signed numbers, all beyond ASCII is below a space */
    memcpy(halves, &b, sizeof b);
    if ((halves[0] | halves[1]) == 0)
        return sizeof b;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)(halves[0] != 0 ? __builtin_ctzll(halves[0]) / 8 : 8 + __builtin_ctzll(halves[1]) / 8);
#else
    return 0;
#endif
}

/* The same for all of `bytes`. */
static size_t plain_length(struct cursor bytes)
{
    size_t length = 0, step = sizeof(block);
    while (step == sizeof(block) && bytes.left - length >= sizeof(block)) {
        step = plain_of_block(bytes.at + length);
        length += step;
    }
    while (length < bytes.left && (CLASSES[bytes.at[length]] & CHARACTER))
        length++;
    return length;
}

/* A run of CharData [14]. False when it holds what XML does not allow, or "]]". */
static bool scan_run(struct scanner *scanner, struct cursor *run)
{
    size_t length = 0;
    struct cursor rest = scanner->left;
    for (;;) {
        size_t step = plain_length(rest);
        length += step;
        if (!cursor_skip(&rest, step))
            return false;
        if (rest.left == 0 || (rest.at[0] != ']' && !(CLASSES[rest.at[0]] & BEYOND)))
            return cursor_take(&scanner->left, length, run);
        step = rest.at[0] == ']' ? !cursor_starts(rest, "]]", 2) : character_length(rest);
        length += step;
        if (step == 0 || !cursor_skip(&rest, step))
            return false;
    }
}

/* Text up to the next tag or the end. */
static bool scan_text(struct scanner *scanner)
{
    static const char characters[] = "<>&\"'";
    for (;;) {
        struct cursor run;
        if (!scan_run(scanner, &run) || xml_tree_text(&scanner->tree, text_from(run)) != NULL)
            return false;
        uint8_t byte = next_byte(scanner);
        if (byte == '<' || scanner->left.left == 0)
            return true;
        if (byte == '\r') { /* CR LF is one line end (2.11) */
            if (!cursor_starts(scanner->left, "\r\n", 2) || !cursor_skip(&scanner->left, 1))
                return false;
            continue;
        }
        char character = byte == '&' ? scan_entity(&scanner->left) : '\0';
        const char *at = character == '\0' ? NULL : strchr(characters, character);
        if (at == NULL || xml_tree_text(&scanner->tree, (struct text){at, 1}) != NULL)
            return false;
    }
}

/* CDSect [18], behind its "<![CDATA[". libxml2 leaves line ends in it as they are, which XML does not; so they are not plain. */
static bool scan_cdata(struct scanner *scanner)
{
    size_t length;
    struct cursor raw;
    if (!cursor_find(scanner->left, cursor_of("]]>", 3), &length) || !cursor_take(&scanner->left, length, &raw) ||
        !cursor_skip(&scanner->left, 3))
        return false;
    struct cursor rest = raw;
    while (rest.left > 0) {
        uint8_t byte = rest.at[0];
        bool markup = byte == '&' || byte == '<' || byte == ']';
        size_t step = (CLASSES[byte] & BEYOND) ? character_length(rest) : markup ? 1 : plain_length(rest);
        if (step == 0 || !cursor_skip(&rest, step))
            return false;
    }
    return xml_tree_text(&scanner->tree, text_from(raw)) == NULL;
}

/* ---- Documents ---- */

static bool accept_quoted(struct scanner *scanner, const char *const *values)
{
    struct text value;
    bool found = false;
    if (!scan_value(scanner, &value))
        return false;
    for (; *values != NULL; values++)
        found = found || text_is(value, *values);
    return found;
}

/* XMLDecl [23] as senders write it. What it says of the encoding is ignored. */
static bool scan_declaration(struct scanner *scanner)
{
    static const char *const versions[] = {"1.0", NULL};
    static const char *const encodings[] = {"utf-8", "UTF-8", "utf-16", "UTF-16", NULL};
    static const char *const answers[] = {"yes", "no", NULL};
    if (!accept_word(&scanner->left, TEXT("<?xml")))
        return true;
    if (!skip_space(scanner) || !accept_word(&scanner->left, TEXT("version=")) || !accept_quoted(scanner, versions))
        return false;
    bool space = skip_space(scanner);
    if (space && accept_word(&scanner->left, TEXT("encoding="))) {
        if (!accept_quoted(scanner, encodings))
            return false;
        space = skip_space(scanner);
    }
    if (space && accept_word(&scanner->left, TEXT("standalone="))) {
        if (!accept_quoted(scanner, answers))
            return false;
        skip_space(scanner);
    }
    return accept_word(&scanner->left, TEXT("?>"));
}

/* What stands behind a "<" in the content of an element [43]. */
static bool scan_markup(struct scanner *scanner)
{
    if (accept(scanner, '/'))
        return scan_end(scanner);
    if (next_byte(scanner) != '!')
        return scan_start(scanner);
    return accept_word(&scanner->left, TEXT("![CDATA[")) && scan_cdata(scanner);
}

bool xml_scan(struct text text, struct arena *arena, struct xml_document *document)
{
    struct scanner scanner;
    scanner.left = text_cursor(text);
    scanner.arena = arena;
    scanner.namespaces = 0;
    xml_tree_begin(&scanner.tree, arena, document, false);
    if (!scan_declaration(&scanner))
        return false;
    skip_space(&scanner);
    if (!accept(&scanner, '<') || !scan_start(&scanner))
        return false;
    while (scanner.tree.depth > 0) {
        if (!scan_text(&scanner) || !accept(&scanner, '<') || !scan_markup(&scanner))
            return false;
    }
    skip_space(&scanner);
    document->complete = scanner.left.left == 0;
    return document->complete;
}
