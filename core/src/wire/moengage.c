#include "wire/moengage.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/timezone.h"
#include "model/user_id.h"
#include "wire/attributes.h"
#include "wire/context.h"

#define ZONE_MAX   128 /* longer than any zone's name, with escapes */
#define ID_MAX     256 /* longer than any id that is refused, with escapes */

#define LEAD(text) ((segmo__slice){(text), sizeof(text) - 1})

/* One transformation. */
struct job {
    segmo__buf *out;
    segmo__moengage_element *element;
    const segmo__source *source;
    const segmo__moengage_settings *settings;
    const segmo__message *message;
    int64_t now_ms;
    segmo__remarks remarks;
    segmo__attributes_rules rules;
    segmo__context context;
    int status; /* of the attributes */
};

static segmo__slice part(const struct job *job, segmo__part which)
{
    return segmo__message_part(job->message, which);
}

/* ---- members ----------------------------------------------------------------------------- */

/* Something that can stand where a string is wanted: a string that is not empty, a number, true,
 * false. */
static int is_text(segmo__slice value)
{
    segmo__json_kind kind = value.len > 0 ? segmo__json_kind_of(value) : SEGMO__JSON_NULL;

    return kind == SEGMO__JSON_STRING ? value.len > 2
                                      : kind != SEGMO__JSON_NULL && kind < SEGMO__JSON_ARRAY;
}

static int is_string(segmo__slice value)
{
    return value.len > 2 && value.at[0] == '"';
}

static void put_as_string(segmo__buf *out, segmo__slice value)
{
    int quoted = value.at[0] == '"';

    if (!quoted)
        segmo__buf_add_lit(out, "\"");
    segmo__buf_add_slice(out, value);
    if (!quoted)
        segmo__buf_add_lit(out, "\"");
}

/* `lead` is everything up to the value, for example ,"device_id": */
static void put_text_member(segmo__buf *out, segmo__slice lead, segmo__slice value)
{
    if (!is_text(value))
        return;
    segmo__buf_add_slice(out, lead);
    put_as_string(out, value);
}

static int is_object(segmo__slice value)
{
    return value.len > 0 && segmo__json_kind_of(value) == SEGMO__JSON_OBJECT;
}

static void put_attributes(struct job *job, segmo__part which)
{
    segmo__slice object = part(job, which);

    if (!is_object(object))
        object.len = 0;
    job->status = segmo__attributes_put(job->out, object, &job->rules, &job->remarks);
}

/* ---- users ------------------------------------------------------------------------------- */

static int is_blank(segmo__slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != ' ' && !(text.at[i] >= '\t' && text.at[i] <= '\r'))
            return 0;
    return 1;
}

/* Why nothing can be sent for a user of this id, or NULL. */
static const char *user_problem(segmo__slice id)
{
    char room[ID_MAX];
    segmo__buf text = {.data = room, .cap = sizeof room, .max = sizeof room};
    segmo__slice decoded = id;

    if (!is_text(id))
        return "no_user_id";
    if (segmo__json_kind_of(id) == SEGMO__JSON_STRING)
        decoded = segmo__json_text(id, &text);
    if (text.failed) /* long enough to be none of the refused ones */
        return NULL;
    if (is_blank(decoded))
        return "no_user_id";
    return segmo__user_id_refused(decoded) ? "refused_user_id" : NULL;
}

/* ---- events ------------------------------------------------------------------------------ */

static int is_view(const struct job *job)
{
    return job->message->call == SEGMO__CALL_PAGE || job->message->call == SEGMO__CALL_SCREEN;
}

/* "Viewed NAME Page", of the call's name or else its category. Answers what the name was made of.
 */
static segmo__slice put_view_name(struct job *job)
{
    segmo__slice name = part(job, SEGMO__PART_NAME);

    if (!is_string(name))
        name = part(job, SEGMO__PART_CATEGORY);
    segmo__buf_add_lit(job->out, "Viewed ");
    if (is_string(name)) {
        segmo__buf_add(job->out, name.at + 1, name.len - 2);
        segmo__buf_add_lit(job->out, " ");
    }
    segmo__buf_add_str(job->out, job->message->call == SEGMO__CALL_PAGE ? "Page" : "Screen");
    return name;
}

static void put_event_name(struct job *job)
{
    segmo__slice spot = part(job, SEGMO__PART_EVENT), name;
    segmo__buf *out = job->out;
    size_t start;

    segmo__buf_add_lit(out, "\"");
    start = out->len;
    if (is_view(job))
        spot = put_view_name(job);
    else
        segmo__buf_add(out, spot.at + 1, spot.len - 2);
    if (out->failed)
        return;
    name = (segmo__slice){out->data + start, out->len - start};
    out->len = start + segmo__moengage_check_event_name(&job->remarks, name, spot);
    segmo__buf_add_lit(out, "\"");
}

/* 2026-01-05T10:11:12[.345...]Z as MoEngage wants it. */
static int is_utc_text(segmo__slice time)
{
    return time.len >= 22 && time.at[0] == '"' && time.at[11] == 'T' && time.at[17] == ':' &&
           (time.at[20] == '.' || time.at[20] == 'Z') && time.at[time.len - 2] == 'Z';
}

static segmo__slice fraction_of(segmo__slice time)
{
    segmo__slice fraction = {memchr(time.at, '.', time.len), 0};
    const char *end = time.at + time.len;

    if (fraction.at)
        for (fraction.len = 1; fraction.at + fraction.len < end; fraction.len++)
            if (fraction.at[fraction.len] < '0' || fraction.at[fraction.len] > '9')
                break;
    return fraction;
}

/* The moment in UTC with the fraction of a second as it was given. */
static void put_utc(segmo__buf *out, segmo__slice time, int64_t unix_ms)
{
    char iso[SEGMO__ISO_LEN + 1];

    if (is_utc_text(time)) {
        segmo__buf_add_slice(out, time);
        return;
    }
    segmo__clock_iso(iso, unix_ms);
    segmo__buf_add_lit(out, "\"");
    if (time.len > 0 && time.at[0] == '"') {
        segmo__buf_add(out, iso, SEGMO__ISO_LEN - 5);
        segmo__buf_add_slice(out, fraction_of(time));
        segmo__buf_add_lit(out, "Z\"");
    } else {
        segmo__buf_add(out, iso, SEGMO__ISO_LEN);
        segmo__buf_add_lit(out, "\"");
    }
}

static void put_offset(struct job *job, int64_t unix_ms)
{
    segmo__slice zone = job->context.timezone;
    int64_t unix_s = unix_ms / 1000 - (unix_ms % 1000 < 0);
    char room[ZONE_MAX];
    segmo__buf text = {.data = room, .cap = sizeof room, .max = sizeof room};
    int32_t offset_s;

    if (!is_string(zone))
        return;
    if (!segmo__timezone_offset(segmo__json_text(zone, &text), unix_s, &offset_s)) {
        segmo__remark_on(&job->remarks, SEGMO__REMARK_UNKNOWN_TIMEZONE, zone);
        return;
    }
    segmo__buf_add_lit(job->out, ",\"user_timezone_offset\":");
    segmo__buf_add_i64(job->out, offset_s);
}

/* MoEngage refuses events of the future: a clock that is a little ahead is set back to now. */
static void put_time(struct job *job)
{
    segmo__slice time = part(job, SEGMO__PART_TIMESTAMP);
    int64_t unix_ms = job->message->timestamp_ms;

    if (unix_ms > job->now_ms + SEGMO__MOENGAGE_FUTURE_MS) {
        segmo__remark_on(&job->remarks, SEGMO__REMARK_TIME_LEFT_OUT, time);
        return;
    }
    if (unix_ms > job->now_ms) {
        unix_ms = job->now_ms;
        time.len = 0;
    }
    segmo__buf_add_lit(job->out, ",\"current_time\":");
    put_utc(job->out, time, unix_ms);
    put_offset(job, unix_ms);
}

static void put_event(struct job *job)
{
    segmo__buf *out = job->out;
    const char *platform = segmo__context_platform(&job->context);

    segmo__buf_add_lit(out, "{\"type\":\"event\",\"customer_id\":");
    put_as_string(out, part(job, SEGMO__PART_USER_ID));
    put_text_member(out, LEAD(",\"device_id\":"), job->context.device_id);
    segmo__buf_add_lit(out, ",\"actions\":[{\"action\":");
    put_event_name(job);
    segmo__buf_add_lit(out, ",\"attributes\":");
    put_attributes(job, SEGMO__PART_PROPERTIES);
    if (platform) {
        segmo__buf_add_lit(out, ",\"platform\":");
        segmo__json_put_text(out, platform);
    }
    put_text_member(out, LEAD(",\"app_version\":"), job->context.app_version);
    put_time(job);
    if (job->settings->real_time)
        segmo__buf_add_lit(out, ",\"real_time_action\":\"true\"");
    segmo__buf_add_lit(out, "}]}");
    job->element->events++;
}

/* ---- users and devices ------------------------------------------------------------------- */

static void put_customer(struct job *job)
{
    segmo__buf *out = job->out;

    segmo__buf_add_lit(out, "{\"type\":\"customer\",\"customer_id\":");
    put_as_string(out, part(job, SEGMO__PART_USER_ID));
    if (job->settings->update_existing_only)
        segmo__buf_add_lit(out, ",\"update_existing_only\":true");
    segmo__buf_add_lit(out, ",\"attributes\":");
    put_attributes(job, SEGMO__PART_TRAITS);
    segmo__buf_add_lit(out, "}");
    job->element->users++;
}

static void put_device(struct job *job)
{
    const segmo__context *context = &job->context;
    const char *platform = segmo__context_platform(context);
    segmo__buf *out = job->out;

    if (!platform || !is_text(context->device_id) || !is_text(context->device_token))
        return;
    segmo__buf_add_lit(out, ",{\"type\":\"device\",\"customer_id\":");
    put_as_string(out, part(job, SEGMO__PART_USER_ID));
    put_text_member(out, LEAD(",\"device_id\":"), context->device_id);
    segmo__buf_add_lit(out, ",\"attributes\":{\"platform\":");
    segmo__json_put_text(out, platform);
    put_text_member(out, LEAD(",\"push_id\":"), context->device_token);
    put_text_member(out, LEAD(",\"model\":"), context->device_model);
    put_text_member(out, LEAD(",\"app_version\":"), context->app_version);
    put_text_member(out, LEAD(",\"os_version\":"), context->os_version);
    if (strcmp(platform, "ANDROID") == 0 && !segmo__slice_is(context->ad_tracking, "false"))
        put_text_member(out, LEAD(",\"moe_gaid\":"), context->advertising_id);
    segmo__buf_add_lit(out, "}}");
    job->element->users++;
}

static int is_same_id(segmo__slice a, segmo__slice b)
{
    char room_a[ID_MAX], room_b[ID_MAX];
    segmo__buf text_a = {.data = room_a, .cap = sizeof room_a, .max = sizeof room_a};
    segmo__buf text_b = {.data = room_b, .cap = sizeof room_b, .max = sizeof room_b};

    a = segmo__json_text(a, &text_a);
    b = segmo__json_text(b, &text_b);
    return a.len == b.len && a.len > 0 && memcmp(a.at, b.at, a.len) == 0;
}

/* A merge cannot be undone, so both ids must be beyond doubt. */
static const char *put_merge(struct job *job)
{
    segmo__slice merged = part(job, SEGMO__PART_PREVIOUS_ID);
    segmo__slice retained = part(job, SEGMO__PART_USER_ID);
    const char *problem = user_problem(merged);

    if (problem)
        return problem;
    if (is_same_id(merged, retained))
        return "same_user_id";
    segmo__buf_add_lit(job->out, "{\"merged_user\":");
    put_as_string(job->out, merged);
    segmo__buf_add_lit(job->out, ",\"retained_user\":");
    put_as_string(job->out, retained);
    segmo__buf_add_lit(job->out, "}");
    job->element->endpoint = SEGMO__MOENGAGE_MERGE;
    job->element->users = 1;
    return NULL;
}

/* Elements of the Data API. Answers why nothing is sent, or NULL. */
static const char *put_elements(struct job *job)
{
    const char *problem = user_problem(part(job, SEGMO__PART_USER_ID));

    if (problem)
        return problem;
    job->element->endpoint = SEGMO__MOENGAGE_TRANSITION;
    switch ((segmo__call)job->message->call) {
    case SEGMO__CALL_TRACK:
    case SEGMO__CALL_PAGE:
    case SEGMO__CALL_SCREEN:
        put_event(job);
        return NULL;
    case SEGMO__CALL_ALIAS:
        return put_merge(job);
    case SEGMO__CALL_IDENTIFY:
    case SEGMO__CALL_GROUP:
        break;
    }
    put_customer(job);
    if (job->settings->devices && job->message->call == SEGMO__CALL_IDENTIFY)
        put_device(job);
    return NULL;
}

/* ---- the Segment-shaped body --------------------------------------------------------------- */

/* {"app":{"version":...},"os":{"name":...},"library":{"version":...}}, each empty without its
 * value. */
static void put_context(struct job *job)
{
    segmo__buf *out = job->out;

    segmo__buf_add_lit(out, ",\"context\":{\"app\":{");
    put_text_member(out, LEAD("\"version\":"), job->context.app_version);
    segmo__buf_add_lit(out, "},\"os\":{");
    put_text_member(out, LEAD("\"name\":"), job->context.os_name);
    segmo__buf_add_lit(out, "},\"library\":{");
    put_text_member(out, LEAD("\"version\":"), job->context.library_version);
    segmo__buf_add_lit(out, "}}");
}

static void put_identify_body(struct job *job)
{
    segmo__buf *out = job->out;

    segmo__buf_add_lit(out, "{\"type\":\"identify\"");
    put_text_member(out, LEAD(",\"user_id\":"), part(job, SEGMO__PART_USER_ID));
    if (is_object(part(job, SEGMO__PART_TRAITS)) || job->rules.extra_name) {
        segmo__buf_add_lit(out, ",\"traits\":");
        put_attributes(job, SEGMO__PART_TRAITS);
    }
    put_context(job);
    put_text_member(out, LEAD(",\"anonymous_id\":"), part(job, SEGMO__PART_ANONYMOUS_ID));
    job->element->users = 1;
}

static void put_track_body(struct job *job)
{
    segmo__buf *out = job->out;

    segmo__buf_add_lit(out, "{\"type\":\"track\"");
    put_text_member(out, LEAD(",\"user_id\":"), part(job, SEGMO__PART_USER_ID));
    put_text_member(out, LEAD(",\"anonymous_id\":"), part(job, SEGMO__PART_ANONYMOUS_ID));
    segmo__buf_add_lit(out, ",\"event\":");
    put_event_name(job);
    put_context(job);
    if (is_object(part(job, SEGMO__PART_PROPERTIES)) || job->rules.extra_name) {
        segmo__buf_add_lit(out, ",\"properties\":");
        put_attributes(job, SEGMO__PART_PROPERTIES);
    }
    if (job->message->timestamp_ms > job->now_ms + SEGMO__MOENGAGE_FUTURE_MS)
        segmo__remark_on(&job->remarks, SEGMO__REMARK_EVENT_IN_FUTURE,
                         part(job, SEGMO__PART_TIMESTAMP));
    job->element->events = 1;
}

static const char *put_segment_body(struct job *job, int allows_anonymous)
{
    const char *problem = user_problem(part(job, SEGMO__PART_USER_ID));
    segmo__slice time = part(job, SEGMO__PART_TIMESTAMP);

    if (problem && !(allows_anonymous && strcmp(problem, "no_user_id") == 0 &&
                     is_text(part(job, SEGMO__PART_ANONYMOUS_ID))))
        return problem;
    job->element->endpoint = SEGMO__MOENGAGE_SEGMENT;
    if (job->message->call == SEGMO__CALL_TRACK || is_view(job))
        put_track_body(job);
    else
        put_identify_body(job);
    if (time.len > 0) {
        segmo__buf_add_lit(job->out, ",\"timestamp\":");
        segmo__buf_add_slice(job->out, time);
    }
    segmo__buf_add_str(job->out, job->settings->update_existing_only
                                     ? ",\"update_existing_only\":true}"
                                     : ",\"update_existing_only\":false}");
    return NULL;
}

/* ---- one message ------------------------------------------------------------------------- */

static int is_cloud_classic(const segmo__source *source)
{
    return source->mode == SEGMO__MODE_CLOUD && source->moengage.kind == SEGMO__MOENGAGE_CLASSIC;
}

static int is_supported(const struct job *job)
{
    switch ((segmo__call)job->message->call) {
    case SEGMO__CALL_IDENTIFY:
    case SEGMO__CALL_TRACK:
        return 1;
    case SEGMO__CALL_PAGE:
    case SEGMO__CALL_SCREEN:
        return job->settings->pages;
    case SEGMO__CALL_GROUP:
        return job->settings->groups;
    case SEGMO__CALL_ALIAS:
        return job->settings->alias_merge && is_cloud_classic(job->source);
    }
    return 0;
}

/* Names change in the classic destination's cloud mode only. */
static segmo__attributes_rules rules_of(const struct job *job, int data_api)
{
    const segmo__moengage_settings *settings = job->settings;
    int renames = is_cloud_classic(job->source), is_group = job->message->call == SEGMO__CALL_GROUP;

    return (segmo__attributes_rules){
        .naming = renames ? settings->naming : SEGMO__NAMING_NONE,
        .objects = renames ? settings->objects : SEGMO__OBJECTS_KEEP,
        .data_api = data_api,
        .of_user = is_group || job->message->call == SEGMO__CALL_IDENTIFY,
        .geo = settings->geo,
        .created_time = settings->created_time,
        .allow_reserved = settings->allow_reserved,
        .prefix = is_group ? "group_" : "",
        .extra_name = is_group ? "group_id" : NULL,
        .extra_json = part(job, SEGMO__PART_GROUP_ID),
    };
}

static const char *put_message(struct job *job)
{
    int classic = is_cloud_classic(job->source);
    int data_api = classic && job->settings->api == SEGMO__API_DATA;

    if (!is_supported(job))
        return "unsupported_call";
    job->rules = rules_of(job, data_api);
    segmo__context_read(&job->context, part(job, SEGMO__PART_CONTEXT));
    if (data_api || job->message->call == SEGMO__CALL_ALIAS)
        return put_elements(job);
    if (job->settings->project && !job->rules.of_user) {
        job->rules.extra_name = "moe_project_name";
        job->rules.extra_text = segmo__slice_of(job->settings->project);
    }
    return put_segment_body(job, !classic);
}

static int fail_too_large(const struct job *job, segmo_error **err)
{
    return segmo__fail(
        err, SEGMO_ERR_INVALID, job->rules.of_user ? "/traits" : "/properties",
        "more than MoEngage takes in one request (%d bytes) once it is in MoEngage's "
        "form; send fewer or shorter attributes",
        SEGMO__MOENGAGE_SINGLE_MAX);
}

int segmo__moengage_transform(segmo__buf *out, segmo__moengage_element *element,
                              const segmo__source *source, const segmo__message *message,
                              int64_t now_ms, segmo__note_fn note, void *ctx, segmo_error **err)
{
    struct job job = {.out = out,
                      .element = element,
                      .source = source,
                      .settings = &source->moengage,
                      .message = message,
                      .now_ms = now_ms,
                      .remarks = {message, source->moengage.limits, note, ctx, 0},
                      .status = SEGMO_OK};
    size_t before = out->len;
    int status;

    *element = (segmo__moengage_element){0};
    element->skip = put_message(&job);
    if (element->skip)
        return SEGMO_OK;
    status = out->failed ? SEGMO_ERR_MEMORY : job.status;
    if (status == SEGMO_ERR_INVALID || out->len - before > SEGMO__MOENGAGE_SINGLE_MAX)
        status = fail_too_large(&job, err);
    else if (status != SEGMO_OK)
        status = segmo__fail_memory(err);
    if (status != SEGMO_OK) {
        out->len = before;
        out->failed = 0;
    }
    return status;
}
