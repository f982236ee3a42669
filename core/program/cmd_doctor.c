/* `segmo doctor`: what would keep messages from arriving, and the remedy. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "doctor.h"
#include "support/command.h"
#include "support/output.h"
#include "support/setup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROBE_SIZE (64u << 10)

/* ---- this machine ---- */

static const char *text_of(const segmo__json *node, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(node, name));

    return text ? text : "";
}

static void check_version(struct doctor *doctor)
{
    segmo__json *features = NULL;
    const char *curl;

    segmo__json_parse(&features, segmo__slice_of(segmo_features()), NULL);
    curl = text_of(features, "curl");
    doctor_tell(doctor, VERDICT_OK, "version", "", "segmo %s, %.*s, %s", segmo_version(),
                (int)strcspn(curl, " "), curl, text_of(features, "gzip"));
    segmo__json_free(features);
}

static int check_configuration(struct doctor *doctor)
{
    segmo_error *error = NULL;
    char *text = NULL;
    size_t len;
    int fine = segmo_config_json(doctor->config, &text, &len, &error) == SEGMO_OK;

    if (fine)
        doctor_tell(doctor, VERDICT_OK, "configuration", "", "no option contradicts another");
    else
        doctor_tell(doctor, VERDICT_FAIL, "configuration", "", "%s: %s", segmo_error_field(error),
                    segmo_error_message(error));
    segmo_error_free(error);
    segmo_free(text);
    return fine;
}

static void check_descriptors(struct doctor *doctor)
{
    char *in_flight = setup_value(doctor->config, "delivery.max_in_flight");
    uint64_t needed = 2 * strtoull(in_flight ? in_flight : "0", NULL, 10) + 64;
    struct rlimit limit;

    segmo_free(in_flight);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < needed)
        doctor_tell(doctor, VERDICT_WARN, "descriptors",
                    "raise it with ulimit -n, or lower delivery.max_in_flight",
                    "a process may open %" PRIu64 " files; segmo may need %" PRIu64,
                    (uint64_t)limit.rlim_cur, needed);
    else
        doctor_tell(doctor, VERDICT_OK, "descriptors", "", "a process may open %" PRIu64 " files",
                    (uint64_t)limit.rlim_cur);
}

static void check_certificates(struct doctor *doctor)
{
    static const char *const system_files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                               "/etc/pki/tls/certs/ca-bundle.crt",
                                               "/etc/ssl/cert.pem", NULL};
    char *own = setup_value(doctor->config, "delivery.ca_file");

    if (own) {
        if (access(own, R_OK) == 0)
            doctor_tell(doctor, VERDICT_OK, "certificates", "", "%s is readable", own);
        else
            doctor_tell(doctor, VERDICT_FAIL, "certificates",
                        "correct delivery.ca_file, or take it away to use the system's",
                        "delivery.ca_file %s cannot be read", own);
        segmo_free(own);
        return;
    }
    for (size_t i = 0; system_files[i]; i++) {
        if (access(system_files[i], R_OK) == 0) {
            doctor_tell(doctor, VERDICT_OK, "certificates", "", "%s is readable", system_files[i]);
            return;
        }
    }
    doctor_tell(doctor, VERDICT_FAIL, "certificates",
                "install the package ca-certificates, or set delivery.ca_file",
                "no certificate authorities were found");
}

/* ---- the spool ---- */

static void check_space(struct doctor *doctor, const char *dir)
{
    char *quota = setup_value(doctor->config, "spool.max_bytes");
    struct statvfs info;
    uint64_t free_mib;

    if (statvfs(dir, &info) == 0) {
        free_mib = (uint64_t)info.f_bavail * info.f_frsize >> 20;
        if (free_mib < 64)
            doctor_tell(doctor, VERDICT_FAIL, "disk",
                        "free some space, or move spool.dir to another disk",
                        "%" PRIu64 " MiB are free where the spool is", free_mib);
        else if (quota && free_mib < strtoull(quota, NULL, 10) >> 20)
            doctor_tell(doctor, VERDICT_WARN, "disk", "lower spool.max_bytes, or free some space",
                        "%" PRIu64 " MiB are free, less than spool.max_bytes allows", free_mib);
        else
            doctor_tell(doctor, VERDICT_OK, "disk", "", "%" PRIu64 " MiB are free", free_mib);
    }
    segmo_free(quota);
}

/* Makes a file as the spool would and takes it away again. */
static int check_writing(struct doctor *doctor, const char *dir)
{
    char path[PATH_MAX], words[512];
    segmo__file file = {.fd = -1};
    int code = segmo__file_mkdir(dir);

    snprintf(path, sizeof path, "%s/doctor-%ld", dir, (long)getpid());
    if (code == 0)
        code = segmo__file_create(&file, path, PROBE_SIZE);
    if (code < 0) {
        segmo__file_describe(dir, -code, words, sizeof words);
        doctor_tell(doctor, VERDICT_FAIL, "spool", words, "%s cannot be used", dir);
        return 0;
    }
    if (file.map)
        doctor_tell(doctor, VERDICT_OK, "spool", "", "%s is writable and can be mapped", dir);
    else
        doctor_tell(
            doctor, VERDICT_WARN, "spool", "a local ext4, xfs or tmpfs directory is faster",
            "%s is writable; its file system cannot be mapped safely, so messages are written",
            dir);
    segmo__file_close(&file);
    segmo__file_unlink(path);
    return 1;
}

static uint64_t number_in(const segmo__json *node, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(node, name), 0);
}

static void check_content(struct doctor *doctor, const char *dir)
{
    segmo_error *error = NULL;
    segmo__json *spool = NULL;
    char *text = NULL;
    size_t len;
    uint64_t count;

    if (segmo_spool_json(doctor->config, &text, &len, &error) != SEGMO_OK ||
        segmo__json_parse(&spool, (segmo__slice){text, len}, &error) != SEGMO_OK) {
        doctor_tell(doctor, VERDICT_FAIL, "spool", "", "%s", segmo_error_message(error));
        segmo_error_free(error);
        segmo_free(text);
        return;
    }
    count = number_in(spool, "processes") - number_in(spool, "alive");
    if (count > 0)
        doctor_tell(doctor, VERDICT_WARN, "orphans",
                    "the next client on this directory sends what they hold",
                    "%" PRIu64 " directories of processes that are gone", count);
    count = number_in(spool, "dead_letters");
    if (count > 0)
        doctor_tell(doctor, VERDICT_WARN, "dead letters", "`segmo dead list` shows them",
                    "%" PRIu64 " dead letters", count);
    else
        doctor_tell(doctor, VERDICT_OK, "dead letters", "", "none");
    count = number_in(spool, "damaged_files");
    if (count > 0)
        doctor_tell(doctor, VERDICT_WARN, "damaged files",
                    "check the disk, then take the files away: all that could be read in them is "
                    "settled",
                    "%" PRIu64 " files in %s/damaged held something that could not be read", count,
                    dir);
    segmo__json_free(spool);
    segmo_free(text);
}

static void check_spool(struct doctor *doctor)
{
    char *dir = setup_spool_dir(doctor->config);

    if (!dir) {
        doctor_tell(doctor, VERDICT_WARN, "spool", "set spool.dir to keep messages over a crash",
                    "messages wait in memory only");
        return;
    }
    if (check_writing(doctor, dir)) {
        check_space(doctor, dir);
        check_content(doctor, dir);
    }
    segmo_free(dir);
}

/* ---- the command ---- */

static void examine(struct doctor *doctor)
{
    check_version(doctor);
    if (check_configuration(doctor)) {
        check_spool(doctor);
        check_certificates(doctor);
        doctor_check_destinations(doctor);
    }
    check_descriptors(doctor);
}

static int run(const struct args *args)
{
    struct doctor doctor = {.args = args};
    int code = setup_config(&doctor.config, args);

    if (code != EXIT_DONE)
        return code;
    segmo__buf_init(&doctor.json, 1u << 20);
    segmo__buf_add_char(&doctor.json, '[');
    examine(&doctor);
    segmo__buf_add_char(&doctor.json, ']');
    if (args_has(args, "json"))
        print_line(doctor.json.data, doctor.json.len);
    segmo__buf_free(&doctor.json);
    segmo_config_free(doctor.config);
    return doctor.failed ? EXIT_REFUSED : EXIT_DONE;
}

static const struct exit_words exits[] = {
    {EXIT_DONE, "nothing fails (warnings are possible)"},
    {EXIT_REFUSED, "something fails; its line says what to do"},
    {EXIT_USAGE, "usage, or the configuration cannot be read"},
    {0, NULL},
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Check the configuration, the spool directory and the way to each destination",
    .usage = "[options]",
    .about = "Each line is OK, WARN or FAIL with a remedy. Sends no message. Segment is only\n"
             "connected to, without the write key. MoEngage is asked whether it takes the\n"
             "credentials; when it does not, its other data centres are asked too, unless\n"
             "moengage.url is set. The spool directory is made if it is missing.",
    .takes = TAKES_CONFIG | TAKES_JSON,
    .examples = "segmo doctor --config /etc/segmo.json\n",
    .exits = exits,
    .run = run,
};
