/*
 * cluster.h: k-means for the centres of regions, and the grouping of rows into cells.
 */
#ifndef SIAMESE_INDEX_CLUSTER_H
#define SIAMESE_INDEX_CLUSTER_H

#include "postgres.h"

/* ---- kmeans.c ---------------------------------------------------------------------------------------------------- */

/*
 * A power of two by which to multiply values float [count] so that sums of their squares neither overflow nor vanish in single
 * precision; 1 for values as networks make them.
 */
extern float kmeans_scale(const float *values, Size count);
extern void kmeans_multiply(float *values, Size count, float scale);

/* Lloyd's algorithm on rows float [count, n] -> centres float [k, n]; returns how many are in use (no two are equal). */
extern int	kmeans_run(const float *rows, int count, int n, int k, uint64 seed, float *centres);

/*
 * The nearest centre (Euclidean) of each row into nearest [count]; rows lie stride floats apart.  half_squares float [k]:
 * halves of the centres' squared lengths; products float [KMEANS_BATCH, k]: scratch.
 */
#define KMEANS_BATCH 256		/* rows at once, at most */
extern void kmeans_half_squares(const float *centres, int k, int n, float *half_squares);
extern void kmeans_assign(const float *rows, Size stride, int count, const float *centres, const float *half_squares, int k, int n,
						  float *products, int32 *nearest);

/* ---- group.c ----------------------------------------------------------------------------------------------------- */

/*
 * Orders rows [count, n] so that cells are runs: order int [count]; returns the number of cells, whose ends are ends int [count].
 * Overwrites the rows.
 */
extern int	group_rows(float *rows, int count, int n, int *order, int *ends);

#endif
