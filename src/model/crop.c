/*
 * crop.c: siamese.crop(image, region): a part of an image.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"

#include "common/bytea.h"
#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/settings.h"
#include "image/image.h"

PG_FUNCTION_INFO_V1(siamese_crop);

/* A box of PostgreSQL's has its corners sorted; here y grows downwards. */
Datum
siamese_crop(PG_FUNCTION_ARGS)
{
	bytea	   *image = PG_GETARG_BYTEA_PP(0);
	const BOX  *box = PG_GETARG_BOX_P(1);
	ImageRegion region = {box->low.x, box->low.y, box->high.x, box->high.y};
	uint8_t    *png;
	size_t		length;
	Status		status;

	if (isnan(region.left) || isnan(region.top) || isnan(region.right) || isnan(region.bottom))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a coordinate of the region is not a number"),
				 errdetail("The region is %s.", DatumGetCString(DirectFunctionCall1(box_out, PG_GETARG_DATUM(1))))));
	if (!image_crop((const uint8_t *) VARDATA_ANY(image), VARSIZE_ANY_EXHDR(image), &region, setting_max_pixels, host_server(), &png,
					&length, &status))
		check_raise_status(&status);
	PG_RETURN_BYTEA_P(bytea_of(png, length));
}
