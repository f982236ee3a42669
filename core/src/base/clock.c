/* Clocks and dates, by arithmetic on the civil calendar: no time zone file, no locale, no shared
 * state. */
#include "base/clock.h"

#include <time.h>

#define MS_PER_DAY 86400000

#ifdef SEGMO_FAULTS
#include <stdatomic.h>

static _Atomic int64_t wall_shift_ms;
static _Atomic int64_t mono_shift_ms;

void segmo__clock_shift(int64_t wall_ms, int64_t mono_ms)
{
    atomic_fetch_add(&wall_shift_ms, wall_ms);
    atomic_fetch_add(&mono_shift_ms, mono_ms);
}
#else
enum { wall_shift_ms = 0, mono_shift_ms = 0 };
#endif

int64_t segmo__clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + wall_shift_ms;
}

int64_t segmo__clock_mono_ms(void)
{
    return segmo__clock_mono_us() / 1000;
}

int64_t segmo__clock_mono_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + mono_shift_ms * 1000;
}

int64_t segmo__clock_system_ms(int64_t mono_ms)
{
    return mono_ms - mono_shift_ms;
}

/* ---- the civil calendar: years start in March, so that the leap day comes last ---- */

int64_t segmo__clock_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t march_year = year - (month <= 2);
    int64_t era = (march_year >= 0 ? march_year : march_year - 399) / 400;
    int64_t year_of_era = march_year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;

    *day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month < sizeof days ? days[month] + (month == 2 && leap) : 0;
}

/* ---- writing ---- */

static void put_digits(char *out, int count, uint64_t number)
{
    while (count-- > 0) {
        out[count] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void put_second(char out[SEGMO__ISO_LEN + 1], int64_t second)
{
    int64_t days = (second >= 0 ? second : second - 86399) / 86400;
    uint64_t of_day = (uint64_t)(second - days * 86400);
    unsigned month, day;
    int64_t year;

    civil_from_days(days, &year, &month, &day);
    memcpy(out, "0000-00-00T00:00:00.000Z", SEGMO__ISO_LEN + 1);
    put_digits(out, 4, (uint64_t)year);
    put_digits(out + 5, 2, month);
    put_digits(out + 8, 2, day);
    put_digits(out + 11, 2, of_day / 3600);
    put_digits(out + 14, 2, of_day / 60 % 60);
    put_digits(out + 17, 2, of_day % 60);
}

void segmo__clock_iso(char out[SEGMO__ISO_LEN + 1], int64_t unix_ms)
{
    static _Thread_local int64_t last_second = INT64_MIN;
    static _Thread_local char last_text[SEGMO__ISO_LEN + 1];
    int64_t second = (unix_ms >= 0 ? unix_ms : unix_ms - 999) / 1000;

    if (second != last_second) {
        put_second(last_text, second);
        last_second = second;
    }
    memcpy(out, last_text, SEGMO__ISO_LEN + 1);
    put_digits(out + 20, 3, (uint64_t)(unix_ms - second * 1000));
}

/* ---- reading: a cursor that turns `failed` at the first thing out of place ---- */

typedef struct reader {
    const char *at;
    const char *end;
    int failed;
} reader;

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static unsigned read_digits(reader *in, int count)
{
    unsigned number = 0;

    if (in->end - in->at < count) {
        in->failed = 1;
        return 0;
    }
    for (; count > 0; count--, in->at++) {
        in->failed |= !is_digit(*in->at);
        number = number * 10 + (unsigned)(*in->at - '0');
    }
    return in->failed ? 0 : number;
}

static int take(reader *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return 0;
    in->at++;
    return 1;
}

static void expect(reader *in, const char *text)
{
    for (; *text; text++)
        in->failed |= !take(in, *text);
}

static unsigned read_between(reader *in, int count, unsigned least, unsigned most)
{
    unsigned number = read_digits(in, count);

    in->failed |= number < least || number > most;
    return number;
}

/* Up to nine digits may stand there; what is finer than a millisecond is cut. */
static unsigned read_fraction_ms(reader *in)
{
    unsigned scale = 100, ms = 0;
    int count = 0;

    for (; in->at < in->end && is_digit(*in->at); in->at++, count++, scale /= 10)
        ms += scale * (unsigned)(*in->at - '0');
    in->failed |= count < 1 || count > 9;
    return ms;
}

static int64_t read_zone_ms(reader *in)
{
    int sign = in->at < in->end && *in->at == '-' ? -1 : 1;
    unsigned hours, minutes;

    if (in->at == in->end || take(in, 'Z') || take(in, 'z'))
        return 0;
    in->failed |= !take(in, '+') && !take(in, '-');
    hours = read_between(in, 2, 0, 23);
    take(in, ':');
    minutes = read_between(in, 2, 0, 59);
    return sign * (int64_t)(hours * 60 + minutes) * 60000;
}

/* A second of 60 is let pass as the moment that follows it: leap seconds are written that way. */
static int64_t read_time_ms(reader *in)
{
    unsigned hour = read_between(in, 2, 0, 23), minute, second;

    expect(in, ":");
    minute = read_between(in, 2, 0, 59);
    expect(in, ":");
    second = read_between(in, 2, 0, 60);
    return ((int64_t)hour * 3600 + minute * 60 + second) * 1000;
}

static int64_t read_date_ms(reader *in)
{
    unsigned year = read_digits(in, 4), month, day;

    expect(in, "-");
    month = read_between(in, 2, 1, 12);
    expect(in, "-");
    day = read_digits(in, 2);
    if (in->failed || day < 1 || day > days_in_month(year, month)) {
        in->failed = 1;
        return 0;
    }
    return segmo__clock_days_from_civil(year, month, day) * MS_PER_DAY;
}

int segmo__clock_parse_iso(segmo__slice text, int64_t *unix_ms)
{
    reader in = {text.at, text.at + text.len, 0};
    int64_t moment = read_date_ms(&in);

    if (!in.failed && in.at < in.end) {
        in.failed |= !take(&in, 'T') && !take(&in, 't') && !take(&in, ' ');
        moment += read_time_ms(&in);
        if (take(&in, '.') || take(&in, ','))
            moment += read_fraction_ms(&in);
        moment -= read_zone_ms(&in);
    }
    if (in.failed || in.at != in.end)
        return 0;
    *unix_ms = moment;
    return 1;
}

/* ---- the dates of HTTP ---- */

static unsigned read_name(reader *in, const char *names, size_t count)
{
    for (size_t i = 0; i < count && in->end - in->at >= 3; i++)
        if (memcmp(in->at, names + 3 * i, 3) == 0) {
            in->at += 3;
            return (unsigned)i + 1;
        }
    in->failed = 1;
    return 1;
}

static unsigned read_month(reader *in)
{
    return read_name(in, "JanFebMarAprMayJunJulAugSepOctNovDec", 12);
}

static int finish_http_date(reader *in, int64_t year, unsigned month, unsigned day, int64_t time_ms,
                            int64_t *unix_ms)
{
    if (in->failed || in->at != in->end || day < 1 || day > days_in_month(year, month))
        return 0;
    *unix_ms = segmo__clock_days_from_civil(year, month, day) * MS_PER_DAY + time_ms;
    return 1;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static int parse_imf_date(reader in, int64_t *unix_ms)
{
    unsigned day, month, year;
    int64_t time_ms;

    expect(&in, ", ");
    day = read_digits(&in, 2);
    expect(&in, " ");
    month = read_month(&in);
    expect(&in, " ");
    year = read_digits(&in, 4);
    expect(&in, " ");
    time_ms = read_time_ms(&in);
    expect(&in, " GMT");
    return finish_http_date(&in, year, month, day, time_ms, unix_ms);
}

/* A two-digit year more than 50 years ahead is of the century before (RFC 9110). */
static int64_t full_year(unsigned two_digits)
{
    unsigned month, day;
    int64_t now, year;

    civil_from_days(segmo__clock_wall_ms() / MS_PER_DAY, &now, &month, &day);
    year = now - now % 100 + two_digits;
    return year > now + 50 ? year - 100 : year;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static int parse_rfc850_date(reader in, int64_t *unix_ms)
{
    unsigned day, month, year;
    int64_t time_ms;

    while (in.at < in.end && *in.at >= 'a' && *in.at <= 'z')
        in.at++;
    expect(&in, ", ");
    day = read_digits(&in, 2);
    expect(&in, "-");
    month = read_month(&in);
    expect(&in, "-");
    year = read_digits(&in, 2);
    expect(&in, " ");
    time_ms = read_time_ms(&in);
    expect(&in, " GMT");
    return finish_http_date(&in, full_year(year), month, day, time_ms, unix_ms);
}

/* Sun Nov  6 08:49:37 1994 */
static int parse_asctime_date(reader in, int64_t *unix_ms)
{
    unsigned day, month, year;
    int64_t time_ms;

    expect(&in, " ");
    month = read_month(&in);
    expect(&in, " ");
    day = take(&in, ' ') ? read_digits(&in, 1) : read_digits(&in, 2);
    expect(&in, " ");
    time_ms = read_time_ms(&in);
    expect(&in, " ");
    year = read_digits(&in, 4);
    return finish_http_date(&in, year, month, day, time_ms, unix_ms);
}

int segmo__clock_parse_http_date(segmo__slice text, int64_t *unix_ms)
{
    reader in = {text.at, text.at + text.len, 0};

    read_name(&in, "MonTueWedThuFriSatSun", 7);
    if (in.failed)
        return 0;
    return parse_imf_date(in, unix_ms) || parse_rfc850_date(in, unix_ms) ||
           parse_asctime_date(in, unix_ms);
}
