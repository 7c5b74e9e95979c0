/* tests/unit/test_configmgr_xml_scan.c: the scanner takes what is plain, leaves the rest, and reads as libxml2 does. */
#define _GNU_SOURCE /* stpcpy */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "tests/unit/xml_same.h"

#define ARENA_MAX ((size_t)64 << 20)

static int open_arena(void **state)
{
    struct arena *arena = malloc(sizeof *arena);
    if (arena == NULL)
        return 1;
    arena_init(arena, ARENA_MAX);
    xml_setup();
    *state = arena;
    return 0;
}

static int close_arena(void **state)
{
    arena_free(*state);
    free(*state);
    return 0;
}

static void check(void **state, const char *const *texts, bool expected)
{
    for (; *texts != NULL; texts++) {
        bool plain;
        if (!xml_same(text_of(*texts), *state, &plain))
            fail_msg("libxml2 reads it differently: %s", *texts);
        if (plain != expected)
            fail_msg("%s: %s", plain ? "taken for plain" : "not taken for plain", *texts);
    }
}

static void what_senders_write_is_scanned(void **state)
{
    static const char *const texts[] = {
        "<Msg/>",
        "<Msg></Msg >",
        "<?xml version=\"1.0\"?><a/>",
        "<?xml version='1.0' encoding='utf-16' standalone=\"no\" ?>\r\n\t <a/> \n",
        "<a b='1' c = \"2\"\n d='&lt;&gt;&amp;&quot;&apos;' e='\"' f=\"'>]]>\" g='x\ty\nz' h=''/>",
        "<a> one <b>two</b> three <b/>\r\n four </a>",
        "<a>&lt;b&gt; &amp;amp; ] ]&gt; \"'></a>",
        "<a>\r\n  <b>\r\n1\r\n2\r\n</b>\r\n</a>",
        "<a b='\xC3\xA9\xF0\x9F\x98\x80'>\xC3\xA9 \xE2\x82\xAC \xEF\xBF\xBD\x7F\xC2\x85</a>",
        "<a><![CDATA[]]>x<![CDATA[ <b>&amp;]] \xC3\xA9 ]]> y </a>",
        "<p:a xmlns:p='urn:p' xmlns='q' p:x='1' x='2'><p:b q:x=''/><b xmlns=''></b></p:a>",
        "<p:a Xmlns:p='u' XMLNS='v' xmlnsx='w' xmlns='x'/>",
        "<a.b-c_d9 e.f-g_h9=''/>",
        NULL,
    };
    check(state, texts, true);
}

static void the_rest_is_left_to_the_library(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "a",
        "<",
        "<a",
        "<a>",
        "<a/",
        "<a></b>",
        "<a></a",
        "<a></ a>",
        "< a/>",
        "<a/ >",
        "<a/><b/>",
        "<a/>x",
        "<a b/>",
        "<a b=/>",
        "<a b=1/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a b='1' b='2'/>",
        "<a b='1/>",
        "<a 1='2'/>",
        "<1/>",
        "<:a/>",
        "<a:/>",
        "<a:b:c/>",
        "<\xC3\xA9/>",
        "<a \xC3\xA9=''/>",
        "<a b='\r'/>",
        "<a b='&#9;'/>",
        "<a>&#65;</a>",
        "<a>&e;</a>",
        "<a>&</a>",
        "<a>&lt</a>",
        "<a>]]></a>",
        "<a>\r</a>",
        "<a>\x01</a>",
        "<a>\xEF\xBF\xBF</a>",
        "<a>\xC3</a>",
        "<a>\xED\xA0\x80</a>",
        "<a b='\xFF'/>",
        "<a><!-- c --></a>",
        "<!-- c --><a/>",
        "<a/><!-- c -->",
        "<a><?pi?></a>",
        "<?pi?><a/>",
        "<!DOCTYPE a><a/>",
        "<a><![CDATA[x</a>",
        "<a><![CDATA[\r\n]]></a>",
        "<a><![CDATA[\x02]]></a>",
        "<![CDATA[x]]><a/>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.0'encoding='utf-8'?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml version='1.0' encoding='latin1'?><a/>",
        "<?xml?><a/>",
        " <?xml version='1.0'?><a/>",
        NULL,
    };
    check(state, texts, false);
}

static void limits_are_those_of_the_tree(void **state)
{
    struct buffer text;
    bool plain;
    for (int depth = XML_DEPTH_MAX; depth <= XML_DEPTH_MAX + 1; depth++) {
        buffer_init(&text, 1 << 16);
        for (int i = 0; i < depth; i++)
            assert_true(buffer_append(&text, cursor_of("<a>", 3)));
        for (int i = 0; i < depth; i++)
            assert_true(buffer_append(&text, cursor_of("</a>", 4)));
        assert_true(xml_same(text_from(buffer_cursor(&text)), *state, &plain));
        assert_int_equal(plain, depth == XML_DEPTH_MAX);
        buffer_free(&text);
    }
    struct arena small;
    arena_init(&small, 64);
    assert_true(xml_same(TEXT("<a><b/><b/></a>"), &small, &plain));
    assert_false(plain);
    arena_free(&small);
}

/* Numbers from a seed (xorshift64), so that a failure can be repeated. */
static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % below;
}

/* Random sequences of pieces of XML, most of which make documents that are nearly right. */
static void random_documents_are_read_alike(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "<a>",
        "</a>",
        "<b x='1'>",
        "</b>",
        "<c/>",
        "<d y=\"&amp;\" z='\t'/>",
        "text",
        " ",
        "\r\n",
        "]",
        ">",
        "&lt;",
        "&quot;",
        "<![CDATA[x]]>",
        "\xC3\xA9",
        "<p:e xmlns:p='u' p:x='' x=''/>",
        "<a b='1' b=''/>",
        "&#13;",
        "<!-- -->",
        "<?x?>",
        "\r",
    };
    enum { COMMON = 16, ALL = sizeof pieces / sizeof pieces[0] };
    uint64_t seed = 0x9E3779B97F4A7C15u;
    size_t plain_count = 0, rounds = 20000;
    for (size_t round = 0; round < rounds; round++) {
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        char text[1024] = "<r>", *at = text + 3;
        const char *open[64];
        size_t depth = 0;
        for (uint64_t left = draw(&seed, 30); left > 0; left--) {
            const char *piece = pieces[draw(&seed, draw(&seed, 100) < 98 ? COMMON : ALL)];
            bool start = strcmp(piece, "<a>") == 0 || strncmp(piece, "<b ", 3) == 0;
            if (strncmp(piece, "</", 2) == 0 && draw(&seed, 100) < 99) { /* mostly the one that fits */
                if (depth == 0)
                    continue;
                piece = open[--depth];
            }
            if (start)
                open[depth++] = piece[1] == 'a' ? "</a>" : "</b>";
            at = stpcpy(at, piece);
        }
        while (depth > 0)
            at = stpcpy(at, open[--depth]);
        at = stpcpy(at, "</r>");
        bool plain;
        if (!xml_same((struct text){text, (size_t)(at - text)}, &arena, &plain))
            fail_msg("round %zu: libxml2 reads it differently: %s", round, text);
        plain_count += plain;
        arena_free(&arena);
    }
    assert_true(plain_count > rounds / 4 && plain_count < rounds * 19 / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_senders_write_is_scanned, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(the_rest_is_left_to_the_library, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(limits_are_those_of_the_tree, open_arena, close_arena),
        cmocka_unit_test(random_documents_are_read_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
