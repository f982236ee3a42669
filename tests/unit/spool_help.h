/* What tests of the spool share: a directory per test, a listener, and short ways to append and
 * read. */
#ifndef SPOOL_HELP_H
#define SPOOL_HELP_H

#include "spool/segment_file.h"
#include "spool/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#include <cmocka.h>

#define SMALL_FILE (SEGMO__SEGMENT_DATA + 16384)

extern const uint8_t nothing_preset[SEGMO__SPOOL_DESTINATIONS];
extern const char *spool_dir; /* of the running test */

/* How often the spool told what through `notice`. */
struct told {
    int adopted, damaged, disk_full, disk_room, unknown_version, unreadable, sync_failed;
};
extern struct told told;

/* For cmocka_unit_test_setup_teardown(). */
int spool_dir_make(void **state);
int spool_dir_remove(void **state);

segmo__spool_options usual_options(void); /* small files, two destinations */
segmo__spool *open_with(segmo__spool_options options);
segmo__spool *open_usual(void);

int append_text(segmo__spool *spool, const char *text);
/* The number in decimal, filled up with dots to a length that depends on it. */
int append_number(segmo__spool *spool, unsigned number);
unsigned number_of(segmo__slice payload); /* and checks the dots */

segmo__spool_cursor *cursor_of(segmo__spool *spool, unsigned destination);
void expect_next(segmo__spool_cursor *cursor, const char *text, segmo__record_ref *ref);
void expect_none(segmo__spool_cursor *cursor);
/* Reads all that is pending for a destination, settles it if asked, and counts it. */
unsigned drain(segmo__spool *spool, unsigned destination, int settle);
segmo__spool_counts counts_of(segmo__spool *spool);

/* Spool files below a directory, those set aside left out; `last` receives the path of one. */
unsigned find_files(const char *at, char last[4096]);
unsigned entries(const char *at); /* names in a directory */
void expect_success(pid_t child); /* waits for it */
/* Ends a forked child: as _exit(), but what it has reached counts in a build that counts. */
void end_child(int code) __attribute__((noreturn));

#endif
