/* The bare HTTP library answering 200 to whatever comes: what a gateway's rate is held against.
 *
 *     bare_http          prints its port and serves until it is killed
 */
#include <microhttpd.h>
#include <stdio.h>
#include <unistd.h>

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *len, void **state)
{
    static const char text[] = "{\"success\":true}";
    static int seen;
    struct MHD_Response *response;
    enum MHD_Result result;

    (void)arg, (void)path, (void)method, (void)version, (void)bytes;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*len > 0) {
        *len = 0;
        return MHD_YES;
    }
    response =
        MHD_create_response_from_buffer(sizeof text - 1, (void *)text, MHD_RESPMEM_PERSISTENT);
    result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

int main(void)
{
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
                         MHD_OPTION_CONNECTION_LIMIT, 1024u, MHD_OPTION_END);

    if (!daemon)
        return 1;
    printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    for (;;)
        pause();
}
