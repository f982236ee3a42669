/* segmo.h: carry Segment messages to Segment and to MoEngage without losing one.
 *
 *     segmo_config *config = NULL;
 *     segmo_client *client = NULL;
 *
 *     segmo_config_new(&config, NULL);
 *     segmo_config_set(config, "segment.write_key", "WK123", NULL);
 *     segmo_client_open(&client, config, NULL);
 *     segmo_track(client, "user-1", "Order Completed", "{\"total\":9.99}", NULL, NULL);
 *     segmo_client_close(client, 5000, NULL);
 *     segmo_client_free(client);
 *     segmo_config_free(config);
 *
 * How to read this file
 *  - Every public type is opaque. JSON crosses as a pointer and a length in bytes, UTF-8, never NUL
 *    terminated unless said; plain strings (`const char *`) end in NUL.
 *  - Functions return a status: SEGMO_OK (0) or a positive status for success, a negative one for
 *    failure. The last argument, `err`, may be NULL; otherwise it points to NULL or to an error of
 *    before: a failure frees that and stores its own there, which the caller frees with
 *    segmo_error_free(); success leaves it untouched.
 *  - What a function hands out through `out` is yours: free it with the function of its noun, and
 *    memory (`char *`) with segmo_free(). What you pass in stays yours and is copied when needed.
 *    Every `free` accepts NULL, never fails and never waits.
 *  - Each declaration carries `@thread any` (callable from any thread at any time) or `@thread one`
 *    (one thread at a time for this object), `@blocking` when it may wait, and `@since`.
 *
 * This file is the one description of the API: the export list and the declarations of the Python
 * and Ruby packages are generated from it by bindings/generate.py.
 */
#ifndef SEGMO_H
#define SEGMO_H

#include <stddef.h>
#include <stdint.h>

#define SEGMO_VERSION        "0.1.0"
#define SEGMO_ABI_VERSION    1
#define SEGMO_SOURCE_DEFAULT ((const char *)0)

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* What a call may answer. Names and numbers never change once released. */
typedef enum segmo_status {
    SEGMO_OK = 0,               /* done */
    SEGMO_SYNC_WANTED = 1,      /* accepted; `spool.sync = always` asks for segmo_client_sync() */
    SEGMO_ERR_INVALID = -1,     /* an argument or a message breaks a rule; the field is named */
    SEGMO_ERR_OPTION = -2,      /* an option is unknown, malformed or contradicts another */
    SEGMO_ERR_JSON = -3,        /* the text is not the JSON that is accepted here */
    SEGMO_ERR_TOO_LARGE = -4,   /* a message or a body is over its limit */
    SEGMO_ERR_FULL = -5,        /* the spool has no room; the message was not accepted */
    SEGMO_ERR_TIMEOUT = -6,     /* the time given was over before the work was done */
    SEGMO_ERR_CLOSED = -7,      /* the client was closed */
    SEGMO_ERR_IO = -8,          /* a file or directory could not be used */
    SEGMO_ERR_MEMORY = -9,      /* memory ran out */
    SEGMO_ERR_NOT_FOUND = -10,  /* nothing has that name or id */
    SEGMO_ERR_UNSUPPORTED = -11 /* this build or this mode cannot do that */
} segmo_status;

/* What a report tells. Names and numbers never change once released. */
typedef enum segmo_report_kind_t {
    SEGMO_REPORT_NONE = 0,
    SEGMO_REPORT_DELIVERED = 1, /* messages a destination took (only with reports.delivered) */
    SEGMO_REPORT_DEAD = 2,      /* a message went to the dead letters; says why */
    SEGMO_REPORT_SKIPPED = 3,   /* a message was left out on purpose; says why */
    SEGMO_REPORT_WARNING = 4,   /* a message goes out, and something in it will be cut or dropped */
    SEGMO_REPORT_PAUSED = 5,    /* a destination stopped, for one source: wrong settings */
    SEGMO_REPORT_RESUMED = 6,   /* a paused destination of a source works again */
    SEGMO_REPORT_SETTINGS = 7,  /* changed settings are in force, or were refused and why */
    SEGMO_REPORT_SPOOL = 8,     /* records adopted, damaged or set aside; disk full and back */
    SEGMO_REPORT_ATTEMPT = 9,   /* one request and its answer (only with reports.attempts) */
    SEGMO_REPORT_LOG = 10       /* words for a developer (only with debug) */
} segmo_report_kind_t;

typedef struct segmo_error segmo_error;
typedef struct segmo_config segmo_config;
typedef struct segmo_client segmo_client;
typedef struct segmo_report segmo_report;

/* ---- library ------------------------------------------------------------------------------- */

/** The version of the library that runs, for example "0.1.0". Static; never NULL.
 *
 * @thread any
 * @since 0.1
 */
const char *segmo_version(void);

/** The number of the binary interface; equal to SEGMO_ABI_VERSION of the header it was built with.
 *
 * A binding compares both at load and refuses a library that is older than its header.
 *
 * @thread any
 * @since 0.1
 */
int segmo_abi_version(void);

/** What this build can do, as a JSON object: version, gzip (compressor), curl, tls. Static.
 *
 * @thread any
 * @since 0.1
 */
const char *segmo_features(void);

/** Frees memory that a segmo function handed out as `char *`. Accepts NULL.
 *
 * @thread any
 * @since 0.1
 */
void segmo_free(void *memory);

/* ---- errors -------------------------------------------------------------------------------- */

/** The status of an error: the same number that the failed call returned. SEGMO_OK for NULL.
 *
 * @thread any
 * @since 0.1
 */
int segmo_error_status(const segmo_error *error);

/** What went wrong and what to do, in one sentence; never NULL, lives as long as the error.
 *
 * Contains no secret and no payload value.
 *
 * @thread any
 * @since 0.1
 */
const char *segmo_error_message(const segmo_error *error);

/** Where: a JSON pointer into the message ("/properties/price") or an option's name; "" if neither.
 *
 * Lives as long as the error; never NULL.
 *
 * @thread any
 * @since 0.1
 */
const char *segmo_error_field(const segmo_error *error);

/** 1 when the same call may succeed later without a change, else 0.
 *
 * @thread any
 * @since 0.1
 */
int segmo_error_retryable(const segmo_error *error);

/** Frees an error. Accepts NULL.
 *
 * @thread any
 * @since 0.1
 */
void segmo_error_free(segmo_error *error);

/** The name of a status, for example "SEGMO_ERR_FULL"; "SEGMO_ERR_UNKNOWN" for a number not listed.
 *
 * Static. Bindings choose their exception class by this name.
 *
 * @thread any
 * @since 0.1
 */
const char *segmo_status_name(int status);

/* ---- configuration ------------------------------------------------------------------------- */

/** Makes an empty configuration: every option has its default.
 *
 * Fails with SEGMO_ERR_MEMORY. Free it with segmo_config_free().
 *
 * @thread any
 * @since 0.1
 */
int segmo_config_new(segmo_config **out, segmo_error **err);

/** Sets one option by its dotted name, for example "moengage.app_id". Beats environment and file.
 *
 * `value` is text: numbers in decimal, sizes with an optional unit ("64MiB"), times in
 * milliseconds or with a unit ("30s", "7d"), booleans as true or false, `sources` as JSON; NULL
 * takes the value back. Name and value are copied. Fails with SEGMO_ERR_OPTION: an unknown name
 * (the nearest one is offered) or a malformed value.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_set(segmo_config *config, const char *name, const char *value, segmo_error **err);

/** Reads one option's effective value into `*out` (NUL terminated; free with segmo_free()).
 *
 * NULL when it has none, not even a default. Secrets come back masked ("WK1***"). Fails with
 * SEGMO_ERR_OPTION for an unknown name.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_get(const segmo_config *config, const char *name, char **out, segmo_error **err);

/** Reads a count, size or time as a number, whatever unit its text has: bytes or milliseconds.
 *
 * Fails with SEGMO_ERR_OPTION for a name that is unknown, no number, or has no value.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_number(const segmo_config *config, const char *name, uint64_t *out,
                        segmo_error **err);

/** 1 when `text` is the value of a secret option, 0 when it is not, or when the option has none.
 *
 * Secrets are never handed out; this is how a program checks what somebody presents. Takes as long
 * for a text that is nearly right as for one that is not. Fails with SEGMO_ERR_OPTION for a name
 * that is no secret option.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_secret_is(const segmo_config *config, const char *name, const char *text,
                           size_t text_len, segmo_error **err);

/** Reads options from a JSON file: nested objects or dotted names. Beaten by environment and set.
 *
 * A client opened with this configuration watches the file: a change is in force within a second; a
 * broken file leaves the old settings in force and is reported (SEGMO_REPORT_SETTINGS).
 * Fails with SEGMO_ERR_IO, SEGMO_ERR_JSON or SEGMO_ERR_OPTION; the configuration is then unchanged.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_load(segmo_config *config, const char *path, segmo_error **err);

/** Reads options from the environment: SEGMO_SEGMENT_WRITE_KEY is segment.write_key, and so on.
 *
 * A variable that starts with SEGMO_ and names no option is refused with the nearest one.
 * Beats the file, beaten by segmo_config_set(). Fails with SEGMO_ERR_OPTION.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_load_env(segmo_config *config, segmo_error **err);

/** The whole configuration as JSON: an object of name to {"value", "from"}; secrets masked.
 *
 * `*out` is freed with segmo_free(); `*out_len` excludes the closing NUL. Fails with
 * SEGMO_ERR_OPTION when options contradict each other, and with SEGMO_ERR_MEMORY.
 *
 * @thread one
 * @since 0.1
 */
int segmo_config_json(const segmo_config *config, char **out, size_t *out_len, segmo_error **err);

/** Frees a configuration; clients that were opened with it keep what they need. Accepts NULL.
 *
 * @thread one
 * @since 0.1
 */
void segmo_config_free(segmo_config *config);

/** Every option there is, as a JSON array of {"name", "type", "default", "secret", "env",
 * "per_source", "choices" (of a choice), "help"}.
 *
 * `*out` is freed with segmo_free(). Fails with SEGMO_ERR_MEMORY.
 *
 * @thread any
 * @since 0.1
 */
int segmo_options_json(char **out, size_t *out_len, segmo_error **err);

/* ---- client -------------------------------------------------------------------------------- */

/** Opens a client: checks the configuration, takes a spool directory, adopts what the dead left.
 *
 * Starts no thread yet: the first message does. Fails with SEGMO_ERR_OPTION (the option is the
 * error's field), SEGMO_ERR_IO (spool directory: path, owner, mode and remedy) or SEGMO_ERR_MEMORY.
 * Free with segmo_client_free() after segmo_client_close().
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_open(segmo_client **out, const segmo_config *config, segmo_error **err);

/** Changes one option of a running client, as a changed configuration file does: in force at once,
 * also for what waits, and a pause because of refused settings ends. Beats environment and file.
 *
 * Only options that describe a source can change ("per_source" in segmo_options_json()): keys and
 * tokens, hosts, connection modes. `value` as in segmo_config_set(); name and value are copied.
 * Fails with SEGMO_ERR_OPTION (unknown, malformed, contradicting another option, or not of a
 * source) and SEGMO_ERR_CLOSED; the settings in force then stay.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_set(segmo_client *client, const char *name, const char *value, segmo_error **err);

/** Reads the configuration file again now, instead of within a second, and puts it in force.
 *
 * A broken file leaves the old settings in force and is reported (SEGMO_REPORT_SETTINGS). Fails
 * with SEGMO_ERR_IO, SEGMO_ERR_JSON or SEGMO_ERR_OPTION, and with SEGMO_ERR_CLOSED.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_reload(segmo_client *client, segmo_error **err);

/** What the settings in force say of a source, as JSON: {"id", "type", "mode", "bundled",
 * "device_sends", "allowed_origins" (words or null), "segment": true when it is sent to,
 * "moengage": {"app_id", "test", "forwards": true when it is sent to} or null, "by_key": true when
 * `source` is its write key and not its id, which is no credential}. No secret is in it.
 *
 * `source` as in segmo_client_enqueue(). `*out` is freed with segmo_free(). Fails with
 * SEGMO_ERR_NOT_FOUND, SEGMO_ERR_CLOSED or SEGMO_ERR_MEMORY.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_source_json(segmo_client *client, const char *source, char **out, size_t *out_len,
                             segmo_error **err);

/** Accepts one message: checks it, completes it and appends it to the spool. Never waits.
 *
 * `source` names the source (its id or its write key); SEGMO_SOURCE_DEFAULT takes the only one.
 * `json` is one message object with a "type"; at most 32,768 bytes.
 * Returns SEGMO_OK: the message is in the operating system's file and survives a kill of the
 * process; or SEGMO_SYNC_WANTED: it is too, and `spool.sync = always` wants segmo_client_sync()
 * next. Fails, having queued nothing, with SEGMO_ERR_JSON, SEGMO_ERR_INVALID (the field is a JSON
 * pointer), SEGMO_ERR_TOO_LARGE, SEGMO_ERR_FULL (retryable), SEGMO_ERR_CLOSED, SEGMO_ERR_NOT_FOUND
 * (source).
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_enqueue(segmo_client *client, const char *source, const char *json,
                         size_t json_len, segmo_error **err);

/** Accepts a batch: {"batch": [message, ...], "context", "integrations", "sentAt"}. Never waits.
 *
 * Batch-level context and integrations are merged under each item's own. One refused item never
 * costs its neighbours: `*out` receives {"accepted": n, "rejected": [{"index", "status", "field",
 * "message", "retryable"}]} (free with segmo_free()). Returns as segmo_client_enqueue() when the
 * body itself could be read; fails with SEGMO_ERR_JSON, SEGMO_ERR_INVALID or SEGMO_ERR_TOO_LARGE
 * (over 512,000 bytes) otherwise.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_enqueue_batch(segmo_client *client, const char *source, const char *json,
                               size_t json_len, char **out, size_t *out_len, segmo_error **err);

/** Waits until everything accepted so far is on the disk itself, at most `timeout_ms`.
 *
 * Fails with SEGMO_ERR_TIMEOUT or SEGMO_ERR_IO, and with SEGMO_ERR_CLOSED when the client is closed
 * meanwhile.
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_client_sync(segmo_client *client, uint32_t timeout_ms, segmo_error **err);

/** Waits until the spool has room again, at most `timeout_ms` (for `spool.when_full = block`).
 *
 * Fails with SEGMO_ERR_TIMEOUT, and with SEGMO_ERR_CLOSED when the client is closed meanwhile.
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_client_wait_room(segmo_client *client, uint32_t timeout_ms, segmo_error **err);

/** Sends what waits and returns when everything accepted before the call has an outcome.
 *
 * Waits at most `timeout_ms`; messages that are still pending stay in the spool.
 * Fails with SEGMO_ERR_TIMEOUT. To stay interruptible, call segmo_client_flush_to() in slices.
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_client_flush(segmo_client *client, uint32_t timeout_ms, segmo_error **err);

/** Stores in `*mark` how far messages have been accepted, for segmo_client_flush_to().
 *
 * A mark is good in the process and for the client that it was taken from. Fails with
 * SEGMO_ERR_CLOSED.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_mark(segmo_client *client, uint64_t *mark, segmo_error **err);

/** As segmo_client_flush(), for what was accepted before the mark: whoever waits in slices does not
 * wait for what is accepted meanwhile.
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_client_flush_to(segmo_client *client, uint64_t mark, uint32_t timeout_ms,
                          segmo_error **err);

/** Takes the oldest report into `*out`, waiting at most `timeout_ms` for one; NULL: there is none.
 *
 * Free it with segmo_report_free(). The queue is bounded: what overflows is counted in the stats.
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_client_poll(segmo_client *client, segmo_report **out, uint32_t timeout_ms,
                      segmo_error **err);

/** A file descriptor that is readable while reports wait, for event loops; -1 if there is none.
 *
 * Belongs to the client: watch it, never read or close it. Changes in a forked child.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_report_fd(segmo_client *client);

/** Counters as JSON: per destination accepted, delivered, dead, pending, skipped by reason,
 * attempts, state and the last failure ({"reason", "status": 0 without an answer, "at"} or null);
 * the spool's bytes and files; reports dropped.
 *
 * At any moment accepted = delivered + dead + pending + skipped, per destination.
 * `*out` is freed with segmo_free().
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_stats_json(segmo_client *client, char **out, size_t *out_len, segmo_error **err);

/** Says what would happen to a message, as JSON: each destination, its mode, why or why not, and
 * what the mode cannot do. Uses the settings in force; queues nothing.
 *
 * `*out` is freed with segmo_free(). Fails as segmo_client_enqueue().
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_explain(segmo_client *client, const char *source, const char *json,
                         size_t json_len, char **out, size_t *out_len, segmo_error **err);

/** Turns a MoEngage Streams payload into track (and identify) messages of an HTTP source and
 * accepts them.
 *
 * `*out` receives {"events", "accepted", "skipped": {reason: n}, "rejected": [{"index", "field",
 * "message"}]} (free with segmo_free()); one bad event never costs the others.
 * Returns SEGMO_OK or SEGMO_SYNC_WANTED; fails with SEGMO_ERR_JSON or SEGMO_ERR_INVALID when the
 * payload itself cannot be read, SEGMO_ERR_FULL when not all of it fits, SEGMO_ERR_IO or
 * SEGMO_ERR_MEMORY when not all of it could be stored (post it again: message ids come from the
 * events' uuids).
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_import_streams(segmo_client *client, const char *source, const char *json,
                                size_t json_len, char **out, size_t *out_len, segmo_error **err);

/** 1 in `*found` when the spool directory still holds a message with this message id, else 0.
 *
 * Looks through the files of this and of dead processes; meant for resuming an import, not for
 * every message.
 *
 * @thread any
 * @since 0.1
 */
int segmo_client_holds(segmo_client *client, const char *message_id, int *found, segmo_error **err);

/** Flushes at most `timeout_ms`, then stops: later calls answer SEGMO_ERR_CLOSED.
 *
 * What is still pending stays on disk and is sent by the next client on the directory. Returns
 * SEGMO_OK, or SEGMO_ERR_TIMEOUT when something is still pending (the client is closed all the
 * same).
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_client_close(segmo_client *client, uint32_t timeout_ms, segmo_error **err);

/** Frees a client; one that is still open is stopped without sending more. Accepts NULL.
 *
 * In a forked child it frees nothing that belongs to the parent.
 *
 * @thread one
 * @since 0.1
 */
void segmo_client_free(segmo_client *client);

/* ---- the six calls, for C callers ------------------------------------------------------------ */

/** Records who a user is. `traits` and `extra` are JSON objects as text, or NULL.
 *
 * `extra` holds any other member of the message: anonymousId, context, integrations, timestamp,
 * messageId. `user_id` may be NULL when `extra` gives an anonymousId. Returns as
 * segmo_client_enqueue().
 *
 * @thread any
 * @since 0.1
 */
int segmo_identify(segmo_client *client, const char *user_id, const char *traits, const char *extra,
                   segmo_error **err);

/** Records what a user did. Arguments as segmo_identify().
 *
 * @thread any
 * @since 0.1
 */
int segmo_track(segmo_client *client, const char *user_id, const char *event,
                const char *properties, const char *extra, segmo_error **err);

/** Records a page view. `name` may be NULL. Arguments as segmo_identify().
 *
 * @thread any
 * @since 0.1
 */
int segmo_page(segmo_client *client, const char *user_id, const char *name, const char *properties,
               const char *extra, segmo_error **err);

/** Records a screen view. `name` may be NULL. Arguments as segmo_identify().
 *
 * @thread any
 * @since 0.1
 */
int segmo_screen(segmo_client *client, const char *user_id, const char *name,
                 const char *properties, const char *extra, segmo_error **err);

/** Records that a user belongs to a group. Arguments as segmo_identify().
 *
 * @thread any
 * @since 0.1
 */
int segmo_group(segmo_client *client, const char *user_id, const char *group_id, const char *traits,
                const char *extra, segmo_error **err);

/** Records that `previous_id` and `user_id` are the same user. Arguments as segmo_identify().
 *
 * @thread any
 * @since 0.1
 */
int segmo_alias(segmo_client *client, const char *previous_id, const char *user_id,
                const char *extra, segmo_error **err);

/* ---- without a client ------------------------------------------------------------------------ */

/** What `destination` ("segment" or "moengage") would receive for a message, as JSON:
 * {"requests": [{"method", "url", "body"}], "skipped": reason or null, "notes": [{"field", "code",
 * "message"}]}. Sends and stores nothing.
 *
 * `source` as in segmo_client_enqueue(). `*out` is freed with segmo_free(). Fails as
 * segmo_client_enqueue(), and with SEGMO_ERR_OPTION when the configuration is contradictory.
 *
 * @thread any
 * @since 0.1
 */
int segmo_transform(const segmo_config *config, const char *source, const char *destination,
                    const char *json, size_t json_len, char **out, size_t *out_len,
                    segmo_error **err);

/** As segmo_client_explain(), for a configuration instead of a client.
 *
 * `*out` is freed with segmo_free(). Fails as segmo_transform().
 *
 * @thread any
 * @since 0.1
 */
int segmo_explain(const segmo_config *config, const char *source, const char *json, size_t json_len,
                  char **out, size_t *out_len, segmo_error **err);

/** Asks every destination that a source sends to a harmless question, as delivery would reach it
 * (proxy, certificates, addresses), and tells the answers. Delivers nothing, stores nothing.
 *
 * MoEngage is asked whether it knows the credentials. Segment has no such question, since it takes
 * any write key: it is connected to, and no key is sent.
 * `source` as in segmo_client_enqueue(). Waits at most `timeout_ms` for all of them together;
 * delivery.timeout_ms and delivery.connect_timeout_ms bound each.
 * `*out` receives a JSON array, in which no answer is an entry like any other: [{"destination",
 * "url", "tls": "TLSv1.3" or null, "status": 0 without an answer, "authenticated": true, false or
 * null (nobody said), "cause": "" or one of "name", "connection", "timeout", "certificate", "tls",
 * "proxy" and "other", "error": words or "", "latency_ms", "server_date_ms": the server's clock, 0
 * when it did not tell}]. It is empty when the source has no destination.
 * `*out` is freed with segmo_free(). Fails with SEGMO_ERR_OPTION when the configuration is
 * contradictory, SEGMO_ERR_NOT_FOUND (source) or SEGMO_ERR_MEMORY.
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_probe(const segmo_config *config, const char *source, uint32_t timeout_ms, char **out,
                size_t *out_len, segmo_error **err);

/** What segmo_client_import_streams() would accept for a Streams payload, as JSON:
 * {"messages": [...], "skipped": {reason: n}, "rejected": [{"index", "field", "reason"}]}. Stores
 * nothing.
 *
 * `*out` is freed with segmo_free(). Fails with SEGMO_ERR_JSON or SEGMO_ERR_INVALID.
 *
 * @thread any
 * @since 0.1
 */
int segmo_convert_streams(const segmo_config *config, const char *json, size_t json_len, char **out,
                          size_t *out_len, segmo_error **err);

/** What the spool directory of a configuration holds, as JSON: processes (alive or not), files,
 * bytes, records per destination and state, oldest age, dead letters, damaged files that were set
 * aside. Changes nothing.
 *
 * `*out` is freed with segmo_free(). Fails with SEGMO_ERR_IO.
 *
 * @thread any
 * @since 0.1
 */
int segmo_spool_json(const segmo_config *config, char **out, size_t *out_len, segmo_error **err);

/** How Kafka's topic stands for the workers' groups, as JSON: {"topic", "partitions", "groups":
 * [{"destination", "group", "lag": records that are not committed, "oldest_ms": age of the first of
 * them, "assigned": partitions that workers have, "workers"}]}, a group for each destination that a
 * source of the configuration sends to. null: the brokers did not tell.
 *
 * Asks the brokers, with the same settings as workers; joins no group and changes nothing. A record
 * that was dealt with before an older one of its partition counts until that one is done too.
 * `*out` is freed with segmo_free(). Waits at most `timeout_ms` for all of it. Fails with
 * SEGMO_ERR_OPTION, SEGMO_ERR_UNSUPPORTED (librdkafka is missing) or SEGMO_ERR_TIMEOUT (the brokers
 * did not answer).
 *
 * @thread any
 * @blocking
 * @since 0.1
 */
int segmo_topic_json(const segmo_config *config, uint32_t timeout_ms, char **out, size_t *out_len,
                     segmo_error **err);

/** The dead letters that fit `query`, as a JSON array. Changes nothing.
 *
 * `query` is a JSON object or NULL for all: {"id": [...], "destination", "reason", "limit", "from":
 * "kafka" for those that workers wrote to kafka.dead_topic; waits for the brokers then}.
 * Each entry: {"id", "destination", "reason", "status", "answer", "attempts", "accepted_at",
 * "died_at", "source", "message"}. `*out` is freed with segmo_free().
 * Fails with SEGMO_ERR_IO, SEGMO_ERR_JSON, and SEGMO_ERR_INVALID for a query of another form.
 *
 * @thread any
 * @since 0.1
 */
int segmo_dead_list(const segmo_config *config, const char *query, char **out, size_t *out_len,
                    segmo_error **err);

/** Puts the dead letters that fit `query` back into the spool, for their destination only.
 *
 * A running client of that source adopts them within seconds, otherwise the next one does.
 * `*count` receives how many. Fails as segmo_dead_list(), and with SEGMO_ERR_FULL.
 *
 * @thread any
 * @since 0.1
 */
int segmo_dead_retry(const segmo_config *config, const char *query, uint64_t *count,
                     segmo_error **err);

/** Deletes the dead letters that fit `query` for good. `*count` receives how many.
 *
 * Fails as segmo_dead_list().
 *
 * @thread any
 * @since 0.1
 */
int segmo_dead_drop(const segmo_config *config, const char *query, uint64_t *count,
                    segmo_error **err);

/* ---- reports --------------------------------------------------------------------------------- */

/** What a report tells: one of segmo_report_kind_t. SEGMO_REPORT_NONE for NULL.
 *
 * @thread any
 * @since 0.1
 */
int segmo_report_kind(const segmo_report *report);

/** The report as a JSON object; `*out_len` receives its length. Lives as long as the report.
 *
 * @thread any
 * @since 0.1
 */
const char *segmo_report_json(const segmo_report *report, size_t *out_len);

/** Frees a report. Accepts NULL.
 *
 * @thread any
 * @since 0.1
 */
void segmo_report_free(segmo_report *report);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
