/* report/facts.c: see facts.h. */
#include "report/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "records/store.h"

static const void *facts_row(const struct report *report, enum table table, int64_t index)
{
    if (report->store == NULL || index < 0 || index >= store_count(report->store, table))
        return NULL;
    return store_row(report->store, table, index + 1);
}

const struct input_row *facts_input(const struct report *report, int64_t index)
{
    return facts_row(report, TABLE_input, index);
}

const struct coverage_row *facts_coverage(const struct report *report, int64_t index)
{
    return facts_row(report, TABLE_coverage, index);
}

int64_t facts_input_count(const struct report *report)
{
    return report->store == NULL ? 0 : store_count(report->store, TABLE_input);
}

/* The earlier (or later) of two times, either of which may be unknown. */
static double time_choose(double a, double b, bool later)
{
    if (isnan(a))
        return b;
    if (isnan(b))
        return a;
    return (a < b) != later ? a : b;
}

struct facts_capture facts_capture(const struct report *report)
{
    struct facts_capture capture = {.first = REAL_NULL, .last = REAL_NULL};
    const struct input_row *input;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++) {
        capture.packets += input->packets == INT_NULL ? 0 : input->packets;
        capture.first = time_choose(capture.first, input->time, false);
        capture.last = time_choose(capture.last, input->last_time, true);
    }
    return capture;
}

bool facts_missed(const struct coverage_row *row)
{
    return row->incomplete == 1 && row->value != INT_NULL && row->value > 0;
}

/* ---- Why the result says less than it seems to ---- */

/* How the meaning of a counter that is no number starts. */
#define CONDITION "1 when "

static bool is_condition(const struct coverage_row *row)
{
    return cursor_starts(text_cursor(row->meaning), CONDITION, strlen(CONDITION));
}

/* Looks through the counters of one kind; takes `*left` off by each that is passed. */
static bool counter_reason(const struct report *report, bool conditions, int64_t *left, struct facts_reason *reason)
{
    const struct coverage_row *row;
    for (int64_t i = 0; (row = facts_coverage(report, i)) != NULL; i++) {
        if (!facts_missed(row) || is_condition(row) != conditions || (*left)-- > 0)
            continue;
        *reason = (struct facts_reason){.counter = row->name, .value = row->value};
        size_t start = conditions ? strlen(CONDITION) : 0;
        int length = (int)(row->meaning.length - start);
        if (conditions)
            snprintf(reason->text, sizeof reason->text, "%.*s", length, row->meaning.at + start);
        else
            snprintf(reason->text, sizeof reason->text, "%" PRId64 " %.*s", row->value, length, row->meaning.at);
        return true;
    }
    return false;
}

static bool contains(struct text text, struct text part)
{
    size_t place;
    return cursor_find(text_cursor(text), text_cursor(part), &place);
}

static bool input_reason(const struct report *report, int64_t *left, struct facts_reason *reason)
{
    const struct input_row *input;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++) {
        if (input->problem.at == NULL || (*left)-- > 0)
            continue;
        *reason = (struct facts_reason){.counter = TEXT_NULL, .value = INT_NULL};
        bool named = contains(input->problem, input->file) || text_is(input->file, "-");
        snprintf(reason->text, sizeof reason->text, "%.*s%s%.*s", named ? 0 : (int)input->file.length, input->file.at,
                 named ? "" : ": ", (int)input->problem.length, input->problem.at);
        return true;
    }
    return false;
}

bool facts_reason(const struct report *report, int64_t index, struct facts_reason *reason)
{
    int64_t left = index;
    return counter_reason(report, true, &left, reason) || input_reason(report, &left, reason) ||
           counter_reason(report, false, &left, reason);
}

bool report_incomplete(const struct report *report)
{
    struct facts_reason reason;
    return facts_reason(report, 0, &reason);
}

static bool input_covers(const struct input_row *input, int64_t packet)
{
    return input->packet != INT_NULL && input->last_packet != INT_NULL && packet >= input->packet &&
           packet <= input->last_packet;
}

/* Whether the packets of an input are numbered without a hole, so that a frame number is a subtraction. */
static bool input_is_dense(const struct input_row *input)
{
    return input->packets != INT_NULL && input->last_packet - input->packet == input->packets - 1;
}

struct facts_frame facts_frame(const struct report *report, int64_t packet)
{
    struct facts_frame frame = {NULL, INT_NULL};
    if (packet == INT_NULL)
        return frame;
    const struct input_row *input;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++) {
        if (!input_covers(input, packet))
            continue;
        if (frame.input != NULL || !input_is_dense(input))
            return (struct facts_frame){NULL, INT_NULL};
        frame = (struct facts_frame){input, packet - input->packet + 1};
    }
    return frame;
}

enum verdict facts_order(size_t rank)
{
    static const enum verdict order[FACTS_ORDER_COUNT] = {VERDICT_FAIL, VERDICT_INFORMATIONAL, VERDICT_PASS,
                                                          VERDICT_NOTOBSERVED, VERDICT_NOTOBSERVABLE};
    return order[rank];
}

static const char *section_of(const struct report *report, size_t index)
{
    const char *section = report->verdicts->items[index].rule->section;
    return section == NULL ? "" : section;
}

bool facts_section(const struct report *report, size_t first, struct facts_section *section)
{
    if (first >= report->verdicts->count)
        return false;
    *section = (struct facts_section){section_of(report, first), first, first + 1};
    while (section->end < report->verdicts->count && strcmp(section_of(report, section->end), section->title) == 0)
        section->end++;
    return true;
}

const char *facts_basis(const struct rule_verdict *verdict)
{
    static const char *const words[BASIS_COUNT] = {
        [BASIS_NONE] = "", [BASIS_DECLARED] = ", site as declared", [BASIS_LEARNED] = ", roles as learned"};
    return words[verdict->basis];
}

bool facts_graded(const struct rule_verdict *verdict)
{
    return verdict->evidence_count > 0;
}

struct text facts_detail(const struct rule_verdict *verdict)
{
    if (verdict->detail.length > 0)
        return verdict->detail;
    return verdict->rule->sql == NULL ? text_of(verdict->rule->fixed_reason) : TEXT_NULL;
}
