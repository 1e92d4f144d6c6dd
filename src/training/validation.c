/*
 * validation.c: the scores of an epoch: error rates and calibration on identities that the training does not see.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "model/stored_calibration.h"
#include "training/embed_examples.h"
#include "training/example_pairs.h"
#include "training/examples.h"
#include "training/learner.h"
#include "training/reference_calibration_fit.h"
#include "training/split.h"
#include "training/training.h"
#include "verification/calibration.h"
#include "verification/score.h"

#define VALIDATION_PAIRS 200000	/* of each kind, from which an epoch's scores are computed */

void
validation_gather(Training *training)
{
	const Examples *examples = training->examples;
	const Split *split = training->split;
	ValidationSet *validation = &training->validation;

	for (int i = 0; i < split->held_out; i++)
	{
		const ExampleLabel *label = &examples->label[split->held_out_label[i]];

		validation->count += label->genuine + label->forged;
	}
	validation->example = palloc_extended(sizeof(int) * validation->count, MCXT_ALLOC_HUGE);
	validation->count = 0;
	for (int i = 0; i < split->held_out; i++)
	{
		const ExampleLabel *label = &examples->label[split->held_out_label[i]];

		for (int k = 0; k < label->genuine + label->forged; k++)
			validation->example[validation->count++] = label->first + k;
	}
	validation->embedding = palloc_extended(sizeof(float) * validation->count * network_dimensions(training->learner->network),
											MCXT_ALLOC_HUGE);
}

static Jsonb *
scores_to_jsonb(const Training *training, const Score *random, const Score *skilled, int epoch)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"epoch\": %d, \"held_out_identities\": %d, ", epoch, training->split->held_out);
	if (training->examples->grouped)
		appendStringInfo(&text, "\"held_out_groups\": %d, ", training->split->held_out_groups);
	appendStringInfo(&text, "\"held_out_samples\": %d, \"random\": {\"eer\": %.6g, \"auc\": %.6g}",
					 training->validation.count, random->eer, random->auc);
	if (skilled != NULL)
		appendStringInfo(&text, ", \"skilled\": {\"eer\": %.6g, \"auc\": %.6g}", skilled->eer, skilled->auc);
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

bool
validation_embed(Training *training, int count)
{
	const Learner *learner = training->learner;

	return embed_examples(learner->network, learner->average, learner->pool, training->examples, training->validation.example,
						  count, Min(EMBED_SAMPLES_AT_ONCE, learner->samples_at_once), training->validation.embedding);
}

bool
validation_score(Training *training, EpochResult *result)
{
	EmbeddedExamples held_out = {
		.examples = training->examples, .label = training->split->held_out_label, .labels = training->split->held_out,
		.embedding = training->validation.embedding, .metric = training->definition->metric,
		.dimensions = network_dimensions(training->learner->network)
	};
	uint64		seed = (uint64) training->request.seed;
	PairDistances pairs;
	Score		random;
	Score		skilled;
	bool		forgeries;

	if (!validation_embed(training, training->validation.count))
		return false;
	example_pairs(&held_out, VALIDATION_PAIRS, seed, &pairs);
	random = score_pairs(&pairs.set[PAIR_GENUINE], &pairs.set[PAIR_RANDOM]);
	result->eer = random.eer;
	result->auc = random.auc;
	forgeries = pairs.set[PAIR_SKILLED].count > 0;
	if (forgeries)
	{
		skilled = score_pairs(&pairs.set[PAIR_GENUINE], &pairs.set[PAIR_SKILLED]);
		result->eer = (random.eer + skilled.eer) / 2;
		result->auc = (random.auc + skilled.auc) / 2;
	}
	result->error = result->eer + (1 - result->auc) * 1e-3;
	calibration_fit(&pairs, seed, &result->calibration);
	result->references = reference_calibration_fit(&held_out, seed, &pairs);
	result->scores = scores_to_jsonb(training, &random, forgeries ? &skilled : NULL, result->epoch);
	return true;
}
