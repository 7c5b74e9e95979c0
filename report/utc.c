/* report/utc.c: see utc.h. */
#include "report/utc.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#define SECONDS_PER_DAY INT64_C(86400)
#define MICRO INT64_C(1000000)
#define YEAR_0000 (-62167219200.0) /* 0000-01-01T00:00:00Z */
#define YEAR_10000 253402300800.0  /* the first second that has no four-digit year */

struct date {
    int64_t year;
    int64_t month;
    int64_t day;
};

/* The proleptic Gregorian date of a day counted from 1970-01-01. Years begin in March here, so that the leap day is the
 * last of its year; an era is 400 years, 146097 days. */
static struct date date_of_day(int64_t day)
{
    day += 719468; /* from 0000-03-01 */
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t of_era = day - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct date){
        .year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = of_year - (153 * march_month + 2) / 5 + 1,
    };
}

bool utc_format(double seconds, char text[UTC_TEXT_MAX])
{
    text[0] = '\0';
    if (!(seconds >= YEAR_0000 && seconds < YEAR_10000 - 1)) /* also false for NaN */
        return false;
    double whole = floor(seconds);
    int64_t second = (int64_t)whole;
    int64_t micro = (int64_t)llround((seconds - whole) * (double)MICRO);
    if (micro == MICRO) {
        micro = 0;
        second++;
    }
    int64_t of_day = ((second % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    struct date date = date_of_day((second - of_day) / SECONDS_PER_DAY);
    snprintf(text, UTC_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)date.year % 10000u,
             (unsigned)date.month % 100u, (unsigned)date.day % 100u, (unsigned)(of_day / 3600) % 100u,
             (unsigned)(of_day / 60 % 60) % 100u, (unsigned)(of_day % 60) % 100u, (unsigned)micro % 1000000u);
    return true;
}
