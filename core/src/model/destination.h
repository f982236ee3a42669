/* What a source and its destinations are: plain data that routing, transformation and delivery
 * share. */
#ifndef SEGMO_MODEL_DESTINATION_H
#define SEGMO_MODEL_DESTINATION_H

#include <stdint.h>

typedef enum segmo__destination {
    SEGMO__DESTINATION_SEGMENT = 0,
    SEGMO__DESTINATION_MOENGAGE = 1,
    SEGMO__DESTINATION_KAFKA = 2, /* the queue in front of the other two, for workers to deliver */
    SEGMO__DESTINATION_COUNT = 3,
    SEGMO__DESTINATION_SERVICES = 2 /* those before are services that take messages by HTTP */
} segmo__destination;

typedef enum segmo__source_type {
    SEGMO__SOURCE_SERVER,
    SEGMO__SOURCE_JAVASCRIPT,
    SEGMO__SOURCE_ANDROID,
    SEGMO__SOURCE_IOS,
    SEGMO__SOURCE_HTTP
} segmo__source_type;

typedef enum segmo__mode_setting {
    SEGMO__MODE_UNSET,
    SEGMO__MODE_WANT_DEVICE,
    SEGMO__MODE_WANT_CLOUD
} segmo__mode_setting;

typedef enum segmo__mode { SEGMO__MODE_CLOUD, SEGMO__MODE_DEVICE } segmo__mode;

typedef enum segmo__moengage_kind {
    SEGMO__MOENGAGE_CLASSIC,
    SEGMO__MOENGAGE_ACTIONS
} segmo__moengage_kind;
typedef enum segmo__moengage_api { SEGMO__API_DATA, SEGMO__API_SEGMENT } segmo__moengage_api;
typedef enum segmo__objects {
    SEGMO__OBJECTS_KEEP,
    SEGMO__OBJECTS_FLATTEN,
    SEGMO__OBJECTS_DROP
} segmo__objects;
typedef enum segmo__limits {
    SEGMO__LIMITS_WARN,
    SEGMO__LIMITS_TRUNCATE,
    SEGMO__LIMITS_OFF
} segmo__limits;
typedef enum segmo__naming {
    SEGMO__NAMING_SNAKE,
    SEGMO__NAMING_SNAKE_TSC,
    SEGMO__NAMING_NONE
} segmo__naming;

typedef struct segmo__segment_settings {
    int enabled;
    const char *host; /* base URL without path, for example https://api.segment.io */
    const char *write_key;
    const char *bearer; /* header line with the access token; NULL: the write key is sent instead */
    int awaits_token;   /* messages wait until there is a token */
} segmo__segment_settings;

typedef struct segmo__moengage_settings {
    int enabled;
    int forward; /* 1: segmo sends to MoEngage; 0: Segment's own servers do */
    segmo__moengage_kind kind;
    segmo__moengage_api api;
    const char *host;    /* base URL of the data centre */
    const char *app_id;  /* as used on the wire: with the TEST suffix in the TEST environment */
    const char *api_key; /* of the environment in use */
    int test;            /* TEST environment (debug logging) */
    int update_existing_only;
    segmo__objects objects; /* resolved: never "default" */
    segmo__limits limits;
    segmo__naming naming;
    int pages;           /* page and screen as "Viewed NAME Page" events */
    int groups;          /* group traits copied with the prefix group_ */
    int alias_merge;     /* alias as an irreversible merge call */
    int real_time;       /* real_time_action on events */
    int geo;             /* location trait as geo "lat lng" */
    int created_time;    /* createdAt as created_time */
    int allow_reserved;  /* pass reserved names such as `source` */
    int devices;         /* context.device.token as a device call */
    const char *project; /* moe_project_name, or project_code; NULL */
} segmo__moengage_settings;

typedef struct segmo__source {
    const char *id;        /* public name; never the secret */
    const char *write_key; /* how clients of a gateway name it */
    uint64_t hash;         /* segmo__message_source_hash(id) */
    segmo__source_type type;
    segmo__mode_setting mode_setting;
    int bundled;                 /* the MoEngage integration is bundled in the app */
    int device_sends;            /* gateway: this source's devices send to MoEngage themselves */
    const char *allowed_origins; /* gateway: web sites, separated by blanks; NULL: any */
    segmo__mode mode;            /* effective */
    const char *mode_reason;     /* static words for explain */
    segmo__segment_settings segment;
    segmo__moengage_settings moengage;
} segmo__source;

/* A remark about a message: what a destination would cut, drop or refuse, and the remedy. */
typedef struct segmo__note {
    const char *code;  /* static: "name_too_long", "reserved_name", "name_collision", ... */
    const char *field; /* JSON pointer; valid during the call */
    const char *words; /* cause and remedy; valid during the call */
} segmo__note;

typedef void (*segmo__note_fn)(void *ctx, const segmo__note *note);

/* "segment", "moengage", "kafka" */
const char *segmo__destination_name(segmo__destination destination);

#endif
