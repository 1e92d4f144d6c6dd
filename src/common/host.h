/*
 * host.h: the server as the Host of the pure rooms.
 */
#ifndef SIAMESE_HOST_H
#define SIAMESE_HOST_H

#include "common/status.h"

/*
 * allocate() uses the CurrentMemoryContext at the time of each call, aligns to 64 bytes, and returns NULL if out of memory (no
 * error, no longjmp).  interrupted() is true while a cancel or termination is pending; it only reads flags, so any thread may
 * call it.  The others are for the main thread only.
 */
extern const Host *host_server(void);

#endif
