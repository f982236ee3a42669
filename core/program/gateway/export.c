/* MoEngage's campaign export: a Streams payload becomes messages, which go the way of all others.
 */
#include "base/json.h"
#include "gateway_parts.h"

static int fits(const struct gateway *gateway, segmo__slice secret)
{
    /* Both are asked, so that the time tells nothing of which one it was. */
    int first = segmo_config_secret_is(gateway->config, "gateway.export_secret",
                                       secret.at ? secret.at : "", secret.len, NULL);
    int next = segmo_config_secret_is(gateway->config, "gateway.export_secret_next",
                                      secret.at ? secret.at : "", secret.len, NULL);

    return first == 1 || next == 1;
}

static int may_export(struct gateway *gateway, const http_head *head)
{
    int may = fits(gateway, head->field[HTTP_API_KEY]);

    may |= fits(gateway, callers_bearer(head));
    may |= fits(gateway, callers_basic_password(gateway, head));
    return may;
}

static size_t count_of(segmo__slice list)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    size_t count = 0;

    segmo__json_walk_begin(&walk, list);
    while (segmo__json_next(&walk, &key, &value))
        count++;
    return count;
}

static void note_rejected(gateway_source *source, segmo__slice rejected)
{
    size_t count = count_of(rejected);
    segmo__buf members;

    if (count == 0)
        return;
    counts_discard(source->counts, "export_malformed", count);
    segmo__buf_init(&members, rejected.len + 4096);
    segmo__buf_add_lit(&members, ",\"source\":");
    segmo__json_put_text(&members, source->id);
    segmo__buf_add_lit(&members, ",\"rejected\":");
    segmo__buf_add_slice(&members, rejected); /* places and reasons, no values */
    segmo__buf_add_char(&members, '\0');
    journal("warning", "export_malformed", members.failed ? NULL : members.data);
    segmo__buf_free(&members);
}

static void put_outcome(segmo__buf *out, segmo__slice skipped, segmo__slice rejected)
{
    segmo__buf_add_lit(out, "{\"status\":\"success\",\"success\":true,\"skipped\":");
    segmo__buf_add_slice(out, skipped);
    segmo__buf_add_lit(out, ",\"rejected\":");
    segmo__buf_add_slice(out, rejected);
    segmo__buf_add_char(out, '}');
}

static void take(struct gateway *gateway, const http_request *request, gateway_source *source,
                 segmo__slice converted, http_answer *answer)
{
    intake in = {.gateway = gateway, .request = request, .source = source};
    segmo__slice messages = {"[]", 2}, skipped = {"{}", 2}, rejected = {"[]", 2};
    gateway_verdict verdict;

    segmo__json_member(converted, "messages", &messages);
    segmo__json_member(converted, "skipped", &skipped);
    segmo__json_member(converted, "rejected", &rejected);
    note_rejected(source, rejected);
    verdict = intake_messages(&in, messages);
    answer->after_sync = in.wants_sync && verdict.status == 200;
    /* Full or failing: MoEngage posts the whole again, and what is here counts as a duplicate. */
    if (verdict.status == 200)
        put_outcome(&answer->body, skipped, rejected);
    else
        answers_verdict(answer, &verdict);
}

void export_serve(struct gateway *gateway, const http_request *request, http_answer *answer)
{
    gateway_source *source;
    segmo_error *error = NULL;
    segmo__slice body = request->body, converted;
    gateway_verdict refusal;
    char *text = NULL;

    if (!gateway->settings.export_open) {
        http_answer_refuse(answer, 404, "not_found",
                           "the export is closed: set gateway.export_secret");
        return;
    }
    if (!may_export(gateway, request->head)) {
        http_answer_refuse(answer, 401, "unauthorized", "the export's secret is missing or wrong");
        segmo__buf_add_lit(&answer->fields, "WWW-Authenticate: Basic realm=\"export\"\r\n");
        return;
    }
    source = callers_find(gateway, segmo__slice_of(gateway->settings.export_source));
    if (!source) {
        http_answer_refuse(answer, 503, "unknown_source",
                           "gateway.export_source names no source that is configured");
        return;
    }
    if (!intake_decode(gateway, request, &body, &refusal)) {
        answers_verdict(answer, &refusal);
        return;
    }
    if (segmo_convert_streams(gateway->config, body.at, body.len, &text, &converted.len, &error) !=
        SEGMO_OK) {
        http_answer_refuse(answer, 400, "invalid_json",
                           error ? segmo_error_message(error) : "memory ran out");
    } else {
        converted.at = text;
        take(gateway, request, source, converted, answer);
    }
    segmo_free(text);
    segmo_error_free(error);
}
