/*
 * sample.c: one synthetic signature, from the four numbers that determine it.
 */
#include "sample/sample_internal.h"

#include <string.h>

/* What a tablet records: every SAMPLE_PEN_STRIDE-th point, in hundredths of a millimetre from a corner of the tablet. */
static bool
pen_record(const SampleTrack *track, Random *random, const Host *host, SampleSignature *result, Status *status)
{
	double		low_x = track->x[0];
	double		low_y = track->y[0];
	double		left = random_range(random, 500.0, 3000.0);
	double		bottom = random_range(random, 500.0, 3000.0);

	result->points = (track->points - 1) / SAMPLE_PEN_STRIDE + 1;
	result->pen = host_allocate(host, (size_t) result->points * 4, sizeof(float), status);
	if (result->pen == NULL)
		return false;
	for (int k = 1; k < track->points; k++)
	{
		low_x = fmin(low_x, track->x[k]);
		low_y = fmin(low_y, track->y[k]);
	}
	for (int i = 0; i < result->points; i++)
	{
		int			k = i * SAMPLE_PEN_STRIDE;
		float	   *point = &result->pen[(size_t) i * 4];

		point[0] = (float) (left + 100.0 * (track->x[k] - low_x));
		point[1] = (float) (bottom + 100.0 * (track->y[k] - low_y));
		point[2] = (float) track->pressure[k];
		point[3] = (float) k / SAMPLE_RATE;
	}
	return true;
}

bool
sample_signature(uint64_t seed, int signer, int sample, bool genuine, const Host *host, SampleSignature *result,
				 Status *status)
{
	SamplePlan	plan;
	SampleMotion motion;
	SampleTrack track;
	Random		hand;
	Random		paper;
	SampleManner manner;
	bool		done;

	memset(result, 0, sizeof *result);
	if (signer < 0 || signer >= LIMIT_SIGNERS)
		return status_set(status, STATUS_ARGUMENT, NULL, "The signer is %d; it must be from 0 to %d.", signer,
						  LIMIT_SIGNERS - 1);
	if (sample < 0 || sample >= LIMIT_SAMPLES)
		return status_set(status, STATUS_ARGUMENT, NULL, "The sample is %d; it must be from 0 to %d.", sample,
						  LIMIT_SAMPLES - 1);

	hand = sample_stream(seed, genuine ? SAMPLE_FOR_GENUINE : SAMPLE_FOR_FORGED, signer, sample);
	paper = sample_stream(seed, SAMPLE_FOR_PAPER, signer, (uint64_t) sample * 2 + genuine);
	sample_plan(seed, signer, &plan);
	sample_perform(&plan, seed, signer, sample, genuine, &motion, &manner, &hand);
	if (!sample_motion_track(&motion, &manner, &hand, host, &track, status))
		return false;
	done = pen_record(&track, &paper, host, result, status) && sample_render(&track, &paper, host, result, status);
	sample_track_release(host, &track);
	if (!done)
		sample_signature_release(host, result);
	return done;
}

void
sample_signature_release(const Host *host, SampleSignature *signature)
{
	host_release(host, signature->raster);
	host_release(host, signature->pen);
	memset(signature, 0, sizeof *signature);
}
