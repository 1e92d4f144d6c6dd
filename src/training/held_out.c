/*
 * held_out.c: what an epoch is worth: error rates and calibration on identities that the training does not see.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "training/train.h"

#define HELD_OUT_PAIRS 200000	/* of each kind, that an epoch's scores are computed from */

void
held_out_gather(Training *training)
{
	const Examples *examples = training->examples;
	const Split *split = training->split;

	for (int i = 0; i < split->held_out; i++)
	{
		const ExampleLabel *label = &examples->label[split->held_out_label[i]];

		training->held_out_count += label->genuine + label->forged;
	}
	training->held_out = palloc_extended(sizeof(int) * training->held_out_count, MCXT_ALLOC_HUGE);
	training->held_out_count = 0;
	for (int i = 0; i < split->held_out; i++)
	{
		const ExampleLabel *label = &examples->label[split->held_out_label[i]];

		for (int k = 0; k < label->genuine + label->forged; k++)
			training->held_out[training->held_out_count++] = label->first + k;
	}
	training->embedding = palloc_extended(sizeof(float) * training->held_out_count *
										  network_dimensions(training->learner->network), MCXT_ALLOC_HUGE);
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
					 training->held_out_count, random->eer, random->auc);
	if (skilled != NULL)
		appendStringInfo(&text, ", \"skilled\": {\"eer\": %.6g, \"auc\": %.6g}", skilled->eer, skilled->auc);
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

bool
held_out_embed(Training *training, int count)
{
	const Learner *learner = training->learner;

	return embed_examples(learner->network, learner->average, learner->pool, training->examples, training->held_out, count,
							Min(EMBED_SAMPLES_AT_ONCE, learner->samples_at_once), training->embedding);
}

bool
held_out_score(Training *training, EpochResult *result)
{
	const Learner *learner = training->learner;
	PairDistances pairs;
	Score		random;
	Score		skilled;
	bool		forgeries;

	if (!held_out_embed(training, training->held_out_count))
		return false;
	example_pairs(training->examples, training->split->held_out_label, training->split->held_out,
					 training->embedding, training->definition->metric, network_dimensions(learner->network),
					 HELD_OUT_PAIRS, (uint64) training->seed, &pairs);
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
	calibration_fit(&pairs, (uint64) training->seed, &result->calibration);
	result->references = references_fit(training->examples, training->split->held_out_label, training->split->held_out,
										training->embedding, training->definition->metric,
										network_dimensions(learner->network), (uint64) training->seed, &pairs);
	result->scores = scores_to_jsonb(training, &random, forgeries ? &skilled : NULL, result->epoch);
	return true;
}

