/*
 * validation.c: the scores of an epoch: error rates and calibration on identities that the training does not see.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "model/sql_samples.h"
#include "model/stored_calibration.h"
#include "training/elastic_table.h"
#include "training/embed_examples.h"
#include "training/example_pairs.h"
#include "training/examples.h"
#include "training/held_out_error.h"
#include "training/learner.h"
#include "training/progress.h"
#include "training/reference_calibration_fit.h"
#include "training/split.h"
#include "training/training.h"
#include "verification/calibration.h"
#include "verification/score.h"

#define VALIDATION_PAIRS 200000	/* of each kind, from which an epoch's scores are computed */
#define TRIAL_SAMPLES 1024		/* of a trial */
#define TRIAL_PAIRS 100			/* of a trial with a head, of each kind */

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
	if (network_head(training->learner->network) == NULL)
		validation->embedding = palloc_extended(sizeof(float) * validation->count * network_dimensions(training->learner->network),
												MCXT_ALLOC_HUGE);
}

static EmbeddedExamples
held_out_examples(const Training *training)
{
	return (EmbeddedExamples) {
		.examples = training->examples, .label = training->split->held_out_label, .labels = training->split->held_out,
		.embedding = training->validation.embedding, .metric = training->definition->metric,
		.dimensions = network_dimensions(training->learner->network),
		.frame_distance = training->definition->training.frame_distance
	};
}

static Jsonb *
scores_to_jsonb(const Training *training, const HeldOutError *error, int epoch)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"epoch\": %d, \"held_out_identities\": %d, ", epoch, training->split->held_out);
	if (training->examples->grouped)
		appendStringInfo(&text, "\"held_out_groups\": %d, ", training->split->held_out_groups);
	appendStringInfo(&text, "\"held_out_samples\": %d", training->validation.count);
	held_out_error_append(&text, error);
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* Embeds the first count of the held-out examples.  False if a cancel or a termination is pending. */
static bool
embed_first(Training *training, int count)
{
	const Learner *learner = training->learner;

	return embed_examples(learner->network, learner->average, learner->pool, training->examples, training->validation.example,
						  count, Min(EMBED_SAMPLES_AT_ONCE, learner->samples_at_once), training->validation.embedding);
}

/* The pairs of the held-out examples: at most so many of a kind, or with a head as many as its cost allows. */
static void
held_out_pairs(const Training *training, int64 most, PairDistances *pairs)
{
	const Learner *learner = training->learner;
	EmbeddedExamples held_out = held_out_examples(training);

	if (network_head(learner->network) != NULL)
	{
		held_out.measure = pair_measure_create(learner->network, learner->average, learner->pool, training->examples,
											   training->validation.example, training->validation.count,
											   training->validation.side_bytes);
		most = pair_measure_limit(learner->network, VALIDATION_MULTIPLICATIONS, most);
	}
	example_pairs(&held_out, most, (uint64) training->request.seed, pairs);
}

bool
validation_trial(Training *training, double *share)
{
	int			count = Min(training->validation.count, TRIAL_SAMPLES);
	PairDistances pairs;
	MemoryContext context;
	MemoryContext caller;
	int64		whole;

	if (network_head(training->learner->network) == NULL)
	{
		*share = (double) count / training->validation.count;
		return embed_first(training, count);
	}
	whole = pair_measure_limit(training->learner->network, VALIDATION_MULTIPLICATIONS, VALIDATION_PAIRS);
	context = AllocSetContextCreate(CurrentMemoryContext, "siamese trial", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	held_out_pairs(training, TRIAL_PAIRS, &pairs);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	*share = Min((double) TRIAL_PAIRS / (double) whole, 1);
	return true;
}

/* Made at the first epoch; NULL if nothing is to be learned from it. */
static const ElasticTable *
elastic_table(Training *training, const EmbeddedExamples *held_out)
{
	SpecimenSource source = model_specimen_source(training->definition);
	MemoryContext caller;

	if (training->validation.elastic != NULL || !elastic_table_is_due(held_out, source, NULL))
		return training->validation.elastic;
	caller = MemoryContextSwitchTo(training->context);
	training->validation.elastic = elastic_table_create(held_out, source, (uint64) training->request.seed);
	MemoryContextSwitchTo(caller);
	return training->validation.elastic;
}

bool
validation_score(Training *training, EpochResult *result)
{
	bool		head = network_head(training->learner->network) != NULL;
	EmbeddedExamples held_out = held_out_examples(training);
	uint64		seed = (uint64) training->request.seed;
	PairDistances pairs;

	progress_phase(PHASE_MEASURING);
	if (!head && !embed_first(training, training->validation.count))
		return false;
	held_out_pairs(training, VALIDATION_PAIRS, &pairs);
	held_out_error(&pairs, seed, &result->error);
	calibration_fit(&pairs, seed, &result->calibration);
	result->references = head ? NULL : reference_calibration_fit(&held_out, elastic_table(training, &held_out), NULL, seed, &pairs);
	result->scores = scores_to_jsonb(training, &result->error, result->epoch);
	return true;
}
