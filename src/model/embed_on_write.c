/*
 * embed_on_write.c: the trigger siamese.embed_on_write(source, destination, model), which keeps a column the embedding of
 * another one.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "common/check.h"
#include "model/embed.h"
#include "model/model.h"
#include "model/sql_samples.h"

static void
refuse(const Trigger *trigger, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" cannot write embeddings", trigger->tgname),
			 errdetail("%s", detail),
			 errhint("CREATE TRIGGER ... BEFORE INSERT OR UPDATE ON ... FOR EACH ROW"
					 " EXECUTE FUNCTION siamese.embed_on_write('source', 'destination', 'model').")));
}

/* The columns that the trigger's arguments name, looked up once a statement. */
typedef struct Columns
{
	int			source;
	int			destination;
	Oid			source_type;
} Columns;

static int
find_column(const TriggerData *data, const char *name)
{
	int			number = SPI_fnumber(RelationGetDescr(data->tg_relation), name);

	if (number <= 0)
		refuse(data->tg_trigger, psprintf("Table \"%s\" has no column \"%s\".", RelationGetRelationName(data->tg_relation), name));
	return number;
}

static Columns *
find_columns(const TriggerData *data, MemoryContext context)
{
	const Trigger *trigger = data->tg_trigger;
	TupleDesc	descriptor = RelationGetDescr(data->tg_relation);
	Columns    *columns = MemoryContextAlloc(context, sizeof(Columns));
	Oid			type;

	if (!TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(data->tg_event))
		refuse(trigger, "It must fire before an insert or update, for each row.");
	if (trigger->tgnargs < 2 || trigger->tgnargs > 3)
		refuse(trigger, psprintf("It has %d arguments, not 2 or 3.", trigger->tgnargs));
	columns->source = find_column(data, trigger->tgargs[0]);
	columns->destination = find_column(data, trigger->tgargs[1]);
	columns->source_type = TupleDescAttr(descriptor, columns->source - 1)->atttypid;
	if (!model_takes_type(INPUT_IMAGE, columns->source_type) && !model_takes_type(INPUT_PEN, columns->source_type))
		refuse(trigger, psprintf("Column \"%s\" is of type %s, not bytea, real[] or double precision[].", trigger->tgargs[0],
								 format_type_be(columns->source_type)));
	type = TupleDescAttr(descriptor, columns->destination - 1)->atttypid;
	if (!embedding_is_type(getBaseType(type)))
		refuse(trigger, psprintf("Column \"%s\" is of type %s, not embedding.", trigger->tgargs[1], format_type_be(type)));
	return columns;
}

/* Checks the column's type modifier, and a domain's constraints, as an assignment does. */
static void
check_assignment(const TriggerData *data, int number, const Embedding *embedding)
{
	const FormData_pg_attribute *column = TupleDescAttr(RelationGetDescr(data->tg_relation), number - 1);
	int32		modifier = column->atttypmod;

	if (getBaseTypeAndTypmod(column->atttypid, &modifier) != column->atttypid)
		domain_check(PointerGetDatum(embedding), false, column->atttypid, NULL, NULL);
	check_expected_dimensions(modifier, embedding->dimensions, NULL);
}

/* Whether an update left the column as it was.  Values stored out of line are compared by content. */
static bool
unchanged(const TriggerData *data, int number)
{
	TupleDesc	descriptor = RelationGetDescr(data->tg_relation);
	bool		old_null;
	bool		new_null;
	Datum		old;
	Datum		new;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return false;
	old = heap_getattr(data->tg_trigtuple, number, descriptor, &old_null);
	new = heap_getattr(data->tg_newtuple, number, descriptor, &new_null);
	if (old_null || new_null)
		return old_null == new_null;
	if (datumIsEqual(old, new, false, -1))
		return true;
	return toast_raw_datum_size(old) == toast_raw_datum_size(new) &&
		datumIsEqual(PointerGetDatum(PG_DETOAST_DATUM(old)), PointerGetDatum(PG_DETOAST_DATUM(new)), false, -1);
}

/* Adds the trigger to any error, and to that of a missing model what can be done with the rows until there is one. */
static void
add_trigger_context(void *argument)
{
	const TriggerData *data = argument;
	const char *trigger = data->tg_trigger->tgname;
	const char *table = RelationGetRelationName(data->tg_relation);
	int			code = geterrcode();

	if (code == ERRCODE_UNDEFINED_OBJECT || code == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)
		errhint("Train or import the model first; or ALTER TABLE %s DISABLE TRIGGER %s, and when there is a model"
				" enable it again and CALL siamese.embed_table('%s', '%s', '%s', ...) for the rows written in between.",
				quote_identifier(table), quote_identifier(trigger), quote_identifier(table), data->tg_trigger->tgargs[0],
				data->tg_trigger->tgargs[1]);
	errcontext("trigger \"%s\" on table \"%s\"", trigger, table);
}

static Embedding *
embed_value(TriggerData *data, const Columns *columns, Datum value)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = add_trigger_context, .arg = data};
	Model	   *model;
	Embedding  *embedding;

	error_context_stack = &callback;
	model = model_by_name(data->tg_trigger->tgnargs > 2 ? data->tg_trigger->tgargs[2] : NULL);
	if (!model_takes_type(model->definition->input_kind, columns->source_type))
		check_raise_input_kind(model->definition->input_kind == INPUT_PEN);
	model_check_embeds(model);
	embedding = model_embed_datum(model, value);
	check_assignment(data, columns->destination, embedding);
	error_context_stack = callback.previous;
	return embedding;
}

PG_FUNCTION_INFO_V1(siamese_embed_on_write);

Datum
siamese_embed_on_write(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Columns    *columns = fcinfo->flinfo->fn_extra;
	HeapTuple	tuple;
	Datum		value;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo))
		check_raise_not_trigger("siamese.embed_on_write()");
	if (columns == NULL)
		fcinfo->flinfo->fn_extra = columns = find_columns(data, fcinfo->flinfo->fn_mcxt);
	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	if (unchanged(data, columns->source))
		return PointerGetDatum(tuple);
	value = heap_getattr(tuple, columns->source, RelationGetDescr(data->tg_relation), &isnull);
	if (!isnull)
		value = PointerGetDatum(embed_value(data, columns, value));
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, RelationGetDescr(data->tg_relation), 1,
													 &columns->destination, &value, &isnull));
}
