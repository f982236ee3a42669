/* Which URLs requests may go to, and which addresses are this machine. */
#include "deliver/http.h"
#include "deliver/http_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void only_https_and_this_machine_are_accepted(void **state)
{
    static const struct {
        const char *url;
        int plain_elsewhere; /* fine when plain http is allowed */
        int fine;
    } cases[] = {
        {"https://api.segment.io/v1/batch", 1, 1},
        {"HTTPS://api-01.moengage.com/v1/transition/APP", 1, 1},
        {"https://192.0.2.1:8443/", 1, 1},
        {"http://localhost:8080/v1/batch", 1, 1},
        {"http://LOCALHOST/", 1, 1},
        {"http://127.0.0.1/", 1, 1},
        {"http://127.8.9.10:99/", 1, 1},
        {"http://[::1]:8080/", 1, 1},
        {"http://api.segment.io/v1/batch", 1, 0},
        {"http://192.168.1.5/", 1, 0},
        {"http://0.0.0.0/", 1, 0},
        {"http://[::]/", 1, 0},
        {"http://128.0.0.1/", 1, 0},
        {"http://localhost.example.com/", 1, 0},
        {"http://127.0.0.1.example.com/", 1, 0},
        {"http://user@127.0.0.1/", 0, 0},
        {"https://user:secret@api.segment.io/", 0, 0},
        {"http://127.0.0.1@evil.example/", 0, 0},
        {"ftp://127.0.0.1/", 0, 0},
        {"file:///etc/passwd", 0, 0},
        {"gopher://127.0.0.1/", 0, 0},
        {"api.segment.io/v1/batch", 0, 0},
        {"//api.segment.io/", 0, 0},
        {"", 0, 0},
        {"https://", 0, 0},
        {"https://api.segment.io/\r\nX-A: 1", 0, 0},
        {"https://api.segment.io/a b", 0, 0},
        {"https://api.segment.io/\x01", 0, 0},
        {"https://api.segment.io:99999/", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        segmo_error *err = NULL;
        int strict = segmo__http_check_url(cases[i].url, 0, &err);
        int lenient = segmo__http_check_url(cases[i].url, 1, NULL);

        if ((strict == SEGMO_OK) != cases[i].fine ||
            (lenient == SEGMO_OK) != (cases[i].fine || cases[i].plain_elsewhere))
            fail_msg("%s: %d, with plain http allowed %d", cases[i].url, strict, lenient);
        if (strict != SEGMO_OK) {
            assert_int_equal(strict, SEGMO_ERR_OPTION);
            assert_null(strstr(segmo_error_message(err), "secret"));
        }
        segmo_error_free(err);
    }
}

static segmo__http_url read_one(const char *url)
{
    segmo__http_url parts = {0};

    assert_int_equal(segmo__http_url_read(&parts, url, 1, NULL), SEGMO_OK);
    return parts;
}

static void the_authority_is_scheme_host_and_port_and_nothing_else(void **state)
{
    uint64_t authority = read_one("https://a.example/x").authority;

    (void)state;
    assert_true(authority == read_one("https://a.example:443/y?z=1").authority);
    assert_true(authority != read_one("https://b.example/x").authority);
    assert_true(authority != read_one("https://a.example:8443/x").authority);
    assert_true(authority != read_one("http://a.example:443/x").authority);
    assert_int_equal(read_one("https://a.example/").is_https, 1);
    assert_int_equal(read_one("https://a.example/").is_loopback, 0);
    assert_int_equal(read_one("http://127.0.0.1/").is_https, 0);
    assert_int_equal(read_one("https://127.0.0.1/").is_loopback, 1);
}

static int is_loopback_v4(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return segmo__http_url_is_loopback_address((const struct sockaddr *)&address);
}

static int is_loopback_v6(const char *text)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};

    assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    return segmo__http_url_is_loopback_address((const struct sockaddr *)&address);
}

static void only_127_and_the_one_of_version_6_are_this_machine(void **state)
{
    struct sockaddr unix_address = {.sa_family = AF_UNIX};

    (void)state;
    assert_true(is_loopback_v4("127.0.0.1"));
    assert_true(is_loopback_v4("127.255.255.254"));
    assert_false(is_loopback_v4("128.0.0.1"));
    assert_false(is_loopback_v4("0.0.0.0"));
    assert_false(is_loopback_v4("10.0.0.1"));
    assert_true(is_loopback_v6("::1"));
    assert_false(is_loopback_v6("::"));
    assert_false(is_loopback_v6("fe80::1"));
    assert_false(is_loopback_v6("2001:db8::1"));
    assert_false(segmo__http_url_is_loopback_address(&unix_address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_https_and_this_machine_are_accepted),
        cmocka_unit_test(the_authority_is_scheme_host_and_port_and_nothing_else),
        cmocka_unit_test(only_127_and_the_one_of_version_6_are_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
