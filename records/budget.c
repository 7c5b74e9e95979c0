/* records/budget.c: see budget.h. */
#define _POSIX_C_SOURCE 200809L
#include "records/budget.h"

#include <stdbool.h>

#include "core/stop.h"

#define BATCH 100000 /* steps between two looks: about a millisecond */

static bool is_late(const struct budget *budget)
{
    struct timespec now;
    if (budget->seconds == 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return false;
    double passed = (double)(now.tv_sec - budget->start.tv_sec) + (double)(now.tv_nsec - budget->start.tv_nsec) / 1e9;
    return passed >= budget->seconds;
}

/* Not 0: the statement ends with SQLITE_INTERRUPT. */
static int on_batch(void *context)
{
    struct budget *budget = context;
    budget->steps += BATCH;
    if (budget->steps_most > 0 && budget->steps > budget->steps_most)
        budget->end = BUDGET_STEPS;
    else if (is_late(budget))
        budget->end = BUDGET_TIME;
    else if (stop_asked())
        budget->end = BUDGET_SIGNAL;
    return budget->end != BUDGET_LEFT;
}

void budget_watch(struct budget *budget, sqlite3 *db)
{
    sqlite3_progress_handler(db, BATCH, on_batch, budget);
}

void budget_start(struct budget *budget)
{
    budget->steps = 0;
    budget->end = BUDGET_LEFT;
    if (budget->seconds > 0)
        (void)clock_gettime(CLOCK_MONOTONIC, &budget->start);
}
