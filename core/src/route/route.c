/* Routing decisions, from the settings of the source and the index of the message alone.
 *
 * The questions for MoEngage form a table: the first one that is answered with yes is the reason
 * why not.
 */
#include "route/route.h"

#include "base/json.h"
#include "route/connection_mode.h"

typedef struct question {
    int (*applies)(const segmo__source *source, const segmo__message *message);
    const char *reason;
    const char *words;
} question;

/* ---- what the message says ---------------------------------------------------------------- */

/* The destination's own name decides, then its sister's, then All; unsaid means yes. */
static int is_unwanted_by_integrations(const segmo__source *source, const segmo__message *message)
{
    int actions = source->moengage.kind == SEGMO__MOENGAGE_ACTIONS;
    const uint8_t order[] = {
        message->wants[actions ? SEGMO__INTEGRATION_MOENGAGE_ACTIONS : SEGMO__INTEGRATION_MOENGAGE],
        message->wants[actions ? SEGMO__INTEGRATION_MOENGAGE : SEGMO__INTEGRATION_MOENGAGE_ACTIONS],
        message->wants[SEGMO__INTEGRATION_ALL],
    };

    for (size_t i = 0; i < sizeof order; i++)
        if (order[i] != SEGMO__WISH_UNSAID)
            return order[i] == SEGMO__WISH_NO;
    return 0;
}

/* A string that is not empty: null and "" are no ids. */
static int has_user_id(const segmo__message *message)
{
    segmo__slice id = segmo__message_part(message, SEGMO__PART_USER_ID);

    return id.len > 2 && id.at[0] == '"';
}

/* ---- MoEngage ----------------------------------------------------------------------------- */

static int is_not_configured(const segmo__source *source, const segmo__message *message)
{
    (void)message;
    return !source->moengage.enabled;
}

static int is_forwarded_by_segment(const segmo__source *source, const segmo__message *message)
{
    (void)message;
    return !source->moengage.forward;
}

static int is_sent_by_device(const segmo__source *source, const segmo__message *message)
{
    return source->device_sends || (message->flags & SEGMO__MESSAGE_BUNDLED_MOENGAGE);
}

static int is_unsupported_page(const segmo__source *source, const segmo__message *message)
{
    return (message->call == SEGMO__CALL_PAGE || message->call == SEGMO__CALL_SCREEN) &&
           !source->moengage.pages;
}

static int is_unsupported_group(const segmo__source *source, const segmo__message *message)
{
    return message->call == SEGMO__CALL_GROUP && !source->moengage.groups;
}

static int is_unsupported_alias(const segmo__source *source, const segmo__message *message)
{
    return message->call == SEGMO__CALL_ALIAS && !source->moengage.alias_merge;
}

static int lacks_user_id(const segmo__source *source, const segmo__message *message)
{
    int needed =
        (source->mode == SEGMO__MODE_CLOUD && source->moengage.kind == SEGMO__MOENGAGE_CLASSIC) ||
        message->call == SEGMO__CALL_ALIAS;

    return needed && !has_user_id(message);
}

static const question moengage_questions[] = {
    {is_not_configured, "not_configured",
     "MoEngage is not configured for this source; set moengage.app_id and moengage.data_api_key"},
    {is_forwarded_by_segment, "forwarded_by_segment",
     "Segment's own servers send to MoEngage; set moengage.forward = segmo to send from here"},
    {is_unwanted_by_integrations, "integrations",
     "the message's integrations switch MoEngage off; take out the entry, or set it to true"},
    {is_sent_by_device, "sent_by_device",
     "the device sent this message to MoEngage itself; nothing to do (source.device_sends, or "
     "_metadata.bundled of the message)"},
    {is_unsupported_page, "unsupported_call",
     "page and screen calls are not forwarded to MoEngage; set moengage.pages = true to send them "
     "as "
     "events"},
    {is_unsupported_group, "unsupported_call",
     "group calls are not forwarded to MoEngage; set moengage.groups = true to copy their traits "
     "to "
     "the user"},
    {is_unsupported_alias, "unsupported_call",
     "alias calls are not forwarded to MoEngage; set moengage.alias_merge = true to merge the "
     "users, "
     "which cannot be undone"},
    {lacks_user_id, "no_user_id",
     "MoEngage takes known users only here; give a userId, or use device mode or moengage.kind = "
     "actions for anonymous ones"},
};

/* ---- Segment ------------------------------------------------------------------------------ */

static int segment_is_off(const segmo__source *source, const segmo__message *message)
{
    (void)message;
    return !source->segment.enabled;
}

/* Segment is no integration of its own, so All does not reach it; only its own name does. */
static int segment_is_unwanted(const segmo__source *source, const segmo__message *message)
{
    (void)source;
    return message->wants[SEGMO__INTEGRATION_SEGMENT] == SEGMO__WISH_NO;
}

static const question segment_questions[] = {
    {segment_is_off, "not_configured",
     "Segment is not configured for this source; set segment.write_key, and segment.enabled = true "
     "if "
     "it was set to false"},
    {segment_is_unwanted, "integrations",
     "the message's integrations switch Segment.io off; take out the entry, or set it to true"},
};

/* ---- decisions ---------------------------------------------------------------------------- */

static segmo__decision ask(const question *questions, size_t count, const segmo__source *source,
                           const segmo__message *message)
{
    for (size_t i = 0; i < count; i++)
        if (questions[i].applies(source, message))
            return (segmo__decision){0, questions[i].reason, questions[i].words};
    return (segmo__decision){1, NULL, NULL};
}

segmo__decision segmo__route(const segmo__source *source, const segmo__message *message,
                             segmo__destination destination)
{
    if (destination == SEGMO__DESTINATION_SEGMENT)
        return ask(segment_questions, sizeof segment_questions / sizeof segment_questions[0],
                   source, message);
    return ask(moengage_questions, sizeof moengage_questions / sizeof moengage_questions[0], source,
               message);
}

/* Forwarding is ours as soon as moengage.forward says so, for what we skip too: were a skipped
 * message left unmarked, Segment would send what the rules here have just refused. */
int segmo__route_marks_segment_copy(const segmo__source *source, const segmo__message *message)
{
    const uint8_t *wants = message->wants;
    int all_off = wants[SEGMO__INTEGRATION_ALL] == SEGMO__WISH_NO;
    int classic = wants[SEGMO__INTEGRATION_MOENGAGE],
        actions = wants[SEGMO__INTEGRATION_MOENGAGE_ACTIONS];
    int off_already = (classic == SEGMO__WISH_NO || (classic == SEGMO__WISH_UNSAID && all_off)) &&
                      (actions == SEGMO__WISH_NO || (actions == SEGMO__WISH_UNSAID && all_off));

    return source->moengage.forward && !off_already;
}

/* ---- explain ------------------------------------------------------------------------------ */

static const char *const type_names[] = {"server", "javascript", "android", "ios", "http"};
static const char *const setting_names[] = {"unset", "device", "cloud"};
static const char *const mode_names[] = {"cloud", "device"};
static const char *const kind_names[] = {"classic", "actions"};
static const char *const api_names[] = {"data", "segment"};
static const char *const object_names[] = {"keep", "flatten", "drop"};
static const char *const limit_names[] = {"warn", "truncate", "off"};
static const char *const naming_names[] = {"snake", "snake_tsc", "none"};

static const char *bool_name(int flag)
{
    return flag ? "true" : "false";
}

static void put_text(segmo__buf *out, const char *key, const char *text)
{
    segmo__buf_addf(out, "\"%s\":", key);
    if (text)
        segmo__json_put_text(out, text);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_add_char(out, ',');
}

static void put_flag(segmo__buf *out, const char *key, int flag)
{
    segmo__buf_addf(out, "\"%s\":%s,", key, bool_name(flag));
}

/* Members are written with a comma behind each; the last one becomes the closing brace. */
static void end_object(segmo__buf *out)
{
    if (!out->failed)
        out->data[out->len - 1] = '}';
}

static void put_decision(segmo__buf *out, const segmo__decision *decision)
{
    put_flag(out, "send", decision->send);
    put_text(out, "reason", decision->reason);
    put_text(out, "words", decision->words);
}

static void explain_source(segmo__buf *out, const segmo__source *source)
{
    segmo__buf_add_lit(out, "\"source\":{");
    put_text(out, "id", source->id);
    put_text(out, "type", type_names[source->type]);
    put_text(out, "connection_mode", setting_names[source->mode_setting]);
    put_flag(out, "bundled", source->bundled);
    put_flag(out, "device_sends", source->device_sends);
    end_object(out);
}

static void explain_segment(segmo__buf *out, const segmo__source *source,
                            const segmo__message *message)
{
    segmo__decision decision = segmo__route(source, message, SEGMO__DESTINATION_SEGMENT);

    segmo__buf_add_lit(out, "\"segment\":{");
    put_decision(out, &decision);
    put_text(out, "host", source->segment.enabled ? source->segment.host : NULL);
    put_flag(out, "marked", decision.send && segmo__route_marks_segment_copy(source, message));
    end_object(out);
}

/* What the mode cannot do, or only under a condition: name to words. */
static void explain_limits(segmo__buf *out, const segmo__source *source)
{
    segmo__buf_add_lit(out, "\"cannot\":{");
    for (const segmo__capability *can = segmo__capabilities(); can->name; can++) {
        const char *words = source->mode == SEGMO__MODE_DEVICE                 ? can->device
                            : source->moengage.kind == SEGMO__MOENGAGE_ACTIONS ? can->actions
                                                                               : can->cloud;

        if (strcmp(words, "yes") != 0)
            put_text(out, can->name, words);
    }
    end_object(out);
}

static void explain_moengage(segmo__buf *out, const segmo__source *source,
                             const segmo__decision *decision)
{
    const segmo__moengage_settings *moengage = &source->moengage;

    segmo__buf_add_lit(out, "\"moengage\":{");
    put_decision(out, decision);
    put_text(out, "mode", mode_names[source->mode]);
    put_text(out, "mode_reason", source->mode_reason);
    put_text(out, "host", moengage->forward ? moengage->host : NULL);
    put_text(out, "app_id", moengage->app_id);
    put_text(out, "environment", moengage->test ? "TEST" : "LIVE");
    put_text(out, "kind", kind_names[moengage->kind]);
    put_text(out, "api", api_names[moengage->api]);
    put_text(out, "naming", naming_names[moengage->naming]);
    put_text(out, "objects", object_names[moengage->objects]);
    put_text(out, "limits", limit_names[moengage->limits]);
    put_flag(out, "update_existing_only", moengage->update_existing_only);
    put_text(out, "project", moengage->project);
    explain_limits(out, source);
    segmo__buf_add_char(out, '}');
}

void segmo__route_explain(segmo__buf *out, const segmo__source *source,
                          const segmo__message *message, const segmo__decision *moengage)
{
    segmo__decision routed = segmo__route(source, message, SEGMO__DESTINATION_MOENGAGE);

    segmo__buf_add_char(out, '{');
    put_text(out, "type", segmo__call_name((segmo__call)message->call));
    explain_source(out, source);
    segmo__buf_add_char(out, ',');
    explain_segment(out, source, message);
    segmo__buf_add_char(out, ',');
    explain_moengage(out, source, moengage ? moengage : &routed);
    segmo__buf_add_char(out, '}');
}
