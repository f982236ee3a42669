#include "client/option_value.h"

#include "base/json.h"
#include "base/mem.h"
#include "client/option_json.h"

#include <string.h>

#define DAY_MS 86400000u

static int check_text(const segmo__option *opt, segmo__slice value, const char *field,
                      segmo_error **err)
{
    if (memchr(value.at, '\r', value.len) || memchr(value.at, '\n', value.len) ||
        memchr(value.at, '\0', value.len))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s must be one line; take out the line break or NUL", field);
    if (value.len == 0 && !(opt->bits & SEGMO__OPTION_MAY_EMPTY))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s is empty; give it a value or leave it out", field);
    if (value.len > 0 && (value.at[0] == ' ' || value.at[value.len - 1] == ' '))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s begins or ends with a space; take it out", field);
    return SEGMO_OK;
}

static int same_ignoring_case(segmo__slice value, const char *word, size_t len)
{
    if (value.len != len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (segmo__ascii_lower(value.at[i]) != word[i])
            return 0;
    return 1;
}

static int add_choice(segmo__buf *out, const segmo__option *opt, segmo__slice value,
                      const char *field, segmo_error **err)
{
    for (const char *word = opt->choices; *word;) {
        size_t len = strcspn(word, "|");

        if (same_ignoring_case(value, word, len)) {
            segmo__buf_add(out, word, len);
            return SEGMO_OK;
        }
        word += len + (word[len] == '|');
    }
    return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be one of %s", field, opt->choices);
}

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static const unit size_units[] = {{"", 1},           {"B", 1},          {"KiB", 1u << 10},
                                  {"MiB", 1u << 20}, {"GiB", 1u << 30}, {NULL, 0}};
static const unit time_units[] = {{"", 1},        {"ms", 1},     {"s", 1000}, {"m", 60000},
                                  {"h", 3600000}, {"d", DAY_MS}, {NULL, 0}};
static const unit no_units[] = {{"", 1}, {NULL, 0}};

static const unit *units_of(segmo__option_type type)
{
    return type == SEGMO__OPTION_SIZE   ? size_units
           : type == SEGMO__OPTION_TIME ? time_units
                                        : no_units;
}

/* Digits with one of the type's units behind them. */
int segmo__option_number(segmo__option_type type, segmo__slice value, uint64_t *number)
{
    size_t digits = 0;
    uint64_t sum = 0;

    while (digits < value.len && value.at[digits] >= '0' && value.at[digits] <= '9') {
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(value.at[digits] - '0'), &sum))
            return 0;
        digits++;
    }
    for (const unit *u = units_of(type); u->name && digits > 0; u++)
        if (segmo__slice_is((segmo__slice){value.at + digits, value.len - digits}, u->name))
            return !__builtin_mul_overflow(sum, u->factor, number);
    return 0;
}

static int check_number(const segmo__option *opt, segmo__slice value, const char *field,
                        segmo_error **err)
{
    static const char *const shapes[] = {
        [SEGMO__OPTION_COUNTER] = "a whole number in decimal",
        [SEGMO__OPTION_SIZE] = "bytes, as in 475000, 64KiB, 16MiB or 1GiB",
        [SEGMO__OPTION_TIME] = "milliseconds, or as in 500ms, 30s, 5m, 36h or 7d"};
    uint64_t number;

    if (!segmo__option_number(opt->type, value, &number))
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be %s", field, shapes[opt->type]);
    if (number < opt->min)
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be at least %llu", field,
                           (unsigned long long)opt->min);
    if (number > opt->max)
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be at most %llu", field,
                           (unsigned long long)opt->max);
    return SEGMO_OK;
}

static int add_json(segmo__buf *out, segmo__slice value, const char *field, segmo_error **err)
{
    segmo_error *cause = NULL;
    int status = segmo__json_check(value, &cause);

    if (status == SEGMO_ERR_MEMORY)
        segmo__fail_memory(err);
    else if (status != SEGMO_OK)
        status = segmo__fail(err, SEGMO_ERR_OPTION, field, "%s is not the JSON it must be: %s",
                             field, segmo_error_message(cause));
    else
        status = segmo__option_add_sources(out, segmo__json_trim(value), err);
    segmo_error_free(cause);
    return status;
}

/* Checks a value and appends it in its one spelling. `field` is how the error names the option. */
static int add_value(segmo__buf *out, const segmo__option *opt, segmo__slice value,
                     const char *field, segmo_error **err)
{
    int status;

    if (opt->type == SEGMO__OPTION_JSON)
        return add_json(out, value, field, err);
    status = check_text(opt, value, field, err);
    if (status != SEGMO_OK)
        return status;
    if (opt->choices)
        return add_choice(out, opt, value, field, err);
    if (opt->type != SEGMO__OPTION_TEXT && opt->type != SEGMO__OPTION_SECRET)
        status = check_number(opt, value, field, err);
    if (status == SEGMO_OK)
        segmo__buf_add_slice(out, value);
    return status;
}

int segmo__option_store(char **slot, const segmo__option *opt, segmo__slice value,
                        const char *field, segmo_error **err)
{
    segmo__buf text;
    char *kept;
    int status;

    segmo__buf_init(&text, 2 * SEGMO__OPTIONS_MAX);
    status = add_value(&text, opt, value, field, err);
    if (status != SEGMO_OK) {
        segmo__buf_free(&text);
        return status;
    }
    kept = segmo__buf_detach(&text);
    if (!kept)
        return segmo__fail_memory(err);
    segmo__free(*slot);
    *slot = kept;
    return SEGMO_OK;
}

void segmo__option_clear(char **slots)
{
    for (size_t i = 0; i < SEGMO__OPTION_SLOTS; i++) {
        segmo__free(slots[i]);
        slots[i] = NULL;
    }
}
