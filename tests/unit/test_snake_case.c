/* The published tables of both converters, row by row. */
#include "wire/snake_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef void convert_fn(segmo__buf *out, segmo__slice key);

static const struct {
    const char *key;
    const char *go;
    const char *tsc;
} table[] = {
    {"firstName", "first_name", "first_name"},
    {"createdAt", "created_at", "created_at"},
    {"anonymousId", "anonymous_id", "anonymous_id"},
    {"userID", "user_id", "user_i_d"},
    {"userIDs", "user_ids", "user_i_ds"},
    {"parseURL", "parse_url", "parse_u_r_l"},
    {"URL", "url", "url"},
    {"HTTPResponse", "httpresponse", "h_t_t_p_response"},
    {"XMLHttpRequest", "xmlhttp_request", "x_m_l_http_request"},
    {"iOSVersion", "i_osversion", "i_o_s_version"},
    {"IPAddress", "ipaddress", "i_p_address"},
    {"isVIP", "is_vip", "is_v_i_p"},
    {"VIPUser", "vipuser", "v_i_p_user"},
    {"eCommerce", "e_commerce", "e_commerce"},
    {"ABTest", "abtest", "a_b_test"},
    {"aB", "a_b", "a_b"},
    {"aBC", "a_bc", "a_b_c"},
    {"fooBARBaz", "foo_barbaz", "foo_b_a_r_baz"},
    {"productSKU", "product_sku", "product_s_k_u"},
    {"planType2", "plan_type2", "plan_type2"},
    {"plan2Type", "plan2_type", "plan2_type"},
    {"2ndAddress", "2nd_address", "2nd_address"},
    {"address2", "address2", "address2"},
    {"v2Beta", "v2_beta", "v2_beta"},
    {"ipv6Address", "ipv6_address", "ipv6_address"},
    {"has3DView", "has3_dview", "has3_d_view"},
    {"3DView", "3dview", "3_d_view"},
    {"SKU123ABC", "sku123abc", "sku123abc"},
    {"order_id", "order_id", "order_id"},
    {"order__id", "order_id", "order_id"},
    {"_order_id", "order_id", "order_id"},
    {"order_id_", "order_id", "order_id"},
    {"__v", "v", "v"},
    {"Order ID", "order_id", "order_id"},
    {"order-id", "order_id", "order_id"},
    {"order.id", "order_id", "order_id"},
    {"order:id", "order_id", "order_id"},
    {"order/id", "order_id", "order_id"},
    {"item.nestedKey", "item_nested_key", "item_nestedkey"},
    {"camelCase_withSnake", "camel_case_with_snake", "camelcase_withsnake"},
    {"FOO_BAR", "foo_bar", "foo_bar"},
    {"Foo_Bar", "foo_bar", "foo_bar"},
    {"utm_Source", "utm_source", "utm_source"},
    {"$revenue", "revenue", "revenue"},
    {"Total Spend (USD)", "total_spend_usd", "total_spend_usd"},
    {"e-mail Address", "e_mail_address", "e_mail_address"},
    {"p_z9Rg", "p_z9_rg", "p_z9rg"},
    {"naïveUser", "na_ve_user", "na_ve_user"},
    {"Größe", "gr_e", "gr_e"},
    {"café", "caf", "caf"},
    {"日本語", "", ""},
    {"moe_unsubscribe", "moe_unsubscribe", "moe_unsubscribe"},
    {"MoEngageID", "mo_engage_id", "mo_engage_i_d"},
    {"  trimMe  ", "trim_me", "trimme"},
    {"_", "", ""},
    {"$$$", "", ""},
    {" ", "", ""},
};

#define ROWS (sizeof table / sizeof table[0])

static void expect(convert_fn *convert, const char *key, const char *wanted)
{
    segmo__buf out;

    segmo__buf_init(&out, 4096);
    segmo__buf_add_lit(&out, "before/");
    convert(&out, segmo__slice_of(key));
    segmo__buf_add_char(&out, '\0');
    assert_false(out.failed);
    assert_memory_equal(out.data, "before/", 7);
    assert_string_equal(out.data + 7, wanted);
    segmo__buf_free(&out);
}

static void go_snakecase_converts_every_row_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        expect(segmo__snake_case, table[i].key, table[i].go);
}

static void to_snake_case_converts_every_row_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        expect(segmo__snake_case_tsc, table[i].key, table[i].tsc);
}

static void a_converted_name_converts_to_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        expect(segmo__snake_case, table[i].go, table[i].go);
        expect(segmo__snake_case_tsc, table[i].tsc, table[i].tsc);
    }
}

static void words_after_an_underscore_keep_their_shape(void **state)
{
    (void)state;
    expect(segmo__snake_case, "order_ID", "order_id");
    expect(segmo__snake_case, "a_1B", "a_1b");
    expect(segmo__snake_case, "a_1bC", "a_1b_c");
    expect(segmo__snake_case, "1B", "1b");
    expect(segmo__snake_case, "1bC", "1b_c");
    expect(segmo__snake_case, "a_B_c", "a_b_c");
    expect(segmo__snake_case_tsc, "ABC", "abc");
    expect(segmo__snake_case_tsc, "AbC", "ab_c");
}

static void bytes_that_are_no_letters_part_words(void **state)
{
    static const char with_nul[] = "foo\0Bar";
    segmo__buf out;

    (void)state;
    segmo__buf_init(&out, 64);
    segmo__snake_case(&out, (segmo__slice){with_nul, 7});
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data, "foo_bar", 7);
    segmo__buf_free(&out);
    expect(segmo__snake_case, "\xF0\x9F\x8E\xB2lotIds", "lot_ids");
    expect(segmo__snake_case_tsc, "\xF0\x9F\x8E\xB2lotIds", "lot_ids");
    expect(segmo__snake_case, "", "");
    expect(segmo__snake_case_tsc, "", "");
}

static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static void assert_snake_case(segmo__slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        int parts = i > 0 && i + 1 < name.len && name.at[i] == '_' && name.at[i - 1] != '_';

        assert_true(is_word(name.at[i]) || parts);
    }
}

static void every_short_name_becomes_words_parted_by_single_underscores(void **state)
{
    static const char alphabet[6] = "aB1_.\xC3";
    segmo__buf once, twice;

    (void)state;
    segmo__buf_init(&once, 64);
    segmo__buf_init(&twice, 64);
    for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6 * 6; n++) {
        char key[6];
        unsigned rest = n;

        for (size_t i = 0; i < sizeof key; i++, rest /= 6)
            key[i] = alphabet[rest % 6];
        segmo__buf_clear(&once);
        segmo__buf_clear(&twice);
        segmo__snake_case(&once, (segmo__slice){key, sizeof key});
        assert_snake_case(segmo__buf_slice(&once));
        segmo__snake_case(&twice, segmo__buf_slice(&once));
        assert_int_equal(once.len, twice.len);
        if (once.len > 0)
            assert_memory_equal(once.data, twice.data, once.len);
    }
    segmo__buf_free(&once);
    segmo__buf_free(&twice);
}

static void a_full_buffer_fails_instead_of_growing(void **state)
{
    segmo__buf out;

    (void)state;
    segmo__buf_init(&out, 4);
    segmo__snake_case(&out, segmo__slice_of("firstName"));
    assert_true(out.failed);
    assert_int_equal(out.len, 0);
    segmo__buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(go_snakecase_converts_every_row_of_the_table),
        cmocka_unit_test(to_snake_case_converts_every_row_of_the_table),
        cmocka_unit_test(a_converted_name_converts_to_itself),
        cmocka_unit_test(words_after_an_underscore_keep_their_shape),
        cmocka_unit_test(bytes_that_are_no_letters_part_words),
        cmocka_unit_test(every_short_name_becomes_words_parted_by_single_underscores),
        cmocka_unit_test(a_full_buffer_fails_instead_of_growing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
