#include "base/json.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* A copy without a byte to spare, so that a sanitizer sees who reads beyond. */
static segmo__slice exact(segmo__slice text)
{
    char *copy = malloc(text.len > 0 ? text.len : 1);

    memcpy(copy, text.at, text.len);
    return (segmo__slice){copy, text.len};
}

static int checked(segmo__slice text)
{
    segmo__slice copy = exact(text);
    int status = segmo__json_check(copy, NULL);

    free((char *)copy.at);
    return status;
}

/* The value as it is, inside containers, and far enough from the end for steps of 16 bytes. */
static int checked_everywhere(segmo__slice value, int expected)
{
    static const char *const around[][2] = {
        {"", ""},
        {" \t\r\n", " \t\r\n"},
        {"[", "]"},
        {"{\"key\":", "}"},
        {"[1,{\"a\":", ",\"b\":\"a text that is long enough for a few steps\"}]"},
        {"{\"a\" : [ ", " , null ] , \"b\" : \"a text that is long enough for a few steps\" }"},
    };

    for (size_t i = 0; i < COUNT(around); i++) {
        segmo__buf text;
        int status;

        segmo__buf_init(&text, 1 << 20);
        segmo__buf_add_str(&text, around[i][0]);
        segmo__buf_add_slice(&text, value);
        segmo__buf_add_str(&text, around[i][1]);
        status = checked(segmo__buf_slice(&text));
        segmo__buf_free(&text);
        if (status != expected)
            return (int)i;
    }
    return -1;
}

/* ---- what is accepted, what is refused ---- */

static const segmo__slice good_values[] = {
    TEXT("null"),
    TEXT("true"),
    TEXT("false"),
    TEXT("0"),
    TEXT("-0"),
    TEXT("0.0"),
    TEXT("-0.5"),
    TEXT("7"),
    TEXT("42"),
    TEXT("10"),
    TEXT("100200300"),
    TEXT("9007199254740993"),
    TEXT("1770000000123450"),
    TEXT("123456789012345"),
    TEXT("12345678901234"),
    TEXT("1234567890123456"),
    TEXT("123456789012345678901234567890"),
    TEXT("-123456789012345678901234567890"),
    TEXT("0.1"),
    TEXT("0.30000000000000004"),
    TEXT("1234567.1234567"),
    TEXT("12345678.1234567"),
    TEXT("123456789012.5"),
    TEXT("1234567890123.5"),
    TEXT("12345678901234.5"),
    TEXT("123456789012345.5"),
    TEXT("1e0"),
    TEXT("1E5"),
    TEXT("1e+5"),
    TEXT("1e-5"),
    TEXT("1.5e10"),
    TEXT("0e999"),
    TEXT("0.000e99999"),
    TEXT("1e308"),
    TEXT("1.7976931348623157e308"),
    TEXT("-1.7976931348623157e308"),
    TEXT("17976931348623157e292"),
    TEXT("0.00017976931348623157e312"),
    TEXT("1e-999"),
    TEXT("1e-99999999999999999999"),
    TEXT("\"\""),
    TEXT("\"a\""),
    TEXT("\"a text of more than sixteen bytes, even of more than thirty-two\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\""),
    TEXT("\"a\\u0000b\""),
    TEXT("\"\\u00e9\\u00E9\\uFFFF\""),
    TEXT("\"\\ud83d\\ude00\""),
    TEXT("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
    TEXT("\"\x7f\""),
    TEXT("\"\xc2\x80\""),
    TEXT("\"\xdf\xbf\""),
    TEXT("\"\xe0\xa0\x80\""),
    TEXT("\"\xed\x9f\xbf\""),
    TEXT("\"\xee\x80\x80\""),
    TEXT("\"\xef\xbf\xbf\""),
    TEXT("\"\xf0\x90\x80\x80\""),
    TEXT("\"\xf4\x8f\xbf\xbf\""),
    TEXT("\"15 bytes here..\xf0\x9f\x98\x80\""),
    TEXT("\"14 bytes here.\xf0\x9f\x98\x80 and more behind it\""),
    TEXT("\"\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87\""),
    TEXT("[]"),
    TEXT("[ ]"),
    TEXT("{}"),
    TEXT("{ \n}"),
    TEXT("[1,2,3]"),
    TEXT("[ 1 , \"a\" , [ ] , { } , null ]"),
    TEXT("[[[[[[]]]]]]"),
    TEXT("{\"a\":1}"),
    TEXT("{\"a\":{\"a\":{\"a\":1}}}"),
    TEXT("{\"a\":1,\"b\":2,\"A\":3,\"\":4,\" \":5,\"a \":6}"),
    TEXT("[{\"a\":1},{\"a\":2}]"),
    TEXT("{\"\\u0061\":1,\"b\":2}"),
    TEXT("{\"a key of more than sixteen bytes 1\":1,\"a key of more than sixteen bytes 2\":2}"),
    TEXT("{\"exactly15bytes.\":1,\"exactly16bytes..\":2,\"exactly17bytes...\":3}"),
    TEXT("{\"\xc3\xa9\":1,\"e\":2}"),
};

static const segmo__slice bad_values[] = {
    TEXT("nul"),
    TEXT("nulL"),
    TEXT("True"),
    TEXT("tru"),
    TEXT("fals"),
    TEXT("undefined"),
    TEXT("None"),
    TEXT("NaN"),
    TEXT("nan"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("inf"),
    TEXT("-"),
    TEXT("+1"),
    TEXT("--1"),
    TEXT("01"),
    TEXT("-01"),
    TEXT("00"),
    TEXT("0123456"),
    TEXT("1."),
    TEXT("1.e5"),
    TEXT(".5"),
    TEXT("-.5"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1.5e"),
    TEXT("1.5e-"),
    TEXT("1..5"),
    TEXT("1.2.3"),
    TEXT("1e5.5"),
    TEXT("0x1F"),
    TEXT("1_000"),
    TEXT("1a"),
    TEXT("1,5e"),
    TEXT("1e999"),
    TEXT("-1e999"),
    TEXT("1e309"),
    TEXT("1.8e308"),
    TEXT("1.7976931348623159e308"),
    TEXT("17976931348623159e292"),
    TEXT("0.1e310"),
    TEXT("1e99999999999999999999"),
    TEXT("\""),
    TEXT("\"a"),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"\\x41\""),
    TEXT("\"\\a\""),
    TEXT("\"\\'\""),
    TEXT("\"\\ \""),
    TEXT("\"\\\0\""),
    TEXT("\"\\u\""),
    TEXT("\"\\u12\""),
    TEXT("\"\\u123\""),
    TEXT("\"\\u12G4\""),
    TEXT("\"\\U0041\""),
    TEXT("\"\\ud800\""),
    TEXT("\"\\udc00\""),
    TEXT("\"\\ud800x\""),
    TEXT("\"\\ud800\\n\""),
    TEXT("\"\\ud800\\u0041\""),
    TEXT("\"\\ud800\\ud800\""),
    TEXT("\"\\udc00\\ud800\""),
    TEXT("\"\\ud83d\\ude0\""),
    TEXT("\"\n\""),
    TEXT("\"\t\""),
    TEXT("\"\0\""),
    TEXT("\"a long text with a control character \x1f in it, behind sixteen bytes\""),
    TEXT("\"\x80\""),
    TEXT("\"\xbf\""),
    TEXT("\"\xc0\x80\""),
    TEXT("\"\xc1\xbf\""),
    TEXT("\"\xc2\""),
    TEXT("\"\xc2\x41\""),
    TEXT("\"\xe0\x80\x80\""),
    TEXT("\"\xe0\x9f\xbf\""),
    TEXT("\"\xe2\x82\""),
    TEXT("\"\xe2\x41\x82\""),
    TEXT("\"\xed\xa0\x80\""),
    TEXT("\"\xed\xbf\xbf\""),
    TEXT("\"\xf0\x80\x80\x80\""),
    TEXT("\"\xf0\x8f\xbf\xbf\""),
    TEXT("\"\xf0\x9f\x98\""),
    TEXT("\"\xf0\x9f\x41\x80\""),
    TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("\"\xf5\x80\x80\x80\""),
    TEXT("\"\xff\""),
    TEXT("\"\xfe\""),
    TEXT("'a'"),
    TEXT("abc"),
    TEXT("["),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[,"),
    TEXT("[,]"),
    TEXT("[,1]"),
    TEXT("[1,]"),
    TEXT("[1,,2]"),
    TEXT("[1 2]"),
    TEXT("[1:2]"),
    TEXT("[1}"),
    TEXT("[{]}"),
    TEXT("[\"a\"\"b\"]"),
    TEXT("{"),
    TEXT("{\"a\""),
    TEXT("{\"a\":"),
    TEXT("{\"a\":1"),
    TEXT("{\"a\":1,"),
    TEXT("{\"a\":1]"),
    TEXT("{\"a\":1,}"),
    TEXT("{,}"),
    TEXT("{,\"a\":1}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\",\"b\"}"),
    TEXT("{\"a\" 1}"),
    TEXT("{\"a\"::1}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\":,\"b\":1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\":1,,\"b\":2}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("{1:1}"),
    TEXT("{null:1}"),
    TEXT("{\"a\n\":1}"),
    TEXT("{\"\xff\":1}"),
    TEXT("{\"\\ud800\":1}"),
    TEXT("{\"a\":1 /* b */}"),
    TEXT("// a"),
    TEXT("\xef\xbb\xbf{}"),
    TEXT("\xc2\xa0{}"),
    TEXT("\x0b{}"),
    TEXT("\x0c{}"),
    TEXT("\0{}"),
    TEXT("{\"a\":1,\"a\":1}"),
    TEXT("{\"a\":1,\"b\":2,\"a\":3}"),
    TEXT("{\"\":1,\"\":1}"),
    TEXT("{\"a\":1,\"\\u0061\":2}"),
    TEXT("{\"\\u0061\":1,\"a\":2}"),
    TEXT("{\"\\u0061\":1,\"\\u0061\":2}"),
    TEXT("{\"/\":1,\"\\/\":2}"),
    TEXT("{\"\xc3\xa9\":1,\"\\u00e9\":2}"),
    TEXT("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"),
    TEXT("{\"a key of exactly sixteen bytes or more\":1,\"a key of exactly sixteen bytes or "
         "more\":2}"),
    TEXT("{\"a key of exactly sixteen bytes or more\":1,\"a key of exactly sixteen bytes or "
         "mor\\u0065\":2}"),
    TEXT("{\"exactly16bytes..\":1,\"exactly16bytes.\\u002e\":2}"),
    TEXT("{\"a\":{\"b\":1,\"c\":[{\"d\":1,\"d\":2}]}}"),
    TEXT("{\"a\":{\"a\":1},\"b\":{},\"a\":1}"),
};

static void well_formed_values_are_accepted_in_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_values); i++) {
        int place = checked_everywhere(good_values[i], SEGMO_OK);

        if (place >= 0)
            fail_msg("refused in place %d: %s", place, good_values[i].at);
    }
}

static void malformed_values_are_refused_in_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_values); i++) {
        int place = checked_everywhere(bad_values[i], SEGMO_ERR_JSON);

        if (place >= 0)
            fail_msg("accepted in place %d: %s", place, bad_values[i].at);
    }
}

static void documents_that_are_not_one_value_are_refused(void **state)
{
    static const segmo__slice texts[] = {
        TEXT(""),
        TEXT(" "),
        TEXT("\n\t"),
        TEXT("{} {}"),
        TEXT("{},"),
        TEXT("1 2"),
        TEXT("[]]"),
        TEXT("{}}"),
        TEXT("\"a\" \"b\""),
        TEXT("null\0"),
        TEXT("{}\0"),
        TEXT("]"),
        TEXT("}"),
        TEXT(":"),
        TEXT(","),
        TEXT("{}//a"),
        TEXT("true x"),
        TEXT("[] \xff"),
        TEXT("{} \xef\xbb\xbf"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (checked(texts[i]) != SEGMO_ERR_JSON)
            fail_msg("accepted: %s", texts[i].at);
}

static const char sample[] =
    " {\"type\":\"track\",\"userId\":\"u-7\", \"a key of more than sixteen bytes\" : "
    "[1,-2.5e3,true,"
    "false,null,\"\\u00e9\\ud83d\\ude00\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",{},[]],\n"
    "\"nested\":{\"a\":{\"b\":[{\"c\":12345678901234567890},{\"c\":\"\"}]}}}";

static void every_cut_of_a_document_is_refused(void **state)
{
    (void)state;
    assert_int_equal(checked((segmo__slice){sample, sizeof sample - 1}), SEGMO_OK);
    for (size_t len = 0; len < sizeof sample - 1; len++)
        if (checked((segmo__slice){sample, len}) != SEGMO_ERR_JSON)
            fail_msg("accepted the first %zu bytes", len);
}

/* Not every changed byte makes a document wrong; none may make the check read beyond or go on for
 * ever. */
static void a_changed_byte_never_leads_beyond_the_text(void **state)
{
    char text[sizeof sample];
    size_t refused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof sample - 1; i++)
        for (int byte = 0; byte < 256; byte++) {
            memcpy(text, sample, sizeof sample);
            text[i] = (char)byte;
            refused += checked((segmo__slice){text, sizeof sample - 1}) != SEGMO_OK;
        }
    assert_in_range(refused, 20000, 50000);
}

/* ---- what a failure says ---- */

static const struct {
    const char *text;
    const char *field;
    const char *words;
} refusals[] = {
    {"", "", "byte 0: there is no JSON value"},
    {"   ", "", "byte 3: there is no JSON value"},
    {"\xef\xbb\xbf{}", "", "byte 0: starts with a byte order mark"},
    {"{\"a\":NaN}", "/a", "byte 5: NaN is no JSON number"},
    {"{\"a\":[1,Infinity]}", "/a/1", "byte 8: Infinity is no JSON number"},
    {"{\"a\":[1,-Infinity]}", "/a/1", "byte 8: -Infinity is no JSON number"},
    {"{\"a\":{\"b\":1e999}}", "/a/b", "byte 10: a number too large for a double"},
    {"{\"a\":01}", "/a", "byte 5: a number starts with a superfluous 0"},
    {"{\"a\":+1}", "/a", "byte 5: a number starts with +"},
    {"{\"a\":.5}", "/a", "byte 5: a number starts with a point"},
    {"{\"a\":1.}", "/a", "byte 7: a digit is missing"},
    {"[1.", "/0", "byte 3: the text ends inside a number"},
    {"{\"a\":'b'}", "/a", "byte 5: strings take double quotes"},
    {"{\"a\":/**/1}", "/a", "byte 5: comments are not part of JSON"},
    {"{} x", "", "byte 3: something stands behind the value"},
    {"{\"a\":1,}", "", "byte 7: a comma with nothing behind it"},
    {"[1,]", "/1", "byte 3: a value is missing"},
    {"{a:1}", "", "byte 1: expected a key in double quotes"},
    {"{\"a\" 1}", "/a", "byte 5: expected a colon"},
    {"{\"a\":1 \"b\":2}", "/a", "byte 7: expected a comma or }"},
    {"[1 2]", "/0", "byte 3: expected a comma or ]"},
    {"{\"a\":\"b", "/a", "byte 7: the text ends inside a string"},
    {"{\"a\":1", "/a", "byte 6: the text ends inside an object"},
    {"[[1", "/0/0", "byte 3: the text ends inside an array"},
    {"{\"a\":\"\n\"}", "/a", "byte 6: a control character inside a string"},
    {"{\"a\":\"\\q\"}", "/a", "byte 6: an unknown escape"},
    {"{\"a\":\"\\u00\"}", "/a", "byte 6: \\u takes four hexadecimal digits"},
    {"{\"a\":\"\\ud800\"}", "/a", "byte 6: a lone surrogate escape"},
    {"{\"a\":\"\xff\"}", "/a", "byte 6: not valid UTF-8"},
    {"{\"a\":1,\"b\":{\"\xff\":1}}", "/b", "byte 13: not valid UTF-8"},
    {"{\"a\":1,\"\\u0061\":2}", "/a", "byte 7: a key that its object already has"},
    {"{\"x\":{\"a~b/c\":[0,[tru]]}}", "/x/a~0b~1c/1/0", "byte 18: expected an object"},
    {"{\"\xc3\xa9\":{\"\\u00e9\":x}}", "/\xc3\xa9/\xc3\xa9", "expected an object"},
    {"{\"a\\u0000b\":x}",
     "/a\xef\xbf\xbd"
     "b",
     "expected an object"},
    {"[{\"a\":1},{\"a\":1},{\"a\":1,\"b\":?}]", "/2/b", "expected an object"},
};

static void a_refusal_names_spot_reason_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        segmo_error *error = NULL;

        assert_int_equal(segmo__json_check(segmo__slice_of(refusals[i].text), &error),
                         SEGMO_ERR_JSON);
        assert_int_equal(segmo_error_status(error), SEGMO_ERR_JSON);
        assert_string_equal(segmo_error_field(error), refusals[i].field);
        if (!strstr(segmo_error_message(error), refusals[i].words))
            fail_msg("%s: %s", refusals[i].text, segmo_error_message(error));
        segmo_error_free(error);
    }
}

static void a_refusal_never_shows_a_value(void **state)
{
    segmo_error *error = NULL;

    (void)state;
    assert_int_equal(
        segmo__json_check(segmo__slice_of("{\"a\":\"hunter2\",\"b\":hunter2}"), &error),
        SEGMO_ERR_JSON);
    assert_null(strstr(segmo_error_message(error), "hunter2"));
    segmo_error_free(error);
}

/* ---- depth and many keys ---- */

static int checked_depth(int depth, int (*check)(segmo__slice, segmo_error **))
{
    char text[400];

    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return check((segmo__slice){text, (size_t)depth * 2}, NULL);
}

static void nesting_ends_at_64_levels(void **state)
{
    (void)state;
    assert_int_equal(checked_depth(64, segmo__json_check), SEGMO_OK);
    assert_int_equal(checked_depth(65, segmo__json_check), SEGMO_ERR_JSON);
    assert_int_equal(checked_depth(68, segmo__json_check_body), SEGMO_OK);
    assert_int_equal(checked_depth(69, segmo__json_check_body), SEGMO_ERR_JSON);
    assert_int_equal(checked_depth(68, segmo__json_check_grammar), SEGMO_OK);
    assert_int_equal(checked_depth(69, segmo__json_check_grammar), SEGMO_ERR_JSON);
}

static void too_deep_nesting_is_refused_with_its_pointer(void **state)
{
    segmo__buf text, pointer;
    segmo_error *error = NULL;

    (void)state;
    segmo__buf_init(&text, 4096);
    segmo__buf_init(&pointer, 4096);
    for (int i = 0; i < 100; i++)
        segmo__buf_add_str(&text, "{\"a\":");
    for (int i = 0; i < 64; i++)
        segmo__buf_add_str(&pointer, "/a");
    segmo__buf_add_char(&pointer, '\0');
    assert_int_equal(segmo__json_check(segmo__buf_slice(&text), &error), SEGMO_ERR_JSON);
    assert_string_equal(segmo_error_field(error), pointer.data);
    assert_non_null(strstr(segmo_error_message(error), "deeper than 64"));
    segmo_error_free(error);
    segmo__buf_free(&text);
    segmo__buf_free(&pointer);
}

/* {"k0":0,"k1":0, ... } and one more key that equals number `twin`, written with an escape. */
static int checked_many_keys(int count, int twin, segmo_error **error)
{
    segmo__buf text;
    int status;

    segmo__buf_init(&text, 1 << 24);
    segmo__buf_add_str(&text, "{\"nested\":{");
    for (int i = 0; i < count; i++)
        segmo__buf_addf(&text, "\"k%d\":{\"k\":0},", i);
    segmo__buf_addf(&text, twin < 0 ? "\"last\":0}}" : "\"\\u006b%d\":0}}", twin);
    status = segmo__json_check(segmo__buf_slice(&text), error);
    segmo__buf_free(&text);
    return status;
}

static void equal_keys_are_found_in_objects_of_any_size(void **state)
{
    static const int counts[] = {1,  2,  30, 31, 32, 33, 34,  63,   64,
                                 65, 94, 95, 96, 97, 98, 400, 10000};

    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        assert_int_equal(checked_many_keys(counts[i], -1, NULL), SEGMO_OK);
        assert_int_equal(checked_many_keys(counts[i], 0, NULL), SEGMO_ERR_JSON);
        assert_int_equal(checked_many_keys(counts[i], counts[i] / 2, NULL), SEGMO_ERR_JSON);
        assert_int_equal(checked_many_keys(counts[i], counts[i] - 1, NULL), SEGMO_ERR_JSON);
    }
}

static void a_twin_among_many_keys_is_named(void **state)
{
    segmo_error *error = NULL;

    (void)state;
    assert_int_equal(checked_many_keys(5000, 1234, &error), SEGMO_ERR_JSON);
    assert_string_equal(segmo_error_field(error), "/nested/k1234");
    segmo_error_free(error);
}

static void memory_that_runs_out_is_told(void **state)
{
    segmo_error *error = NULL;

    (void)state;
    segmo__buf_free(&(segmo__buf){0});
    for (long nth = 0; nth < 200; nth++) {
        segmo__buf text;
        int status;

        segmo__buf_init(&text, 1 << 20);
        for (int i = 0; i < 200; i++)
            segmo__buf_addf(&text, "%s\"k%d\":0", i ? "," : "{", i);
        segmo__buf_add_str(&text, "}");
        segmo__mem_fail(nth, 1);
        status = segmo__json_check(segmo__buf_slice(&text), &error);
        segmo__mem_fail(-1, 0);
        segmo__buf_free(&text);
        if (status == SEGMO_OK)
            break;
        assert_int_equal(status, SEGMO_ERR_MEMORY);
    }
    assert_int_equal(segmo_error_status(error), SEGMO_ERR_MEMORY);
    segmo_error_free(error);
}

static void an_ordinary_document_takes_no_memory(void **state)
{
    (void)state;
    segmo__mem_fail(0, 1);
    assert_int_equal(segmo__json_check((segmo__slice){sample, sizeof sample - 1}, NULL), SEGMO_OK);
    segmo__mem_fail(-1, 0);
}

/* ---- the grammar alone ---- */

static void the_grammar_alone_leaves_the_rest_to_a_later_check(void **state)
{
    static const segmo__slice lenient[] = {
        TEXT("{\"batch\":[{\"a\":1,\"a\":2}]}"),
        TEXT("[1e999]"),
        TEXT("[\"\\ud800\"]"),
        TEXT("[\"\xff\"]"),
        TEXT("[\"\xe2\x82\"]"),
        TEXT("[\"\\udc00x\"]"),
    };
    static const segmo__slice strict[] = {
        TEXT("{\"a\":1,\"a\":2}"), TEXT("[1,]"), TEXT("[\"\n\"]"),
        TEXT("[\"\\u12\"]"),       TEXT("[01]"), TEXT("[NaN]"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(lenient); i++) {
        assert_int_equal(segmo__json_check(lenient[i], NULL), SEGMO_ERR_JSON);
        if (segmo__json_check_grammar(lenient[i], NULL) != SEGMO_OK)
            fail_msg("refused: %s", lenient[i].at);
    }
    for (size_t i = 0; i < COUNT(strict); i++)
        if (segmo__json_check_grammar(strict[i], NULL) != SEGMO_ERR_JSON)
            fail_msg("accepted: %s", strict[i].at);
}

/* ---- reading ---- */

static void collect(void *ctx, segmo__slice key, segmo__slice value)
{
    segmo__buf_add_slice(ctx, key);
    segmo__buf_add_lit(ctx, "=");
    segmo__buf_add_slice(ctx, value);
    segmo__buf_add_lit(ctx, ";");
}

static void collect_walk(segmo__buf *out, segmo__slice container)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, container);
    while (segmo__json_next(&walk, &key, &value))
        collect(out, key, value);
}

static void assert_members(const char *text, const char *expected)
{
    segmo__slice copy = exact(segmo__slice_of(text));
    segmo__buf walked, told;
    segmo__json_notes notes = {.each = collect, .ctx = &told};

    segmo__buf_init(&walked, 4096);
    segmo__buf_init(&told, 4096);
    collect_walk(&walked, copy);
    segmo__buf_add_lit(&walked, "\0");
    assert_int_equal(segmo__json_check_noting(copy, &notes, NULL), SEGMO_OK);
    segmo__buf_add_lit(&told, "\0");
    assert_string_equal(walked.data, expected);
    if (text[0] == '{')
        assert_string_equal(told.data, expected);
    segmo__buf_free(&walked);
    segmo__buf_free(&told);
    free((char *)copy.at);
}

static void walking_and_telling_give_the_exact_spans(void **state)
{
    (void)state;
    assert_members("{}", "");
    assert_members("[ ]", "");
    assert_members("{\"a\":1}", "a=1;");
    assert_members("{\"a\" : 1 , \"b\\n\" :\t[ 1 , 2 ] }", "a=1;b\\n=[ 1 , 2 ];");
    assert_members("{\"a\":{},\"b\":[],\"c\":{\"d\":{}},\"e\":null}",
                   "a={};b=[];c={\"d\":{}};e=null;");
    assert_members("[1,\"}\",\"\\\"]\",[\"]\"],{\"]\":\"}\"},-2.5e3,true]",
                   "=1;=\"}\";=\"\\\"]\";=[\"]\"];={\"]\":\"}\"};=-2.5e3;=true;");
    assert_members("{\"\":\"\",\"\\\\\":\"\\\\\"}", "=\"\";\\\\=\"\\\\\";");
    assert_members(
        "{\"a\":{\"long\":\"a text that has { and [ in it, over more than sixty-four bytes "
        "of it ]]]\",\"n\":[[[{\"x\":\"}\"}]]]},\"b\":2}",
        "a={\"long\":\"a text that has { and [ in it, over more than sixty-four bytes "
        "of it ]]]\",\"n\":[[[{\"x\":\"}\"}]]]};b=2;");
    assert_members(
        "{\"a\":[\"a text that has an escape \\\" and a ] behind sixty-four bytes, far away\","
        "\"\\\\\",[\"\\\\\\\"]\"],{\"k\":\"v\"}],\"b\":[[],[[]],\"0123456789012345678901234\"]}",
        "a=[\"a text that has an escape \\\" and a ] behind sixty-four bytes, far away\","
        "\"\\\\\",[\"\\\\\\\"]\"],{\"k\":\"v\"}];b=[[],[[]],\"0123456789012345678901234\"];");
}

/* Containers of all sizes around the 64 bytes that are read at once, with a string across each
 * border. */
static void containers_of_every_size_are_passed(void **state)
{
    segmo__slice found, last;

    (void)state;
    for (size_t before = 0; before < 140; before++)
        for (size_t len = 0; len < 80; len += 7) {
            segmo__buf text;

            segmo__buf_init(&text, 4096);
            segmo__buf_add_lit(&text, "{\"a\":[");
            memset(segmo__buf_extend(&text, before), ' ', before);
            segmo__buf_add_lit(&text, "{\"x\":\"");
            memset(segmo__buf_extend(&text, len), ']', len);
            segmo__buf_add_lit(&text, "\"}],\"b\":7}");
            assert_true(segmo__json_member(segmo__buf_slice(&text), "b", &last));
            assert_true(segmo__slice_is(last, "7"));
            assert_true(segmo__json_member(segmo__buf_slice(&text), "a", &found));
            assert_int_equal(found.len, before + len + 10);
            segmo__buf_free(&text);
        }
}

static void the_kind_of_a_value_is_told(void **state)
{
    (void)state;
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("null")), SEGMO__JSON_NULL);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("")), SEGMO__JSON_NULL);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("true")), SEGMO__JSON_TRUE);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("false")), SEGMO__JSON_FALSE);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("-1")), SEGMO__JSON_NUMBER);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("7")), SEGMO__JSON_NUMBER);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("\"\"")), SEGMO__JSON_STRING);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("[]")), SEGMO__JSON_ARRAY);
    assert_int_equal(segmo__json_kind_of(segmo__slice_of("{}")), SEGMO__JSON_OBJECT);
}

static void a_member_is_found_by_its_meaning_only(void **state)
{
    segmo__slice object = segmo__slice_of(" {\"UserId\":1, \"user\\u0049d\": \"x\", \"a\\/b\":2} ");
    segmo__slice value;

    (void)state;
    assert_true(segmo__json_member(object, "userId", &value));
    assert_true(segmo__slice_is(value, "\"x\""));
    assert_true(segmo__json_member(object, "a/b", &value));
    assert_true(segmo__slice_is(value, "2"));
    assert_false(segmo__json_member(object, "userid", &value));
    assert_false(segmo__json_member(object, "user\\u0049d", &value));
    assert_false(segmo__json_member(segmo__slice_of("[\"userId\"]"), "userId", &value));
    assert_false(segmo__json_member(segmo__slice_of("7"), "userId", &value));
}

static void keys_are_compared_as_decoded(void **state)
{
    (void)state;
    assert_true(segmo__json_key_is(segmo__slice_of("a"), "a"));
    assert_true(segmo__json_key_is(segmo__slice_of("\\u0061"), "a"));
    assert_true(segmo__json_key_is(segmo__slice_of("\\u00e9"), "\xc3\xa9"));
    assert_true(segmo__json_key_is(segmo__slice_of("\\ud83d\\ude00"), "\xf0\x9f\x98\x80"));
    assert_true(segmo__json_key_is(segmo__slice_of(""), ""));
    assert_false(segmo__json_key_is(segmo__slice_of("a"), "b"));
    assert_false(segmo__json_key_is(segmo__slice_of("ab"), "a"));
    assert_false(segmo__json_key_is(segmo__slice_of("a"), "ab"));
    assert_false(segmo__json_key_is(segmo__slice_of("\\u0061b"), "a"));
    assert_false(segmo__json_key_is(segmo__slice_of("\\u0061"), "ab"));
}

static void assert_text(const char *string, const char *bytes, size_t len)
{
    segmo__slice copy = exact(segmo__slice_of(string)), text;
    segmo__buf scratch;

    segmo__buf_init(&scratch, 4096);
    text = segmo__json_text(copy, &scratch);
    assert_int_equal(text.len, len);
    assert_memory_equal(text.at, bytes, len);
    segmo__buf_free(&scratch);
    free((char *)copy.at);
}

static void strings_are_decoded(void **state)
{
    (void)state;
    assert_text("\"\"", "", 0);
    assert_text("\"plain\"", "plain", 5);
    assert_text("key", "key", 3);
    assert_text("\"a\\u0000b\"", "a\0b", 3);
    assert_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    assert_text("\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
    assert_text("k\\u0065y", "key", 3);
}

static void plain_strings_are_handed_out_in_place(void **state)
{
    segmo__slice string = segmo__slice_of("\"plain\""), text;
    segmo__buf scratch;

    (void)state;
    segmo__buf_init(&scratch, 0);
    text = segmo__json_text(string, &scratch);
    assert_ptr_equal(text.at, string.at + 1);
    assert_false(scratch.failed);
}

static void a_string_that_cannot_be_decoded_says_so(void **state)
{
    segmo__buf scratch;

    (void)state;
    segmo__buf_init(&scratch, 2);
    assert_int_equal(segmo__json_text(segmo__slice_of("\"abc\\n\""), &scratch).len, 0);
    assert_true(scratch.failed);
    segmo__buf_free(&scratch);
}

static void code_points_are_counted(void **state)
{
    (void)state;
    assert_int_equal(segmo__json_code_points(segmo__slice_of("\"\"")), 0);
    assert_int_equal(segmo__json_code_points(segmo__slice_of("\"abc\"")), 3);
    assert_int_equal(segmo__json_code_points(segmo__slice_of("abc")), 3);
    assert_int_equal(
        segmo__json_code_points(segmo__slice_of("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"")), 3);
    assert_int_equal(segmo__json_code_points(segmo__slice_of("\"\\n\\u00e9\\ud83d\\ude00\"")), 3);
}

static void empty_containers_are_known(void **state)
{
    (void)state;
    assert_true(segmo__json_is_empty(segmo__slice_of("{}")));
    assert_true(segmo__json_is_empty(segmo__slice_of(" [ \n ] ")));
    assert_false(segmo__json_is_empty(segmo__slice_of("[0]")));
    assert_false(segmo__json_is_empty(segmo__slice_of("{\"\":0}")));
}

/* ---- writing ---- */

static void assert_written(segmo__slice bytes, const char *expected)
{
    segmo__slice copy = exact(bytes);
    segmo__buf out;

    segmo__buf_init(&out, 4096);
    segmo__json_put_string(&out, copy.at, copy.len);
    assert_int_equal(segmo__json_check(segmo__buf_slice(&out), NULL), SEGMO_OK);
    segmo__buf_add_lit(&out, "\0");
    assert_string_equal(out.data, expected);
    segmo__buf_free(&out);
    free((char *)copy.at);
}

static void strings_are_escaped(void **state)
{
    static const struct {
        segmo__slice bytes;
        const char *expected;
    } cases[] = {
        {TEXT(""), "\"\""},
        {TEXT("plain"), "\"plain\""},
        {TEXT("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {TEXT("a\0b\x1f\x7f"), "\"a\\u0000b\\u001f\x7f\""},
        {TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {TEXT("a\xff"
              "b"),
         "\"a\xef\xbf\xbd"
         "b\""},
        {TEXT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {TEXT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {TEXT("a text of more than sixteen bytes\n"), "\"a text of more than sixteen bytes\\n\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_written(cases[i].bytes, cases[i].expected);
}

static void white_space_between_tokens_is_left_out(void **state)
{
    static const char *const cases[][2] = {
        {" { } ", "{}"},
        {"[ 1 ,\t2 ,\r\n3 ]", "[1,2,3]"},
        {"{ \"a b\" : \" c \\\" d \" , \"e\" : [ { } ] }", "{\"a b\":\" c \\\" d \",\"e\":[{}]}"},
        {"[\"\xc3\xa9 \\\\\" , 1.50]", "[\"\xc3\xa9 \\\\\",1.50]"},
        {"7", "7"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        segmo__buf out;

        segmo__buf_init(&out, 4096);
        segmo__json_put_compact(&out, segmo__slice_of(cases[i][0]));
        segmo__buf_add_lit(&out, "\0");
        assert_string_equal(out.data, cases[i][1]);
        segmo__buf_free(&out);
    }
}

/* ---- trees ---- */

static void a_tree_gives_what_the_text_holds(void **state)
{
    segmo__json *tree = NULL;
    const segmo__json *list, *item;

    (void)state;
    assert_int_equal(
        segmo__json_parse(&tree,
                          segmo__slice_of("{\"a\":1.5,\"A\":\"x\",\"t\":true,\"f\":false,"
                                          "\"n\":null,\"list\":[1,\"two\"]}"),
                          NULL),
        SEGMO_OK);
    assert_int_equal(segmo__json_tree_kind(tree), SEGMO__JSON_OBJECT);
    assert_int_equal(segmo__json_count(tree), 6);
    assert_true(segmo__json_number(segmo__json_get(tree, "a"), 0) == 1.5);
    assert_true(segmo__json_number(segmo__json_get(tree, "A"), 7) == 7);
    assert_string_equal(segmo__json_string(segmo__json_get(tree, "A")), "x");
    assert_null(segmo__json_string(segmo__json_get(tree, "a")));
    assert_int_equal(segmo__json_bool(segmo__json_get(tree, "t"), 0), 1);
    assert_int_equal(segmo__json_bool(segmo__json_get(tree, "f"), 1), 0);
    assert_int_equal(segmo__json_bool(segmo__json_get(tree, "n"), 1), 1);
    assert_int_equal(segmo__json_tree_kind(segmo__json_get(tree, "n")), SEGMO__JSON_NULL);
    assert_null(segmo__json_get(tree, "LIST"));
    list = segmo__json_get(tree, "list");
    assert_int_equal(segmo__json_tree_kind(list), SEGMO__JSON_ARRAY);
    item = segmo__json_after(segmo__json_first(list));
    assert_string_equal(segmo__json_string(item), "two");
    assert_null(segmo__json_after(item));
    assert_string_equal(segmo__json_name(segmo__json_first(tree)), "a");
    assert_null(segmo__json_name(item));
    segmo__json_free(tree);
}

static void questions_to_no_node_are_answered(void **state)
{
    (void)state;
    assert_null(segmo__json_get(NULL, "a"));
    assert_null(segmo__json_first(NULL));
    assert_null(segmo__json_after(NULL));
    assert_null(segmo__json_name(NULL));
    assert_null(segmo__json_string(NULL));
    assert_true(segmo__json_number(NULL, 3) == 3);
    assert_int_equal(segmo__json_bool(NULL, 1), 1);
    assert_int_equal(segmo__json_count(NULL), 0);
    segmo__json_free(NULL);
}

static void a_tree_is_only_made_of_checked_text(void **state)
{
    static const char *const bad[] = {
        "{\"a\":1,\"a\":2}", "{} x",       "\xef\xbb\xbf{}",        "[01]",
        "[1e999]",           "[\"\xff\"]", "{\"a\":\"b\\u0000c\"}",
    };
    segmo__json *tree = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        segmo_error *error = NULL;

        assert_int_equal(segmo__json_parse(&tree, segmo__slice_of(bad[i]), &error), SEGMO_ERR_JSON);
        assert_int_equal(segmo_error_status(error), SEGMO_ERR_JSON);
        segmo_error_free(error);
        assert_null(tree);
    }
}

static void an_escaped_backslash_before_u0000_is_no_nul(void **state)
{
    segmo__json *tree = NULL;

    (void)state;
    assert_int_equal(segmo__json_parse(&tree, segmo__slice_of("[\"\\\\u0000\"]"), NULL), SEGMO_OK);
    assert_string_equal(segmo__json_string(segmo__json_first(tree)), "\\u0000");
    segmo__json_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_values_are_accepted_in_every_place),
        cmocka_unit_test(malformed_values_are_refused_in_every_place),
        cmocka_unit_test(documents_that_are_not_one_value_are_refused),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
        cmocka_unit_test(a_changed_byte_never_leads_beyond_the_text),
        cmocka_unit_test(a_refusal_names_spot_reason_and_remedy),
        cmocka_unit_test(a_refusal_never_shows_a_value),
        cmocka_unit_test(nesting_ends_at_64_levels),
        cmocka_unit_test(too_deep_nesting_is_refused_with_its_pointer),
        cmocka_unit_test(equal_keys_are_found_in_objects_of_any_size),
        cmocka_unit_test(a_twin_among_many_keys_is_named),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(an_ordinary_document_takes_no_memory),
        cmocka_unit_test(the_grammar_alone_leaves_the_rest_to_a_later_check),
        cmocka_unit_test(walking_and_telling_give_the_exact_spans),
        cmocka_unit_test(containers_of_every_size_are_passed),
        cmocka_unit_test(the_kind_of_a_value_is_told),
        cmocka_unit_test(a_member_is_found_by_its_meaning_only),
        cmocka_unit_test(keys_are_compared_as_decoded),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(plain_strings_are_handed_out_in_place),
        cmocka_unit_test(a_string_that_cannot_be_decoded_says_so),
        cmocka_unit_test(code_points_are_counted),
        cmocka_unit_test(empty_containers_are_known),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(white_space_between_tokens_is_left_out),
        cmocka_unit_test(a_tree_gives_what_the_text_holds),
        cmocka_unit_test(questions_to_no_node_are_answered),
        cmocka_unit_test(a_tree_is_only_made_of_checked_text),
        cmocka_unit_test(an_escaped_backslash_before_u0000_is_no_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
