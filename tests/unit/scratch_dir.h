/* A directory for one test: made fresh, removed with all that is in it. */
#ifndef SCRATCH_DIR_H
#define SCRATCH_DIR_H

/* The path stays valid until the next call of this process. */
const char *scratch_dir_make(void);
void scratch_dir_remove(const char *path);
/* "<dir>/<name>"; eight of them stay valid at a time. */
const char *scratch_path(const char *dir, const char *name);

#endif
