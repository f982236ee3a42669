/* Ctrl-C: the first one asks the running command to stop in order, the second one stops at once. */
#ifndef SEGMO_PROGRAM_INTERRUPT_H
#define SEGMO_PROGRAM_INTERRUPT_H

void interrupt_watch(void);
int interrupted(void);

#endif
