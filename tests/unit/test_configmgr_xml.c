/* tests/unit/test_configmgr_xml.c: XML becomes a tree, hostile XML an error, and nothing is expanded or fetched. */
#include <libxml/xmlerror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "dissect/configmgr/xml.h"
#include "tests/unit/message_fixture.h"

static int open_arena(void **state)
{
    struct arena *arena = malloc(sizeof *arena);
    if (arena == NULL)
        return 1;
    arena_init(arena, (size_t)256 << 20);
    *state = arena;
    return 0;
}

static int close_arena(void **state)
{
    arena_free(*state);
    free(*state);
    return 0;
}

static struct xml_document parse(void **state, const char *text, enum outcome expected)
{
    struct xml_document document;
    struct error error = {0};
    assert_int_equal(xml_parse(text_of(text), *state, &document, &error), expected);
    assert_int_equal(document.complete, expected == OUTCOME_OK);
    assert_int_equal(strlen(error.text) > 0, expected != OUTCOME_OK);
    return document;
}

static void count_complaint(void *context, const char *format, ...)
{
    (void)format;
    (*(int *)context)++;
}

/* The first bytes of a text decide nothing: it is UTF-8. libxml2 would guess other encodings, and complain on its own. */
static void nothing_is_written_to_standard_error(void **state)
{
    static const char *const starts[] = {"\0\0\0<", "\0<\0a",   "<\0a\0",          "<\0\0\0",
                                         "\0\0<\0", "\0\0\0\0", "\x4C\x6F\xA7\x94"};
    struct xml_document document;
    struct error error = {0};
    int complaints = 0;
    xmlSetGenericErrorFunc(&complaints, count_complaint);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        char bytes[64] = {0};
        memcpy(bytes, starts[i], 4);
        memcpy(bytes + 4, "\xD8\xFF\0\xDC<a>\0\0", 9);
        struct text text = {bytes, sizeof bytes};
        assert_int_not_equal(xml_parse(text, *state, &document, &error), OUTCOME_OK);
        assert_true(strlen(error.text) > 0);
    }
    xmlSetGenericErrorFunc(NULL, NULL);
    assert_int_equal(complaints, 0);
}

static void elements_attributes_and_text_become_a_tree(void **state)
{
    struct xml_document document = parse(
        state,
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a x='1' Y=\"&lt;&#x41;\"> one <b>two</b> three<b>four</b><c/></a>",
        OUTCOME_OK); /* the text is UTF-8, whatever it claims */
    const struct xml_element *a = document.root;
    assert_true(text_is(a->name, "a"));
    assert_null(a->parent);
    assert_true(text_is(a->text, "one  three"));
    assert_true(text_is(xml_text(a), "one  three"));
    assert_true(text_is(xml_attribute(a, "x"), "1"));
    assert_true(text_is(xml_attribute(a, "y"), "<A"));
    assert_null(xml_attribute(a, "z").at);
    const struct xml_element *b = xml_child(a, "b");
    assert_true(text_is(b->text, "two"));
    assert_ptr_equal(b->parent, a);
    b = xml_next(b);
    assert_true(text_is(b->text, "four"));
    assert_null(xml_next(b));
    assert_non_null(xml_child(a, "c"));
    assert_true(text_is(xml_text(xml_child(a, "c")), "")); /* empty, not unknown */
    assert_null(xml_child(a, "B"));
    assert_false(document.has_doctype);
}

static void cdata_comments_and_instructions_are_read_as_xml_says(void **state)
{
    struct xml_document document =
        parse(state, "<a><!-- <b/> --><?pi <c/>?>x<![CDATA[<d>&amp;]]>y</a><!-- behind -->", OUTCOME_OK);
    assert_null(document.root->child);
    assert_true(text_is(document.root->text, "x<d>&amp;y"));
}

static void an_ampersand_in_a_value_is_one(void **state)
{
    struct xml_document document =
        parse(state, "<a b='x&amp;y' c='&#38;&amp;#38;'><!-- for libxml2 --></a>", OUTCOME_OK);
    assert_true(text_is(xml_attribute(document.root, "b"), "x&y"));
    assert_true(text_is(xml_attribute(document.root, "c"), "&&#38;"));
    document = parse(state, "<a b='x&amp;y'/>", OUTCOME_OK);
    assert_true(text_is(xml_attribute(document.root, "b"), "x&y"));
}

static void paths_and_counts_follow_the_tree(void **state)
{
    struct xml_document document =
        parse(state, "<r><d><e k='1'/><e k='2'/></d><d><e k='3'/><f><e k='4'><e k='5'/></e></f></d></r>", OUTCOME_OK);
    const struct xml_element *first = NULL;
    assert_int_equal(xml_count(document.root, "e", &first), 5);
    assert_true(text_is(xml_attribute(first, "k"), "1"));
    assert_int_equal(xml_count(document.root, "r", NULL), 1);
    assert_int_equal(xml_count(xml_child(document.root, "d"), "e", NULL), 2); /* not those of its siblings */
    assert_int_equal(xml_count(NULL, "e", NULL), 0);
    assert_true(text_is(xml_attribute(xml_path(document.root, "d/e"), "k"), "1"));
    assert_null(xml_path(document.root, "d/f")); /* only the first d is followed */
    assert_null(xml_path(document.root, "d/x/e"));
    assert_ptr_equal(xml_path(document.root, ""), document.root);
    assert_null(xml_path(NULL, "a"));
    assert_null(xml_text(NULL).at);
    assert_null(xml_attribute(NULL, "a").at);
    assert_null(xml_next(NULL));
}

static void prefixes_of_namespaces_are_dropped(void **state)
{
    struct xml_document document = parse(state, "<p:a xmlns:p='urn:x' p:k='v'><p:b/></p:a>", OUTCOME_OK);
    assert_true(text_is(document.root->name, "a"));
    assert_true(text_is(xml_attribute(document.root, "k"), "v"));
    assert_non_null(xml_child(document.root, "b"));
    document = parse(state, "<q:a><q:b/></q:a>", OUTCOME_OK); /* not declared: still read */
    assert_non_null(document.root);
}

static void what_stood_before_an_error_stays_in_the_tree(void **state)
{
    static const char *const broken[] = {
        "<a><b>x</b><c", "<a><b>x</b></c></a>",     "<a><b>x</b>&unknown;</a>", "<a><b>x</b>\x01</a>",
        "<a><b>x</b>",   "<a><b>x</b><c k=v/></a>", "<a><b>x</b></a>trailing",  "<a><b>x</b></a><a/>",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct xml_document document = parse(state, broken[i], OUTCOME_MALFORMED);
        assert_true(text_is(document.root->name, "a"));
        assert_true(text_is(xml_text(xml_child(document.root, "b")), "x"));
    }
}

static void what_is_no_xml_has_no_root(void **state)
{
    static const char *const nothing[] = {"", " ", "text", "<", "<?xml version='1.0'?>", "<!-- only -->", "<1/>"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        assert_null(parse(state, nothing[i], OUTCOME_MALFORMED).root);
    struct xml_document document;
    assert_int_equal(xml_parse(TEXT_NULL, *state, &document, NULL), OUTCOME_MALFORMED);
}

/* ---- Hostile documents ---- */

static void entities_of_a_document_type_are_never_expanded(void **state)
{
    struct xml_document document =
        parse(state, "<!DOCTYPE a [<!ENTITY x \"EXPANDED\">]><a><b>&lt;</b>&x;</a>", OUTCOME_MALFORMED);
    assert_true(document.has_doctype);
    assert_true(text_is(xml_text(xml_child(document.root, "b")), "<")); /* those of XML itself are */
    size_t at;
    assert_false(text_find_like(document.root->text, "EXPANDED", &at));
    document = parse(state, "<!DOCTYPE a [<!ENTITY x \"EXPANDED\">]><a k=\"&x;\"/>", OUTCOME_MALFORMED);
    assert_false(text_find_like(xml_attribute(document.root, "k"), "EXPANDED", &at));
}

static void a_document_type_alone_is_noted_and_skipped(void **state)
{
    struct xml_document document =
        parse(state, "<!DOCTYPE a SYSTEM \"http://192.0.2.1/x.dtd\" [<!ELEMENT a ANY>]><a>text</a>", OUTCOME_OK);
    assert_true(document.has_doctype);
    assert_true(text_is(document.root->text, "text"));
}

static void a_file_is_never_read_through_an_entity(void **state)
{
    static const char *const hostile[] = {
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"file:///etc/passwd\"> %p;]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>&root;</a>",
    };
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct xml_document document;
        struct error error;
        enum outcome outcome = xml_parse(text_of(hostile[i]), *state, &document, &error);
        assert_true(outcome == OUTCOME_OK || outcome == OUTCOME_MALFORMED);
        assert_true(document.has_doctype);
        assert_true(document.root == NULL || document.root->text.length == 0);
    }
}

static void a_billion_laughs_take_no_memory(void **state)
{
    struct buffer text;
    buffer_init(&text, 1 << 20);
    sample_print(&text, "<!DOCTYPE a [<!ENTITY l0 \"lolololololol\">");
    for (int i = 1; i < 12; i++) {
        sample_print(&text, "<!ENTITY l%d \"", i);
        for (int j = 0; j < 10; j++)
            sample_print(&text, "&l%d;", i - 1);
        sample_print(&text, "\">");
    }
    sample_print(&text, "]><a k='&l11;'>&l11;</a>");
    sample_append(&text, cursor_of("", 1));
    struct arena *arena = *state;
    size_t before = arena->used;
    parse(state, (const char *)text.bytes, OUTCOME_MALFORMED);
    assert_true(arena->used - before < 100000);
    buffer_free(&text);
}

static void nesting_and_number_of_nodes_are_limited(void **state)
{
    struct buffer text;
    buffer_init(&text, 1 << 24);
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        sample_print(&text, "<a>");
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        sample_print(&text, "</a>");
    sample_append(&text, cursor_of("", 1));
    parse(state, (const char *)text.bytes, OUTCOME_OK);
    buffer_reset(&text, 0);
    for (int i = 0; i < 100000; i++)
        sample_append(&text, cursor_of("<a>", 3));
    sample_append(&text, cursor_of("", 1));
    assert_non_null(parse(state, (const char *)text.bytes, OUTCOME_LIMIT).root);
    buffer_reset(&text, 0);
    sample_print(&text, "<r>");
    for (int i = 0; i < XML_NODES_MAX; i++) /* one more than allowed, with r */
        sample_append(&text, cursor_of("<a/>", 4));
    sample_print(&text, "</r>");
    sample_append(&text, cursor_of("", 1));
    parse(state, (const char *)text.bytes, OUTCOME_LIMIT);
    buffer_free(&text);
}

/* libxml2 compares each attribute with all others: a megabyte of them in one element took it 4 s. */
static void many_attributes_or_namespaces_burn_no_time(void **state)
{
    static const char *const before[] = {
        "", "<!-- '<x ' -->", "<!--> \" -->", "<?x '?>", "<b><![CDATA[<a ']]></b>", "<b c='>' d=\"'\"/>", "it's",
    };
    struct buffer text;
    buffer_init(&text, 1 << 24);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) { /* nothing hides the element */
        buffer_reset(&text, 1 << 24);
        sample_print(&text, "<r><b>kept</b>%s<a", before[i]);
        for (int j = 0; j < 50000; j++)
            sample_print(&text, " a%d='>'", j);
        sample_append(&text, cursor_of("/></r>", 7));
        struct xml_document document = parse(state, (const char *)text.bytes, OUTCOME_LIMIT);
        assert_true(text_is(xml_text(xml_child(document.root, "b")), "kept"));
        arena_reset(*state);
    }
    buffer_reset(&text, 0);
    sample_print(&text, "<r");
    for (int j = 0; j < XML_ATTRIBUTES_MAX; j++)
        sample_print(&text, " a%d='='", j);
    sample_append(&text, cursor_of("/>", 3));
    assert_true(text_is(xml_attribute(parse(state, (const char *)text.bytes, OUTCOME_OK).root, "a511"), "="));
    buffer_reset(&text, 0);
    sample_print(&text, "<r>");
    for (int j = 0; j <= XML_NAMESPACES_MAX; j++)
        sample_print(&text, "<a xmlns:p%d='urn:x'/>", j);
    sample_append(&text, cursor_of("</r>", 5));
    parse(state, (const char *)text.bytes, OUTCOME_LIMIT);
    buffer_free(&text);
}

static void a_long_document_type_burns_no_time(void **state)
{
    struct buffer text;
    buffer_init(&text, 1 << 24);
    sample_print(&text, "<!-- x --><!DOCTYPE a [<!ATTLIST a");
    for (int i = 0; i < 100000; i++)
        sample_print(&text, " a%d CDATA ''", i);
    sample_append(&text, cursor_of(">]><a/>", 8));
    assert_null(parse(state, (const char *)text.bytes, OUTCOME_LIMIT).root);
    buffer_free(&text);
}

static void text_longer_than_one_piece_is_joined(void **state)
{
    struct buffer text;
    buffer_init(&text, 1 << 24);
    sample_print(&text, "<a>");
    for (int i = 0; i < 300000; i++)
        sample_append(&text, cursor_of("\xC3\xA4"
                                       "01234567",
                                       10)); /* 3 MB; a piece ends inside a character */
    sample_print(&text, "</a>");
    struct xml_document document;
    assert_int_equal(xml_parse(text_from(buffer_cursor(&text)), *state, &document, NULL), OUTCOME_OK);
    assert_int_equal(document.root->text.length, 3000000);
    assert_memory_equal(document.root->text.at, text.bytes + 3, 3000000);
    buffer_free(&text);
}

static void a_full_arena_is_a_limit(void **state)
{
    (void)state;
    struct arena small;
    struct xml_document document;
    arena_init(&small, 20000);
    struct buffer text;
    buffer_init(&text, 1 << 20);
    sample_print(&text, "<r>");
    for (int i = 0; i < 1000; i++)
        sample_print(&text, "<element attribute='value'>text</element>");
    sample_print(&text, "</r>");
    assert_int_equal(xml_parse(text_from(buffer_cursor(&text)), &small, &document, NULL), OUTCOME_LIMIT);
    arena_free(&small);
    arena_init(&small, 16);
    assert_int_equal(xml_parse(TEXT("<a/>"), &small, &document, NULL), OUTCOME_LIMIT);
    arena_free(&small);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_attributes_and_text_become_a_tree),
        cmocka_unit_test(cdata_comments_and_instructions_are_read_as_xml_says),
        cmocka_unit_test(an_ampersand_in_a_value_is_one),
        cmocka_unit_test(paths_and_counts_follow_the_tree),
        cmocka_unit_test(prefixes_of_namespaces_are_dropped),
        cmocka_unit_test(what_stood_before_an_error_stays_in_the_tree),
        cmocka_unit_test(what_is_no_xml_has_no_root),
        cmocka_unit_test(entities_of_a_document_type_are_never_expanded),
        cmocka_unit_test(a_document_type_alone_is_noted_and_skipped),
        cmocka_unit_test(a_file_is_never_read_through_an_entity),
        cmocka_unit_test(a_billion_laughs_take_no_memory),
        cmocka_unit_test(nothing_is_written_to_standard_error),
        cmocka_unit_test(nesting_and_number_of_nodes_are_limited),
        cmocka_unit_test(many_attributes_or_namespaces_burn_no_time),
        cmocka_unit_test(a_long_document_type_burns_no_time),
        cmocka_unit_test(text_longer_than_one_piece_is_joined),
        cmocka_unit_test(a_full_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
