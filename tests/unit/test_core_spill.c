/* tests/unit/test_core_spill.c: arrays whose older part is in a file: the same bytes at the same addresses, in little
 * memory; and sorting them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/spill.h"

#define LIMIT ((uint64_t)512 * 1024)
#define PIECES 5000
#define PIECE 1000 /* no divisor of a window: pieces lie across borders */

static uint8_t byte_of(size_t piece, size_t place)
{
    return (uint8_t)(piece * 31 + place * 7 + piece / 256);
}

static void make_piece(size_t number, uint8_t bytes[static PIECE])
{
    for (size_t i = 0; i < PIECE; i++)
        bytes[i] = byte_of(number, i);
}

static struct spill *fill(struct spill_pool *pool, const void **addresses)
{
    uint8_t bytes[PIECE];
    struct spill *spill = spill_new(pool);
    assert_non_null(spill);
    for (size_t i = 0; i < PIECES; i++) {
        make_piece(i, bytes);
        const void *at = spill_append(spill, bytes, sizeof bytes);
        assert_non_null(at);
        if (addresses != NULL)
            addresses[i] = at;
        assert_true(pool->held <= LIMIT);
    }
    return spill;
}

static void bytes_stay_at_their_addresses(void **state)
{
    (void)state;
    static const void *addresses[PIECES];
    uint8_t bytes[PIECE];
    struct spill_pool pool;
    spill_pool_init(&pool, LIMIT, LIMIT);
    struct spill *spill = fill(&pool, addresses);
    assert_int_equal(spill_size(spill), (uint64_t)PIECES * PIECE);
    assert_true(spill_pool_written(&pool) > (uint64_t)PIECES * PIECE - LIMIT);
    for (size_t i = 0; i < PIECES; i++) {
        size_t number = i * 1009 % PIECES;
        make_piece(number, bytes);
        assert_ptr_equal(spill_at(spill, number * PIECE, PIECE), addresses[number]);
        assert_memory_equal(addresses[number], bytes, PIECE);
        assert_true(spill_seen(spill, addresses[number], PIECE));
    }
    assert_true(spill_is_written(spill, addresses[0]));
    assert_false(spill_is_written(spill, addresses[PIECES - 1]));
    assert_false(spill_seen(spill, bytes, PIECE));
    spill_free(spill);
    assert_int_equal(pool.held, 0);
}

/* Bytes of the process that are in memory, from /proc. */
static uint64_t resident(void)
{
    char line[100] = "", *at = line;
    FILE *file = fopen("/proc/self/statm", "r"); /* pages in all, pages in memory ... */
    if (file != NULL) {
        if (fgets(line, sizeof line, file) == NULL)
            line[0] = '\0';
        fclose(file);
    }
    (void)strtoull(at, &at, 10);
    uint64_t pages = strtoull(at, NULL, 10);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void reading_everything_takes_no_more_memory_than_the_limit(void **state)
{
    (void)state;
    struct spill_pool pool;
    spill_pool_init(&pool, LIMIT, LIMIT);
    uint64_t before = resident();
    if (before == 0)
        skip();
    struct spill *spill = spill_new(&pool);
    static uint8_t block[SPILL_WINDOW];
    uint64_t sum = 0;
    for (size_t i = 0; i < 512; i++) /* 32 MB */
        assert_non_null(spill_append(spill, block, sizeof block));
    for (size_t round = 0; round < 2; round++) {
        for (uint64_t offset = 0; offset < spill_size(spill); offset += SPILL_WINDOW)
            sum += *(const uint8_t *)spill_at(spill, offset, SPILL_WINDOW);
    }
    assert_int_equal(sum, 0);
    uint64_t after = resident();
    assert_true(after < before + 4 * LIMIT + 2 * sizeof block);
    spill_free(spill);
}

static void what_is_in_the_file_is_replaced_across_its_border(void **state)
{
    (void)state;
    uint8_t bytes[PIECE], other[PIECE];
    struct spill_pool pool;
    spill_pool_init(&pool, LIMIT, LIMIT);
    struct spill *spill = fill(&pool, NULL);
    memset(other, 0xEE, sizeof other);
    for (size_t i = 0; i < PIECES; i += 2)
        assert_true(spill_write(spill, i * PIECE, other, sizeof other));
    for (size_t i = 0; i < PIECES; i++) {
        make_piece(i, bytes);
        assert_memory_equal(spill_at(spill, i * PIECE, PIECE), i % 2 == 0 ? other : bytes, PIECE);
    }
    spill_free(spill);
}

static void spills_share_the_memory_of_their_pool_and_change_it(void **state)
{
    (void)state;
    uint8_t bytes[PIECE];
    struct spill_pool one, two;
    spill_pool_init(&one, LIMIT, LIMIT);
    spill_pool_init(&two, LIMIT, LIMIT);
    struct spill *first = fill(&one, NULL), *second = fill(&one, NULL), *third = fill(&two, NULL);
    (void)spill_at(first, 0, PIECE);
    spill_adopt(first, &two);
    assert_true(one.held <= LIMIT);
    assert_non_null(spill_append(third, bytes, sizeof bytes)); /* the two together are above the limit now */
    assert_true(two.held <= LIMIT);
    make_piece(7, bytes);
    assert_memory_equal(spill_at(first, 7 * PIECE, PIECE), bytes, PIECE);
    assert_memory_equal(spill_at(second, 7 * PIECE, PIECE), bytes, PIECE);
    spill_free(second);
    assert_int_equal(one.held, 0);
    spill_free(third);
    make_piece(PIECES - 1, bytes);
    assert_memory_equal(spill_at(first, (uint64_t)(PIECES - 1) * PIECE, PIECE), bytes, PIECE);
    spill_free(first);
    assert_int_equal(two.held, 0);
}

static void the_file_has_no_name_and_a_missing_folder_is_told(void **state)
{
    (void)state;
    char folder[] = "/tmp/cmscope-spill-XXXXXX";
    uint8_t bytes[PIECE] = {0};
    struct error error = {0};
    struct spill_pool pool;
    assert_non_null(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    spill_pool_init(&pool, LIMIT, LIMIT);
    struct spill *spill = fill(&pool, NULL);
    assert_int_equal(rmdir(folder), 0); /* nothing is in it */
    assert_false(spill_pool_problem(&pool, &error));
    spill_free(spill);

    spill_pool_init(&pool, LIMIT, 2 * LIMIT); /* the folder is gone now */
    spill = spill_new(&pool);
    size_t kept = 0;
    while (spill_append(spill, bytes, sizeof bytes) != NULL)
        kept++;
    assert_in_range(kept, LIMIT / PIECE, 2 * LIMIT / PIECE);
    assert_true(spill_pool_problem(&pool, &error));
    assert_non_null(strstr(error.text, folder));
    spill_free(spill);
    unsetenv("TMPDIR");
}

static void what_is_larger_than_all_memory_is_refused(void **state)
{
    (void)state;
    struct spill_pool pool;
    spill_pool_init(&pool, LIMIT, LIMIT);
    struct spill *spill = spill_new(&pool);
    uint8_t *large = calloc(1, 2 * LIMIT);
    assert_non_null(large);
    assert_null(spill_append(spill, large, 2 * LIMIT));
    assert_non_null(spill_append(spill, large, LIMIT));
    assert_int_equal(spill_size(spill), LIMIT);
    free(large);
    spill_free(spill);
}

/* As 64 workers with all tables have them: each can still grow, and addresses are left for others. */
static void thousands_leave_addresses_for_others(void **state)
{
    (void)state;
    enum { COUNT = 6000 };
    const uint64_t large = (uint64_t)1 << 40;
    static struct spill *spills[COUNT];
    static uint8_t bytes[(size_t)4 << 20];
    struct spill_pool pool;
    spill_pool_init(&pool, (uint64_t)64 << 20, (uint64_t)64 << 20);
    for (size_t i = 0; i < COUNT; i++) {
        spills[i] = spill_new(&pool);
        assert_non_null(spills[i]);
        assert_non_null(spill_append(spills[i], "x", 1));
    }
    assert_non_null(spill_append(spills[COUNT - 1], bytes, sizeof bytes));
    void *others = mmap(NULL, large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(others, MAP_FAILED);
    munmap(others, large);
    for (size_t i = 0; i < COUNT; i++)
        spill_free(spills[i]);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    uint8_t bytes[PIECE];
    struct error error = {0};
    struct rlimit before, small = {0};
    struct spill_pool pool;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 5 * SPILL_WINDOW / 2, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    spill_pool_init(&pool, LIMIT, 4 * LIMIT);
    struct spill *spill = spill_new(&pool);
    size_t kept = 0;
    for (const void *at = spill; at != NULL; kept += at != NULL) {
        make_piece(kept, bytes);
        at = spill_append(spill, bytes, sizeof bytes);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_in_range(kept, LIMIT / PIECE, 5 * LIMIT / PIECE);
    assert_true(spill_pool_problem(&pool, &error));
    assert_non_null(strstr(error.text, "set TMPDIR"));
    for (size_t i = 0; i < kept; i++) {
        make_piece(i, bytes);
        assert_memory_equal(spill_at(spill, i * PIECE, PIECE), bytes, PIECE);
    }
    spill_free(spill);
}

/* Cuts off all files without a name that this process has. */
static void cut_files(void)
{
    char path[64], name[256];
    for (int file = 3; file < 64; file++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        ssize_t length = readlink(path, name, sizeof name - 1);
        name[length > 0 ? length : 0] = '\0';
        if (strstr(name, "(deleted)") != NULL)
            assert_int_equal(ftruncate(file, 0), 0);
    }
}

static void a_file_that_cannot_be_read_back_ends_with_a_sentence(void **state)
{
    (void)state;
    int ends[2], status = 0;
    char told[512] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct spill_pool pool;
        dup2(ends[1], STDERR_FILENO);
        spill_guard();
        spill_pool_init(&pool, LIMIT, LIMIT);
        struct spill *spill = fill(&pool, NULL);
        cut_files();
        _exit(*(const uint8_t *)spill_at(spill, 0, 1) == 0 ? 0 : 1);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], told, sizeof told - 1);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SPILL_UNREADABLE);
    assert_true(length > 0);
    assert_non_null(strstr(told, "cannot be read back"));
}

/* What is read through addresses that were kept, without being told to the spill, is given back too. */
static void what_is_read_behind_its_back_is_given_back(void **state)
{
    (void)state;
    struct spill_pool pool;
    spill_pool_init(&pool, LIMIT, LIMIT);
    struct spill *spill = spill_new(&pool);
    static uint8_t block[SPILL_WINDOW];
    uint64_t sum = 0;
    const size_t blocks = 512; /* 32 MB */
    for (size_t i = 0; i < blocks; i++)
        assert_non_null(spill_append(spill, block, sizeof block));
    uint64_t before = resident();
    if (before == 0)
        skip();
    const uint8_t *base = spill_at(spill, 0, 1);
    for (size_t i = 9; i < 16 * blocks; i++) {
        sum += *(const uint8_t *)spill_at(spill, i * 7 % blocks * SPILL_WINDOW, 1);
        sum += base[(i - 9) * 7 % blocks * SPILL_WINDOW]; /* was told, but is no longer among the windows */
    }
    assert_int_equal(sum, 0);
    assert_true(resident() < before + 4 * LIMIT);
    spill_free(spill);
}

/* ---- Sorting ---- */

static void check_sorted(struct spill_pool *pool, int64_t count, int64_t (*key)(int64_t i))
{
    struct spill *pairs = spill_new(pool);
    int64_t keys = 0, values = 0;
    for (int64_t i = 0; i < count; i++) {
        struct spill_pair pair = {key(i), i};
        keys += pair.key;
        assert_non_null(spill_append(pairs, &pair, sizeof pair));
    }
    assert_true(spill_sort(&pairs, pool));
    assert_int_equal(spill_size(pairs), (uint64_t)count * sizeof(struct spill_pair));
    struct spill_pair before = {INT64_MIN, INT64_MIN};
    for (int64_t i = 0; i < count; i++) {
        struct spill_pair pair = *spill_pair_at(pairs, (uint64_t)i);
        assert_int_equal(pair.key, key(pair.value));
        assert_true(pair.key > before.key || (pair.key == before.key && pair.value > before.value));
        before = pair;
        keys -= pair.key;
        values += pair.value;
    }
    assert_int_equal(keys, 0); /* each is there */
    assert_int_equal(values, count * (count - 1) / 2);
    spill_free(pairs);
    assert_int_equal(pool->held, 0);
}

static int64_t key_same(int64_t i)
{
    return i;
}

static int64_t key_backwards(int64_t i)
{
    return -i;
}

static int64_t key_nearly(int64_t i)
{
    return i / 2 - i % 7 * 3;
}

static int64_t key_scattered(int64_t i)
{
    return (int64_t)((uint64_t)i * 0x9E3779B97F4A7C15ULL >> 40);
}

static void pairs_are_sorted_in_memory_and_in_files(void **state)
{
    (void)state;
    static int64_t (*const keys[])(int64_t) = {key_same, key_backwards, key_nearly, key_scattered};
    static const int64_t counts[] = {0, 1, 2, 1000, 16384, 16385, 100003};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            struct spill_pool pool;
            spill_pool_init(&pool, LIMIT, LIMIT);
            check_sorted(&pool, counts[j], keys[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_stay_at_their_addresses),
        cmocka_unit_test(reading_everything_takes_no_more_memory_than_the_limit),
        cmocka_unit_test(what_is_in_the_file_is_replaced_across_its_border),
        cmocka_unit_test(spills_share_the_memory_of_their_pool_and_change_it),
        cmocka_unit_test(the_file_has_no_name_and_a_missing_folder_is_told),
        cmocka_unit_test(what_is_larger_than_all_memory_is_refused),
        cmocka_unit_test(thousands_leave_addresses_for_others),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(a_file_that_cannot_be_read_back_ends_with_a_sentence),
        cmocka_unit_test(what_is_read_behind_its_back_is_given_back),
        cmocka_unit_test(pairs_are_sorted_in_memory_and_in_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
