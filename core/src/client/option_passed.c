#include "client/option_passed.h"

#include "base/json.h"
#include "base/mem.h"
#include "client/option_table.h"

#define PREFIX     "kafka."
#define PREFIX_LEN (sizeof PREFIX - 1)
#define ENV_PREFIX "SEGMO_KAFKA_"
#define SLOT_MAX   (1u << 20)

/* What delivery depends on: set by segmo alone. */
static const char *const kept[] = {
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "partitioner",
    "log.queue",
    "metadata.broker.list",
};

static int is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '.' || *c == '_'))
            return 0;
    return *name && strlen(name) < SEGMO__OPTION_NAME_MAX - PREFIX_LEN;
}

/* Names of librdkafka have two parts at least, but for a few: a misspelt option of ours has one. */
static int is_known_word(const char *name)
{
    static const char *const words[] = {"debug", "retries", "compression.codec"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(name, words[i]) == 0)
            return 1;
    return strchr(name, '.') != NULL;
}

const char *segmo__passed_name(const char *option)
{
    const char *name = option + PREFIX_LEN;

    if (strncmp(option, PREFIX, PREFIX_LEN) != 0 || segmo__option_find(option))
        return NULL;
    return is_name(name) && is_known_word(name) ? name : NULL;
}

static int holds(segmo__slice name, const char *part)
{
    size_t len = strlen(part);

    for (size_t i = 0; i + len <= name.len; i++)
        if (memcmp(name.at + i, part, len) == 0)
            return 1;
    return 0;
}

int segmo__passed_is_secret(segmo__slice name)
{
    return holds(name, "password") || holds(name, "secret") || holds(name, "key.pem") ||
           holds(name, "oauthbearer.config") || holds(name, "token");
}

int segmo__passed_of_env(const char *variable, size_t len, char *option, size_t size)
{
    size_t prefix = sizeof ENV_PREFIX - 1;

    if (len <= prefix || len - prefix + PREFIX_LEN >= size ||
        memcmp(variable, ENV_PREFIX, prefix) != 0)
        return 0;
    memcpy(option, PREFIX, PREFIX_LEN);
    option += PREFIX_LEN;
    for (size_t i = prefix; i < len; i++)
        *option++ = (char)(variable[i] == '_' ? '.' : segmo__ascii_lower(variable[i]));
    *option = '\0';
    return 1;
}

static int check(const char *name, const segmo__slice *value, const char *field, segmo_error **err)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strcmp(name, kept[i]) == 0)
            return segmo__fail(err, SEGMO_ERR_OPTION, field,
                               "%s is set by segmo itself, since delivery without loss depends on "
                               "it; leave it out",
                               field);
    if (value && (memchr(value->at, '\r', value->len) || memchr(value->at, '\0', value->len) ||
                  (memchr(value->at, '\n', value->len) && !strstr(name, "pem"))))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s must be one line; take out the line break or NUL", field);
    return SEGMO_OK;
}

/* The members of an object but for one, and that with its new value. */
static void put_changed(segmo__buf *out, const char *slot, const char *name,
                        const segmo__slice *value)
{
    segmo__slice key, old;
    segmo__json_walk walk;

    segmo__buf_add_char(out, '{');
    if (slot) {
        segmo__json_walk_begin(&walk, segmo__slice_of(slot));
        while (segmo__json_next(&walk, &key, &old)) {
            if (segmo__slice_is(key, name))
                continue;
            segmo__buf_addf(out, "%s\"%.*s\":", out->len > 1 ? "," : "", (int)key.len, key.at);
            segmo__buf_add_slice(out, old);
        }
    }
    if (value) {
        segmo__buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
        segmo__json_put_string(out, value->at, value->len);
    }
    segmo__buf_add_char(out, '}');
}

int segmo__passed_store(char **slot, const char *name, const segmo__slice *value, const char *field,
                        segmo_error **err)
{
    int status = check(name, value, field, err);
    segmo__buf text;
    char *changed;

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&text, SLOT_MAX);
    put_changed(&text, *slot, name, value);
    changed = segmo__buf_detach(&text);
    if (!changed)
        return segmo__fail_memory(err);
    segmo__free(*slot);
    *slot = changed;
    return SEGMO_OK;
}

int segmo__passed_find(const char *slot, const char *name, segmo__slice *value)
{
    return slot && segmo__json_member(segmo__slice_of(slot), name, value);
}
