#include "client/reports.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REPORT_MAX (256 * 1024)

struct segmo_report {
    segmo_report_kind_t kind;
    char *json;
    size_t len;
    segmo_report *next;
};

struct segmo__reports {
    segmo__mutex lock;
    segmo__cond arrived;
    segmo_report *first;
    segmo_report *last;
    uint32_t count;
    uint32_t max;
    uint64_t dropped;
    int fd;
    int woken;
};

segmo__reports *segmo__reports_new(uint32_t max)
{
    segmo__reports *reports = segmo__zalloc(sizeof *reports);

    if (!reports)
        return NULL;
    segmo__mutex_init(&reports->lock);
    segmo__cond_init(&reports->arrived);
    reports->max = max > 0 ? max : 1;
    reports->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return reports;
}

/* The eventfd counts 1 while anything waits; callers hold the lock. */
static void raise_fd(segmo__reports *reports)
{
    uint64_t one = 1;

    if (reports->fd >= 0 && write(reports->fd, &one, sizeof one) < 0)
        return; /* already raised */
}

static void lower_fd(segmo__reports *reports)
{
    uint64_t count;

    if (reports->fd >= 0 && read(reports->fd, &count, sizeof count) < 0)
        return; /* was not raised */
}

static segmo_report *unlink_first(segmo__reports *reports)
{
    segmo_report *report = reports->first;

    if (!report)
        return NULL;
    reports->first = report->next;
    reports->count--;
    if (!reports->first) {
        reports->last = NULL;
        lower_fd(reports);
    }
    report->next = NULL;
    return report;
}

static void empty(segmo__reports *reports)
{
    segmo_report *report;

    while ((report = unlink_first(reports)) != NULL)
        segmo_report_free(report);
}

void segmo__reports_free(segmo__reports *reports)
{
    if (!reports)
        return;
    empty(reports);
    if (reports->fd >= 0)
        close(reports->fd);
    segmo__free(reports);
}

static segmo_report *new_report(segmo_report_kind_t kind, segmo__slice members)
{
    segmo_report *report = segmo__zalloc(sizeof *report);
    segmo__buf json;

    if (!report)
        return NULL;
    segmo__buf_init(&json, REPORT_MAX);
    segmo__buf_add_char(&json, '{');
    segmo__buf_add_slice(&json, members);
    segmo__buf_add_char(&json, '}');
    report->len = json.len;
    report->kind = kind;
    report->json = segmo__buf_detach(&json);
    if (report->json)
        return report;
    segmo__free(report);
    return NULL;
}

void segmo__reports_add(segmo__reports *reports, segmo_report_kind_t kind, segmo__slice members)
{
    segmo_report *report = new_report(kind, members);
    segmo_report *pushed_out = NULL;

    pthread_mutex_lock(&reports->lock);
    if (!report) {
        reports->dropped++;
    } else {
        if (reports->count >= reports->max) {
            pushed_out = unlink_first(reports);
            reports->dropped++;
        }
        if (reports->last)
            reports->last->next = report;
        else
            reports->first = report;
        reports->last = report;
        if (reports->count++ == 0)
            raise_fd(reports);
        pthread_cond_signal(&reports->arrived);
    }
    pthread_mutex_unlock(&reports->lock);
    segmo_report_free(pushed_out);
}

void segmo__reports_tell(segmo__reports *reports, segmo_report_kind_t kind, const char *format, ...)
{
    char members[1024];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(members, sizeof members, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof members)
        segmo__reports_add(reports, kind, (segmo__slice){members, (size_t)len});
}

segmo_report *segmo__reports_take(segmo__reports *reports, int64_t deadline_ms)
{
    segmo_report *report;

    pthread_mutex_lock(&reports->lock);
    while (!reports->first && !reports->woken && segmo__clock_mono_ms() < deadline_ms)
        segmo__cond_wait_until(&reports->arrived, &reports->lock, deadline_ms);
    report = unlink_first(reports);
    pthread_mutex_unlock(&reports->lock);
    return report;
}

int segmo__reports_fd(const segmo__reports *reports)
{
    return reports->fd;
}

uint64_t segmo__reports_dropped(segmo__reports *reports)
{
    uint64_t dropped;

    pthread_mutex_lock(&reports->lock);
    dropped = reports->dropped;
    pthread_mutex_unlock(&reports->lock);
    return dropped;
}

void segmo__reports_wake(segmo__reports *reports)
{
    pthread_mutex_lock(&reports->lock);
    reports->woken = 1;
    pthread_cond_broadcast(&reports->arrived);
    pthread_mutex_unlock(&reports->lock);
}

void segmo__reports_fork_prepare(segmo__reports *reports)
{
    pthread_mutex_lock(&reports->lock);
}

void segmo__reports_fork_parent(segmo__reports *reports)
{
    pthread_mutex_unlock(&reports->lock);
}

void segmo__reports_fork_child(segmo__reports *reports)
{
    segmo__mutex_init(&reports->lock);
    segmo__cond_init(&reports->arrived);
    if (reports->fd >= 0)
        close(reports->fd);
    reports->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reports->first = reports->last =
        NULL; /* the parent's to read; its memory stays with this copy */
    reports->count = 0;
    reports->dropped = 0;
}

int segmo_report_kind(const segmo_report *report)
{
    return report ? (int)report->kind : SEGMO_REPORT_NONE;
}

const char *segmo_report_json(const segmo_report *report, size_t *out_len)
{
    if (out_len)
        *out_len = report ? report->len : 0;
    return report ? report->json : "";
}

void segmo_report_free(segmo_report *report)
{
    if (!report)
        return;
    segmo__free(report->json);
    segmo__free(report);
}
