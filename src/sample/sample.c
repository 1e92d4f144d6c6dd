/*
 * sample.c: one synthetic signature, from the four numbers that determine it.
 */
#include "sample/sample_internal.h"

#include <string.h>

bool
sample_signature(uint64_t seed, int signer, int sample, bool genuine, const Host *host, SampleSignature *result,
				 Status *status)
{
	SamplePlan	plan;
	SampleMotion motion;
	SampleTrack track;
	Random		hand;
	Random		paper;
	Random		of_tablet;
	SampleManner manner;
	SampleTablet tablet;
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
	of_tablet = sample_stream(seed, SAMPLE_FOR_TABLET, signer, 0);
	sample_tablet(&of_tablet, &tablet);
	sample_plan(seed, signer, &plan);
	sample_perform(&plan, seed, signer, sample, genuine, &motion, &manner, &hand);
	if (!sample_motion_track(&motion, &manner, &hand, host, &track, status))
		return false;
	done = sample_record(&track, &tablet, &paper, host, result, status) && sample_render(&track, &paper, host, result, status);
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
