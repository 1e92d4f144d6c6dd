/*
 * server_network.h: networks in memory contexts; what fails raises.
 */
#ifndef SIAMESE_SERVER_NETWORK_H
#define SIAMESE_SERVER_NETWORK_H

#include "postgres.h"

#include "network/network.h"

/* All in the current memory context. */
extern Network *server_network(const NetworkDefinition *definition);

/* For so many samples at once, with the prepared weights packed [network_packed_count]. */
extern NetworkWorkspace *server_workspace(const Network *network, int samples, bool training, const real *packed);

/* For inference, one for each of so many threads; packed NULL: the weights are prepared here, once for all. */
extern NetworkWorkspace **server_workspaces(const Network *network, const real *weights, const real *packed, int threads, int samples);

/* Aligned for the network's kernels, not initialized; count may be 0. */
extern real *server_reals(size_t count);

#endif
