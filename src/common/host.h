/*
 * host.h: the server as the Host of the pure rooms.
 */
#ifndef SIAMESE_HOST_H
#define SIAMESE_HOST_H

#include "common/status.h"

/*
 * Allocates in the CurrentMemoryContext of the moment of each call, 64-byte aligned, NULL (never an error, never a
 * longjmp) when memory is short.  Interrupted when a cancel or a termination is pending: that reads flags alone, so any
 * thread may ask; the rest is for the main thread only.
 */
extern const Host *host_server(void);

#endif
