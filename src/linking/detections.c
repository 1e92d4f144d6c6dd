/*
 * detections.c: rows of SQL -> the detections of a video.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/geo_decls.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "linking/detections.h"
#include "model/sql_samples.h"

DetectionList *
detections_create(const char *name)
{
	DetectionList *list = palloc0(sizeof(DetectionList));

	list->name = name;
	list->context = CurrentMemoryContext;
	list->room = 256;
	list->detection = palloc(sizeof(Detection) * list->room);
	return list;
}

void
detections_add(DetectionList *list, int frame, Datum region, double score, int track, int source)
{
	const BOX  *box = DatumGetBoxP(region);
	Detection  *detection;

	check_region(region, list->name, frame);
	if (!isfinite(score))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a score of the %s is not a finite number", list->name),
				 errdetail("In frame %d: %g.", frame, score)));
	if (list->count == list->room)
	{
		if (list->room > PG_INT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many %s: at most %d", list->name, list->room)));
		list->room *= 2;
		list->detection = repalloc_huge(list->detection, sizeof(Detection) * (Size) list->room);
	}
	detection = &list->detection[list->count];
	detection->frame = frame;
	detection->region = (Region) {box->low.x, box->low.y, box->high.x, box->high.y};
	detection->score = score;
	detection->track = track;
	detection->source = source;
	list->count++;
}

/* By frame, then so that the result does not depend on the order of the rows. */
static int
compare_detections(const void *a, const void *b)
{
	const Detection *x = a;
	const Detection *y = b;
	const double one[] = {x->region.left, x->region.top, x->region.right, x->region.bottom, x->score};
	const double other[] = {y->region.left, y->region.top, y->region.right, y->region.bottom, y->score};

	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	for (int i = 0; i < lengthof(one); i++)
		if (one[i] != other[i])
			return one[i] < other[i] ? -1 : 1;
	return (x->source > y->source) - (x->source < y->source);
}

void
detections_sort(DetectionList *list)
{
	qsort(list->detection, list->count, sizeof(Detection), compare_detections);
}

bool
detections_number_type(Oid type)
{
	return model_is_number_type(getBaseType(type));
}

double
detections_number(Datum value, Oid type)
{
	return model_number(value, getBaseType(type));
}
