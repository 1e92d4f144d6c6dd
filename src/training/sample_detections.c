/*
 * sample_detections.c: siamese.sample_detections(people, frames, seed): what a detector finds in a synthetic video, as rows.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/geo_decls.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "common/bytea.h"
#include "common/check.h"
#include "common/host.h"
#include "common/limits.h"
#include "image/image.h"
#include "sample/video.h"

/* The pixels within the region, as a PNG: none is empty, since detections overlap the frame. */
static bytea *
cut(const uint8_t *raster, const VideoDetection *detection)
{
	int			left = Max(0, (int) floor(detection->left));
	int			top = Max(0, (int) floor(detection->top));
	int			width = Min(VIDEO_WIDTH, (int) ceil(detection->right)) - left;
	int			height = Min(VIDEO_HEIGHT, (int) ceil(detection->bottom)) - top;
	uint8_t    *part = palloc((size_t) width * height * 3);
	uint8_t    *png;
	size_t		length;
	Status		status;

	for (int row = 0; row < height; row++)
		memcpy(part + (size_t) row * width * 3, raster + ((size_t) (top + row) * VIDEO_WIDTH + left) * 3, (size_t) width * 3);
	if (!image_encode_png(part, width, height, 3, host_server(), &png, &length, &status))
		check_raise_status(&status);
	return bytea_of(png, length);
}

static void
put_detection(ReturnSetInfo *result, int frame, const uint8_t *raster, const VideoDetection *detection)
{
	BOX			region = {{detection->right, detection->bottom}, {detection->left, detection->top}};
	bool		nulls[5] = {false, false, false, detection->person < 0, false};
	Datum		values[5] = {
		Int32GetDatum(frame + 1), BoxPGetDatum(&region), Float8GetDatum(detection->score), Int32GetDatum(detection->person + 1),
		PointerGetDatum(cut(raster, detection))
	};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(siamese_sample_detections);

Datum
siamese_sample_detections(PG_FUNCTION_ARGS)
{
	int			people = PG_GETARG_INT32(0);
	int			frames = PG_GETARG_INT32(1);
	uint64		seed = (uint64) PG_GETARG_INT64(2);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "siamese frame", ALLOCSET_DEFAULT_SIZES);
	Status		status;
	Video	   *video;

	check_count("people", people, LIMIT_VIDEO_PEOPLE);
	check_count("frames", frames, LIMIT_VIDEO_FRAMES);
	InitMaterializedSRF(fcinfo, 0);
	video = video_create(seed, people, frames, host_server(), &status);
	if (video == NULL)
		check_raise_status(&status);
	for (int frame = 0; frame < frames; frame++)
	{
		const uint8_t *raster;
		const VideoDetection *detections;
		int			count;
		MemoryContext old = MemoryContextSwitchTo(memory);

		CHECK_FOR_INTERRUPTS();
		video_frame(video, frame, &raster, &detections, &count);
		for (int i = 0; i < count; i++)
			put_detection(result, frame, raster, &detections[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(memory);
	}
	video_release(host_server(), video);
	return (Datum) 0;
}
