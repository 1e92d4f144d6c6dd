/*
 * code_internal.h: the kernels of all levels, and their margins.
 */
#ifndef SIAMESE_CODE_INTERNAL_H
#define SIAMESE_CODE_INTERNAL_H

#include "distance/code.h"

/*
 * What bounds give away for rounding; u is 2^-24, the most that one operation in float loses, relative.
 *
 * CODE_QUERY_ROUNDING, in units for each dimension, is added to the query's error and taken from its clip.  A coordinate of the
 * box is computed by three operations: it may be off by 3u of 127 units, 2.3e-5.  The codes' distance, of 254 units a dimension
 * at most, loses 1.5u when its square becomes a float and has its root taken: 2.3e-5 again.  5e-5 is more than both.
 *
 * CODE_SHRINK_ROOT: let H be the root of clip^2 + inside^2 without rounding; the true distance is at least H - slack.
 * Difference, squares, sum, root and product add up to 5u to H; subtracting the slack and multiplying by the step add 2u to a
 * result that is not above H; and the kernels of distance.h may give 1e-6 less than the true distance.  Together that is less
 * than 1.5e-6 of H; twice as much is taken.  So nothing is left to be given away when the slack is subtracted.
 */
#define CODE_QUERY_ROUNDING 5e-5
#define CODE_SHRINK_ROOT (1 - 3e-6f)
#define CODE_LIMIT 1e18f		/* of a clip: its square is a float */

extern const CodeKernels code_portable;
#if defined(__x86_64__)
extern const CodeKernels code_avx2;
extern const CodeKernels code_avx512;
#elif defined(__aarch64__)
extern const CodeKernels code_neon;
#endif

#endif
