/* core/stop.h: a signal that asks the program to end, so that it can still report what it has read.
 *
 *   first signal    asked: whoever reads or judges for long looks at stop_asked() and ends early, and the report follows
 *   second signal   the program ends at once, as if it had no handler; unfinished output files are removed first
 *
 * SIGINT, SIGTERM and SIGHUP are such signals, unless they were ignored when the program started (nohup, a job in the
 * background of a shell).
 */
#ifndef CMSCOPE_CORE_STOP_H
#define CMSCOPE_CORE_STOP_H

#include <stdbool.h>

#include "core/error.h"

/* Installs the handlers. Called once, before there are threads. Without it nothing is ever asked. */
void stop_install(void);

/* Whether a signal has arrived that nobody has accepted yet. Cheap. */
bool stop_asked(void);

/* Says that the signal has been obeyed: what follows (judging, writing the report) runs to its end. The next signal is
 * still the second one. */
void stop_accept(void);

/* Keeps the signals away from threads that are started from now on, until stop_unblock(): the thread that reads gets
 * them. */
void stop_block(void);
void stop_unblock(void);

/* What ended a wait. */
enum stop_wait { STOP_READABLE, STOP_TIMEOUT, STOP_ASKED };

/* Waits until `file` can be read, at most `milliseconds` (below 0: without end). A signal that arrives just before the
 * wait ends it too. After a signal, the rest of what a writer has for us is still waited for, for a short time: the same
 * Ctrl-C makes `tcpdump -w -` write out its buffer. */
MUST_USE enum stop_wait stop_wait(int file, int milliseconds);

#endif
