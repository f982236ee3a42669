/* From option values to a checked snapshot: every source with its destinations, all defaults
 * resolved.
 *
 * Contradictions are refused here, with the remedy, so that routing and transformation never have
 * to ask whether a combination makes sense.
 */
#include "route/settings.h"

#include "base/json.h"
#include "base/mem.h"
#include "model/message.h"
#include "route/connection_mode.h"
#include "route/host.h"

#include <stdio.h>

#define FIELD_MAX 160
#define VALUE_MAX (1u << 20)

/* The arena: strings that live as long as the snapshot, chained. */
typedef struct kept {
    struct kept *next;
    char text[];
} kept;

/* One source in the making. An option is looked up in the source's own entry first. */
typedef struct builder {
    segmo__settings *settings;
    segmo__option_fn get;
    void *ctx;
    segmo__slice entry; /* of `sources`; empty when the options describe the only source */
    size_t number;      /* of the entry */
    segmo__buf scratch;
    segmo_error **err;
    int no_memory;
} builder;

/* ---- values ------------------------------------------------------------------------------- */

static const char *keep(builder *b, const char *text, size_t len)
{
    kept *string = segmo__alloc(sizeof *string + len + 1);

    if (!string) {
        b->no_memory = 1;
        return "";
    }
    memcpy(string->text, text, len);
    string->text[len] = '\0';
    string->next = b->settings->arena;
    b->settings->arena = string;
    return string->text;
}

static const char *keep_scratch(builder *b)
{
    if (b->scratch.failed)
        b->no_memory = 1;
    return keep(b, b->scratch.data ? b->scratch.data : "", b->scratch.len);
}

/* What the source's own entry says; NULL when it says nothing. */
static const char *own(builder *b, const char *name)
{
    segmo__slice value;

    if (!segmo__json_member(b->entry, name, &value))
        return NULL;
    segmo__buf_clear(&b->scratch);
    value = segmo__json_text(value, &b->scratch);
    b->no_memory |= b->scratch.failed;
    return keep(b, value.at, value.len);
}

static const char *shared(builder *b, const char *name)
{
    const char *value = b->get(b->ctx, name);

    return value ? keep(b, value, strlen(value)) : NULL;
}

static const char *option(builder *b, const char *name)
{
    const char *value = own(b, name);

    return value ? value : shared(b, name);
}

/* Of two options of which the first beats the second: but what the source itself says beats what it
 * inherits. */
static const char *stronger(builder *b, const char *strong, const char *weak, const char **name)
{
    const char *const names[] = {strong, weak};

    for (int i = 0; i < 4; i++) {
        const char *value = i < 2 ? own(b, names[i]) : shared(b, names[i - 2]);

        *name = names[i % 2];
        if (value)
            return value;
    }
    return NULL;
}

static int flag(builder *b, const char *name)
{
    const char *value = option(b, name);

    return value && strcmp(value, "true") == 0;
}

/* The place of the option's value in "a|b|c", which is its enum's number; -1 when it has no value.
 */
static int choice(builder *b, const char *name, const char *words)
{
    const char *value = option(b, name);
    size_t len = value ? strlen(value) : 0;

    for (int i = 0; value && *words; i++) {
        size_t word_len = strcspn(words, "|");

        if (len == word_len && memcmp(words, value, len) == 0)
            return i;
        words += word_len + (words[word_len] == '|');
    }
    return -1;
}

static void name_field(const builder *b, const char *name, char field[FIELD_MAX])
{
    const char *shown = strncmp(name, "source.", 7) == 0 ? name + 7 : name;

    if (b->entry.len > 0)
        snprintf(field, FIELD_MAX, "sources[%zu].%s", b->number, shown);
    else
        snprintf(field, FIELD_MAX, "%s", name);
}

static int fail(builder *b, const char *name, const char *words)
{
    char field[FIELD_MAX];

    name_field(b, name, field);
    return segmo__fail(b->err, SEGMO_ERR_OPTION, field, "%s: %s", field, words);
}

/* What goes in front of the colon of a Basic pair: with one of its own it would name another. */
static int check_user(builder *b, const char *name, const char *value)
{
    if (value && strchr(value, ':'))
        return fail(b, name, "holds a colon, which none does; copy it again, without the key");
    return SEGMO_OK;
}

/* ---- one source --------------------------------------------------------------------------- */

typedef int (*host_fn)(segmo__buf *out, const char *text, const char *field, segmo_error **err);

static int read_host(builder *b, const char **host, const char *strong, const char *weak,
                     host_fn add)
{
    char field[FIELD_MAX];
    const char *name = weak;
    const char *text = stronger(b, strong, weak, &name);
    const char *allowed = b->get(b->ctx, "delivery.allow_plain_http");
    int status;

    name_field(b, name, field);
    segmo__buf_clear(&b->scratch);
    status = add(&b->scratch, text ? text : "", field, b->err);
    if (status != SEGMO_OK)
        return status;
    *host = keep_scratch(b);
    if (segmo__host_is_exposed(*host) && !(allowed && strcmp(allowed, "true") == 0))
        return fail(
            b, name,
            "http:// to another machine sends keys and data readable; write https://, or set "
            "delivery.allow_plain_http = true");
    return SEGMO_OK;
}

static int read_token(builder *b, segmo__segment_settings *segment)
{
    const char *token = option(b, "segment.access_token");

    if (!token)
        return SEGMO_OK;
    for (const char *c = token; *c; c++)
        if (*c <= ' ' || *c > '~')
            return fail(b, "segment.access_token",
                        "holds a character that no token has; copy it again");
    segment->awaits_token = !*token;
    segmo__buf_clear(&b->scratch);
    segmo__buf_addf(&b->scratch, "Authorization: Bearer %s", token);
    segment->bearer = keep_scratch(b);
    return SEGMO_OK;
}

static int read_segment(builder *b, segmo__source *source)
{
    segmo__segment_settings *segment = &source->segment;

    source->write_key = option(b, "segment.write_key");
    segment->write_key = source->write_key;
    if (check_user(b, "segment.write_key", source->write_key) != SEGMO_OK)
        return SEGMO_ERR_OPTION;
    if (read_token(b, segment) != SEGMO_OK)
        return SEGMO_ERR_OPTION;
    segment->enabled =
        option(b, "segment.enabled") ? flag(b, "segment.enabled") : source->write_key != NULL;
    if (segment->enabled && !source->write_key)
        return fail(
            b, "segment.write_key",
            "missing, and segment.enabled is true; set it (Connections > Sources > Settings > "
            "API Keys), or segment.enabled = false");
    return read_host(b, &segment->host, "segment.host", "segment.region", segmo__host_segment);
}

static int read_identity(builder *b, segmo__source *source)
{
    source->id = b->entry.len > 0 ? own(b, "source.id") : option(b, "source.id");
    if (!source->id)
        return fail(b, "source.id", "missing; every entry of sources needs an id of its own");
    source->hash = segmo__message_source_hash(source->id);
    source->type =
        (segmo__source_type)choice(b, "source.type", "server|javascript|android|ios|http");
    source->mode_setting = (segmo__mode_setting)(choice(b, "connection_mode", "device|cloud") + 1);
    source->bundled = flag(b, "source.bundled");
    source->device_sends = flag(b, "source.device_sends");
    source->allowed_origins = option(b, "source.allowed_origins");
    return SEGMO_OK;
}

static int read_mode(builder *b, segmo__source *source)
{
    segmo_error *cause = NULL;
    int status =
        segmo__connection_mode(source->type, source->mode_setting, source->bundled,
                               source->moengage.kind, &source->mode, &source->mode_reason, &cause);

    if (status != SEGMO_OK)
        status = fail(b, "connection_mode", segmo_error_message(cause));
    else if (source->device_sends && source->mode == SEGMO__MODE_CLOUD)
        status =
            fail(b, "source.device_sends",
                 "devices send to MoEngage themselves in device mode only; set connection_mode = "
                 "device (and source.type), or source.device_sends = false");
    segmo_error_free(cause);
    return status;
}

/* Who forwards, and with which credentials. */
static int read_credentials(builder *b, segmo__moengage_settings *moengage)
{
    const char *live_key = option(b, "moengage.data_api_key");
    const char *test_key = option(b, "moengage.test_data_api_key");
    int forward = choice(b, "moengage.forward", "segmo|segment");

    moengage->app_id = option(b, "moengage.app_id");
    moengage->test = flag(b, "moengage.debug");
    moengage->api_key = moengage->test ? test_key : live_key;
    moengage->forward = forward == 0 || (forward < 0 && (moengage->app_id || live_key || test_key));
    moengage->enabled = forward >= 0 || moengage->forward;
    if (!moengage->forward)
        return SEGMO_OK;
    if (check_user(b, "moengage.app_id", moengage->app_id) != SEGMO_OK)
        return SEGMO_ERR_OPTION;
    if (!moengage->app_id)
        return fail(
            b, "moengage.app_id",
            "missing; set the App ID (Settings > Account > APIs), or moengage.forward = segment "
            "when Segment's own servers send to MoEngage");
    if (moengage->test && !test_key)
        return fail(
            b, "moengage.test_data_api_key",
            "missing, and moengage.debug sends to the TEST environment, which has a key of its "
            "own; set it, or moengage.debug = false");
    if (!moengage->api_key)
        return fail(
            b, "moengage.data_api_key",
            "missing; set it (Settings > Account > APIs, tile Data), or moengage.forward = segment "
            "when Segment's own servers send to MoEngage");
    return SEGMO_OK;
}

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

/* The TEST environment of a workspace is named by a suffix of its id. */
static void mark_test(builder *b, segmo__moengage_settings *moengage)
{
    const char *suffix = option(b, "moengage.test_id_suffix");

    if (!moengage->test || !moengage->app_id || !suffix || ends_with(moengage->app_id, suffix))
        return;
    segmo__buf_clear(&b->scratch);
    segmo__buf_add_str(&b->scratch, moengage->app_id);
    segmo__buf_add_str(&b->scratch, suffix);
    moengage->app_id = keep_scratch(b);
}

/* Device mode and the Actions destination know one API and leave names alone. */
static int read_shape(builder *b, segmo__source *source)
{
    segmo__moengage_settings *moengage = &source->moengage;
    int fixed = source->mode == SEGMO__MODE_DEVICE || moengage->kind == SEGMO__MOENGAGE_ACTIONS;
    int api = choice(b, "moengage.api", "data|segment");
    int naming = choice(b, "moengage.naming", "snake|snake_tsc|none");
    int objects = choice(b, "moengage.objects", "keep|flatten|drop");

    if (fixed && api == SEGMO__API_DATA)
        return fail(
            b, "moengage.api",
            "data goes with cloud mode of kind classic only; set it to segment or leave it out");
    if (fixed && naming >= 0 && naming != SEGMO__NAMING_NONE)
        return fail(
            b, "moengage.naming",
            "device mode and kind actions leave names unchanged; set it to none or leave it out");
    moengage->api = api >= 0 ? (segmo__moengage_api)api
                    : fixed  ? SEGMO__API_SEGMENT
                             : SEGMO__API_DATA;
    moengage->naming = naming >= 0 ? (segmo__naming)naming
                       : fixed     ? SEGMO__NAMING_NONE
                                   : SEGMO__NAMING_SNAKE;
    moengage->objects = objects >= 0                          ? (segmo__objects)objects
                        : moengage->api == SEGMO__API_SEGMENT ? SEGMO__OBJECTS_KEEP
                                                              : SEGMO__OBJECTS_FLATTEN;
    return SEGMO_OK;
}

static int read_extras(builder *b, segmo__moengage_settings *moengage)
{
    moengage->limits = (segmo__limits)choice(b, "moengage.limits", "warn|truncate|off");
    moengage->update_existing_only = flag(b, "moengage.update_existing_only");
    moengage->pages = flag(b, "moengage.pages");
    moengage->groups = flag(b, "moengage.groups");
    moengage->alias_merge = flag(b, "moengage.alias_merge");
    moengage->real_time = flag(b, "moengage.real_time");
    moengage->geo = flag(b, "moengage.geo");
    moengage->created_time = flag(b, "moengage.created_time");
    moengage->allow_reserved = flag(b, "moengage.allow_reserved");
    moengage->devices = flag(b, "moengage.devices");
    moengage->project = option(b, "moengage.project");
    if (moengage->alias_merge && moengage->kind == SEGMO__MOENGAGE_ACTIONS)
        return fail(b, "moengage.alias_merge", "kind actions knows no merge; set it to false");
    if (moengage->real_time && moengage->api == SEGMO__API_SEGMENT)
        return fail(b, "moengage.real_time",
                    "the Segment-shaped endpoint knows no real-time actions; set it to false, or "
                    "moengage.api = data in cloud mode");
    if (moengage->devices && moengage->api == SEGMO__API_SEGMENT)
        return fail(
            b, "moengage.devices",
            "the Segment-shaped endpoint takes no devices; set it to false, or moengage.api = "
            "data in cloud mode");
    return SEGMO_OK;
}

static int read_source(builder *b, segmo__source *source)
{
    segmo__moengage_settings *moengage = &source->moengage;
    int status = read_identity(b, source);

    if (status == SEGMO_OK)
        status = read_segment(b, source);
    moengage->kind = (segmo__moengage_kind)choice(b, "moengage.kind", "classic|actions");
    if (status == SEGMO_OK)
        status = read_mode(b, source);
    if (status == SEGMO_OK)
        status = read_credentials(b, moengage);
    if (status == SEGMO_OK)
        status = read_host(b, &moengage->host, "moengage.url", "moengage.data_center",
                           segmo__host_moengage);
    if (status == SEGMO_OK)
        status = read_shape(b, source);
    if (status == SEGMO_OK)
        status = read_extras(b, moengage);
    mark_test(b, moengage);
    return b->no_memory ? segmo__fail_memory(b->err) : status;
}

/* ---- all sources -------------------------------------------------------------------------- */

static int is_key_of(const segmo__source *source, const char *text)
{
    return source->write_key &&
           segmo__same_secret(segmo__slice_of(source->write_key), segmo__slice_of(text));
}

static int check_unique(builder *b, const segmo__source *source, const segmo__source *earlier)
{
    if (strcmp(source->id, earlier->id) == 0 || source->hash == earlier->hash)
        return fail(b, "source.id", "another source has this id already; ids must differ");
    if (!source->write_key || !earlier->write_key)
        return SEGMO_OK;
    if (is_key_of(source, earlier->write_key))
        return fail(b, "segment.write_key",
                    "another source has this write key already; give each source its own");
    if (is_key_of(source, earlier->id) || is_key_of(earlier, source->id))
        return fail(b, "source.id",
                    "an id equals a write key, which is a secret; choose another id");
    return SEGMO_OK;
}

static int add_source(builder *b)
{
    segmo__settings *settings = b->settings;
    segmo__source *source = &settings->sources[settings->source_count];
    int status = read_source(b, source);

    if (status == SEGMO_OK && is_key_of(source, source->id))
        status =
            fail(b, "source.id", "the id is the write key, which is a secret; choose another id");
    for (size_t i = 0; status == SEGMO_OK && i < settings->source_count; i++)
        status = check_unique(b, source, &settings->sources[i]);
    settings->source_count++;
    return status;
}

static size_t count_entries(segmo__slice array)
{
    segmo__json_walk walk;
    segmo__slice key, entry;
    size_t count = 0;

    segmo__json_walk_begin(&walk, array);
    while (segmo__json_next(&walk, &key, &entry))
        count++;
    return count;
}

static int add_sources(builder *b, const char *list)
{
    segmo__slice array = list ? segmo__slice_of(list) : (segmo__slice){"", 0};
    size_t count = list ? count_entries(array) : 1;
    segmo__json_walk walk;
    segmo__slice key;
    int status = SEGMO_OK;

    b->settings->sources = segmo__zalloc(count * sizeof *b->settings->sources);
    if (!b->settings->sources)
        return segmo__fail_memory(b->err);
    if (!list)
        return add_source(b);
    segmo__json_walk_begin(&walk, array);
    for (; status == SEGMO_OK && segmo__json_next(&walk, &key, &b->entry); b->number++)
        status = add_source(b);
    return status;
}

int segmo__settings_build(segmo__settings **out, segmo__option_fn get, void *ctx, segmo_error **err)
{
    builder b = {.get = get, .ctx = ctx, .entry = {"", 0}, .err = err};
    int status;

    b.settings = segmo__zalloc(sizeof *b.settings);
    if (!b.settings)
        return segmo__fail_memory(err);
    b.settings->refs = 1;
    segmo__buf_init(&b.scratch, VALUE_MAX);
    status = add_sources(&b, get(ctx, "sources"));
    segmo__buf_free(&b.scratch);
    if (status == SEGMO_OK)
        *out = b.settings;
    else
        segmo__settings_release(b.settings);
    return status;
}

segmo__settings *segmo__settings_retain(segmo__settings *settings)
{
    __atomic_add_fetch(&settings->refs, 1, __ATOMIC_RELAXED);
    return settings;
}

void segmo__settings_release(segmo__settings *settings)
{
    kept *next;

    if (!settings || __atomic_sub_fetch(&settings->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (kept *string = settings->arena; string; string = next) {
        next = string->next;
        segmo__free(string);
    }
    segmo__free(settings->sources);
    segmo__free(settings);
}

int segmo__settings_sends_to(const segmo__settings *settings, segmo__destination destination)
{
    for (size_t i = 0; i < settings->source_count; i++)
        if (destination == SEGMO__DESTINATION_MOENGAGE ? settings->sources[i].moengage.forward
                                                       : settings->sources[i].segment.enabled)
            return 1;
    return 0;
}

int segmo__settings_has_destination(const segmo__settings *settings)
{
    return segmo__settings_sends_to(settings, SEGMO__DESTINATION_SEGMENT) ||
           segmo__settings_sends_to(settings, SEGMO__DESTINATION_MOENGAGE);
}

const segmo__source *segmo__settings_source(const segmo__settings *settings, const char *name)
{
    if (!name)
        return settings->source_count == 1 ? &settings->sources[0] : NULL;
    for (size_t i = 0; i < settings->source_count; i++) {
        const segmo__source *source = &settings->sources[i];

        if (strcmp(source->id, name) == 0 || is_key_of(source, name))
            return source;
    }
    return NULL;
}

const segmo__source *segmo__settings_source_by_hash(const segmo__settings *settings, uint64_t hash)
{
    for (size_t i = 0; i < settings->source_count; i++)
        if (settings->sources[i].hash == hash)
            return &settings->sources[i];
    return NULL;
}
