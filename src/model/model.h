/*
 * model.h: a trained model in this backend's memory.
 *
 * A version of a model is immutable.  Its weights are stored by content, under the fingerprint: the first 64 bits of a SHA-256
 * over definition and weights.  The rows of siamese.model are read as the current user, so that privileges and row security
 * decide who may use a model; the right to its weights follows from that.
 */
#ifndef SIAMESE_MODEL_H
#define SIAMESE_MODEL_H

#include "postgres.h"

#include "common/metric.h"
#include "network/network.h"

typedef struct Model
{
	uint64		fingerprint;
	MemoryContext context;		/* holds everything below */
	NetworkDefinition *definition;
	Network    *network;
	const real *weights;		/* [network_weight_count] */
	const real *packed;			/* [network_packed_count], prepared from the weights */
	NetworkWorkspace *workspace;	/* for one input, or all of its views */
	uint8	   *raster;			/* buffer for one prepared sample [network_sample_bytes] */
	Metric		metric;
	int			dimensions;

	/* of a network with a layer "pair", which has no embeddings: workspace is NULL, metric and dimensions mean nothing */
	struct PairScorer *scorer;	/* else NULL */
	char	   *side;			/* buffer for two sides */
} Model;

/*
 * "name" (its newest finished version), "name@3", or NULL: the setting siamese.model.  Valid until the end of the
 * statement.  Raises if no name is given, if there is no such model, if the caller may not read it, or if its rows are
 * damaged.
 */
extern Model *model_by_name(const char *name);

/* The same for a fingerprint whose row the caller has already read as the current user. */
extern Model *model_by_fingerprint(uint64 fingerprint);

#endif
