/* rules/evidence.c: see evidence.h. */
#include "rules/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "records/textpool.h"

#define KEPT_MAX ((size_t)2 * EVIDENCE_MAX)
#define SUBJECTS_FIRST 64
#define SUBJECTS_MAX ((size_t)64 * 1024) /* more are not told apart */
#define WHYS_SHOWN 3
#define SUMMARY_MAX ((size_t)4 * 1024)

struct kept {
    struct evidence evidence;
    char *memory; /* of its subject and why */
};

void pile_free(struct pile *pile)
{
    for (size_t i = 0; i < pile->kept_count; i++)
        free(pile->kept[i].memory);
    for (size_t i = 0; i < pile->why_count; i++)
        free(pile->whys[i].text);
    free(pile->kept);
    free(pile->subjects);
    *pile = (struct pile){0};
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* What is about the whole capture comes last. */
static int64_t packet_order(const struct evidence *evidence)
{
    return evidence->packet == INT_NULL ? INT64_MAX : evidence->packet;
}

static int compare_texts(struct text a, struct text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int result = length == 0 ? 0 : memcmp(a.at, b.at, length);
    return result != 0 ? result : (a.length > b.length) - (a.length < b.length);
}

/* A total order, so that what is kept depends on nothing but the observations. */
static int compare(const void *left, const void *right)
{
    const struct evidence *a = &((const struct kept *)left)->evidence;
    const struct evidence *b = &((const struct kept *)right)->evidence;
    int result = compare_numbers(packet_order(a), packet_order(b));
    if (result == 0)
        result = compare_numbers(a->row, b->row);
    if (result == 0)
        result = compare_texts(a->table, b->table);
    if (result == 0)
        result = compare_texts(a->subject, b->subject);
    return result != 0 ? result : compare_texts(a->why, b->why);
}

static void sort(struct pile *pile)
{
    if (pile->kept_count > 1)
        qsort(pile->kept, pile->kept_count, sizeof *pile->kept, compare);
}

/* Drops all but the first EVIDENCE_MAX. */
static void cut(struct pile *pile)
{
    sort(pile);
    while (pile->kept_count > EVIDENCE_MAX)
        free(pile->kept[--pile->kept_count].memory);
}

static bool reserve(struct pile *pile)
{
    if (pile->kept_count < pile->kept_capacity)
        return true;
    if (pile->kept_capacity == KEPT_MAX) {
        cut(pile);
        return true;
    }
    size_t capacity = pile->kept_capacity == 0 ? 16 : pile->kept_capacity * 2;
    capacity = capacity > KEPT_MAX ? KEPT_MAX : capacity;
    struct kept *kept = realloc(pile->kept, capacity * sizeof *kept);
    if (kept == NULL)
        return false;
    pile->kept = kept;
    pile->kept_capacity = capacity;
    return true;
}

static void copy_text(struct text *text, char **to)
{
    if (text->at == NULL)
        return;
    if (text->length > 0)
        memcpy(*to, text->at, text->length);
    text->at = *to;
    *to += text->length;
}

static bool keep(struct pile *pile, const struct evidence *evidence)
{
    char *memory = malloc(evidence->subject.length + evidence->why.length + 1);
    if (memory == NULL || !reserve(pile)) {
        free(memory);
        return false;
    }
    struct kept *kept = &pile->kept[pile->kept_count++];
    *kept = (struct kept){*evidence, memory};
    char *to = memory;
    copy_text(&kept->evidence.subject, &to);
    copy_text(&kept->evidence.why, &to);
    return true;
}

/* The counter of a sentence, a new one if need be; NULL when there are too many or no memory. */
static struct why_count *why_find(struct pile *pile, struct text why)
{
    for (size_t i = 0; i < pile->why_count; i++) {
        if (text_equal((struct text){pile->whys[i].text, pile->whys[i].length}, why))
            return &pile->whys[i];
    }
    if (pile->why_count == WHYS_MAX)
        return NULL;
    char *text = malloc(why.length + 1);
    if (text == NULL)
        return NULL;
    struct why_count *made = &pile->whys[pile->why_count++];
    char *to = text;
    copy_text(&why, &to);
    *made = (struct why_count){.text = text, .length = why.length};
    return made;
}

/* Where a hash is or belongs in a table that has a free place. */
static uint64_t *subject_place(uint64_t *table, size_t capacity, uint64_t value)
{
    size_t i = (size_t)value & (capacity - 1);
    while (table[i] != 0 && table[i] != value)
        i = (i + 1) & (capacity - 1);
    return &table[i];
}

static bool subjects_reserve(struct pile *pile)
{
    if (pile->subject_count < pile->subject_capacity / 2)
        return true;
    size_t capacity = pile->subject_capacity == 0 ? SUBJECTS_FIRST : pile->subject_capacity * 2;
    uint64_t *table = capacity > 2 * SUBJECTS_MAX ? NULL : calloc(capacity, sizeof *table);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < pile->subject_capacity; i++) {
        if (pile->subjects[i] != 0)
            *subject_place(table, capacity, pile->subjects[i]) = pile->subjects[i];
    }
    free(pile->subjects);
    pile->subjects = table;
    pile->subject_capacity = capacity;
    return true;
}

static void count_subject(struct pile *pile, struct why_count *why, struct text subject)
{
    if (subject.at == NULL)
        return;
    if (!subjects_reserve(pile)) {
        why->more = true;
        return;
    }
    uint64_t value = text_hash(pile->seed + (uint64_t)(why - pile->whys), subject) | 1; /* 0 is a free place */
    uint64_t *place = subject_place(pile->subjects, pile->subject_capacity, value);
    if (*place != 0)
        return;
    *place = value;
    pile->subject_count++;
    why->subjects++;
}

void pile_init(struct pile *pile)
{
    *pile = (struct pile){.seed = hash_seed()};
}

bool pile_add(struct pile *pile, const struct evidence *evidence)
{
    if (!keep(pile, evidence))
        return false;
    pile->total++;
    if (evidence->grade > pile->best)
        pile->best = evidence->grade;
    pile->bases[evidence->grade][evidence->basis] = true;
    struct why_count *why = why_find(pile, evidence->why);
    if (why == NULL) {
        pile->other_whys++;
        return true;
    }
    why->observations++;
    count_subject(pile, why, evidence->subject);
    return true;
}

enum basis pile_basis(const struct pile *pile, bool each_is_enough)
{
    enum basis surest = BASIS_COUNT, weakest = BASIS_NONE;
    for (int basis = BASIS_NONE; basis < BASIS_COUNT; basis++) {
        if (pile->bases[pile->best][basis] && surest == BASIS_COUNT)
            surest = (enum basis)basis;
        for (int grade = GRADE_HINT; grade < GRADE_COUNT; grade++)
            weakest = pile->bases[grade][basis] ? (enum basis)basis : weakest;
    }
    return !each_is_enough ? weakest : surest == BASIS_COUNT ? BASIS_NONE : surest;
}

bool pile_copy(struct pile *pile, struct arena *arena, struct evidence **evidence, size_t *count)
{
    cut(pile);
    *count = pile->kept_count;
    *evidence = arena_alloc(arena, (pile->kept_count + 1) * sizeof **evidence);
    if (*evidence == NULL)
        return false;
    for (size_t i = 0; i < pile->kept_count; i++) {
        struct evidence *to = &(*evidence)[i];
        *to = pile->kept[i].evidence;
        to->subject = text_copy(arena, to->subject);
        to->why = text_copy(arena, to->why);
        if (to->why.at == NULL || (to->subject.at == NULL && pile->kept[i].evidence.subject.at != NULL))
            return false;
    }
    return true;
}

static int compare_whys(const void *left, const void *right)
{
    const struct why_count *a = left;
    const struct why_count *b = right;
    if (a->observations != b->observations)
        return a->observations < b->observations ? 1 : -1;
    return compare_texts((struct text){a->text, a->length}, (struct text){b->text, b->length});
}

static bool append(struct buffer *buffer, const char *bytes, size_t length)
{
    return buffer_append(buffer, cursor_of(bytes, length));
}

static bool append_number(struct buffer *buffer, uint64_t number, const char *noun)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%" PRIu64 " %s%s", number, noun, number == 1 ? "" : "s");
    return append(buffer, text, (size_t)length);
}

/* One sentence with its counts; a single observation needs none. */
static bool append_why(struct buffer *buffer, const struct why_count *why)
{
    bool fits = append(buffer, why->text, why->length);
    if (why->observations == 1)
        return fits;
    fits = fits && append(buffer, " (", 2) && append_number(buffer, why->observations, "observation");
    if (fits && why->subjects > 0)
        fits = append(buffer, ", ", 2) && (!why->more || append(buffer, "at least ", 9)) &&
               append_number(buffer, why->subjects, "subject");
    return fits && append(buffer, ")", 1);
}

static uint64_t observations_beyond(const struct pile *pile, size_t shown)
{
    uint64_t rest = pile->other_whys;
    for (size_t i = shown; i < pile->why_count; i++)
        rest += pile->whys[i].observations;
    return rest;
}

struct text pile_summary(struct pile *pile, struct arena *arena)
{
    if (pile->why_count > 1)
        qsort(pile->whys, pile->why_count, sizeof pile->whys[0], compare_whys);
    struct buffer buffer;
    buffer_init(&buffer, SUMMARY_MAX);
    size_t shown = pile->why_count < WHYS_SHOWN ? pile->why_count : WHYS_SHOWN;
    bool fits = true;
    for (size_t i = 0; i < shown && fits; i++)
        fits = (i == 0 || append(&buffer, "; ", 2)) && append_why(&buffer, &pile->whys[i]);
    uint64_t rest = observations_beyond(pile, shown);
    if (fits && rest > 0)
        fits = append(&buffer, "; ", 2) && append_number(&buffer, rest, "other observation");
    struct text cleaned = text_clean(arena, buffer_cursor(&buffer)); /* it may have been cut inside a character */
    buffer_free(&buffer);
    if (fits || cleaned.at == NULL)
        return cleaned;
    return text_format(arena, "%.*s ...", (int)cleaned.length, cleaned.at); /* what did not fit is left out */
}
