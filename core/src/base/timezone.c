/* TZif (RFC 8536): a table of transitions, and behind it a POSIX rule for the years after the
 * table. The 64-bit part of version 2 is read, which every file of this century has. */
#include "base/timezone.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"

#include <stdatomic.h>

#define ZONE_DIR      "/usr/share/zoneinfo/"
#define ZONE_NAME_MAX 63
#define FILE_MAX      65536
#define HEADER_LEN    44
#define DAY_S         86400

/* A day in a rule: day `day` (0 is Sunday) of week `week` (5 is the last) of `month`; or, with
 * month 0, a day of the year, `week` telling whether 29 February is counted. */
struct rule_day {
    int month, week, day;
    int32_t time_s; /* of day, may lie outside it */
};

struct zone {
    char name[ZONE_NAME_MAX + 1];
    int known;
    char *file;
    const unsigned char *times, *types, *infos;
    uint32_t time_count, type_count;
    int has_rule, has_dst;
    int32_t std_s, dst_s; /* of the rule */
    struct rule_day starts, ends;
};

/* ---- numbers ----------------------------------------------------------------------------- */

static uint32_t be32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t be64(const unsigned char *at)
{
    return (int64_t)((uint64_t)be32(at) << 32 | be32(at + 4));
}

/* ---- the POSIX rule ---------------------------------------------------------------------- */

static int skip_name(const char **at)
{
    const char *start = *at;

    if (**at == '<') {
        while (**at && **at != '>')
            ++*at;
        return *(*at)++ == '>';
    }
    while ((**at | 0x20) >= 'a' && (**at | 0x20) <= 'z')
        ++*at;
    return *at - start >= 3;
}

static int read_int(const char **at, int max, int *out)
{
    if (**at < '0' || **at > '9')
        return 0;
    for (*out = 0; **at >= '0' && **at <= '9' && *out <= max; ++*at)
        *out = *out * 10 + (**at - '0');
    return *out <= max;
}

/* [+-]hh[:mm[:ss]] */
static int read_time(const char **at, int32_t *seconds)
{
    int sign = **at == '-' ? -1 : 1, part[3] = {0, 0, 0};

    *at += **at == '-' || **at == '+';
    if (!read_int(at, 167, &part[0]))
        return 0;
    for (int i = 1; i < 3 && **at == ':'; i++) {
        ++*at;
        if (!read_int(at, 59, &part[i]))
            return 0;
    }
    *seconds = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return 1;
}

static int read_separated(const char **at, char separator, int max, int *out)
{
    return *(*at)++ == separator && read_int(at, max, out);
}

/* ,Mm.w.d[/time]  ,Jn[/time]  ,n[/time] */
static int read_day(const char **at, struct rule_day *day)
{
    *day = (struct rule_day){.time_s = 2 * 3600};
    if (*(*at)++ != ',')
        return 0;
    if (**at == 'M') {
        ++*at;
        if (!read_int(at, 12, &day->month) || day->month < 1 ||
            !read_separated(at, '.', 5, &day->week) || day->week < 1 ||
            !read_separated(at, '.', 6, &day->day))
            return 0;
    } else {
        day->week = **at != 'J';
        *at += **at == 'J';
        if (!read_int(at, 365, &day->day))
            return 0;
    }
    if (**at != '/')
        return 1;
    ++*at;
    return read_time(at, &day->time_s);
}

static int read_rule(struct zone *zone, const char *at)
{
    int32_t west_s;

    if (!skip_name(&at) || !read_time(&at, &west_s))
        return 0;
    zone->std_s = -west_s;
    if (!*at)
        return 1;
    zone->has_dst = 1;
    zone->dst_s = zone->std_s + 3600;
    if (!skip_name(&at))
        return 0;
    if (*at != ',') {
        if (!read_time(&at, &west_s))
            return 0;
        zone->dst_s = -west_s;
    }
    return read_day(&at, &zone->starts) && read_day(&at, &zone->ends) && !*at;
}

static int64_t year_of(int64_t unix_s)
{
    int64_t year = 1970 + unix_s / 31556952;

    while (segmo__clock_days_from_civil(year, 1, 1) * DAY_S > unix_s)
        year--;
    while (segmo__clock_days_from_civil(year + 1, 1, 1) * DAY_S <= unix_s)
        year++;
    return year;
}

static int64_t weekday(int64_t day)
{
    return ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
}

/* The wall clock's second since 1970 at which the rule day of a year strikes. */
static int64_t strikes(const struct rule_day *rule, int64_t year)
{
    int64_t new_year = segmo__clock_days_from_civil(year, 1, 1), day;
    int leap = segmo__clock_days_from_civil(year + 1, 1, 1) - new_year == 366;

    if (rule->month == 0) {
        int counts_leap_day = rule->week;

        day =
            new_year + rule->day - !counts_leap_day + (!counts_leap_day && leap && rule->day >= 60);
    } else {
        int64_t next_month = rule->month == 12
                                 ? segmo__clock_days_from_civil(year + 1, 1, 1)
                                 : segmo__clock_days_from_civil(year, (unsigned)rule->month + 1, 1);

        day = segmo__clock_days_from_civil(year, (unsigned)rule->month, 1);
        day += (rule->day - weekday(day) + 7) % 7 + 7 * (rule->week - 1);
        while (day >= next_month)
            day -= 7;
    }
    return day * DAY_S + rule->time_s;
}

static int32_t offset_by_rule(const struct zone *zone, int64_t unix_s)
{
    int64_t year, start, end;
    int dst;

    if (!zone->has_dst)
        return zone->std_s;
    year = year_of(unix_s + zone->std_s);
    start = strikes(&zone->starts, year) - zone->std_s;
    end = strikes(&zone->ends, year) - zone->dst_s;
    dst = start < end ? unix_s >= start && unix_s < end : unix_s >= start || unix_s < end;
    return dst ? zone->dst_s : zone->std_s;
}

/* ---- the file ---------------------------------------------------------------------------- */

struct block {
    uint32_t ut, std, leap, time, type, chars;
};

static int read_header(const unsigned char *at, size_t left, struct block *block)
{
    if (left < HEADER_LEN || memcmp(at, "TZif", 4) != 0 || at[4] < '2')
        return 0;
    *block = (struct block){be32(at + 20), be32(at + 24), be32(at + 28),
                            be32(at + 32), be32(at + 36), be32(at + 40)};
    return block->time <= FILE_MAX && block->type > 0 && block->type <= 256 &&
           block->chars <= FILE_MAX && block->leap <= FILE_MAX && block->std <= 256 &&
           block->ut <= 256;
}

static size_t block_size(const struct block *block, size_t time_size)
{
    return block->time * (time_size + 1) + block->type * 6 + block->chars +
           block->leap * (time_size + 4) + block->std + block->ut;
}

static int types_are_valid(const struct zone *zone)
{
    for (uint32_t i = 0; i < zone->time_count; i++)
        if (zone->types[i] >= zone->type_count)
            return 0;
    return 1;
}

static int read_zone(struct zone *zone, size_t len)
{
    const unsigned char *at = (const unsigned char *)zone->file, *end = at + len;
    struct block block;
    size_t size;
    char *rule;

    for (size_t time_size = 4; time_size <= 8; time_size += 4) {
        if (!read_header(at, (size_t)(end - at), &block))
            return 0;
        at += HEADER_LEN;
        size = block_size(&block, time_size);
        if ((size_t)(end - at) < size)
            return 0;
        zone->times = at;
        at += size;
    }
    zone->time_count = block.time;
    zone->type_count = block.type;
    zone->types = zone->times + block.time * 8;
    zone->infos = zone->types + block.time;
    if (!types_are_valid(zone) || at == end || *at != '\n' || end[-1] != '\n' || end - at < 2)
        return 0;
    rule = zone->file + len - (size_t)(end - at) + 1;
    zone->file[len - 1] = '\0';
    zone->has_rule = *rule != '\0';
    return !zone->has_rule || read_rule(zone, rule);
}

/* The last transition at or before the instant decides. */
static int32_t offset_by_table(const struct zone *zone, int64_t unix_s)
{
    uint32_t low = 0, high = zone->time_count, type;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (be64(zone->times + 8 * (size_t)middle) <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->time_count && zone->has_rule)
        return offset_by_rule(zone, unix_s);
    type = low == 0 ? 0 : zone->types[low - 1];
    return (int32_t)be32(zone->infos + 6 * (size_t)type);
}

/* ---- the zones asked for ------------------------------------------------------------------ */

/* Letters, digits and + - _ with single slashes between them: never "..", never a leading "/". */
static int is_zone_name(segmo__slice name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.at[0] == '/')
        return 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i], small = (char)(c | 0x20);

        if (!(small >= 'a' && small <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '-' &&
            c != '_' && c != '/')
            return 0;
    }
    return 1;
}

static struct zone *zone_load(segmo__slice name)
{
    struct zone *zone = segmo__zalloc(sizeof *zone);
    char path[sizeof ZONE_DIR + ZONE_NAME_MAX] = ZONE_DIR;
    size_t len;

    if (!zone)
        return NULL;
    memcpy(zone->name, name.at, name.len);
    memcpy(path + sizeof ZONE_DIR - 1, name.at, name.len);
    if (segmo__file_slurp(path, FILE_MAX, &zone->file, &len) == 0)
        zone->known = read_zone(zone, len);
    return zone;
}

static void zone_free(struct zone *zone)
{
    segmo__free(zone->file);
    segmo__free(zone);
}

/* An open hash table that only grows. Names that no zone has may fill a small part of it, so that
 * strange messages cannot push the real zones out. */
#define SLOTS       2048
#define KNOWN_MAX   1024
#define UNKNOWN_MAX 128

static _Atomic(struct zone *) cache[SLOTS];
static atomic_uint known_count, unknown_count;

/* The zone, or NULL and the slot where it would stand. */
static struct zone *cache_find(segmo__slice name, size_t *slot)
{
    struct zone *zone;

    *slot = segmo__id_hash(name.at, name.len, 0) % SLOTS;
    while ((zone = atomic_load_explicit(&cache[*slot], memory_order_acquire)) &&
           !segmo__slice_is(name, zone->name))
        *slot = (*slot + 1) % SLOTS;
    return zone;
}

/* 0 when the table has no room for it, or another thread took the slot. */
static int cache_keep(struct zone *zone, size_t slot)
{
    atomic_uint *count = zone->known ? &known_count : &unknown_count;
    struct zone *none = NULL;

    if (atomic_fetch_add(count, 1) < (zone->known ? KNOWN_MAX : UNKNOWN_MAX) &&
        atomic_compare_exchange_strong(&cache[slot], &none, zone))
        return 1;
    atomic_fetch_sub(count, 1);
    return 0;
}

int segmo__timezone_offset(segmo__slice name, int64_t unix_s, int32_t *offset_s)
{
    struct zone *zone, *loaded = NULL;
    size_t slot;
    int known;

    if (!is_zone_name(name))
        return 0;
    zone = cache_find(name, &slot);
    if (!zone)
        zone = loaded = zone_load(name);
    if (!zone)
        return 0;
    known = zone->known;
    if (known)
        *offset_s = offset_by_table(zone, unix_s);
    if (loaded && !cache_keep(loaded, slot))
        zone_free(loaded);
    return known;
}
