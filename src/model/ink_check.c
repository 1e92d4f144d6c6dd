/*
 * ink_check.c: a warning where photographs meet a network for ink on paper.
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/settings.h"
#include "image/image.h"
#include "model/ink_check.h"

#define MOST_IMAGES 100			/* that are looked at: each is decoded once more */

void
ink_check_add(InkCheck *check, const NetworkDefinition *definition, Datum sample)
{
	bytea	   *image;
	bool		photograph;
	Status		status;

	if (definition->input_kind != INPUT_IMAGE || definition->image.polarity == IMAGE_POLARITY_NONE || check->images == MOST_IMAGES)
		return;
	image = DatumGetByteaPP(sample);
	if (!image_is_photograph((const uint8 *) VARDATA_ANY(image), VARSIZE_ANY_EXHDR(image), setting_max_pixels, host_server(), &photograph,
							 &status))
		check_raise_status(&status);
	check->images++;
	check->photographs += photograph;
	if ((Pointer) image != DatumGetPointer(sample))
		pfree(image);
}

void
ink_check_warn(InkCheck *check)
{
	if (check->warned || 2 * check->photographs <= check->images)
		return;
	check->warned = true;
	ereport(WARNING,
			(check->images == 1 ? errmsg("the image looks like a photograph, but the network is for ink on paper") :
			 errmsg("%d of the first %d images look like photographs, but the network is for ink on paper", check->photographs, check->images),
			 errhint("For photographs take the network \"photo\", or another one with the polarity \"none\"; siamese.preview() shows what a model's network sees.")));
}
