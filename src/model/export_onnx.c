/*
 * export_onnx.c: siamese.export_onnx(model): the network of a model as an ONNX file.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/model.h"
#include "model/row_cache.h"
#include "model/stored_weights.h"
#include "onnx/onnx.h"

static void
refuse(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the model cannot be written as an ONNX file"),
			 errdetail("%s", why)));
}

/* In the current memory context. */
static Jsonb *
read_definition(uint64 fingerprint)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inner;
	Jsonb	   *definition;
	bool		isnull;

	SPI_connect();
	if (spi_read("SELECT definition FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1", 1, &type, &value, 1) != 1)
		elog(ERROR, "siamese.model has no row of the fingerprint %016llx", (unsigned long long) fingerprint);
	inner = MemoryContextSwitchTo(caller);
	definition = DatumGetJsonbPCopy(spi_datum(1, &isnull));
	MemoryContextSwitchTo(inner);
	SPI_finish();
	return definition;
}

static void
read_leaves(Jsonb *definition, OnnxDefinition *onnx)
{
	onnx->settings = definition_settings(definition, &onnx->count);
	for (int i = 0; i < onnx->count; i++)
	{
		const NetworkSetting *setting = &onnx->settings[i];
		const char *end = strrchr(setting->path, '.');

		if (strncmp(setting->path, "layers[", 7) == 0 && end != NULL && strcmp(end, ".type") == 0)
			onnx->layers++;
		else if (strcmp(setting->path, "join") == 0 && setting->kind == SETTING_TEXT)
			onnx->weighted = strcmp(setting->text, "weighted_l1") == 0;
	}
}

PG_FUNCTION_INFO_V1(siamese_export_onnx);

Datum
siamese_export_onnx(PG_FUNCTION_ARGS)
{
	uint64		fingerprint = model_find_named(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Jsonb	   *definition = read_definition(fingerprint);
	OnnxDefinition onnx = {0};
	const Model *model;
	const NetworkDefinition *network;
	JsonbValue *input;
	Status		status;
	uint8	   *bytes;
	size_t		length;
	bytea	   *result;

	if (definition_is_tracker(definition))
		check_raise_tracker();
	read_leaves(definition, &onnx);
	model = model_by_fingerprint(fingerprint);
	network = model->definition;
	if (network->flow)
		refuse("Its network sees the optical flow between the pictures of a pair, for which ONNX has no operator.");
	if (network->input_kind != INPUT_IMAGE)
		refuse("Its network takes trajectories of a pen.");
	input = getKeyJsonValueFromContainer(&definition->root, "input", 5, NULL);
	onnx.preparation = input != NULL && input->type == jbvBinary ? JsonbToCString(NULL, input->val.binary.data, (int) input->val.binary.len) : "{}";
	onnx.channels = network->image.channels;
	onnx.height = network->image.height;
	onnx.width = network->image.width;
	onnx.parameters = model->weights;
	onnx.parameter_count = network_parameter_count(model->network);
	onnx.statistics = model->weights + onnx.parameter_count;
	onnx.statistic_count = network_weight_count(model->network) - onnx.parameter_count;
	if (!onnx_export(&onnx, host_server(), &bytes, &length, &status))
		check_raise_status(&status);
	if (length > MaxAllocSize - VARHDRSZ)
		refuse(psprintf("The file would have %zu bytes; a value can have %zu.", length, (size_t) (MaxAllocSize - VARHDRSZ)));
	result = palloc(VARHDRSZ + length);
	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), bytes, length);
	host_release(host_server(), bytes);
	PG_RETURN_BYTEA_P(result);
}
