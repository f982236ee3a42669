/* Configuration and options as the public API shows them, with secrets masked. */
#include "client/options.h"

#include "base/json.h"
#include "client/option_passed.h"
#include "client/option_value.h"

#include <stdio.h>
#include <string.h>

/* A secret's first three characters tell which one it is without telling it. */
static void add_masked(segmo__buf *out, segmo__slice secret)
{
    int ascii = 1;

    for (size_t i = 0; i < 3 && i < secret.len; i++)
        ascii &= (unsigned char)secret.at[i] < 0x80;
    if (secret.len >= 8 && ascii)
        segmo__buf_add(out, secret.at, 3);
    segmo__buf_add_lit(out, "***");
}

static void put_masked(segmo__buf *out, segmo__slice secret)
{
    segmo__buf text;

    segmo__buf_init(&text, 16);
    add_masked(&text, secret);
    segmo__json_put_string(out, text.data, text.len);
    segmo__buf_free(&text);
}

/* The password of user:password@host, or a user that is one; length 0: there is none. */
static segmo__slice password_in(segmo__slice address)
{
    const char *scheme = memmem(address.at, address.len, "://", 3);
    const char *start = scheme ? scheme + 3 : address.at, *colon;
    const char *end = memrchr(start, '@', (size_t)(address.at + address.len - start));

    if (!end)
        return (segmo__slice){start, 0};
    colon = memchr(start, ':', (size_t)(end - start));
    if (colon)
        start = colon + 1;
    return (segmo__slice){start, (size_t)(end - start)};
}

static void add_address(segmo__buf *out, segmo__slice address)
{
    segmo__slice password = password_in(address);

    segmo__buf_add(out, address.at, (size_t)(password.at - address.at));
    if (password.len > 0)
        segmo__buf_add_lit(out, "***");
    password.at += password.len;
    segmo__buf_add(out, password.at, (size_t)(address.at + address.len - password.at));
}

static void put_address(segmo__buf *out, segmo__slice address)
{
    segmo__buf text;

    segmo__buf_init(&text, SEGMO__OPTIONS_MAX);
    add_address(&text, address);
    segmo__json_put_string(out, text.data ? text.data : "", text.len);
    segmo__buf_free(&text);
}

static void put_masked_source(segmo__buf *out, segmo__slice entry)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    int first = 1;

    segmo__buf_add_char(out, '{');
    segmo__json_walk_begin(&walk, entry);
    while (segmo__json_next(&walk, &key, &value)) {
        char name[SEGMO__OPTION_NAME_MAX + 1];
        const segmo__option *opt;

        snprintf(name, sizeof name, "%.*s", (int)key.len, key.at);
        opt = segmo__option_find(name);
        segmo__buf_add_str(out, first ? "" : ",");
        first = 0;
        segmo__json_put_text(out, segmo__option_name_in_source(opt));
        segmo__buf_add_char(out, ':');
        if (opt->type == SEGMO__OPTION_SECRET)
            put_masked(out, (segmo__slice){value.at + 1, value.len - 2});
        else if (opt->bits & SEGMO__OPTION_ADDRESS)
            put_address(out, (segmo__slice){value.at + 1, value.len - 2});
        else
            segmo__buf_add_slice(out, value);
    }
    segmo__buf_add_char(out, '}');
}

static void put_masked_sources(segmo__buf *out, segmo__slice array)
{
    segmo__json_walk walk;
    segmo__slice key, entry;
    int first = 1;

    segmo__buf_add_char(out, '[');
    segmo__json_walk_begin(&walk, array);
    while (segmo__json_next(&walk, &key, &entry)) {
        segmo__buf_add_str(out, first ? "" : ",");
        first = 0;
        put_masked_source(out, entry);
    }
    segmo__buf_add_char(out, ']');
}

static void put_value(segmo__buf *out, const segmo__option *opt, const char *value)
{
    if (!value)
        segmo__buf_add_lit(out, "null");
    else if (opt->type == SEGMO__OPTION_JSON)
        put_masked_sources(out, segmo__slice_of(value));
    else if (opt->type == SEGMO__OPTION_SECRET)
        put_masked(out, segmo__slice_of(value));
    else if (opt->bits & SEGMO__OPTION_ADDRESS)
        put_address(out, segmo__slice_of(value));
    else if (opt->type == SEGMO__OPTION_FLAG || opt->type == SEGMO__OPTION_COUNTER)
        segmo__buf_add_str(out, value);
    else
        segmo__json_put_text(out, value);
}

static int hand_out(segmo__buf *text, char **out, size_t *out_len, segmo_error **err)
{
    size_t len = text->len;
    char *detached = segmo__buf_detach(text);

    if (!detached)
        return segmo__fail_memory(err);
    *out = detached;
    if (out_len)
        *out_len = len;
    return SEGMO_OK;
}

int segmo_config_number(const segmo_config *config, const char *name, uint64_t *out,
                        segmo_error **err)
{
    int status = segmo__need(config, "config", err);
    const segmo__option *opt;
    segmo__option_from from;
    const char *value;

    if (status == SEGMO_OK)
        status = segmo__need(name, "name", err);
    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status != SEGMO_OK)
        return status;
    opt = segmo__option_find(name);
    if (!opt)
        return segmo__config_unknown(name, err);
    value = segmo__config_find(config, opt, &from);
    if ((opt->type != SEGMO__OPTION_COUNTER && opt->type != SEGMO__OPTION_SIZE &&
         opt->type != SEGMO__OPTION_TIME) ||
        !value || !segmo__option_number(opt->type, segmo__slice_of(value), out))
        return segmo__fail(err, SEGMO_ERR_OPTION, name, "%s is no number, or has none", name);
    return SEGMO_OK;
}

int segmo_config_secret_is(const segmo_config *config, const char *name, const char *text,
                           size_t text_len, segmo_error **err)
{
    int status = segmo__need(config, "config", err);
    const segmo__option *opt;
    segmo__option_from from;
    const char *value;

    if (status == SEGMO_OK)
        status = segmo__need(name, "name", err);
    if (status == SEGMO_OK)
        status = segmo__need(text, "text", err);
    if (status != SEGMO_OK)
        return status;
    opt = segmo__option_find(name);
    if (!opt)
        return segmo__config_unknown(name, err);
    if (opt->type != SEGMO__OPTION_SECRET)
        return segmo__fail(err, SEGMO_ERR_OPTION, name, "%s is no secret; read it", name);
    value = segmo__config_find(config, opt, &from);
    return value && *value &&
           segmo__same_secret(segmo__slice_of(value), (segmo__slice){text, text_len});
}

/* What is handed on to librdkafka, without a secret. */
static int get_passed(const segmo_config *config, const char *name, char **out, segmo_error **err)
{
    segmo__option_from from;
    segmo__buf text, scratch;
    segmo__slice value;

    *out = NULL;
    if (!segmo__config_passed(config, name, &value, &from))
        return SEGMO_OK;
    segmo__buf_init(&text, 2 * SEGMO__OPTIONS_MAX);
    segmo__buf_init(&scratch, 2 * SEGMO__OPTIONS_MAX);
    value = segmo__json_text(value, &scratch);
    if (segmo__passed_is_secret(segmo__slice_of(name)))
        add_masked(&text, value);
    else
        segmo__buf_add_slice(&text, value);
    segmo__buf_free(&scratch);
    return hand_out(&text, out, NULL, err);
}

static const char *const from_names[] = {"default", "file", "environment", "set"};

static void put_passed(void *ctx, const char *name, segmo__slice value, segmo__option_from from)
{
    segmo__buf *out = ctx;

    segmo__buf_addf(out, ",\"kafka.%s\":{\"value\":", name);
    if (segmo__passed_is_secret(segmo__slice_of(name)))
        put_masked(out, (segmo__slice){value.at + 1, value.len - 2});
    else
        segmo__buf_add_slice(out, value);
    segmo__buf_addf(out, ",\"from\":\"%s\"}", from_names[from]);
}

int segmo_config_get(const segmo_config *config, const char *name, char **out, segmo_error **err)
{
    int status = segmo__need(config, "config", err);
    const segmo__option *opt;
    segmo__option_from from;
    const char *value;
    segmo__buf text;

    if (status == SEGMO_OK)
        status = segmo__need(name, "name", err);
    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status != SEGMO_OK)
        return status;
    opt = segmo__option_find(name);
    if (!opt && segmo__passed_name(name))
        return get_passed(config, segmo__passed_name(name), out, err);
    if (!opt)
        return segmo__config_unknown(name, err);
    value = segmo__config_find(config, opt, &from);
    if (!value) {
        *out = NULL;
        return SEGMO_OK;
    }
    segmo__buf_init(&text, 2 * SEGMO__OPTIONS_MAX);
    if (opt->type == SEGMO__OPTION_JSON)
        put_masked_sources(&text, segmo__slice_of(value));
    else if (opt->type == SEGMO__OPTION_SECRET)
        add_masked(&text, segmo__slice_of(value));
    else if (opt->bits & SEGMO__OPTION_ADDRESS)
        add_address(&text, segmo__slice_of(value));
    else
        segmo__buf_add_str(&text, value);
    return hand_out(&text, out, NULL, err);
}

int segmo_config_json(const segmo_config *config, char **out, size_t *out_len, segmo_error **err)
{
    segmo__option_from from;
    segmo__buf text;
    int status = segmo__need(config, "config", err);

    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status == SEGMO_OK)
        status = segmo__config_check(config, err);
    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&text, 4 * SEGMO__OPTIONS_MAX);
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        const char *value = segmo__config_find(config, &segmo__options[i], &from);

        segmo__buf_addf(&text, "%s\"%s\":{\"value\":", i == 0 ? "{" : ",", segmo__options[i].name);
        put_value(&text, &segmo__options[i], value);
        segmo__buf_addf(&text, ",\"from\":\"%s\"}", from_names[from]);
    }
    segmo__config_each_passed(config, put_passed, &text);
    segmo__buf_add_char(&text, '}');
    return hand_out(&text, out, out_len, err);
}

static void put_choices(segmo__buf *out, const char *choices)
{
    segmo__buf_add_lit(out, "[");
    for (const char *word = choices; *word;) {
        size_t len = strcspn(word, "|");

        segmo__buf_add_str(out, word == choices ? "" : ",");
        segmo__json_put_string(out, word, len);
        word += len + (word[len] == '|');
    }
    segmo__buf_add_lit(out, "]");
}

static void put_option(segmo__buf *out, const segmo__option *opt)
{
    static const char *const types[] = {"text", "secret", "flag",   "count",
                                        "size", "time",   "choice", "json"};
    char variable[SEGMO__OPTION_NAME_MAX + 8];

    segmo__option_env_name(opt, variable);
    segmo__buf_addf(out, "{\"name\":\"%s\",\"type\":\"%s\",\"default\":", opt->name,
                    types[opt->type]);
    put_value(out, opt, opt->fallback);
    segmo__buf_addf(out, ",\"secret\":%s,\"env\":\"%s\",\"per_source\":%s",
                    opt->type == SEGMO__OPTION_SECRET ? "true" : "false", variable,
                    opt->bits & SEGMO__OPTION_OF_SOURCE ? "true" : "false");
    if (opt->type == SEGMO__OPTION_CHOICE) {
        segmo__buf_add_lit(out, ",\"choices\":");
        put_choices(out, opt->choices);
    }
    segmo__buf_add_lit(out, ",\"help\":");
    segmo__json_put_text(out, opt->words);
    segmo__buf_add_char(out, '}');
}

int segmo_options_json(char **out, size_t *out_len, segmo_error **err)
{
    int status = segmo__need(out, "out", err);
    segmo__buf text;

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&text, SEGMO__OPTIONS_MAX);
    segmo__buf_add_char(&text, '[');
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        segmo__buf_add_str(&text, i == 0 ? "" : ",");
        put_option(&text, &segmo__options[i]);
    }
    segmo__buf_add_char(&text, ']');
    return hand_out(&text, out, out_len, err);
}
