/*
 * sample_signatures.c: siamese.sample_signatures(signers, samples, seed): synthetic signatures as rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"

#include "common/bytea.h"
#include "common/check.h"
#include "common/host.h"
#include "common/limits.h"
#include "image/image.h"
#include "sample/sample.h"

#define PEN_VALUES 4			/* of a point: x, y, pressure, time */

typedef struct Progress
{
	int			signers;
	int			samples;
	int64		seed;
} Progress;

/* [points, 4] as a two-dimensional real[]. */
static ArrayType *
pen_array(const SampleSignature *signature)
{
	int			lengths[2] = {signature->points, PEN_VALUES};
	int			bounds[2] = {1, 1};
	int			count = signature->points * PEN_VALUES;
	Datum	   *values = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		values[i] = Float4GetDatum(signature->pen[i]);
	return construct_md_array(values, NULL, 2, lengths, bounds, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT);
}

static bytea *
png_of(const SampleSignature *signature)
{
	uint8_t    *png;
	size_t		length;
	Status		status;

	if (!image_encode_png(signature->raster, signature->width, signature->height, 1, host_server(), &png, &length, &status))
		check_raise_status(&status);
	return bytea_of(png, length);
}

PG_FUNCTION_INFO_V1(siamese_sample_signatures);

Datum
siamese_sample_signatures(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	Progress   *progress;
	SampleSignature signature;
	Status		status;
	Datum		values[5];
	bool		nulls[5] = {false};
	uint64		row;
	int			signer;
	int			sample;
	bool		genuine;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	descriptor;

		check_count("signers", PG_GETARG_INT32(0), LIMIT_SIGNERS);
		check_count("samples", PG_GETARG_INT32(1), LIMIT_SAMPLES);
		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->tuple_desc = BlessTupleDesc(descriptor);
		progress = palloc(sizeof(Progress));
		*progress = (Progress) {PG_GETARG_INT32(0), PG_GETARG_INT32(1), PG_GETARG_INT64(2)};
		call->user_fctx = progress;
		call->max_calls = (uint64) progress->signers * progress->samples * 2;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	progress = call->user_fctx;
	row = call->call_cntr;
	if (row >= call->max_calls)
		SRF_RETURN_DONE(call);

	/* for each signer: the genuine samples, then as many forgeries */
	signer = (int) (row / ((uint64) progress->samples * 2));
	sample = (int) (row % progress->samples);
	genuine = row / progress->samples % 2 == 0;
	if (!sample_signature((uint64) progress->seed, signer, sample, genuine, host_server(), &signature, &status))
		check_raise_status(&status);
	values[0] = Int32GetDatum(signer + 1);
	values[1] = Int32GetDatum(sample + 1);
	values[2] = BoolGetDatum(genuine);
	values[3] = PointerGetDatum(png_of(&signature));
	values[4] = PointerGetDatum(pen_array(&signature));
	sample_signature_release(host_server(), &signature);
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
}
