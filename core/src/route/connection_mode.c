/* Connection mode as a table: the first row that fits decides, so the rows go from special to
 * general.
 *
 * The combinations are those of Segment's documentation of the MoEngage destination. A row without
 * words for `reason` is a configuration error, and its `remedy` is what the error says.
 */
#include "route/connection_mode.h"

#define ANY (-1)

typedef struct row {
    int kind;    /* segmo__moengage_kind or ANY */
    int type;    /* segmo__source_type or ANY */
    int setting; /* segmo__mode_setting or ANY */
    int bundled; /* 0, 1 or ANY */
    segmo__mode mode;
    const char *reason;
    const char *remedy;
} row;

#define ACTIONS    SEGMO__MOENGAGE_ACTIONS
#define SERVER     SEGMO__SOURCE_SERVER
#define HTTP       SEGMO__SOURCE_HTTP
#define JAVASCRIPT SEGMO__SOURCE_JAVASCRIPT
#define DEVICE     SEGMO__MODE_WANT_DEVICE
#define CLOUD      SEGMO__MODE_WANT_CLOUD
#define UNSET      SEGMO__MODE_UNSET
#define TO_DEVICE  SEGMO__MODE_DEVICE
#define TO_CLOUD   SEGMO__MODE_CLOUD

/* clang-format off */
static const row rows[] = {
    {ACTIONS, ANY,    DEVICE, ANY, TO_CLOUD, NULL,
     "MoEngage (Actions) works in cloud mode only; set connection_mode = cloud, or moengage.kind = classic"},
    {ACTIONS, ANY,    ANY,    ANY, TO_CLOUD, "MoEngage (Actions) works in cloud mode only", NULL},
    {ANY, SERVER,     DEVICE, ANY, TO_CLOUD, NULL,
     "a server source has no device to send from; set connection_mode = cloud, or the source.type that it is"},
    {ANY, HTTP,       DEVICE, ANY, TO_CLOUD, NULL,
     "an http source has no device to send from; set connection_mode = cloud, or the source.type that it is"},
    {ANY, SERVER,     ANY,    ANY, TO_CLOUD, "server sources always work in cloud mode", NULL},
    {ANY, HTTP,       ANY,    ANY, TO_CLOUD, "http sources always work in cloud mode", NULL},
    {ANY, ANY,        CLOUD,  ANY, TO_CLOUD, "connection_mode is set to cloud", NULL},
    {ANY, JAVASCRIPT, DEVICE, ANY, TO_DEVICE, "connection_mode is set to device", NULL},
    {ANY, JAVASCRIPT, UNSET,  ANY, TO_DEVICE, "device mode is the default of javascript sources", NULL},
    {ANY, ANY,        DEVICE, 1,   TO_DEVICE, "connection_mode is set to device and the MoEngage integration is bundled", NULL},
    {ANY, ANY,        UNSET,  1,   TO_DEVICE, "the MoEngage integration is bundled in the app", NULL},
    {ANY, ANY,        ANY,    0,   TO_CLOUD, "the MoEngage integration is not bundled in the app: automatic fall-back to cloud mode", NULL},
};
/* clang-format on */

static int fits(int wanted, int actual)
{
    return wanted == ANY || wanted == actual;
}

int segmo__connection_mode(segmo__source_type type, segmo__mode_setting setting, int bundled,
                           segmo__moengage_kind kind, segmo__mode *mode, const char **reason,
                           segmo_error **err)
{
    const row *at = rows;

    while (!fits(at->kind, (int)kind) || !fits(at->type, (int)type) ||
           !fits(at->setting, (int)setting) || !fits(at->bundled, bundled != 0))
        at++;
    if (!at->reason)
        return segmo__fail(err, SEGMO_ERR_OPTION, "connection_mode", "connection_mode = device: %s",
                           at->remedy);
    *mode = at->mode;
    *reason = at->reason;
    return SEGMO_OK;
}

#define NEEDS_SDK "only with MoEngage's own SDK in the app"

static const segmo__capability capabilities[] = {
    {"events", "yes", "yes", "yes"},
    {"user attributes", "yes", "yes", "yes"},
    {"names unchanged", "yes", "no: camelCase becomes snake_case", "yes"},
    {"anonymous users", "yes", "no: a userId is needed", "yes"},
    {"push", "yes", NEEDS_SDK, NEEDS_SDK},
    {"in-app messages", "yes", NEEDS_SDK, NEEDS_SDK},
    {"smart in-app messages", "yes", "no", "no"},
    {"real-time triggers", "yes", "no", "no"},
    {"on-site messages", "yes", "no", "no"},
    {"cards", "yes", NEEDS_SDK, "no"},
    {"event-triggered campaigns", "yes", "limited", "limited"},
    {"sessions, app lifecycle, geofences and device properties", "yes", "no", "no"},
    {"data from servers", "no", "yes", "yes"},
    {"historical data", "no", "yes", "yes"},
    {NULL, NULL, NULL, NULL},
};

const segmo__capability *segmo__capabilities(void)
{
    return capabilities;
}
