/* cli/outputs.h: the files that a command will write, looked at before anything is read. */
#ifndef CMSCOPE_CLI_OUTPUTS_H
#define CMSCOPE_CLI_OUTPUTS_H

#include "cli/options.h"

/* Checks every output file of the options: it must be free, empty or an earlier file of its kind (core/outfile.h), and
 * must be neither an input (capture, key, site or rule file, also under another name) nor another output.
 * EXIT_DONE, or the exit status after saying what is wrong. */
MUST_USE int outputs_check(const struct options *options);

#endif
