/*
 * network_help.h: small networks from a line of text, for the tests of the network room.
 */
#ifndef SIAMESE_TEST_NETWORK_HELP_H
#define SIAMESE_TEST_NETWORK_HELP_H

#include "network/network.h"

/*
 * The leaves of JSON, written with ' for ".  They live until the next call.  The text must be well formed.
 */
extern const NetworkSetting *help_settings(const char *text, int *count);

/* Both end the program if they cannot. */
extern NetworkDefinition *help_define(const char *text);
extern Network *help_network(const char *text);

/* NULL, with status filled; ends the program if the definition is accepted. */
extern void help_refused(const char *text, Status *status);

/* Numbers in [-1, 1) that look random, the same everywhere. */
extern void help_fill(real *values, size_t count, unsigned seed);

#endif
