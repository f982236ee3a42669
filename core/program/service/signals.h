/* Signals as a descriptor: SIGTERM and SIGINT ask to stop, SIGHUP to read the settings again. */
#ifndef SEGMO_SERVICE_SIGNALS_H
#define SEGMO_SERVICE_SIGNALS_H

struct signals {
    int fd;
    int stops;   /* how often it was asked for */
    int reloads; /* the same; its reader sets it back */
};

int signals_open(struct signals *signals); /* 0 or an errno */
void signals_read(void *signals);          /* when the descriptor is readable */
void signals_close(struct signals *signals);

#endif
