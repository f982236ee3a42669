/* A message in the words of both destinations: bodies are valid JSON within their limits, for every
 * API, mode and rule. The first three bytes choose the settings. */
#include "help/fuzz.h"
#include "help/rules.h"

#include "base/json.h"
#include "wire/moengage.h"
#include "wire/segment.h"

#define NOW_MS 1767607872345

static segmo__source source_of(segmo__slice *input)
{
    unsigned a = fuzz_choice(input), b = fuzz_choice(input), c = fuzz_choice(input);
    segmo__source source = {
        .id = "web",
        .write_key = "WK",
        .type = SEGMO__SOURCE_SERVER,
        .mode = a & 1 ? SEGMO__MODE_DEVICE : SEGMO__MODE_CLOUD,
        .segment = {.enabled = 1, .host = "https://api.segment.io", .write_key = "WK"},
        .moengage = {.enabled = 1,
                     .forward = 1,
                     .kind = a & 2 ? SEGMO__MOENGAGE_ACTIONS : SEGMO__MOENGAGE_CLASSIC,
                     .api = a & 4 ? SEGMO__API_SEGMENT : SEGMO__API_DATA,
                     .host = "https://api-01.moengage.com",
                     .app_id = "APP 1/2",
                     .api_key = "KEY",
                     .test = a >> 3 & 1,
                     .update_existing_only = a >> 4 & 1,
                     .objects = (segmo__objects)((a >> 5) % 3),
                     .limits = (segmo__limits)(b % 3),
                     .naming = (segmo__naming)(b / 3 % 3),
                     .pages = b >> 4 & 1,
                     .groups = b >> 5 & 1,
                     .alias_merge = b >> 6 & 1,
                     .real_time = b >> 7 & 1,
                     .geo = c & 1,
                     .created_time = c >> 1 & 1,
                     .allow_reserved = c >> 2 & 1,
                     .devices = c >> 3 & 1,
                     .project = c & 16 ? "P 1" : NULL}};

    return source;
}

static void count_note(void *ctx, const segmo__note *note)
{
    ++*(int *)ctx;
    must(note->code && *note->code && note->words && *note->words && note->field);
}

static void check_body(const segmo__buf *body, size_t max)
{
    segmo_error *error = NULL;

    must(!body->failed && body->len <= max);
    if (segmo__json_check_body(segmo__buf_slice(body), &error) != SEGMO_OK)
        fuzz_failed("body", (int)body->len, segmo_error_message(error));
}

static void to_moengage(const segmo__source *source, const segmo__message *message)
{
    segmo__moengage_element element = {0};
    segmo__buf elements, body;
    segmo_error *error = NULL;
    const char *single;
    int notes = 0, status;

    segmo__buf_init(&elements, 1u << 20);
    segmo__buf_init(&body, 1u << 20);
    status = segmo__moengage_transform(&elements, &element, source, message, NOW_MS, count_note,
                                       &notes, &error);
    must(notes <= 50);
    if (status != SEGMO_OK) {
        must(status == SEGMO_ERR_INVALID && elements.len == 0 && *segmo_error_message(error));
    } else if (element.skip) {
        must(elements.len == 0 && *element.skip);
    } else {
        must(elements.len > 0);
        single = element.users + element.events == 1
                     ? segmo__moengage_type(segmo__buf_slice(&elements))
                     : NULL;
        segmo__moengage_begin(&body, element.endpoint, single);
        segmo__buf_add_slice(&body, segmo__buf_slice(&elements));
        segmo__moengage_end(&body, element.endpoint, single);
        check_body(&body, SEGMO__MOENGAGE_SINGLE_MAX);
        must(body.len <= elements.len + SEGMO__MOENGAGE_ENVELOPE);
    }
    segmo_error_free(error);
    segmo__buf_free(&elements);
    segmo__buf_free(&body);
}

static void to_segment(const segmo__source *source, const segmo__message *message, int mark)
{
    segmo__buf body;
    size_t before;

    segmo__buf_init(&body, 1u << 20);
    segmo__segment_begin(&body);
    for (int i = 0; i < 2; i++) {
        before = body.len;
        segmo__segment_add(&body, message, mark, source->mode);
        must(body.len - before <= segmo__segment_size(message));
    }
    before = body.len;
    segmo__segment_end(&body, &source->segment, NOW_MS);
    must(body.len - before <= SEGMO__SEGMENT_TAIL);
    check_body(&body, SEGMO__SEGMENT_BODY_MAX);
    segmo__buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice json = fuzz_slice(data, size);
    segmo__source source = source_of(&json);
    segmo__message message;
    segmo__buf stored;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    if (segmo__message_complete(&stored, json, &fuzz_rules, NULL) == SEGMO_OK &&
        segmo__message_read(&message, segmo__buf_slice(&stored), NULL) == SEGMO_OK) {
        to_moengage(&source, &message);
        to_segment(&source, &message, 0);
        to_segment(&source, &message, 1);
    }
    segmo__buf_free(&stored);
    return 0;
}
