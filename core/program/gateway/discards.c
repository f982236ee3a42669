/* Why a message was refused, by Segment's names for the reasons, and the log's line about it. */
#include "base/clock.h"
#include "base/json.h"
#include "gateway_parts.h"

#define LINES_A_SECOND 20

static int starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

int discard_status(const char *name)
{
    for (int status = SEGMO_ERR_UNSUPPORTED; name && status < SEGMO_OK; status++)
        if (strcmp(segmo_status_name(status), name) == 0)
            return status;
    return SEGMO_ERR_INVALID;
}

const char *discard_reason(int status, const char *field, const char *words)
{
    int is_missing = strstr(words, " is missing") != NULL || strstr(words, " is empty") != NULL;

    if (status == SEGMO_ERR_TOO_LARGE)
        return "message_too_large";
    if (status != SEGMO_ERR_INVALID)
        return "bad_request";
    if (starts(field, "/userId") || starts(field, "/anonymousId"))
        return is_missing ? "no_user_anon_id" : "id_not_string";
    if (starts(field, "/groupId") || starts(field, "/previousId"))
        return is_missing ? "id_required" : "id_not_string";
    if (starts(field, "/event"))
        return is_missing ? "event_not_defined" : "event_not_string";
    if (starts(field, "/name"))
        return "name_not_string";
    if (starts(field, "/category"))
        return "category_not_string";
    if (starts(field, "/properties"))
        return "properties_not_object";
    return starts(field, "/traits") ? "traits_not_object" : "bad_request";
}

void discard_log(const intake *in, const char *reason, const char *field, const char *words)
{
    static int64_t second;
    static unsigned lines;
    int64_t now = segmo__clock_mono_ms() / 1000;
    segmo__buf members;

    lines = now == second ? lines + 1 : 0;
    second = now;
    if (lines >= LINES_A_SECOND)
        return;
    segmo__buf_init(&members, 8192);
    segmo__buf_add_lit(&members, ",\"source\":");
    segmo__json_put_text(&members, in->source->id);
    segmo__buf_addf(&members, ",\"reason\":\"%s\",\"field\":", reason);
    segmo__json_put_text(&members, field);
    segmo__buf_add_lit(&members, ",\"message\":");
    segmo__json_put_text(&members, words);
    segmo__buf_add_char(&members, '\0');
    journal("warning", "discarded", members.failed ? NULL : members.data);
    segmo__buf_free(&members);
}
