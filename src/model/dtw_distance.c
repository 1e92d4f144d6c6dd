/*
 * dtw_distance.c: dtw_distance(pen, pen): elastic matching of two trajectories, without a model.
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/check.h"
#include "common/host.h"
#include "model/sql_samples.h"
#include "pen/elastic.h"

static void
sequence_of(ArrayType *pen, ElasticSequence *sequence)
{
	PenRows		rows;
	Status		status;

	if (!model_try_pen_rows(pen, &rows, &status) || !elastic_sequence(&rows, host_server(), sequence, &status))
		check_raise_status(&status);
}

PG_FUNCTION_INFO_V1(siamese_dtw_distance);

Datum
siamese_dtw_distance(PG_FUNCTION_ARGS)
{
	ElasticSequence a;
	ElasticSequence b;
	double		distance;
	Status		status;

	sequence_of(PG_GETARG_ARRAYTYPE_P(0), &a);
	sequence_of(PG_GETARG_ARRAYTYPE_P(1), &b);
	if (!elastic_distance(&a, &b, host_server(), &distance, &status))
		check_raise_status(&status);
	PG_RETURN_FLOAT8(distance);
}
