/*
 * reference_pack.c: a reference in one byte a component and three more; network B's 76 components are 79 bytes, 80 with the
 * length byte of a stored bytea (Bromley 1993 needed 76 of a credit card's 80 for 38 components).
 *
 *   byte 0: format (3, upper two bits) and the scale of the means: 2 ^ ((low six bits - 32) / 2)
 *   byte 1: count - 1 and window - 1, four bits each; what is above 16 becomes 16
 *   byte 2: the scale of the spreads: scale of the means * 2 ^ (-byte / 16)
 *   then of each component: the mean in six bits, from -scale to scale; the spread in two: 2 ^ (-1.5, -0.5, 0.5, 1.5) times
 *   the scale of the spreads
 *
 * What is left out is the model: it is named when a reference is unpacked.
 */
#include "postgres.h"

#include <math.h>

#include "common/check.h"
#include "common/compat.h"
#include "embedding/reference.h"

PG_FUNCTION_INFO_V1(siamese_reference_pack);

#define FORMAT 3
#define HALF_STEPS 31.5			/* six bits: 64 values from -31.5 to 31.5 */
#define SPREADS 4

static double
mean_scale(int exponent)
{
	return exp2((exponent - 32) / 2.0);
}

Datum
siamese_reference_pack(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	int			dimensions = reference->dimensions;
	Size		size = VARHDRSZ + REFERENCE_PACKED_HEADER + dimensions;
	bytea	   *packed = palloc(size);
	uint8	   *byte = (uint8 *) VARDATA(packed);
	double		largest = 0;
	double		spread = 0;		/* sum of the logarithms of the variances, base 2 */
	int			spreads = 0;
	int			exponent;
	double		scale;

	SET_VARSIZE(packed, size);
	for (int i = 0; i < dimensions; i++)
	{
		largest = fmax(largest, fabs(reference->x[i]));
		if (reference_variance(reference)[i] > 0)
		{
			spread += log2(reference_variance(reference)[i]);
			spreads++;
		}
	}
	exponent = largest > 0 ? (int) ceil(2 * log2(largest)) + 32 : 0;
	exponent = Max(Min(exponent, 63), 0);
	scale = mean_scale(exponent);
	byte[0] = (uint8) (FORMAT << 6 | exponent);
	byte[1] = (uint8) ((Min(reference->count, 16) - 1) << 4 | (Min(reference->window, 16) - 1));
	byte[2] = 255;
	if (spreads > 0)
		byte[2] = (uint8) fmax(fmin(rint(16 * (log2(scale) - spread / spreads / 2)), 255), 0);
	spread = scale * exp2(-byte[2] / 16.0);
	for (int i = 0; i < dimensions; i++)
	{
		int			mean = (int) rint(reference->x[i] / scale * HALF_STEPS + HALF_STEPS);
		double		ratio = sqrt(reference_variance(reference)[i]) / spread;
		int			level = ratio > 0 ? (int) floor(log2(ratio) + SPREADS / 2) : 0;

		byte[REFERENCE_PACKED_HEADER + i] = (uint8) (Max(Min(mean, 63), 0) << 2 | Max(Min(level, SPREADS - 1), 0));
	}
	PG_RETURN_BYTEA_P(packed);
}

Reference *
reference_unpack(const uint8 *byte, Size size, int dimensions, Metric metric, uint64 model)
{
	Reference  *reference;
	double		scale;
	double		spread;
	float		mean[64];		/* of the upper six bits */
	float		variance[SPREADS];	/* of the lower two */
	int			count;
	int			window;

	if (size < REFERENCE_PACKED_HEADER || byte[0] >> 6 != FORMAT)
		check_bad_binary("reference", "It is not what a reference is packed into.");
	if (size != (Size) REFERENCE_PACKED_HEADER + dimensions)
		check_bad_binary("reference", "It has %zu bytes; a reference of the model's %d dimensions has %d.", size, dimensions,
						 REFERENCE_PACKED_HEADER + dimensions);
	count = (byte[1] >> 4) + 1;
	window = (byte[1] & 15) + 1;
	if (count > window)
		check_bad_binary("reference", "It says that %d of %d embeddings count.", count, window);
	reference = reference_make(dimensions, metric, model, window);
	reference->count = (uint16) count;
	scale = mean_scale(byte[0] & 63);
	spread = count > 1 ? scale * exp2(-byte[2] / 16.0) : 0;
	for (int value = 0; value < 64; value++)
		mean[value] = (float) ((value - HALF_STEPS) / HALF_STEPS * scale);
	for (int value = 0; value < SPREADS; value++)
	{
		double		own = spread * exp2(value + 0.5 - SPREADS / 2);

		variance[value] = (float) (own * own);
	}
	for (int i = 0; i < dimensions; i++)
	{
		int			value = byte[REFERENCE_PACKED_HEADER + i];

		reference->x[i] = mean[value >> 2];
		reference->x[dimensions + i] = variance[value & 3];
	}
	return reference;
}
