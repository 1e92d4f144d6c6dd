/*
 * validate.c: checks operator classes.
 *
 * The method computes the distances itself, so the operators must be those of the embedding type: one on (embedding,
 * ball) and one on (embedding, embedding) for searches, one that orders by a float8.
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "index/index.h"

static void
complain(bool *valid, const char *name, const char *detail)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator family \"%s\" of access method siamese is not valid", name),
			 errdetail("%s", detail)));
	*valid = false;
}

static void
validate_operator(bool *valid, const char *name, Form_pg_amop operator, Oid input)
{
	const char *text = format_operator(operator->amopopr);

	if (operator->amopstrategy < INDEX_WITHIN || operator->amopstrategy > INDEX_DISTANCE)
	{
		complain(valid, name, psprintf("The operator %s has strategy number %d, which does not exist.", text, operator->amopstrategy));
		return;
	}
	if (operator->amoplefttype != input || (operator->amopstrategy != INDEX_WITHIN && operator->amoprighttype != input))
		complain(valid, name, psprintf("The operator %s does not have the operand types of strategy %d.", text, operator->amopstrategy));
	if (operator->amopstrategy == INDEX_DISTANCE)
	{
		if (operator->amoppurpose != AMOP_ORDER || get_op_rettype(operator->amopopr) != FLOAT8OID ||
			!opfamily_can_sort_type(operator->amopsortfamily, FLOAT8OID))
			complain(valid, name, psprintf("The operator %s does not order by double precision.", text));
	}
	else if (operator->amoppurpose != AMOP_SEARCH || get_op_rettype(operator->amopopr) != BOOLOID)
		complain(valid, name, psprintf("The operator %s is not a condition.", text));
}

bool
index_validate(Oid opclass)
{
	bool		valid = true;
	HeapTuple	class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	HeapTuple	family_tuple;
	Form_pg_opclass class_form;
	CatCList   *operators;
	CatCList   *functions;
	const char *name;
	int			found = 0;

	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclass);
	class_form = (Form_pg_opclass) GETSTRUCT(class_tuple);
	family_tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(class_form->opcfamily));
	if (!HeapTupleIsValid(family_tuple))
		elog(ERROR, "cache lookup failed for operator family %u", class_form->opcfamily);
	name = NameStr(((Form_pg_opfamily) GETSTRUCT(family_tuple))->opfname);

	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(class_form->opcfamily));
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop operator = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		validate_operator(&valid, name, operator, class_form->opcintype);
		if (operator->amopstrategy <= INDEX_DISTANCE)
			found |= 1 << operator->amopstrategy;
	}
	if (!(found & (1 << INDEX_DISTANCE)))
		complain(&valid, name, "It has no operator for the distance (strategy 3).");

	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(class_form->opcfamily));
	if (functions->n_members > 0)
		complain(&valid, name, "It has support functions; the access method takes none.");
	if (OidIsValid(class_form->opckeytype) && class_form->opckeytype != class_form->opcintype)
		complain(&valid, name, "It stores a type other than the one that it indexes.");

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(family_tuple);
	ReleaseSysCache(class_tuple);
	return valid;
}
