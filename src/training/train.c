/*
 * train.c: CALL siamese.train(model, examples, network, epochs, seed, options) and CALL siamese.resume(model): their
 * arguments, and everything that is prepared before the first step.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/limits.h"
#include "model/definition_jsonb.h"
#include "model/names.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/server_network.h"
#include "network/network.h"
#include "training/examples.h"
#include "training/learner.h"
#include "training/memory_plan.h"
#include "training/progress.h"
#include "training/split.h"
#include "training/train_options.h"
#include "training/training.h"

#define DEFAULT_NETWORK "compact"

static void
check_trainable(const NetworkDefinition *definition)
{
	if (definition->training.turns && definition->image.width != definition->image.height)
		check_raise_definition(psprintf("\"training.turns\" needs a square input, not %d x %d.",
										definition->image.width, definition->image.height));
	if (definition->training.samples < 2)
		check_raise_definition("\"training.samples\" must be at least 2: a pair of one identity needs two samples.");
}

/* Memory for the lists of samples and identities in the sampler, the split and the validation set. */
static Size
list_bytes(const Training *training)
{
	const Examples *examples = training->examples;
	const Network *network = training->learner->network;
	Size		values = network_head(network) != NULL ? 0 : (Size) training->validation.count * network_dimensions(network);

	return (Size) examples->count * 3 * sizeof(int) + (Size) examples->labels * 128 + values * sizeof(float);
}

/* "6 held out", or with groups "6 held out (2 of 9 groups)". */
static char *
held_out_text(const Training *training)
{
	const Split *split = training->split;

	if (!training->examples->grouped)
		return psprintf("%d held out", split->held_out);
	return psprintf("%d held out (%d of %d groups)", split->held_out, split->held_out_groups, split->groups);
}

static void
check_same_examples(const Training *training)
{
	if (training->resumed.digest != NULL && strcmp(training->resumed.digest, training->examples->digest) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the examples of model \"%s\" have changed since its training began", training->request.model),
				 errdetail("The query now returns %d samples of %d labels, and their digest is not the same: %s",
						   training->examples->count, training->examples->labels, training->request.query),
				 errhint("Restore the rows, or train a new version with the option {\"start\": \"%s@%d\"}.",
						 training->request.model, training->version.number)));
}

/* The option "learn_last", which the network's definition does not hold: it says nothing of how the network computes. */
static void
freeze_layers(Training *training)
{
	int			layers = training->request.options.learn_last;
	Status		status;

	if (layers != LEARN_ALL && !network_learn_last(training->definition, layers, &status))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value of the option \"learn_last\""),
				 errdetail("%s", status.detail)));
}

/* "The last 2 of 9 layers with weights learn, 1290 of 34567 weights.  ", or nothing. */
static char *
frozen_text(const Training *training)
{
	size_t		parameters = network_parameter_count(training->learner->network);

	if (training->request.options.learn_last == LEARN_ALL)
		return "";
	return psprintf("Of %d layers with weights the last %d learn, %zu of %zu weights.  ", network_weighted_layers(training->definition),
					training->request.options.learn_last, parameters - network_frozen_count(training->learner->network), parameters);
}

/* The network, if need be by the methods that take least memory; when resumed, by the same ones as before. */
static Network *
create_network(Training *training, MemoryPlan *plan)
{
	for (;;)
	{
		Network    *network;

		if (training->spare_memory)
			network_spare_memory(training->definition);
		network = server_network(training->definition);
		if (memory_plan(plan, training->definition, network, training->request.options.threads))
			return network;
		if (training->spare_memory || training->version.number > 0)
			memory_plan_raise(plan);
		network_destroy(network);
		training->spare_memory = true;
	}
}

/* Everything that a training computes with, in its context. */
static void
prepare(Training *training)
{
	MemoryPlan	plan;
	Network    *network;
	Learner    *learner;
	int			most_samples;
	SplitRequest request;

	training->definition = definition_from_jsonb(training->request.options.definition);
	check_trainable(training->definition);
	freeze_layers(training);
	network = create_network(training, &plan);
	progress_phase(PHASE_READING);
	training->examples = examples_read(training->request.query, training->definition, plan.examples, plan.most_examples);
	check_same_examples(training);
	most_samples = network_head(network) != NULL ? VALIDATION_SAMPLES : VALIDATION_VALUES / network_dimensions(network);
	request = (SplitRequest) {
		.share = training->definition->training.held_out, .asked = training->request.options.held_out,
		.strict = training->request.options.strict, .most_samples = Min(VALIDATION_SAMPLES, most_samples)
	};
	training->split = split_identities(training->examples, &request, (uint64) training->request.seed);
	training->learner = learner = learner_create(training->definition, network, training->examples, training->split,
												 (uint64) training->request.seed, training->request.options.threads);
	validation_gather(training);
	learner->samples_at_once = memory_plan_samples(&plan, learner_batch_size(learner),
												   training->examples->bytes + list_bytes(training),
												   training->resumed.samples_at_once);
	training->validation.side_bytes = memory_plan_activations(&plan, learner->samples_at_once);
	training->memory_text = memory_plan_text(&plan, training->examples, learner_batch_size(learner), learner->samples_at_once);
	if (training->resumed.epoch_steps > 0)
		learner->progress.epoch_steps = training->resumed.epoch_steps;
}

static void
train(Training *training)
{
	MemoryContext caller = MemoryContextSwitchTo(training->context);
	Learner    *learner;

	warm_start_resolve(training);
	prepare(training);
	learner = training->learner;
	progress_phase(PHASE_TIMING);
	if (training->request.options.max_minutes > 0)
		time_budget_plan(training, training->request.epochs);
	else if (training->request.epochs == 0)
		training->request.epochs = training->definition->training.epochs;
	learner->progress.steps = learner->progress.epoch_steps * training->request.epochs;
	warm_start_load(training);
	MemoryContextSwitchTo(caller);
	ereport(NOTICE,
			(errmsg("training \"%s\" with network \"%s\": %d samples, %d identities, %s; %d epochs of %lld steps of %d samples",
					training->request.model, training->request.network, training->examples->count,
					training->split->training + training->split->held_out, held_out_text(training),
					training->request.epochs, (long long) learner->progress.epoch_steps, learner_batch_size(learner)),
			 errdetail("%s%s", frozen_text(training), training->memory_text)));
	/* no snapshot is held while computing, so that vacuum can remove rows */
	SPI_commit();
	loop_run(training);
}

static void
resume(Training *training, int version)
{
	MemoryContext caller;
	Learner    *learner;

	resume_read(training, version);
	progress_elapsed(training->resumed.elapsed);
	caller = MemoryContextSwitchTo(training->context);
	prepare(training);
	MemoryContextSwitchTo(caller);
	learner = training->learner;
	learner->progress.steps = learner->progress.epoch_steps * training->request.epochs;
	checkpoint_load(training);
	progress_phase(PHASE_REPEATING);
	while (!learner_skip_to(learner, learner->progress.epoch_steps * training->version.epoch))
		CHECK_FOR_INTERRUPTS();
	ereport(NOTICE,
			(errmsg("resuming training \"%s\": version %d, after epoch %d of %d",
					training->request.model, training->version.number, training->version.epoch, training->request.epochs),
			 errdetail("%s%s", frozen_text(training), training->memory_text)));
	SPI_commit();
	loop_run(training);
}

/*
 * Once an epoch is committed, every error says how far the training came: a cancel and a termination in detail and hint, any
 * other error in its context.
 */
static void
add_error_context(void *argument)
{
	const Training *training = argument;
	const TrainedVersion *version = &training->version;
	const char *model = training->request.model;
	int			code = geterrcode();

	if (version->epoch == 0 || ERRCODE_TO_CATEGORY(code) == ERRCODE_SUCCESSFUL_COMPLETION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_WARNING)
		return;
	if (code == ERRCODE_QUERY_CANCELED || code == ERRCODE_ADMIN_SHUTDOWN)
	{
		errdetail("The training of \"%s\" stops after epoch %d of %d.", model, version->epoch, training->request.epochs);
		errhint("CALL siamese.resume('%s') continues from there; until then \"%s@%d\" names the epoch that it kept.",
				model, model, version->number);
	}
	else
		errcontext("training of version %d of model \"%s\", after epoch %d of %d",
				   version->number, model, version->epoch, training->request.epochs);
}

/* Runs train(), or with resumed resume() of this version, with the model's name locked. */
static void
run(Training *training, bool resumed, int version)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = add_error_context, .arg = training};

	error_context_stack = &callback;
	model_lock_name(training->request.model, true); /* for the session, since the procedure commits */
	PG_TRY();
	{
		progress_begin(training->request.model);
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		if (!resumed)
			training->version.owner = MemoryContextStrdup(training->context, model_check_owner(training->request.model));
		if (resumed)
			resume(training, version);
		else
			train(training);
		SPI_finish();
	}
	PG_FINALLY();
	{
		progress_end();
		model_unlock_name();
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
}

/* Starts the clock and switches to a context for the whole training; returns the context to switch back to. */
static MemoryContext
begin(FunctionCallInfo fcinfo, const char *procedure, Training *training)
{
	check_procedure_call(fcinfo, procedure, "It commits after each epoch.");
	memset(training, 0, sizeof *training);
	INSTR_TIME_SET_CURRENT(training->clock.start);
	training->context = AllocSetContextCreate(PortalContext, "siamese training", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(training->context);
	return PortalContext;
}

static void
end(Training *training, MemoryContext caller)
{
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(training->context);
}

/*
 * The definition to train by: that of the named network; without a name that of the model to begin from, whose version *start
 * then says, or the default.
 */
static Jsonb *
definition_of_call(FunctionCallInfo fcinfo, Jsonb *options, TrainingRequest *request, char **start)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;

	*start = PG_ARGISNULL(2) ? train_options_start(options) : NULL;
	if (*start != NULL)
	{
		model_parse_name(*start, plain, &version);
		model_find(plain, &version);
		*start = psprintf("%s@%d", plain, version);
		return model_definition(plain, version, &request->network);
	}
	request->network = PG_ARGISNULL(2) ? DEFAULT_NETWORK : text_to_cstring(PG_GETARG_TEXT_PP(2));
	return definition_of_network(request->network);
}

PG_FUNCTION_INFO_V1(siamese_train);

Datum
siamese_train(PG_FUNCTION_ARGS)
{
	static const char *const argument[] = {"model", "examples", "network", "epochs", "seed", "options"};
	Training	training;
	MemoryContext caller;
	Jsonb	   *options;
	Jsonb	   *definition;
	char	   *start;

	caller = begin(fcinfo, "train", &training);
	for (int i = 0; i < 6; i++)
		if (i != 2 && i != 3 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only the network and the epochs of siamese.train() may be NULL"),
					 errdetail("Its argument \"%s\" is.", argument[i])));
	training.request.model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	training.request.query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	training.request.seed = PG_GETARG_INT64(4);
	model_plain_name(training.request.model);
	if (!PG_ARGISNULL(3))
	{
		training.request.epochs = PG_GETARG_INT32(3);
		if (training.request.epochs < 1 || training.request.epochs > 100000)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of epochs is out of range: %d", training.request.epochs),
					 errdetail("It must be from 1 to 100000.")));
	}
	options = PG_GETARG_JSONB_P_COPY(5);
	definition = definition_of_call(fcinfo, options, &training.request, &start);
	train_options_read(options, definition, &training.request.options);
	if (start != NULL)
		training.request.options.start = start;
	run(&training, false, 0);
	end(&training, caller);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(siamese_resume);

Datum
siamese_resume(PG_FUNCTION_ARGS)
{
	Training	training;
	MemoryContext caller;
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;

	caller = begin(fcinfo, "resume", &training);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the model of siamese.resume() may not be NULL")));
	model_parse_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), plain, &version);
	training.request.model = pstrdup(plain);
	run(&training, true, version);
	end(&training, caller);
	return (Datum) 0;
}
