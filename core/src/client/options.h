/* Configurations, as the rooms of the client read them. */
#ifndef SEGMO_CLIENT_OPTIONS_H
#define SEGMO_CLIENT_OPTIONS_H

#include "base/buf.h"
#include "base/error.h"
#include "client/option_table.h"
#include "deliver/http.h"
#include "route/settings.h"

#include <stdint.h>

typedef enum segmo__option_from {
    SEGMO__FROM_DEFAULT,
    SEGMO__FROM_FILE,
    SEGMO__FROM_ENV,
    SEGMO__FROM_SET
} segmo__option_from;

/* The effective text of an option, or NULL when it has none. Name must be in the table. */
const char *segmo__config_value(const segmo_config *config, const char *name);
uint64_t segmo__config_number(const segmo_config *config,
                              const char *name); /* counts, sizes and times */
int segmo__config_flag(const segmo_config *config, const char *name);
const char *segmo__config_file(const segmo_config *config); /* the loaded file's path, or NULL */
/* What a configuration file looked like just before it was read: another stamp, another file. */
typedef struct segmo__config_stamp {
    int64_t mtime_ns;
    int64_t size;
} segmo__config_stamp;
segmo__config_stamp segmo__config_stamp_of(const char *path);
segmo__config_stamp segmo__config_file_stamp(const segmo_config *config);
int segmo__config_copy(segmo_config **out, const segmo_config *config, segmo_error **err);
/* Settings as this configuration has them now; release with segmo__settings_release(). */
int segmo__config_settings(segmo__settings **out, const segmo_config *config, segmo_error **err);
/* How requests go out; the texts stay the configuration's. */
segmo__http_options segmo__config_http_options(const segmo_config *config);
/* Do the options fit together, those of the settings and all others? SEGMO_ERR_OPTION. */
int segmo__config_check(const segmo_config *config, segmo_error **err);
/* The option's effective text and where it is from; NULL when it has none. */
const char *segmo__config_find(const segmo_config *config, const segmo__option *opt,
                               segmo__option_from *from);
int segmo__config_unknown(const char *name,
                          segmo_error **err); /* fails, offering the nearest name */
/* Settings for librdkafka (option_passed.h): the value of one as JSON, 0 when it has none; and all
 * of them. */
int segmo__config_passed(const segmo_config *config, const char *name, segmo__slice *value,
                         segmo__option_from *from);
typedef void (*segmo__passed_fn)(void *ctx, const char *name, segmo__slice value,
                                 segmo__option_from from);
void segmo__config_each_passed(const segmo_config *config, segmo__passed_fn each, void *ctx);
/* What a room above has derived from a configuration, kept with it until an option changes; NULL:
 * nothing. Of two threads that derive at once the first one's value is kept, the other's released.
 */
typedef void (*segmo__release_fn)(void *value);
void *segmo__config_derived(const segmo_config *config);
void *segmo__config_keep(const segmo_config *config, void *value, segmo__release_fn release);
/* Reads the file again; on failure the configuration is unchanged. */
int segmo__config_reload(segmo_config *config, segmo_error **err);

#endif
