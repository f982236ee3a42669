/* A process's directory in the spool: made in one step together with its lock, taken over when its
 * owner is gone.
 *
 * It is named <milliseconds>-<pid>-<random>, so that the oldest comes first in a listing. While it
 * is being made it has another name that nobody looks at.
 */
#ifndef SEGMO_SPOOL_PROCESS_DIR_H
#define SEGMO_SPOOL_PROCESS_DIR_H

#include <stdint.h>

typedef struct segmo__process_dir {
    struct segmo__process_dir *next;
    char *path;
    int lock_fd;
    uint32_t files; /* spool files in it */
} segmo__process_dir;

int segmo__process_dir_is_name(const char *name);
int segmo__process_dir_is_file(const char *name); /* a spool file's: "00000001.seg" */

/* Makes a directory below `root`, still under its hidden name. 0 or -errno. */
int segmo__process_dir_make(segmo__process_dir **out, const char *root);
/* Gives it its real name, from where on it can be adopted once the lock is free. */
int segmo__process_dir_show(segmo__process_dir *dir);
/* Takes over an existing one: -EWOULDBLOCK when its owner lives. */
int segmo__process_dir_take(segmo__process_dir **out, const char *root, const char *name);
/* Gives up the lock and forgets. Accepts NULL. */
void segmo__process_dir_free(segmo__process_dir *dir);
/* Removes the directory when nothing but the lock is left in it. */
void segmo__process_dir_remove(const segmo__process_dir *dir);
/* Removes what a crash left of a directory that was still being made. */
void segmo__process_dir_sweep(const char *root, const char *name);

/* "<dir>/<name>", to be freed with segmo__free(); NULL when memory ran out. */
char *segmo__process_dir_join(const char *dir, const char *name);

#endif
