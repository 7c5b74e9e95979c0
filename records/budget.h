/* records/budget.h: how long statements may run. SQL can ask for what never ends: a recursion without an end, a join of
 * everything with everything.
 */
#ifndef CMSCOPE_RECORDS_BUDGET_H
#define CMSCOPE_RECORDS_BUDGET_H

#include <sqlite3.h>
#include <stdint.h>
#include <time.h>

/* Why a statement was stopped. */
enum budget_end { BUDGET_LEFT, BUDGET_STEPS, BUDGET_TIME, BUDGET_SIGNAL };

struct budget {
    uint64_t steps_most; /* of SQLite's machine; 0: any number */
    unsigned seconds;    /* 0: any time */
    uint64_t steps;      /* taken since the start, in whole batches */
    struct timespec start;
    enum budget_end end;
};

/* Watches all statements of `db` from now on, also the signals of core/stop.h. `budget` must outlive it. */
void budget_watch(struct budget *budget, sqlite3 *db);

/* A new statement begins: it has all of the budget. */
void budget_start(struct budget *budget);

#endif
