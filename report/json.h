/* report/json.h: JSON strings from text of any kind. */
#ifndef CMSCOPE_REPORT_JSON_H
#define CMSCOPE_REPORT_JSON_H

#include <jansson.h>

#include "core/text.h"

/* How all JSON of this program is written: members in the order in which they were set; everything outside ASCII
 * escaped, so that no text can steer a terminal. */
#define JSON_STYLE (JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER)

/* A new string; invalid UTF-8 in it becomes U+FFFD; null for TEXT_NULL. NULL when memory ran out. */
json_t *json_from_text(struct text text);
json_t *json_from_time(double seconds); /* ISO 8601, or null */
json_t *json_from_int(int64_t value);   /* null for INT_NULL */

#endif
