#include "wire/moengage_limits.h"

#include "base/json.h"

#define REMARKS_MAX 50

static const struct {
    const char *code;
    const char *words;
    int by_moengage; /* MoEngage does it by itself: silent with limits off */
} table[] = {
    [SEGMO__REMARK_NAME_TOO_LONG] = {"name_too_long",
                                     "the name is longer than 200 characters and MoEngage cuts it; "
                                     "use a shorter name",
                                     1},
    [SEGMO__REMARK_VALUE_TOO_LONG] =
        {"value_too_long",
         "the text is longer than 512 characters and MoEngage cuts it; "
         "send a shorter one",
         1},
    [SEGMO__REMARK_URL_TOO_LONG] = {"url_too_long",
                                    "the URL is longer than 512 characters and will be lost: "
                                    "MoEngage refuses it; send a shorter one",
                                    1},
    [SEGMO__REMARK_LIST_TOO_LONG] = {"list_too_long",
                                     "the list holds more elements than MoEngage takes (50, of "
                                     "objects 100); send fewer",
                                     1},
    [SEGMO__REMARK_MIXED_LIST] =
        {"mixed_list",
         "the list mixes types and MoEngage casts it to the first one's or "
         "drops it; use one type",
         1},
    [SEGMO__REMARK_TOO_MANY_ATTRIBUTES] = {"too_many_attributes",
                                           "MoEngage keeps the first 100 attributes of an event; "
                                           "send fewer",
                                           1},
    [SEGMO__REMARK_TOO_MANY_MEMBERS] =
        {"too_many_members", "MoEngage takes at most 100 members of an object; send fewer", 1},
    [SEGMO__REMARK_OBJECT_TOO_LARGE] = {"object_too_large",
                                        "MoEngage takes at most 25 KB of an object; send less", 1},
    [SEGMO__REMARK_NESTED_TOO_DEEP] = {"nested_too_deep",
                                       "MoEngage turns objects below the second level into text; "
                                       "nest less",
                                       1},
    [SEGMO__REMARK_EMPTY_OBJECT] = {"empty_object",
                                    "MoEngage does not take empty objects; leave it out or fill it",
                                    1},
    [SEGMO__REMARK_NAME_CHARACTERS] =
        {"name_characters",
         "MoEngage does not take names with a dot or with $ in front; "
         "rename it",
         1},
    [SEGMO__REMARK_EVENT_NAME_DOT] =
        {"event_name_dot", "MoEngage rewrites a dot in an event's name; use another name", 1},
    [SEGMO__REMARK_EVENT_NAME_RESERVED] = {"event_name_reserved",
                                           "MoEngage keeps event names that start with moe_ for "
                                           "itself and blocks them; use another name",
                                           1},
    [SEGMO__REMARK_EVENT_IN_FUTURE] = {"event_in_future",
                                       "MoEngage refuses events dated in the future; set the clock "
                                       "or the timestamp right",
                                       1},
    [SEGMO__REMARK_RESERVED_NAME] = {"reserved_name",
                                     "the name is reserved by MoEngage, so the member is left out; "
                                     "rename it",
                                     0},
    [SEGMO__REMARK_NAME_COLLISION] = {"name_collision",
                                      "another member has the same name in snake_case, so this one "
                                      "is left out; keep one of them",
                                      0},
    [SEGMO__REMARK_NAME_KEPT] =
        {"name_kept",
         "the name holds no ASCII letter or digit, so it is sent unchanged; "
         "rename it if MoEngage shall show snake_case",
         0},
    [SEGMO__REMARK_OBJECT_DROPPED] = {"object_dropped",
                                      "objects are left out because of moengage.objects = drop; "
                                      "use flatten or keep to send them",
                                      0},
    [SEGMO__REMARK_TIME_LEFT_OUT] = {"event_in_future",
                                     "the time is more than 5 minutes ahead and MoEngage refuses "
                                     "such events, so it is left out and the time of receipt "
                                     "counts; set the clock or the timestamp right",
                                     0},
    [SEGMO__REMARK_UNKNOWN_TIMEZONE] = {"unknown_timezone",
                                        "no such zone is installed here, so the user's offset from "
                                        "UTC is left out; use an IANA name such as Asia/Kolkata",
                                        0},
    [SEGMO__REMARK_MORE] = {"more_notes", "the message has more remarks than are told", 0},
};

/* ---- where ------------------------------------------------------------------------------- */

static int is_within(const char *spot, segmo__slice value)
{
    return (uintptr_t)spot - (uintptr_t)value.at < value.len;
}

/* Appends the pointer's next part and steps into the member that holds the spot; 0 when none does.
 */
static int step_to(segmo__buf *pointer, segmo__slice *value, const char *spot)
{
    segmo__json_walk walk;
    segmo__slice raw_key, member = {0}, key;
    segmo__buf text;
    size_t index = 0;

    if (segmo__json_kind_of(*value) < SEGMO__JSON_ARRAY)
        return 0;
    segmo__json_walk_begin(&walk, *value);
    while (segmo__json_next(&walk, &raw_key, &member) && !is_within(spot, member))
        index++;
    if (!is_within(spot, member))
        return 0;
    if (walk.is_object) {
        segmo__buf_init(&text, SEGMO__MESSAGE_STORED_MAX);
        key = segmo__json_text(raw_key, &text);
        segmo__json_pointer_add(pointer, key.at, key.len);
        segmo__buf_free(&text);
    } else {
        segmo__buf_addf(pointer, "/%zu", index);
    }
    *value = member;
    return 1;
}

static void find_pointer(segmo__buf *pointer, const segmo__message *message, const char *spot)
{
    segmo__slice value = {message->json, message->json_len};

    if (is_within(spot, value))
        while (value.at != spot && step_to(pointer, &value, spot))
            ;
}

static void tell(segmo__remarks *remarks, segmo__remark what, const char *spot)
{
    segmo__buf pointer;

    segmo__buf_init(&pointer, 2 * SEGMO__MESSAGE_STORED_MAX);
    if (spot)
        find_pointer(&pointer, remarks->message, spot);
    segmo__buf_add(&pointer, "", 1);
    remarks->note(remarks->ctx, &(segmo__note){.code = table[what].code,
                                               .field = pointer.failed ? "" : pointer.data,
                                               .words = table[what].words});
    segmo__buf_free(&pointer);
}

void segmo__remark_on(segmo__remarks *remarks, segmo__remark what, segmo__slice spot)
{
    if (!remarks->note || remarks->count > REMARKS_MAX ||
        (table[what].by_moengage && remarks->limits == SEGMO__LIMITS_OFF))
        return;
    if (++remarks->count == REMARKS_MAX)
        tell(remarks, SEGMO__REMARK_MORE, NULL);
    else if (remarks->count < REMARKS_MAX)
        tell(remarks, what, spot.at);
}

/* ---- names ---------------------------------------------------------------------------- */

static int is_any_of(segmo__slice text, const char *const *list)
{
    for (; *list; list++)
        if (segmo__slice_is(text, *list))
            return 1;
    return 0;
}

static inline int starts_with(segmo__slice text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.at, prefix, len) == 0;
}

int segmo__moengage_name_internal(segmo__slice name)
{
    return starts_with(name, "USER_ATTRIBUTE_");
}

/* moe_ belongs to MoEngage, but for the attributes that it documents for senders. */
static int is_system_name(segmo__slice name, int of_user)
{
    static const char *const of_events[] = {"moe_project_name", NULL};
    static const char *const of_users[] = {"moe_unsubscribe",
                                           "moe_spam",
                                           "moe_hard_bounce",
                                           "moe_email_optin_status",
                                           "moe_em_unsub_categories",
                                           "moe_wa_subscription",
                                           "moe_sub_w",
                                           "moe_sms_subscription",
                                           "moe_gaid",
                                           "moe_mweb",
                                           NULL};

    return is_any_of(name, of_user ? of_users : of_events);
}

int segmo__moengage_name_reserved(segmo__slice name, int of_user)
{
    static const char *const reserved[] = {
        "id",       "_id",       "user_id", "anonymous_id",    "status",
        "source",   "INSTALL",   "UPDATE",  "MOE_TIME_FORMAT", "MOE_TIME_TIMEZONE",
        "MOE_GAID", "MOE_ISLAT", NULL};

    if (name.len == 0)
        return 1;
    switch (name.at[0]) { /* most names are none of these */
    case 'U':
        if (segmo__moengage_name_internal(name))
            return 1;
        break;
    case 'm':
        return starts_with(name, "moe_") && !is_system_name(name, of_user);
    case '_':
    case 'a':
    case 'i':
    case 's':
    case 'u':
    case 'I':
    case 'M':
        break;
    default:
        return 0;
    }
    return of_user && is_any_of(name, reserved);
}

/* ---- lengths ----------------------------------------------------------------------------- */

/* Bytes of the code point at the start of JSON string text: an escape (a pair of them beyond the
 * basic plane) or UTF-8. */
static size_t code_point_len(segmo__slice text)
{
    unsigned char lead = (unsigned char)text.at[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    if (lead == '\\' && text.len > 1)
        len = text.at[1] != 'u' ? 2 : 6;
    if (len == 6 && text.len >= 12 && segmo__ascii_lower(text.at[2]) == 'd' &&
        segmo__ascii_lower(text.at[3]) >= '8' && text.at[6] == '\\')
        len = 12;
    return len < text.len ? len : text.len;
}

size_t segmo__moengage_cut(segmo__slice text, size_t max)
{
    segmo__slice rest = text;

    if (text.len <= max)
        return text.len;
    for (; rest.len > 0 && max > 0; max--) {
        size_t len = code_point_len(rest);

        rest.at += len;
        rest.len -= len;
    }
    return text.len - rest.len;
}

void segmo__moengage_check_characters(segmo__remarks *remarks, segmo__slice name, segmo__slice spot)
{
    if (name.len > 0 && (name.at[0] == '$' || memchr(name.at, '.', name.len)))
        segmo__remark_on(remarks, SEGMO__REMARK_NAME_CHARACTERS, spot);
}

size_t segmo__moengage_check_name(segmo__remarks *remarks, segmo__slice name, segmo__slice spot)
{
    size_t cut = segmo__moengage_cut(name, SEGMO__MOENGAGE_NAME_MAX);

    if (cut == name.len)
        return name.len;
    segmo__remark_on(remarks, SEGMO__REMARK_NAME_TOO_LONG, spot);
    return remarks->limits == SEGMO__LIMITS_TRUNCATE ? cut : name.len;
}

size_t segmo__moengage_check_event_name(segmo__remarks *remarks, segmo__slice name,
                                        segmo__slice spot)
{
    if (starts_with(name, "moe_"))
        segmo__remark_on(remarks, SEGMO__REMARK_EVENT_NAME_RESERVED, spot);
    if (memchr(name.at, '.', name.len))
        segmo__remark_on(remarks, SEGMO__REMARK_EVENT_NAME_DOT, spot);
    return segmo__moengage_check_name(remarks, name, spot);
}

static void put_quoted(segmo__buf *out, segmo__slice text)
{
    segmo__buf_add_char(out, '"');
    segmo__buf_add_slice(out, text);
    segmo__buf_add_char(out, '"');
}

static segmo__slice unquoted(segmo__slice string)
{
    return (segmo__slice){string.at + 1, string.len - 2};
}

static int is_url(segmo__slice text)
{
    static const char *const starts[] = {"http://", "https://", "http:\\/\\/", "https:\\/\\/",
                                         "www."};

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t len = strlen(starts[i]), at = 0;

        while (at < len && at < text.len && segmo__ascii_lower(text.at[at]) == starts[i][at])
            at++;
        if (at == len)
            return 1;
    }
    return 0;
}

void segmo__moengage_put_text(segmo__buf *out, segmo__remarks *remarks, segmo__slice string,
                              segmo__slice spot)
{
    segmo__slice text = unquoted(string);
    size_t cut = segmo__moengage_cut(text, SEGMO__MOENGAGE_VALUE_MAX);

    if (cut == text.len) {
        segmo__buf_add_slice(out, string);
    } else if (is_url(text)) {
        segmo__remark_on(remarks, SEGMO__REMARK_URL_TOO_LONG, spot);
        segmo__buf_add_slice(out, string);
    } else {
        segmo__remark_on(remarks, SEGMO__REMARK_VALUE_TOO_LONG, spot);
        text.len = remarks->limits == SEGMO__LIMITS_TRUNCATE ? cut : text.len;
        put_quoted(out, text);
    }
}
