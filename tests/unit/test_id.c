#include "base/id.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void an_uuid_is_of_version_4(void **state)
{
    char id[SEGMO__UUID_LEN + 1];

    (void)state;
    for (int round = 0; round < 1000; round++) {
        segmo__id_uuid(id);
        assert_int_equal(strlen(id), SEGMO__UUID_LEN);
        assert_int_equal(strspn(id, "0123456789abcdef-"), SEGMO__UUID_LEN);
        assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
    }
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void ten_thousand_uuids_differ(void **state)
{
    static char ids[10000][SEGMO__UUID_LEN + 1];

    (void)state;
    for (int i = 0; i < 10000; i++)
        segmo__id_uuid(ids[i]);
    qsort(ids, 10000, sizeof ids[0], compare_ids);
    for (int i = 1; i < 10000; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void a_forked_child_does_not_repeat_its_parents_ids(void **state)
{
    static segmo__fork_guard guard = {.prepare = ignore, .parent = ignore, .child = ignore};
    char id[SEGMO__UUID_LEN + 1], of_child[SEGMO__UUID_LEN + 1] = "";
    int ends[2];
    pid_t child;

    (void)state;
    segmo__fork_guard_add(&guard);
    segmo__id_uuid(id);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        segmo__id_uuid(id);
        _exit(write(ends[1], id, sizeof id) != sizeof id);
    }
    assert_int_equal(read(ends[0], of_child, sizeof of_child), sizeof of_child);
    waitpid(child, NULL, 0);
    segmo__id_uuid(id);
    assert_string_not_equal(id, of_child);
    segmo__fork_guard_remove(&guard);
    close(ends[0]);
    close(ends[1]);
}

static void where_the_kernel_gives_no_random_bytes_ids_differ_all_the_same(void **state)
{
    segmo__id_without_kernel(1);
    an_uuid_is_of_version_4(state);
    ten_thousand_uuids_differ(state);
    a_forked_child_does_not_repeat_its_parents_ids(state);
    segmo__id_without_kernel(0);
}

/* Vectors of the reference implementation (xxHash). */
static void hashes_are_those_of_xxh64(void **state)
{
    static const char long_text[] =
        "Call me Ishmael. Some years ago--never mind how long precisely-";

    (void)state;
    assert_true(segmo__id_hash("", 0, 0) == 0xEF46DB3751D8E999u);
    assert_true(segmo__id_hash("a", 1, 0) == 0xD24EC4F1A98C6E5Bu);
    assert_true(segmo__id_hash("as", 2, 0) == 0x1C330FB2D66BE179u);
    assert_true(segmo__id_hash("asd", 3, 0) == 0x631C37CE72A97393u);
    assert_true(segmo__id_hash("asdf", 4, 0) == 0x415872F599CEA71Eu);
    assert_true(segmo__id_hash("abc", 3, 0) == 0x44BC2CF5AD770999u);
    assert_true(segmo__id_hash(long_text, 63, 0) == 0x02A2E85470D6FD96u);
}

/* The generator and the values of xxHash's own sanity check. */
static void hashes_take_length_and_seed_into_account(void **state)
{
    unsigned char bytes[222];
    uint64_t generator = 2654435761u;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(generator >> 56);
        generator *= 11400714785074694797u;
    }
    assert_true(segmo__id_hash(bytes, 1, 0) == 0xE934A84ADB052768u);
    assert_true(segmo__id_hash(bytes, 1, 2654435761u) == 0x5014607643A9B4C3u);
    assert_true(segmo__id_hash(bytes, 14, 0) == 0x8282DCC4994E35C8u);
    assert_true(segmo__id_hash(bytes, 222, 0) == 0xB641AE8CB691C174u);
    assert_true(segmo__id_hash(bytes, 222, 2654435761u) == 0x20CB8AB7AE10C14Au);
}

/* RFC 3720, appendix B.4. */
static void check_crc_vectors(void)
{
    unsigned char bytes[32];

    assert_int_equal(segmo__id_crc32c(0, "", 0), 0);
    assert_int_equal(segmo__id_crc32c(0, "123456789", 9), 0xE3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(segmo__id_crc32c(0, bytes, sizeof bytes), 0x8A9136AAu);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(segmo__id_crc32c(0, bytes, sizeof bytes), 0x62A8AB43u);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(segmo__id_crc32c(0, bytes, sizeof bytes), 0x46DD794Eu);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(segmo__id_crc32c(0, bytes, sizeof bytes), 0x113FDB5Cu);
}

static void checksums_are_those_of_crc32c(void **state)
{
    (void)state;
    check_crc_vectors();
    segmo__id_crc32c_use_table(1);
    check_crc_vectors();
    segmo__id_crc32c_use_table(0);
}

static void table_and_instruction_agree_on_every_length(void **state)
{
    unsigned char bytes[2400];
    uint32_t by_cpu, by_table;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31 >> 2);
    for (size_t len = 0; len < sizeof bytes; len++) {
        by_cpu = segmo__id_crc32c(7, bytes, len);
        segmo__id_crc32c_use_table(1);
        by_table = segmo__id_crc32c(7, bytes, len);
        segmo__id_crc32c_use_table(0);
        assert_int_equal(by_cpu, by_table);
    }
}

static void a_checksum_can_be_continued(void **state)
{
    static const char text[] = "The quick brown fox jumps over the lazy dog";
    uint32_t whole = segmo__id_crc32c(0, text, sizeof text - 1);

    (void)state;
    assert_int_equal(whole, 0x22620404u);
    for (size_t cut = 0; cut < sizeof text; cut++)
        assert_int_equal(
            segmo__id_crc32c(segmo__id_crc32c(0, text, cut), text + cut, sizeof text - 1 - cut),
            whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uuid_is_of_version_4),
        cmocka_unit_test(ten_thousand_uuids_differ),
        cmocka_unit_test(a_forked_child_does_not_repeat_its_parents_ids),
        cmocka_unit_test(where_the_kernel_gives_no_random_bytes_ids_differ_all_the_same),
        cmocka_unit_test(hashes_are_those_of_xxh64),
        cmocka_unit_test(hashes_take_length_and_seed_into_account),
        cmocka_unit_test(checksums_are_those_of_crc32c),
        cmocka_unit_test(table_and_instruction_agree_on_every_length),
        cmocka_unit_test(a_checksum_can_be_continued),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
