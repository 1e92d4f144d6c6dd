/*
 * definition_jsonb.c: the jsonb of a network's definition -> its leaves, which the network room checks.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/rel.h"

#include "common/check.h"
#include "common/host.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/server_network.h"
#include "network/network.h"

typedef struct Leaves
{
	NetworkSetting *setting;
	int			count;
	int			room;
} Leaves;

static void
add_leaf(Leaves *leaves, const char *path, NetworkSettingKind kind, double number, const char *text)
{
	if (leaves->count == LIMIT_SETTINGS)
		check_raise_definition(psprintf("It has more than %d settings.", LIMIT_SETTINGS));
	if (leaves->count == leaves->room)
	{
		leaves->room *= 2;
		leaves->setting = repalloc(leaves->setting, leaves->room * sizeof(NetworkSetting));
	}
	leaves->setting[leaves->count++] = (NetworkSetting) {
		.path = pstrdup(path), .kind = kind, .number = number, .text = text
	};
}

static void
add_scalar(Leaves *leaves, const char *path, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			add_leaf(leaves, path, SETTING_EMPTY, 0, NULL);
			break;
		case jbvString:
			add_leaf(leaves, path, SETTING_TEXT, 0, pnstrdup(value->val.string.val, value->val.string.len));
			break;
		case jbvBool:
			add_leaf(leaves, path, SETTING_BOOLEAN, value->val.boolean, NULL);
			break;
		case jbvNumeric:
			add_leaf(leaves, path, SETTING_NUMBER,
					 DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric))), NULL);
			break;
		default:
			elog(ERROR, "unexpected kind of jsonb value: %d", (int) value->type);
	}
}

static void
add_container(Leaves *leaves, const char *path, JsonbContainer *container)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *inner = NULL;
	int			element = 0;

	check_stack_depth();
	if (JsonContainerSize(container) == 0)
		add_leaf(leaves, path, SETTING_EMPTY, 0, NULL);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			const char *key = pnstrdup(value.val.string.val, value.val.string.len);

			inner = path[0] ? psprintf("%s.%s", path, key) : pstrdup(key);
			continue;
		}
		if (token == WJB_ELEM)
			inner = psprintf("%s[%d]", path, element++);
		else if (token != WJB_VALUE)
			continue;
		if (value.type == jbvBinary)
			add_container(leaves, inner, value.val.binary.data);
		else
			add_scalar(leaves, inner, &value);
	}
}

bool
definition_is_tracker(Jsonb *json)
{
	JsonbValue *kind = JB_ROOT_IS_OBJECT(json) ? getKeyJsonValueFromContainer(&json->root, "kind", 4, NULL) : NULL;

	return kind != NULL && kind->type == jbvString && kind->val.string.len == 7 && memcmp(kind->val.string.val, "tracker", 7) == 0;
}

const NetworkSetting *
definition_settings(Jsonb *json, int *count)
{
	Leaves		leaves = {palloc(64 * sizeof(NetworkSetting)), 0, 64};

	add_container(&leaves, "", &json->root);
	*count = leaves.count;
	return leaves.setting;
}

NetworkDefinition *
definition_from_jsonb(Jsonb *json)
{
	Leaves		leaves = {palloc(64 * sizeof(NetworkSetting)), 0, 64};
	Status		status;
	NetworkDefinition *definition;

	if (!JB_ROOT_IS_OBJECT(json))
		check_raise_definition("It is not a JSON object.");
	if (definition_is_tracker(json))
		check_raise_tracker();
	add_container(&leaves, "", &json->root);
	definition = network_define(leaves.setting, leaves.count, host_server(), &status);
	if (definition == NULL)
		check_raise_status(&status);
	return definition;
}

Jsonb *
definition_of_network(const char *network)
{
	Datum		argument = CStringGetTextDatum(network);
	Oid			type = TEXTOID;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inner;
	Jsonb	   *definition;
	bool		isnull;

	SPI_connect();
	if (spi_read("SELECT definition FROM siamese.network WHERE name OPERATOR(pg_catalog.=) $1", 1, &type, &argument, 1) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("network \"%s\" does not exist", network),
				 errhint("SELECT name FROM siamese.network lists the networks.")));
	inner = MemoryContextSwitchTo(caller);
	definition = DatumGetJsonbPCopy(spi_datum(1, &isnull));
	MemoryContextSwitchTo(inner);
	SPI_finish();
	return definition;
}

PG_FUNCTION_INFO_V1(siamese_network_check);

/* BEFORE INSERT OR UPDATE ... FOR EACH ROW of siamese.network: refuses an invalid definition. */
Datum
siamese_network_check(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple	tuple;
	TupleDesc	descriptor;
	Datum		value;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		check_raise_not_trigger("siamese.network_check()");
	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	descriptor = RelationGetDescr(data->tg_relation);
	value = heap_getattr(tuple, SPI_fnumber(descriptor, "definition"), descriptor, &isnull);
	if (!isnull)
		network_destroy(server_network(definition_from_jsonb(DatumGetJsonbP(value))));
	return PointerGetDatum(tuple);
}
