/*
 * import_onnx.c: siamese.import_onnx(model, onnx, definition): the network of an ONNX file becomes the next version of a model.
 *
 * The room onnx makes layers and weights of the file.  Here the rest of a definition is put around them: how images are
 * prepared, the metric, and how the network is trained further.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/names.h"
#include "model/new_version.h"
#include "model/promote.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/server_network.h"
#include "model/stored_weights.h"
#include "onnx/onnx.h"

/* How the common families were trained to see their images. */
static const struct
{
	const char *name;
	const char *input;
}			preparations[] = {
	/* torchvision, timm and most person re-identification networks */
	{"imagenet", "{\"mean\": [0.485, 0.456, 0.406], \"deviation\": [0.229, 0.224, 0.225], \"fit\": \"stretch\"}"},
	/* ArcFace, MobileFaceNet and their like: -1 to 1 */
	{"face", "{\"mean\": 0.5, \"deviation\": 0.5, \"fit\": \"stretch\"}"},
	{"unit", "{}"},				/* 0 to 1 */
	{"none", "{\"deviation\": 0.00392156862745098}"},	/* 0 to 255; the file does the rest itself */
	/* networks of Caffe: blue, green, red, less their means, 0 to 255 */
	{"caffe", "{\"mean\": [0.485019607843137, 0.457945098039216, 0.407603921568627], \"deviation\": 0.00392156862745098,"
	 " \"colour\": \"bgr\", \"fit\": \"stretch\"}"}
};

static const char *const keys[] = {"preparation", "input", "metric", "output", "loss", "optimizer", "training"};

typedef struct Request
{
	Jsonb	   *definition;
	Jsonb	   *input;			/* the preparation's settings, with those of the caller before them */
	const char *metric;
	bool		metric_given;
	OnnxOptions options;
} Request;

static void
bad_request(const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid definition for an ONNX network"),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static Jsonb *
json_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static JsonbValue *
find_key(Jsonb *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), NULL);

	return value == NULL || value->type == jbvNull ? NULL : value;
}

static char *
text_of(Jsonb *object, const char *key)
{
	JsonbValue *value = find_key(object, key);

	if (value == NULL)
		return NULL;
	if (value->type != jbvString)
		bad_request(psprintf("\"%s\" must be a text.", key), "SELECT obj_description('siamese.import_onnx'::regproc) lists what it may say.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* An object as text; otherwise if there is none. */
static const char *
object_text(Jsonb *object, const char *key, const char *otherwise)
{
	JsonbValue *value = find_key(object, key);

	if (value == NULL)
		return otherwise;
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		bad_request(psprintf("\"%s\" must be an object.", key), "It is written as in the definition of a network.");
	return JsonbToCString(NULL, value->val.binary.data, (int) value->val.binary.len);
}

static void
check_keys(Jsonb *definition)
{
	JsonbIterator *iterator = JsonbIteratorInit(&definition->root);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool		known = false;

		for (int i = 0; token == WJB_KEY && i < (int) lengthof(keys); i++)
			known |= value.val.string.len == (int) strlen(keys[i]) && memcmp(value.val.string.val, keys[i], strlen(keys[i])) == 0;
		if (token == WJB_KEY && !known)
			bad_request(psprintf("Key \"%.*s\" is unknown.", Min(value.val.string.len, 64), value.val.string.val),
						"Known here: preparation, input, metric, output, loss, optimizer, training.");
	}
}

/* A side of the input, which the file may leave open; 0: not given. */
static int
side_of(Jsonb *input, const char *key)
{
	JsonbValue *value = find_key(input, key);
	double		side;

	if (value == NULL)
		return 0;
	side = value->type == jbvNumeric ? DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric))) : 0;
	if (!(side >= 1 && side <= LIMIT_INPUT_SIDE) || side != floor(side))
		bad_request(psprintf("\"%s\" of its input must be a whole number from 1 to %d.", key, LIMIT_INPUT_SIDE), "Leave it out if the file states it.");
	return (int) side;
}

static void
read_request(Jsonb *definition, Request *request)
{
	const char *preparation;
	const char *preset = NULL;
	char	   *colour;

	if (!JB_ROOT_IS_OBJECT(definition))
		bad_request("It is not a JSON object.", "'{\"preparation\": \"imagenet\"}', for instance.");
	check_keys(definition);
	request->definition = definition;
	preparation = text_of(definition, "preparation");
	request->input = json_of(object_text(definition, "input", "{}"));
	if (preparation == NULL && (find_key(request->input, "mean") == NULL || find_key(request->input, "deviation") == NULL))
		bad_request("Neither \"preparation\" nor \"mean\" and \"deviation\" of \"input\" are given.",
					"\"preparation\" is \"imagenet\", \"face\", \"unit\" (0 to 1), \"none\" (0 to 255) or \"caffe\": how the network was trained to see images.");
	for (int i = 0; preparation != NULL && i < (int) lengthof(preparations); i++)
		if (strcmp(preparation, preparations[i].name) == 0)
			preset = preparations[i].input;
	if (preparation != NULL && preset == NULL)
		bad_request(psprintf("Preparation \"%.64s\" is unknown.", preparation), "One of: imagenet, face, unit, none, caffe.");
	if (preset != NULL)
		request->input = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(json_of(preset)),
															JsonbPGetDatum(request->input)));
	request->metric = text_of(definition, "metric");
	request->metric_given = request->metric != NULL;
	if (request->metric == NULL)
		request->metric = "cosine";
	if (strcmp(request->metric, "cosine") != 0 && strcmp(request->metric, "l2") != 0)
		bad_request(psprintf("Metric \"%.64s\" is not possible.", request->metric), "One of: cosine, l2.");
	colour = text_of(request->input, "colour");
	request->options = (OnnxOptions) {
		.output = text_of(definition, "output"), .height = side_of(request->input, "height"), .width = side_of(request->input, "width"),
		.reverse_channels = colour != NULL && strcmp(colour, "bgr") == 0, .unit_length = strcmp(request->metric, "cosine") == 0
	};
}

/* ---- the definition ---------------------------------------------------------------------------------------------------- */

static Jsonb *
make_definition(const Request *request, const OnnxNetwork *network)
{
	StringInfoData text;
	bool		reversed = request->options.reverse_channels;
	const char *given = JsonbToCString(NULL, &request->input->root, VARSIZE(request->input));
	const char *loss = network->pair ? "{\"type\": \"cross_entropy\"}"
		: strcmp(request->metric, "cosine") == 0 ? "{\"type\": \"supervised_contrastive\"}" : "{\"type\": \"triplet\"}";
	Jsonb	   *input;
	const char *colour = network->channels == 1 ? "grey" : "colour";

	if (network->channels != 1 && network->channels != 3)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("ONNX network cannot be imported"),
				 errdetail("Its input has %d channels; images have 1 or 3.", network->channels)));
	if (network->pair && request->metric_given)
		bad_request(psprintf("Metric \"%s\" is given, but its network compares pairs of images.", request->metric), "Leave it out.");
	if (find_key(request->input, "colour") != NULL && !reversed)
		colour = text_of(request->input, "colour");
	/* what follows from the file goes before what is given: it agrees, or is "bgr" */
	input = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(json_of(given)),
											   JsonbPGetDatum(json_of(psprintf("{\"width\": %d, \"height\": %d, \"colour\": \"%s\"}", network->width,
																			   network->height, colour)))));
	initStringInfo(&text);
	appendStringInfo(&text, "{\"input\": %s, \"layers\": %s, ", JsonbToCString(NULL, &input->root, VARSIZE(input)), network->layers);
	if (!network->pair)
		appendStringInfo(&text, "\"join\": \"%s\", ", request->metric);
	appendStringInfo(&text, "\"loss\": %s, \"optimizer\": %s, \"training\": %s}",
					 object_text(request->definition, "loss", loss), object_text(request->definition, "optimizer", "{}"),
					 object_text(request->definition, "training", "{}"));
	return json_of(text.data);
}

/*
 * Parameters of the layers, then those of the loss, which are initial ones, then the statistics.  Fills in the dimensions.
 */
static real *
make_weights(const OnnxNetwork *onnx, NewVersion *version, size_t *count)
{
	NetworkDefinition *definition = definition_from_jsonb(version->definition);
	Network    *network = server_network(definition);
	const Network *last = network_head(network) != NULL ? network_head(network) : network;
	real	   *weights;

	if (network_parameter_count(network) < onnx->parameter_count ||
		network_weight_count(network) - network_parameter_count(network) != onnx->statistic_count ||
		network_dimensions(last) != onnx->dimensions || (last != network) != onnx->pair)
		elog(ERROR, "the layers of an ONNX file have %zu + %zu weights and %d outputs, but %zu + %zu and %d were made of it",
			 network_parameter_count(network), network_weight_count(network) - network_parameter_count(network),
			 network_dimensions(last), onnx->parameter_count, onnx->statistic_count, onnx->dimensions);
	*count = network_weight_count(network);
	weights = server_reals(*count);
	network_initialize(network, 1, weights);
	CHECK_FOR_INTERRUPTS();
	memcpy(weights, onnx->parameters, onnx->parameter_count * sizeof(real));
	memcpy(weights + network_parameter_count(network), onnx->statistics, onnx->statistic_count * sizeof(real));
	version->dimensions = onnx->pair ? 0 : network_dimensions(network);
	network_destroy(network);
	return weights;
}

PG_FUNCTION_INFO_V1(siamese_import_onnx);

Datum
siamese_import_onnx(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea	   *file = PG_GETARG_BYTEA_PP(1);
	Request		request;
	OnnxNetwork network;
	NewVersion	version = {.network = "onnx", .seed = 1, .epochs = 1, .threads = 1};
	ModelCaller caller;
	Status		status;
	real	   *weights;
	size_t		count;
	char	   *owner;
	int			number;
	MemoryContext context = CurrentMemoryContext;
	PromotionResult promotion;

	check_may_write("siamese.import_onnx()");
	model_plain_name(name);
	read_request(PG_GETARG_JSONB_P(2), &request);
	if (!onnx_import(VARDATA_ANY(file), VARSIZE_ANY_EXHDR(file), &request.options, host_server(), &network, &status))
		check_raise_status(&status);
	version.definition = make_definition(&request, &network);
	version.metric = network.pair ? "" : request.metric;
	version.scores = json_of("{}");
	weights = make_weights(&network, &version, &count);
	version.fingerprint = model_fingerprint(version.definition, weights, count);
	model_lock_name(name, false);
	SPI_connect();
	owner = model_check_owner(name);
	model_act_as_owner(&caller);
	model_store_weights(version.fingerprint, weights, count);
	number = model_insert_version(&version, name, owner);
	model_act_as_caller(&caller);
	promotion = model_promote_version(name, number, PROMOTE_IF_HARMLESS, InvalidOid, context);
	SPI_finish();
	model_report_promotion(name, number, &promotion);
	if (network.output_height * network.output_width > 1 && network.output_channels > 1)
		ereport(NOTICE,
				(errmsg("the values of an embedding stand in another order than in the file's output"),
				 errdetail("Its output is a map of %d x %d x %d; here channels are the last of them.", network.output_channels,
						   network.output_height, network.output_width)));
	onnx_release(host_server(), &network);
	host_release(host_server(), weights);
	PG_FREE_IF_COPY(file, 1);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s@%d", name, number)));
}
