#include "client/probe.h"

#include "base/clock.h"
#include "base/json.h"
#include "wire/moengage.h"

#define URL_MAX 4096

/* One destination's question; its text is the answer once there is one. */
struct question {
    segmo__destination destination;
    segmo__http_request request;
    segmo__buf url;
    segmo__buf answer; /* a JSON object; empty while nobody answered */
};

static const char *const cause_names[] = {
    [SEGMO__HTTP_ANSWERED] = "",
    [SEGMO__HTTP_NAME] = "name",
    [SEGMO__HTTP_CONNECTION] = "connection",
    [SEGMO__HTTP_TIMEOUT] = "timeout",
    [SEGMO__HTTP_CERTIFICATE] = "certificate",
    [SEGMO__HTTP_TLS] = "tls",
    [SEGMO__HTTP_PROXY] = "proxy",
    [SEGMO__HTTP_OTHER] = "other",
};

/* ---- questions ---- */

/* Segment records what is posted and takes any write key, so there is nothing to ask it: no key
 * goes along. */
static void ask_segment(struct question *question, const segmo__source *source)
{
    segmo__buf_add_str(&question->url, source->segment.host);
    segmo__buf_add_char(&question->url, '/');
    question->request.method = SEGMO__HTTP_HEAD;
}

static void ask_moengage(struct question *question, const segmo__source *source)
{
    segmo__moengage_auth_path(&question->url, source);
    question->request.method = SEGMO__HTTP_GET;
    question->request.user = source->moengage.app_id;
    question->request.password = source->moengage.api_key;
}

static int begin_question(struct question *question, segmo__destination destination,
                          const segmo__source *source)
{
    segmo__buf_init(&question->url, URL_MAX);
    segmo__buf_init(&question->answer, 8 * URL_MAX);
    question->destination = destination;
    question->request = (segmo__http_request){.wants_tls = 1, .tag = question};
    if (destination == SEGMO__DESTINATION_SEGMENT)
        ask_segment(question, source);
    else
        ask_moengage(question, source);
    segmo__buf_add_char(&question->url, '\0');
    question->request.url = question->url.data;
    return !question->url.failed;
}

static int is_sent_to(const segmo__source *source, segmo__destination destination)
{
    return destination == SEGMO__DESTINATION_SEGMENT ? source->segment.enabled
                                                     : source->moengage.forward;
}

/* ---- answers ---- */

static const char *authenticated(const struct question *question, int status)
{
    if (question->destination == SEGMO__DESTINATION_SEGMENT)
        return "null";
    if (status >= 200 && status < 300)
        return "true";
    return status == 401 || status == 403 ? "false" : "null";
}

static void put_answer(struct question *question, const segmo__http_answer *answer)
{
    segmo__buf *out = &question->answer;

    segmo__buf_addf(
        out, "{\"destination\":\"%s\",\"url\":", segmo__destination_name(question->destination));
    segmo__json_put_text(out, question->request.url);
    segmo__buf_add_lit(out, ",\"tls\":");
    if (answer->tls)
        segmo__json_put_text(out, answer->tls);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_addf(
        out, ",\"status\":%d,\"authenticated\":%s,\"cause\":\"%s\",\"error\":", answer->status,
        authenticated(question, answer->status), cause_names[answer->cause]);
    segmo__json_put_text(out, answer->error);
    segmo__buf_addf(out, ",\"latency_ms\":%lld,\"server_date_ms\":%lld}",
                    (long long)(answer->latency_us / 1000), (long long)answer->server_date_ms);
}

/* libcurl keeps the time itself; this is for what it has not ended when the time is over. */
static void put_silence(struct question *question, int64_t waited_ms)
{
    segmo__http_answer silence = {.error = "no answer came in the time given",
                                  .cause = SEGMO__HTTP_TIMEOUT,
                                  .latency_us = waited_ms * 1000};

    put_answer(question, &silence);
}

static void collect_answers(segmo__http *http, int64_t deadline_ms)
{
    segmo__http_answer answer;
    int64_t left_ms;

    while (segmo__http_in_flight(http) > 0) {
        while (segmo__http_next(http, &answer))
            put_answer(answer.tag, &answer);
        left_ms = deadline_ms - segmo__clock_mono_ms();
        if (left_ms <= 0)
            return;
        if (segmo__http_in_flight(http) > 0)
            segmo__http_run(http, (uint32_t)left_ms);
    }
}

/* ---- the call ---- */

static uint32_t at_most(uint32_t limit_ms, int64_t left_ms)
{
    if (left_ms < 1)
        return 1; /* 0 would be no limit */
    return left_ms < limit_ms ? (uint32_t)left_ms : limit_ms;
}

static int open_http(segmo__http **http, const segmo_config *config, int64_t left_ms,
                     segmo_error **err)
{
    segmo__http_options options = segmo__config_http_options(config);

    options.timeout_ms = at_most(options.timeout_ms, left_ms);
    options.connect_timeout_ms = at_most(options.connect_timeout_ms, left_ms);
    return segmo__http_open(http, &options, err);
}

static void put_answers(segmo__buf *out, struct question *questions, size_t count,
                        int64_t waited_ms)
{
    segmo__buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (questions[i].answer.len == 0)
            put_silence(&questions[i], waited_ms);
        if (i > 0)
            segmo__buf_add_char(out, ',');
        segmo__buf_add_slice(out, segmo__buf_slice(&questions[i].answer));
        out->failed |= questions[i].answer.failed;
    }
    segmo__buf_add_char(out, ']');
}

int segmo__probe(const segmo_config *config, const segmo__source *source, int64_t deadline_ms,
                 segmo__buf *out, segmo_error **err)
{
    struct question questions[SEGMO__DESTINATION_SERVICES];
    int64_t began_ms = segmo__clock_mono_ms();
    segmo__http *http = NULL;
    size_t count = 0;
    int status = open_http(&http, config, deadline_ms - began_ms, err);

    for (unsigned d = 0; status == SEGMO_OK && d < SEGMO__DESTINATION_SERVICES; d++) {
        struct question *question = &questions[count];

        if (!is_sent_to(source, (segmo__destination)d))
            continue;
        count++;
        status = begin_question(question, (segmo__destination)d, source)
                     ? segmo__http_start(http, &question->request, err)
                     : segmo__fail_memory(err);
    }
    if (status == SEGMO_OK) {
        collect_answers(http, deadline_ms);
        put_answers(out, questions, count, segmo__clock_mono_ms() - began_ms);
        if (out->failed)
            status = segmo__fail_memory(err);
    }
    segmo__http_close(http, 0);
    while (count-- > 0) {
        segmo__buf_free(&questions[count].url);
        segmo__buf_free(&questions[count].answer);
    }
    return status;
}
