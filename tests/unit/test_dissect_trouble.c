/* tests/unit/test_dissect_trouble.c: what was not read has a row for each kind, a count, and counters of the coverage part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dissect/internal.h"
#include "dissect/trouble.h"
#include "records/store.h"
#include "tests/unit/dialogue_fixture.h"

struct scene {
    struct store *store;
    struct dissect *dissect;
    struct conversation conversation;
};

static const struct moment FIRST = {7, 1000000000}, LATER = {9, 2000000000};

static void scene_start(struct scene *scene)
{
    scene->store = store_new();
    assert_non_null(scene->store);
    struct sink sink = store_sink(scene->store);
    scene->dissect = dissect_new(&sink, NEED_DATABASE);
    assert_non_null(scene->dissect);
    scene->conversation = (struct conversation){.dissect = scene->dissect, .row = 5};
}

static void scene_end(struct scene *scene)
{
    trouble_close(&scene->conversation);
    dissect_free(scene->dissect);
    store_free(scene->store);
}

static const struct trouble_row *row(const struct scene *scene, int64_t id)
{
    struct sink sink = store_sink(scene->store);
    const struct trouble_row *found = sink.row(sink.context, TABLE_trouble, id);
    assert_non_null(found);
    return found;
}

static int64_t rows(const struct scene *scene)
{
    struct sink sink = store_sink(scene->store);
    return sink.count(sink.context, TABLE_trouble);
}

static void repetitions_are_one_row_with_a_count(void **state)
{
    struct scene scene;
    (void)state;
    scene_start(&scene);
    for (int i = 0; i < 3; i++)
        trouble_report(&scene.conversation, "smb2", OUTCOME_MALFORMED, "CREATE request", 64, i == 0 ? FIRST : LATER);
    trouble_report(&scene.conversation, "smb2", OUTCOME_MORE, "CREATE request", UINT64_MAX, LATER);
    trouble_close(&scene.conversation);
    assert_int_equal(rows(&scene), 2);
    assert_int_equal(row(&scene, 1)->count, 3);
    assert_int_equal(row(&scene, 1)->packet, 7);
    assert_int_equal(row(&scene, 1)->flow, 5);
    assert_int_equal(row(&scene, 1)->offset, 64);
    assert_true(text_is(row(&scene, 1)->protocol, "smb2"));
    assert_true(text_is(row(&scene, 1)->reason, "malformed"));
    assert_true(text_is(row(&scene, 1)->what, "CREATE request"));
    assert_int_equal(row(&scene, 2)->count, 1);
    assert_int_equal(row(&scene, 2)->offset, INT_NULL);
    assert_true(text_is(row(&scene, 2)->reason, "cut"));
    assert_int_equal(dissect_counts(scene.dissect).trouble_malformed, 3);
    assert_int_equal(dissect_counts(scene.dissect).trouble_cut, 1);
    scene_end(&scene);
}

static void a_flow_with_more_kinds_than_have_rows_is_counted(void **state)
{
    struct scene scene;
    static char kinds[TROUBLES_MAX + 2][16];
    (void)state;
    scene_start(&scene);
    for (int i = 0; i < TROUBLES_MAX + 2; i++) {
        snprintf(kinds[i], sizeof kinds[i], "kind%d", i);
        trouble_report(&scene.conversation, "ldap", OUTCOME_UNSUPPORTED, kinds[i], 0, FIRST);
    }
    assert_int_equal(rows(&scene), TROUBLES_MAX);
    struct dissect_counts counts = dissect_counts(scene.dissect);
    assert_int_equal(counts.trouble_unsupported, TROUBLES_MAX + 2);
    assert_int_equal(counts.limits.hit[LIMIT_troubles], 2);
    scene_end(&scene);
}

static void a_limit_has_a_row_and_a_counter(void **state)
{
    struct scene scene;
    (void)state;
    scene_start(&scene);
    trouble_limit(&scene.conversation, "http", LIMIT_troubles, FIRST);
    trouble_limit(&scene.conversation, "http", LIMIT_troubles, LATER);
    trouble_close(&scene.conversation);
    assert_int_equal(rows(&scene), 1);
    assert_true(text_is(row(&scene, 1)->reason, "limit"));
    assert_true(text_is(row(&scene, 1)->what, limit_meaning(LIMIT_troubles)));
    assert_int_equal(row(&scene, 1)->count, 2);
    assert_int_equal(dissect_counts(scene.dissect).limits.hit[LIMIT_troubles], 2);
    scene_end(&scene);
}

static void counters_stay_when_nobody_reads_the_rows(void **state)
{
    struct scene scene;
    (void)state;
    scene_start(&scene);
    scene.dissect->sink.dropped = table_bit(TABLE_trouble);
    trouble_report(&scene.conversation, "tftp", OUTCOME_MORE, "request", 0, FIRST);
    assert_int_equal(rows(&scene), 0);
    assert_null(scene.conversation.troubles);
    assert_int_equal(dissect_counts(scene.dissect).trouble_cut, 1);
    scene_end(&scene);
}

static void texts_and_messages_without_memory_are_counted(void **state)
{
    struct scene scene;
    (void)state;
    scene_start(&scene);
    scene.dissect->scratch.limit = 8;
    assert_null(arena_take(&scene.dissect->scratch, 9));
    scene.dissect->decoder.arena.limit = 8;
    assert_null(arena_take(&scene.dissect->decoder.arena, 9));
    struct dissect_counts counts = dissect_counts(scene.dissect);
    assert_int_equal(counts.limits.hit[LIMIT_row_texts], 1);
    assert_int_equal(counts.limits.hit[LIMIT_message_memory], 1);
    scene_end(&scene);
}

static void a_stream_that_nobody_recognises_is_counted_once(void **state)
{
    struct dialogue *dialogue = dialogue_new(UINT32_MAX);
    (void)state;
    for (int i = 0; i < 200; i++)
        dialogue_ask_text(dialogue, "\x01no protocol of this world begins like that, nor has it such a length\n");
    assert_int_equal(dissect_counts(dialogue->dissect).limits.hit[LIMIT_recognition], 1);
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repetitions_are_one_row_with_a_count),
        cmocka_unit_test(a_flow_with_more_kinds_than_have_rows_is_counted),
        cmocka_unit_test(a_limit_has_a_row_and_a_counter),
        cmocka_unit_test(counters_stay_when_nobody_reads_the_rows),
        cmocka_unit_test(texts_and_messages_without_memory_are_counted),
        cmocka_unit_test(a_stream_that_nobody_recognises_is_counted_once),
    };
    return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}
