/* `segmo sandbox`: a stand-in for the Segment and MoEngage APIs, for tests and for developing
 * without accounts.
 *
 * It judges requests by its own reading of both protocols, shares no rule with the library that it
 * is used to test, can be told to fail, and counts what came.
 */
#ifndef SEGMO_PROGRAM_SANDBOX_H
#define SEGMO_PROGRAM_SANDBOX_H

/* Runs until SIGTERM or SIGINT. argv[0] is the subcommand's name. Answers the exit code: 0 ended as
 * asked, 1 the address or a file could not be used, 2 the command line is wrong. */
int segmo_program_sandbox(int argc, char **argv);

#endif
