/*
 * training.h: examples -> batches -> steps -> a new version of a model.
 *
 * The rows of the examples' query are decoded and prepared once (examples.c), identities or groups of them are split by seed
 * into those that train and those held out (split.c), each step takes some identities and some samples of each (sampler.c), every
 * sample distorted anew (the network room).  All threads but the main one are ours, with every signal blocked, and never call
 * the server (common/threads.c).
 */
#ifndef SIAMESE_TRAINING_H
#define SIAMESE_TRAINING_H

#include "postgres.h"

#include "common/random.h"
#include "common/threads.h"
#include "model/model.h"
#include "network/network.h"
#include "verification/verification.h"

/* ---- examples.c --------------------------------------------------------------------------------------------------- */

typedef struct Example
{
	int			label;			/* index into Examples.label */
	bool		genuine;
	int			slot;			/* number of its raster in the store: rises in the order of the query's rows */
} Example;

typedef struct ExampleLabel
{
	char	   *name;
	int			first;			/* its examples stand together: genuine ones first, then forgeries */
	int			genuine;
	int			forged;
	int			group;			/* 0 .. groups - 1: labels of one group are never on both sides of a split */
} ExampleLabel;

typedef struct Examples
{
	int			count;
	int			labels;
	int			groups;			/* as many as labels when the query has no groups */
	bool		grouped;		/* the query has groups */
	int			raster_bytes;	/* of one example */
	struct RasterStore *rasters;
	Size		bytes;			/* in memory, all in all */
	char	   *digest;			/* SHA-256 over labels, groups and prepared samples, in hexadecimal: the same for the same set of rows */
	Example    *example;		/* sorted by label, genuine before forged, then by content */
	ExampleLabel *label;		/* sorted by name, bytewise */
	int64		null_rows;		/* a NULL sample or label: left out */
	int64		bad_rows;		/* not decodable: left out */
	char	   *first_bad;		/* describes the first of them */
	int64		copies;			/* the same, prepared, as another one of the label: left out */
	int64		contradictions; /* samples that are genuine ones of two labels, or genuine and forged under one */
	char	   *first_contradiction;	/* describes the first of them */
} Examples;

/*
 * Runs the query inside the current SPI connection; everything lives in the current memory context.  Columns: sample
 * bytea or real[], label of any type, genuine boolean (NULL is an error) if there is a third, and group of any type if there is a
 * fourth: of a label's rows all that name one (are not NULL) name the same, and without any it is a group of its own.  The
 * result depends on the set of rows, not on their order.  Rasters that do not fit into memory bytes go to a temporary file.  Warns of rows
 * that were left out; raises if the query or its columns are wrong, or if the list of the rows alone takes more than most
 * bytes.
 */
extern Examples *examples_read(const char *query, const NetworkDefinition *definition, Size memory, Size most);

/*
 * Rasters [height, width, channels], prepared as the network sees them, of the examples index [count]: raster [count]
 * points to them, in memory or in buffer [count, examples->raster_bytes].  Valid until the buffer is used again.  For the
 * main thread alone.
 */
extern void examples_fetch(const Examples *examples, const int *index, int count, uint8 *buffer, const uint8 **raster);
extern bool examples_spilled(const Examples *examples);	/* whether there is a temporary file */

/* ---- split.c ------------------------------------------------------------------------------------------------------ */

#define SPLIT_LEAST_IDENTITIES 4	/* in all: 2 to learn from, 2 to be measured by */

typedef struct Split
{
	int			training;
	int			held_out;
	int			groups;			/* in all, of identities that can be used */
	int			held_out_groups;
	int		   *training_label; /* [training] */
	int		   *held_out_label; /* [held_out] */
} Split;

/*
 * Groups, which without a column of groups are identities, never samples, by seed.  An identity needs two genuine samples:
 * others raise, or with strict false are left out.  Raises when there are too few identities or groups.  Whole groups are
 * held out, in random order, each that brings the number of held-out identities nearer to the share held_out; no more of
 * them when there would be more than most_samples.  Of a group that is larger than that some identities are on neither side.
 */
extern Split *split_identities(const Examples *examples, double held_out, int most_samples, uint64 seed, bool strict);

/* ---- sampler.c ---------------------------------------------------------------------------------------------------- */

typedef struct Batch
{
	int			n;
	int		   *example;		/* [n], indexes of the examples */
	int32	   *label;			/* [n] */
	uint8	   *genuine;		/* [n] */
	NetworkCopy *copy;			/* [n]; forge: of a genuine sample, and genuine is 0 */
} Batch;

typedef struct Sampler Sampler;

extern Sampler *sampler_create(const Examples *examples, const Split *split, const NetworkDefinition *definition, uint64 seed);
extern int	sampler_batch_size(const Sampler *sampler); /* the largest n */
extern void sampler_next(Sampler *sampler, Batch *batch);

/* ---- embed_examples.c --------------------------------------------------------------------------------------------- */

/*
 * Embeds the examples index [count] on all threads, each at_once samples in a pass: embedding [count, dimensions].  False
 * when a cancel or a termination is pending.
 */
extern bool embed_examples(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples,
							 const int *index, int count, int at_once, float *embedding);

#define EMBED_SAMPLES_AT_ONCE 16	/* at once, where there is memory */

/* ---- example_pairs.c ---------------------------------------------------------------------------------------------- */

/*
 * Distances of the pairs among the examples of these labels, sorted; samples are numbered as in embedding [all their
 * examples in order of labels, dimensions].  All pairs, or where a kind has more than limit of them a sample drawn by
 * seed.
 */
extern void example_pairs(const Examples *examples, const int *labels, int label_count, const float *embedding,
							 Metric metric, int dimensions, int64 limit, uint64 seed, PairDistances *pairs);

/* ---- reference_fit.c ---------------------------------------------------------------------------------------------- */

/*
 * The calibration of references, from the same as example_pairs(), in the current memory context; samples: its result,
 * for who is who.
 */
extern ReferenceCalibration *references_fit(const Examples *examples, const int *labels, int label_count,
											const float *embedding, Metric metric, int dimensions, uint64 seed,
											const PairDistances *samples);

/* ---- options.c ---------------------------------------------------------------------------------------------------- */

typedef struct TrainingOptions
{
	int			threads;
	bool		strict;
	double		max_minutes;	/* 0: as long as the epochs take */
	char	   *start;			/* NULL, or the model to begin from */
	Jsonb	   *given;			/* as the caller wrote them */
	Jsonb	   *definition;		/* the network's, with the options' changes */
} TrainingOptions;

/* Raises on unknown options (the hint lists the known ones) and values out of range. */
extern void training_options(Jsonb *options, Jsonb *network_definition, TrainingOptions *result);

/* From "given", as it was stored: what else a resumed training must know. */
extern void training_options_resumed(TrainingOptions *result);

/* "given" says which version was meant by "start". */
extern void training_options_started(TrainingOptions *options, const char *start);

#endif
