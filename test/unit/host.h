/*
 * host.h: the Host of the unit tests and fuzzers: malloc, with counters and failures on demand.
 *
 * Safe to use from several threads.
 */
#ifndef SIAMESE_TEST_HOST_H
#define SIAMESE_TEST_HOST_H

#include "common/status.h"

/* The one host.  Counters start at 0, nothing fails, nothing interrupts. */
extern Host *test_host(void);

/* The next n allocations succeed, all later ones return NULL; -1: none fails. */
extern void test_host_fail_after(long n);

/* The next n allocations succeed, the one after them returns NULL, all later ones succeed again. */
extern void test_host_fail_once(long n);

/* The next n questions whether to stop are answered no, all later ones yes; -1: never yes. */
extern void test_host_interrupt_after(long n);

extern long test_host_outstanding(void);	/* allocations since test_host() that were not released */
extern long test_host_allocations(void);	/* allocations asked for since test_host() */
extern size_t test_host_bytes(void);	/* live bytes */
extern size_t test_host_peak(void);	/* the most live bytes since test_host() */

#endif
