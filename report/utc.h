/* report/utc.h: moments as people and tools read them: ISO 8601 in UTC (RFC 3339). No clock, time zone or locale. */
#ifndef CMSCOPE_REPORT_UTC_H
#define CMSCOPE_REPORT_UTC_H

#include <stdbool.h>

#define UTC_TEXT_MAX sizeof "2026-11-22T05:00:16.285195Z"

/* Seconds since 1970-01-01 UTC as 2026-11-22T05:00:16.285195Z: always six digits of a second, rounded to the nearest.
 * False, with an empty text, for REAL_NULL and for what is outside the years 0000 to 9999. */
bool utc_format(double seconds, char text[UTC_TEXT_MAX]);

#endif
