/* The HTTP side: takes requests in, has them judged, answers them, or fails them as the script
 * says. */
#ifndef SEGMO_SANDBOX_SERVER_H
#define SEGMO_SANDBOX_SERVER_H

#include "ledger.h"
#include "moengage.h"
#include "script.h"
#include "segment.h"

#include <netinet/in.h>

typedef struct sandbox_server sandbox_server;

/* What a server works with; everything is borrowed and used by the server's thread alone until it
 * is stopped. */
typedef struct sandbox_setup {
    struct sockaddr_in address; /* port 0: any free one */
    sandbox_segment_rules segment;
    sandbox_moengage_rules moengage;
    int count_only;
    sandbox_script *script;
    sandbox_ledger *ledger;
} sandbox_setup;

/* NULL when the address cannot be used; errno says why. */
sandbox_server *sandbox_server_start(const sandbox_setup *setup);
int sandbox_server_port(const sandbox_server *server);
void sandbox_server_stop(sandbox_server *server); /* frees it */

#endif
