/*
 * options.c: what WITH (...) says of an index.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "utils/rel.h"

#include "common/limits.h"
#include "index/index.h"

#define DEFAULT_FILLFACTOR 90

typedef struct IndexOptions
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	int			regions;
	int			fillfactor;
} IndexOptions;

bytea *
index_options(Datum reloptions, bool validate)
{
	static relopt_kind kind = 0;
	static const relopt_parse_elt elements[] = {
		{.optname = "regions", .opttype = RELOPT_TYPE_INT, .offset = offsetof(IndexOptions, regions)},
		{.optname = "fillfactor", .opttype = RELOPT_TYPE_INT, .offset = offsetof(IndexOptions, fillfactor)}
	};

	if (kind == 0)
	{
		kind = add_reloption_kind();
		add_int_reloption(kind, "regions", "number of regions; 0: about the square root of the number of rows",
						  0, 0, LIMIT_REGIONS, AccessExclusiveLock);
		add_int_reloption(kind, "fillfactor", "how full the build makes pages, in percent",
						  DEFAULT_FILLFACTOR, 10, 100, AccessExclusiveLock);
	}
	return build_reloptions(reloptions, validate, kind, sizeof(IndexOptions), elements, lengthof(elements));
}

int
index_fill(Relation index)
{
	return index->rd_options ? ((IndexOptions *) index->rd_options)->fillfactor : DEFAULT_FILLFACTOR;
}

int
index_option_regions(Relation index)
{
	return index->rd_options ? ((IndexOptions *) index->rd_options)->regions : 0;
}
