/* tests/unit/test_dissect_smb.c: what a connection of SMB remembers, and what comes of it when there is too much. */
#include "dissect/smb.h"
#include "tests/unit/talk_fixture.h"

#define HEADER_BYTES 64
#define MESSAGE_MAX 256

enum { SETUP = 1, TREE = 3, CREATE = 5, CLOSE = 6, ECHO_ = 13 };

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* A message of SMB2 behind its NetBIOS header (MS-SMB2 2.1, 2.2.1). */
static void say(struct dialogue *dialogue, uint16_t command, bool response, uint64_t id, uint32_t tree,
                uint64_t session, struct cursor body)
{
    uint8_t bytes[MESSAGE_MAX] = {0};
    size_t length = HEADER_BYTES + body.left;
    bytes[3] = (uint8_t)length;
    memcpy(bytes + 4, "\xFESMB\x40", 5);
    put(bytes + 16, command, 2);
    put(bytes + 20, response, 4);
    put(bytes + 28, id, 8);
    put(bytes + 40, tree, 4);
    put(bytes + 44, session, 8);
    memcpy(bytes + 4 + HEADER_BYTES, body.at, body.left);
    if (response)
        dialogue_answer(dialogue, cursor_of(bytes, 4 + length));
    else
        dialogue_ask(dialogue, cursor_of(bytes, 4 + length));
}

/* Connects a share \\s\d (2.2.9, 2.2.10). */
static void connect(struct dialogue *dialogue, uint64_t id, uint32_t tree)
{
    say(dialogue, TREE, false, id, 0, 1, VECTOR("\x09\0\0\0\x48\0\x0A\0\\\0\\\0s\0\\\0d\0"));
    say(dialogue, TREE, true, id, tree, 1, VECTOR("\x10\0\x01\0\0\0\0\0\0\0\0\0\xFF\x01\x1F\0"));
}

/* Creates a file "a" (2.2.13, 2.2.14). */
static void create(struct dialogue *dialogue, uint64_t id, uint32_t tree, uint32_t file)
{
    uint8_t asked[58] = {57}, answered[88] = {89};
    put(asked + 36, 2, 4);
    put(asked + 44, HEADER_BYTES + 56, 2);
    put(asked + 46, 2, 2);
    asked[56] = 'a';
    put(answered + 4, 2, 4);
    put(answered + 64, file, 4);
    say(dialogue, CREATE, false, id, tree, 1, cursor_of(asked, sizeof asked));
    say(dialogue, CREATE, true, id, tree, 1, cursor_of(answered, sizeof answered));
}

static uint64_t hits(const struct dialogue *dialogue, enum limit limit)
{
    return dissect_counts(dialogue->dissect).limits.hit[limit];
}

static void shares_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 445);
    for (uint32_t tree = 1; tree <= SMB_TREES_MAX; tree++)
        connect(dialogue, tree, tree);
    assert_int_equal(hits(dialogue, LIMIT_smb_trees), 0);
    create(dialogue, SMB_TREES_MAX + 1, 1, 7); /* makes that one the latest */
    connect(dialogue, SMB_TREES_MAX + 2, SMB_TREES_MAX + 2);
    assert_int_equal(hits(dialogue, LIMIT_smb_trees), 1);
    create(dialogue, SMB_TREES_MAX + 3, 1, 8);
    create(dialogue, SMB_TREES_MAX + 4, 2, 9); /* the share was forgotten: the file is told all the same */
    dialogue_finish(dialogue);
    assert_int_equal(ROW(dialogue, smb_file, 1)->tree, 1);
    assert_int_equal(ROW(dialogue, smb_file, 2)->tree, 1);
    assert_text(ROW(dialogue, smb_file, 3)->name, "a");
    assert_text(ROW(dialogue, smb_file, 3)->server, "10.0.0.80");
    assert_int_equal(dialogue_count(dialogue, TABLE_trouble), 1);
    assert_text(ROW(dialogue, trouble, 1)->reason, "limit");
    assert_text(ROW(dialogue, trouble, 1)->protocol, "smb");
    dialogue_free(dialogue);
}

static void files_beyond_the_limit_are_counted_and_written(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 445);
    connect(dialogue, 1, 1);
    for (uint32_t file = 1; file <= SMB_FILES_MAX; file++)
        create(dialogue, file + 1, 1, file);
    assert_int_equal(hits(dialogue, LIMIT_smb_files), 0);
    create(dialogue, SMB_FILES_MAX + 2, 1, SMB_FILES_MAX + 1);
    dialogue_finish(dialogue);
    assert_int_equal(hits(dialogue, LIMIT_smb_files), 1);
    assert_int_equal(dialogue_count(dialogue, TABLE_smb_file), SMB_FILES_MAX + 1);
    assert_text(ROW(dialogue, smb_file, 1)->operation, "create");
    dialogue_free(dialogue);
}

static void sessions_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 445);
    for (uint64_t session = 1; session <= SMB_SESSIONS_MAX; session++) {
        say(dialogue, ECHO_, false, session, 0, session, VECTOR("\x04\0\0\0"));
        say(dialogue, ECHO_, true, session, 0, session, VECTOR("\x04\0\0\0"));
    }
    assert_int_equal(hits(dialogue, LIMIT_smb_sessions), 0);
    say(dialogue, ECHO_, false, SMB_SESSIONS_MAX + 1, 0, SMB_SESSIONS_MAX + 1, VECTOR("\x04\0\0\0"));
    dialogue_finish(dialogue);
    assert_int_equal(hits(dialogue, LIMIT_smb_sessions), 1);
    assert_int_equal(dialogue_count(dialogue, TABLE_smb), SMB_SESSIONS_MAX + 1);
    assert_int_equal(ROW(dialogue, smb, 1)->messages, 2);
    dialogue_free(dialogue);
}

static void requests_that_wait_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 445);
        for (uint64_t id = 0; id < SMB_PENDING_MAX; id++)
            say(dialogue, ECHO_, false, id, 0, 1, VECTOR("\x04\0\0\0"));
        assert_int_equal(hits(dialogue, LIMIT_smb_pending), 0);
        if (late) /* the answers were missed */
            dialogue_wait(dialogue, 120);
        say(dialogue, ECHO_, false, SMB_PENDING_MAX, 0, 1, VECTOR("\x04\0\0\0"));
        dialogue_finish(dialogue);
        assert_int_equal(hits(dialogue, LIMIT_smb_pending), late ? 0 : 1);
        dialogue_free(dialogue);
    }
}

/* Without memory of the budget the first places remain. */
static void without_memory_the_latest_are_remembered(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 445);
    dissect_limit(dialogue->dissect, 0, 1 << 20, 1 << 20);
    for (uint32_t tree = 1; tree <= SMB_ROOM_FIRST + 2; tree++)
        connect(dialogue, tree, tree);
    create(dialogue, 100, SMB_ROOM_FIRST + 2, 1);
    dialogue_finish(dialogue);
    assert_int_equal(hits(dialogue, LIMIT_smb_trees), 2);
    assert_int_equal(ROW(dialogue, smb_file, 1)->tree, SMB_ROOM_FIRST + 2);
    dialogue_free(dialogue);
}

/* ---- The table ---- */

static void places_are_found_by_their_hash_and_in_the_order_of_use(void **state)
{
    (void)state;
    struct dialogue *dialogue = talk_new(TRANSPORT_TCP, 445);
    struct smb_table table = {0};
    int *items = NULL;
    enum { COUNT = 1000 };
    for (int i = 0; i < COUNT; i++) {
        int place = smb_table_take(dialogue->dissect, &table, (void **)&items, sizeof *items, 1024);
        assert_int_equal(place, i);
        items[place] = i;
        smb_table_index(&table, place, (uint32_t)i % 10);
    }
    int found = 0;
    for (int at = smb_table_first(&table, 3); at != SMB_NONE; at = smb_table_next(&table, at), found++)
        assert_int_equal(items[at] % 10, 3);
    assert_int_equal(found, COUNT / 10);
    assert_int_equal(smb_table_first(&table, 11), SMB_NONE);
    assert_int_equal(table.oldest, 0);
    smb_table_touch(&table, 0);
    assert_int_equal(table.oldest, 1);
    smb_table_give(&table, 1);
    assert_int_equal(table.oldest, 2);
    smb_table_index(&table, 2, 77); /* another hash */
    assert_int_equal(smb_table_first(&table, 77), 2);
    for (int i = 0; i < 25; i++)
        assert_int_not_equal(smb_table_take(dialogue->dissect, &table, (void **)&items, sizeof *items, 1024), SMB_NONE);
    assert_int_equal(smb_table_take(dialogue->dissect, &table, (void **)&items, sizeof *items, 1024), SMB_NONE);
    smb_table_free(dialogue->dissect, &table, items, sizeof *items);
    dialogue_free(dialogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_beyond_the_limit_are_counted),
        cmocka_unit_test(files_beyond_the_limit_are_counted_and_written),
        cmocka_unit_test(sessions_beyond_the_limit_are_counted),
        cmocka_unit_test(requests_that_wait_beyond_the_limit_are_counted),
        cmocka_unit_test(without_memory_the_latest_are_remembered),
        cmocka_unit_test(places_are_found_by_their_hash_and_in_the_order_of_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
