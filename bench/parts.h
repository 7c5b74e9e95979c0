/* bench/parts.h: the payloads and signatures of a generated capture, in a file for bench/limits.c.
 *
 *   keys:     count, then each: length, DER SubjectPublicKeyInfo
 *   scripts:  count, then each: compressed (0 or 1), length, payload
 *                               count of signatures, each: key, length, covered bytes, PARTS_SIGNATURE bytes (reversed)
 *   uses:     the number of a script for each time that it was sent whole, in this order, until the file ends
 *
 * All numbers are 32 bits in the order of the machine; the file stays on it.
 */
#ifndef CMSCOPE_BENCH_PARTS_H
#define CMSCOPE_BENCH_PARTS_H

#include <stdio.h>

#include "bench/messages.h"

#define PARTS_SIGNATURE KEY_BYTES

/* Writes keys and scripts; the caller appends the uses and closes the file. */
FILE *parts_create(const char *path, const struct messages *messages);

#endif
