/*
 * gemm.h: matrix products, for this room and for the index's build.          Pure C.
 */
#ifndef SIAMESE_GEMM_H
#define SIAMESE_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#ifdef NETWORK_DOUBLE
typedef double real;
#else
typedef float real;
#endif

/*
 * c [m, n] = a [m, k] b [k, n] + keep c, keep being 0 or 1; the flags say that a is stored as [k, m], b as [n, k].
 * Leading sizes a, b, c.
 */
extern void gemm(bool a_turned, bool b_turned, int m, int n, int k, const real *a, size_t a_lead,
				 const real *b, size_t b_lead, real keep, real *c, size_t c_lead);

#endif
