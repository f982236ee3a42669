/* The debugger page's memory: messages that come and go in any size, tries, seconds. */
#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"

#include "gateway/page_ring.h"
#include "gateway/page_series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS   1767607872000
#define ENTRIES  50
#define BYTES    4096
#define NAME_LEN 24

/* A message whose every byte tells its number. */
static segmo__slice text_of(char *room, uint64_t number, size_t len)
{
    memset(room, 'a' + (int)(number % 26), len);
    return (segmo__slice){room, len};
}

static segmo__slice name_of(char room[NAME_LEN], uint64_t number)
{
    return (segmo__slice){
        room, (size_t)snprintf(room, NAME_LEN, "\"m-%llu\"", (unsigned long long)number)};
}

static void add(page_ring *ring, uint64_t number, size_t len)
{
    char room[BYTES], name[NAME_LEN];

    page_ring_add(ring, &(page_item){.received_ms = NOW_MS,
                                     .intake = PAGE_ACCEPTED,
                                     .goes_to = 1,
                                     .message = text_of(room, number, len),
                                     .id = name_of(name, number)});
}

static void check_whole(page_ring *ring, const size_t *lengths)
{
    size_t bytes = 0;

    for (uint64_t seq = page_ring_first(ring); seq < page_ring_end(ring); seq++) {
        page_entry *entry = page_ring_get(ring, seq);
        segmo__slice text = page_ring_message(ring, entry);
        char name[NAME_LEN];

        assert_int_equal(entry->seq, seq);
        assert_int_equal(text.len, lengths[seq]);
        for (size_t i = 0; i < text.len; i++)
            assert_int_equal(text.at[i], 'a' + (int)(seq % 26));
        assert_ptr_equal(page_ring_find(ring, name_of(name, seq)), entry);
        bytes += text.len;
    }
    assert_true(page_ring_end(ring) - page_ring_first(ring) <= ENTRIES);
    assert_true(bytes <= BYTES);
}

static void whatever_is_kept_is_whole_and_found_by_its_id(void **state)
{
    static size_t lengths[5001];
    page_ring *ring = page_ring_new(ENTRIES, BYTES);

    (void)state;
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        uint64_t dice = segmo__id_random();

        lengths[seq] = dice % 7 == 0 ? 0 : dice % 11 == 0 ? dice / 100 % BYTES : dice / 100 % 200;
        add(ring, seq, lengths[seq]);
        assert_int_equal(page_ring_end(ring), seq + 1);
        check_whole(ring, lengths);
    }
    page_ring_free(ring);
}

static void what_was_pushed_out_is_found_no_more(void **state)
{
    page_ring *ring = page_ring_new(ENTRIES, BYTES);
    char name[NAME_LEN];

    (void)state;
    for (uint64_t seq = 1; seq <= 3 * ENTRIES; seq++)
        add(ring, seq, 10);
    assert_int_equal(page_ring_first(ring), 2 * ENTRIES + 1);
    assert_null(page_ring_get(ring, 2 * ENTRIES));
    assert_null(page_ring_get(ring, 3 * ENTRIES + 1));
    assert_null(page_ring_find(ring, name_of(name, 2 * ENTRIES)));
    assert_non_null(page_ring_find(ring, name_of(name, 2 * ENTRIES + 1)));
    page_ring_free(ring);
}

static void an_id_means_the_latest_message_that_was_accepted(void **state)
{
    page_ring *ring = page_ring_new(ENTRIES, BYTES);
    page_item item = {.intake = PAGE_ACCEPTED, .id = segmo__slice_of("\"x\"")};

    (void)state;
    page_ring_add(ring, &item);
    page_ring_add(ring, &item);
    item.intake = PAGE_DUPLICATE;
    page_ring_add(ring, &item);
    assert_int_equal(page_ring_find(ring, item.id)->seq, 2);
    page_ring_free(ring);
}

static void a_refusal_keeps_field_and_words(void **state)
{
    page_ring *ring = page_ring_new(ENTRIES, BYTES);
    page_entry *entry;

    (void)state;
    page_ring_add(ring, &(page_item){.intake = PAGE_REFUSED,
                                     .message = segmo__slice_of("{}"),
                                     .field = segmo__slice_of("/event"),
                                     .words = segmo__slice_of("is missing")});
    entry = page_ring_get(ring, 1);
    assert_true(segmo__slice_is(page_ring_message(ring, entry), "{}"));
    assert_true(segmo__slice_is(page_ring_field(ring, entry), "/event"));
    assert_true(segmo__slice_is(page_ring_words(ring, entry), "is missing"));
    page_ring_free(ring);
}

static void a_message_that_is_too_long_is_kept_without_its_text(void **state)
{
    page_ring *ring = page_ring_new(ENTRIES, (size_t)1 << 20);
    char *text = segmo__zalloc(PAGE_MESSAGE_BYTES + 1);

    (void)state;
    page_ring_add(ring, &(page_item){.message = {text, PAGE_MESSAGE_BYTES}});
    page_ring_add(ring, &(page_item){.message = {text, PAGE_MESSAGE_BYTES + 1}});
    assert_int_equal(page_ring_message(ring, page_ring_get(ring, 1)).len, PAGE_MESSAGE_BYTES);
    assert_int_equal(page_ring_message(ring, page_ring_get(ring, 2)).len, 0);
    segmo__free(text);
    page_ring_free(ring);
}

static void there_may_be_no_memory_for_it(void **state)
{
    (void)state;
    for (long nth = 0; nth < 4; nth++) {
        segmo__mem_fail(nth, 0);
        assert_null(page_ring_new(ENTRIES, BYTES));
    }
    segmo__mem_fail(-1, 0);
}

static void old_tries_make_room(void **state)
{
    page_tries *tries = segmo__zalloc(sizeof *tries);
    uint32_t number = 0;

    (void)state;
    for (int i = 0; i < PAGE_TRIES + 5; i++)
        page_tries_add(tries, &number)->status = i;
    assert_int_equal(page_tries_get(tries, number)->status, PAGE_TRIES + 4);
    assert_int_equal(page_tries_get(tries, number - PAGE_TRIES + 1)->status, 5);
    assert_null(page_tries_get(tries, number - PAGE_TRIES));
    assert_null(page_tries_get(tries, 0));
    segmo__free(tries);
}

static void a_reason_has_one_number_and_there_is_an_end_to_them(void **state)
{
    page_reasons reasons = {0};
    char word[16];

    (void)state;
    assert_int_equal(page_reason(&reasons, "", 0), 0);
    assert_int_equal(page_reason(&reasons, "no_answer", 9), 1);
    assert_int_equal(page_reason(&reasons, "http_503", 8), 2);
    assert_int_equal(page_reason(&reasons, "no_answer", 9), 1);
    for (int i = 0; i < 200; i++)
        page_reason(&reasons, word, (size_t)snprintf(word, sizeof word, "made_up_%d", i));
    assert_string_equal(reasons.words[page_reason(&reasons, "another", 7)], "other");
    assert_int_equal(page_reason(&reasons, "http_503", 8), 2);
}

static void seconds_without_anything_are_empty(void **state)
{
    page_series *series = segmo__zalloc(sizeof *series);
    page_reasons reasons = {0};
    segmo__buf out;

    (void)state;
    segmo__buf_init(&out, 65536);
    page_series_at(series, NOW_MS)->accepted = 3;
    page_series_at(series, NOW_MS + 3000)->accepted = 4;
    page_series_at(series, NOW_MS + 2000)->refused++; /* the clock went back a little */
    for (int second = 0; second < 4; second++)
        assert_true(page_series_put(&out, series, NOW_MS / 1000 + second, &reasons));
    assert_false(page_series_put(&out, series, NOW_MS / 1000 + 4, &reasons));
    segmo__buf_add_char(&out, '\0');
    assert_non_null(strstr(out.data, "[1767607872,3,0,0,"));
    assert_non_null(strstr(out.data, "[1767607873,0,0,0,"));
    assert_non_null(strstr(out.data, "[1767607875,4,1,0,"));
    page_series_at(series, NOW_MS + 5000000);
    assert_false(page_series_put(&out, series, NOW_MS / 1000, &reasons));
    segmo__buf_free(&out);
    segmo__free(series);
}

static double percentile(const char *json, int which)
{
    double p[3];

    json = strstr(json, "[[0,0,0,0,0,0,") + sizeof "[[0,0,0,0,0,0," - 1;
    assert_int_equal(sscanf(json, "%lf,%lf,%lf", &p[0], &p[1], &p[2]), 3);
    return p[which];
}

static void percentiles_are_right_within_a_tenth(void **state)
{
    page_series *series = segmo__zalloc(sizeof *series);
    page_second_leg *leg = &page_series_at(series, NOW_MS)->legs[0];
    page_reasons reasons = {0};
    segmo__buf out;

    (void)state;
    segmo__buf_init(&out, 65536);
    for (int i = 1; i <= 1000; i++)
        page_series_latency(leg, i * 1000);
    assert_true(page_series_put(&out, series, NOW_MS / 1000, &reasons));
    segmo__buf_add_char(&out, '\0');
    assert_true(percentile(out.data, 0) > 450 && percentile(out.data, 0) < 550);
    assert_true(percentile(out.data, 1) > 855 && percentile(out.data, 1) < 1045);
    assert_true(percentile(out.data, 2) > 891 && percentile(out.data, 2) < 1089);
    segmo__buf_free(&out);
    segmo__free(series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_kept_is_whole_and_found_by_its_id),
        cmocka_unit_test(what_was_pushed_out_is_found_no_more),
        cmocka_unit_test(an_id_means_the_latest_message_that_was_accepted),
        cmocka_unit_test(a_refusal_keeps_field_and_words),
        cmocka_unit_test(a_message_that_is_too_long_is_kept_without_its_text),
        cmocka_unit_test(there_may_be_no_memory_for_it),
        cmocka_unit_test(old_tries_make_room),
        cmocka_unit_test(a_reason_has_one_number_and_there_is_an_end_to_them),
        cmocka_unit_test(seconds_without_anything_are_empty),
        cmocka_unit_test(percentiles_are_right_within_a_tenth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
