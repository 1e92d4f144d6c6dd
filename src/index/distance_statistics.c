/*
 * distance_statistics.c: ANALYZE of a column of embeddings.
 *
 * The standard statistics first, for equality: most common values, number of distinct ones.  Their histogram is replaced by
 * the samples and curves of distance_statistics.h, since ranges in the lexical order are of no use.  The distances of samples x
 * rows are taken row by row, so that no more than one long row is in memory at a time.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "commands/vacuum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "index/distance_statistics.h"

#define STATISTICS_KIND 15471	/* of the slot; from the range for private use */
#define STATISTICS_BYTES (128 * 1024)	/* of all samples, */
#define STATISTICS_LEAST 16		/* but so many at least */
#define STATISTICS_MOST 200		/* samples */
#define STATISTICS_ROWS 30000	/* that curves are made of, at most */
#define STATISTICS_POINTS 64
#define STATISTICS_HEADER 2		/* numbers before the shares: comparable, points */

PG_FUNCTION_INFO_V1(siamese_embedding_analyze);

#define ST_SORT sort_distances
#define ST_ELEMENT_TYPE float
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* The standard function, and its data. */
typedef struct Standard
{
	AnalyzeAttrComputeStatsFunc compute;
	void	   *data;
} Standard;

/* Ranks at which curves are kept: 1, 2, 3, 4, 6, 8 ... and some near the end.  Returns their number. */
static int
choose_ranks(int rows, int *ranks)
{
	int			points = 0;

	for (int rank = 1; rank < rows; rank *= 2)
	{
		ranks[points++] = rank;
		if (rank > 1 && rank / 2 * 3 < rows)
			ranks[points++] = rank / 2 * 3;
	}
	for (int part = 8; part <= 64; part *= 8)
		if (rows - rows / part > ranks[points > 0 ? points - 1 : 0] && rows / part > 0)
			ranks[points++] = rows - rows / part;
	if (rows > 0)
		ranks[points++] = rows;
	return points;
}

/* A copy that outlives the row from which it was read. */
static Embedding *
copy_embedding(Datum value)
{
	Embedding  *read = DatumGetEmbedding(value);
	Embedding  *copy = palloc(VARSIZE(read));

	memcpy(copy, read, VARSIZE(read));
	return copy;
}

/* Moves the samples of the most frequent kind to the front; returns their number. */
static int
most_frequent_kind(Embedding **samples, int count)
{
	int			best = 0;
	int			most = 0;
	int			left = 0;
	Embedding  *like;

	for (int i = 0; i < count; i++)
	{
		int			equal = 0;

		for (int j = 0; j < count; j++)
			equal += statistics_same_kind(samples[i], samples[j]);
		if (equal > most)
		{
			most = equal;
			best = i;
		}
	}
	like = samples[best];
	for (int i = 0; i < count; i++)
		if (statistics_same_kind(samples[i], like))
			samples[left++] = samples[i];
	return left;
}

/*
 * Distances of the samples to rows of ANALYZE's sample: float [count, rows], sorted for each sample.  Returns how many rows
 * were comparable; a sample itself is one of them and stands first, at distance 0.
 */
static int
take_distances(VacAttrStats *stats, AnalyzeAttrFetchFunc fetch, const int *places, int rows, Embedding *const *samples, int count,
			   float *distances)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese analyze", ALLOCSET_DEFAULT_SIZES);
	int			taken = 0;

	for (int row = 0; row < rows; row++)
	{
		MemoryContext previous = MemoryContextSwitchTo(scratch);
		bool		isnull;
		Embedding  *value = DatumGetEmbedding(fetch(stats, places[row], &isnull));

		compat_vacuum_delay_point();
		if (statistics_same_kind(value, samples[0]))
		{
			for (int i = 0; i < count; i++)
			{
				double		distance = embedding_distance(value, samples[i]);

				distances[(Size) i * rows + taken] = (float) Min(distance, FLT_MAX);
			}
			taken++;
		}
		MemoryContextSwitchTo(previous);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	for (int i = 0; i < count; i++)
		sort_distances(distances + (Size) i * rows, taken);
	return taken;
}

static void
add_statistics(VacAttrStats *stats, AnalyzeAttrFetchFunc fetch, int samplerows)
{
	MemoryContext previous = MemoryContextSwitchTo(stats->anl_context);
	int		   *places = palloc(sizeof(int) * Max(samplerows, 1));
	int			values = 0;
	int			rows;
	int			count;
	int			compared;
	int			ranks[STATISTICS_POINTS];
	int			points;
	int			slot = 0;
	Size		size;
	Embedding **samples;
	float	   *distances;
	float	   *numbers;
	bool		isnull;

	for (int i = 0; i < samplerows; i++)
	{
		(void) fetch(stats, i, &isnull);
		if (!isnull)
			places[values++] = i;
	}
	while (slot < STATISTIC_NUM_SLOTS && stats->stakind[slot] != 0 && stats->stakind[slot] != STATISTIC_KIND_HISTOGRAM)
		slot++;
	if (values == 0 || slot == STATISTIC_NUM_SLOTS)
	{
		MemoryContextSwitchTo(previous);
		return;
	}

	/* the rows that are compared, and the samples among them: spread over ANALYZE's sample, which is in the table's order */
	rows = Min(values, STATISTICS_ROWS);
	for (int i = 0; i < rows; i++)
		places[i] = places[(int64) values * i / rows];
	size = toast_raw_datum_size(fetch(stats, places[0], &isnull));
	count = Max((int) (STATISTICS_BYTES / Max(size, 1)), STATISTICS_LEAST);
	count = Min(Min(count, STATISTICS_MOST), Min(Max(stats->minrows / 300, 1), rows));
	samples = palloc(sizeof(Embedding *) * count);
	for (int i = 0; i < count; i++)
		samples[i] = copy_embedding(fetch(stats, places[(int64) rows * i / count], &isnull));
	count = most_frequent_kind(samples, count);
	distances = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * (Size) count * rows);
	compared = take_distances(stats, fetch, places, rows, samples, count, distances);

	points = choose_ranks(compared - 1, ranks);
	numbers = palloc(sizeof(float) * (STATISTICS_HEADER + (Size) points * (1 + count)));
	numbers[0] = (float) compared / rows;
	numbers[1] = points;
	for (int point = 0; point < points; point++)
	{
		numbers[STATISTICS_HEADER + point] = (float) ranks[point] / ranks[points - 1];
		for (int i = 0; i < count; i++)
			numbers[STATISTICS_HEADER + points + i * points + point] = distances[(Size) i * rows + ranks[point]];
	}
	pfree(distances);

	stats->stakind[slot] = STATISTICS_KIND;
	stats->staop[slot] = InvalidOid;
	stats->stacoll[slot] = InvalidOid;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = STATISTICS_HEADER + points * (1 + count);
	stats->stavalues[slot] = (Datum *) samples;
	stats->numvalues[slot] = count;
	MemoryContextSwitchTo(previous);
}

static void
compute_statistics(VacAttrStats *stats, AnalyzeAttrFetchFunc fetch, int samplerows, double totalrows)
{
	Standard   *standard = stats->extra_data;

	stats->extra_data = standard->data;
	standard->compute(stats, fetch, samplerows, totalrows);
	stats->extra_data = standard;
	if (stats->stats_valid)
		add_statistics(stats, fetch, samplerows);
}

Datum
siamese_embedding_analyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);
	Standard   *standard;

	if (!std_typanalyze(stats))
		PG_RETURN_BOOL(false);
	standard = palloc(sizeof *standard);
	standard->compute = stats->compute_stats;
	standard->data = stats->extra_data;
	stats->compute_stats = compute_statistics;
	stats->extra_data = standard;
	PG_RETURN_BOOL(true);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const Embedding **
embeddings_of(const AttStatsSlot *slot)
{
	const Embedding **embeddings = palloc(sizeof(Embedding *) * Max(slot->nvalues, 1));

	for (int i = 0; i < slot->nvalues; i++)
		embeddings[i] = DatumGetEmbedding(slot->values[i]);
	return embeddings;
}

const DistanceStatistics *
statistics_read(VariableStatData *variable, Oid function)
{
	DistanceStatistics *statistics;
	AttStatsSlot slot;

	if (!HeapTupleIsValid(variable->statsTuple) || !statistic_proc_security_check(variable, function) ||
		!get_attstatsslot(&slot, variable->statsTuple, STATISTICS_KIND, InvalidOid, ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		return NULL;
	if (!embedding_is_type(slot.valuetype))
		return NULL;			/* another type may use the same private kind */
	statistics = palloc0(sizeof *statistics);
	statistics->count = slot.nvalues;
	statistics->points = slot.nnumbers >= STATISTICS_HEADER ? (int) slot.numbers[1] : -1;
	if (statistics->count < 1 || statistics->points < 0 ||
		slot.nnumbers != STATISTICS_HEADER + statistics->points * (1 + statistics->count))
		return NULL;			/* written by another version */
	statistics->samples = embeddings_of(&slot);
	statistics->comparable = slot.numbers[0];
	statistics->shares = slot.numbers + STATISTICS_HEADER;
	statistics->curves = statistics->shares + statistics->points;
	statistics->not_null = 1 - ((Form_pg_statistic) GETSTRUCT(variable->statsTuple))->stanullfrac;
	if (get_attstatsslot(&slot, variable->statsTuple, STATISTIC_KIND_MCV, InvalidOid, ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
	{
		statistics->common = Min(slot.nvalues, slot.nnumbers);
		statistics->values = embeddings_of(&slot);
		statistics->frequencies = slot.numbers;
	}
	return statistics;
}
