/*
 * deformation.h: how far two pictures of ink are apart, however their strokes lie.                        Pure C.
 *
 * What is compared at a place of a picture is a histogram of the directions of the edges around it (Dalal, Triggs 2005, "Histograms of
 * oriented gradients for human detection", section 6), and each place of one picture with the places of the other near by, of which the
 * most similar counts: Keysers, Deselaers, Gollan, Ney 2007, "Deformation models for image recognition", section 3.4, the image distortion
 * model.  Learned nothing, so as good for people unlike those that a network saw.
 *
 * Chosen on CEDAR's writers 1 to 40 by the equal error rate against skilled forgeries with one and with five signatures on file: 15.9 and
 * 8.5 % (random ones 3.7 and 1.2 %) for rasters of 96 x 40 pixels, 15.2 and 9.0 % for 240 x 96.
 */
#ifndef SIAMESE_DEFORMATION_H
#define SIAMESE_DEFORMATION_H

#include "common/status.h"

#define DEFORMATION_DIRECTIONS 6	/* of edges, over half a turn: ink on paper or paper on ink is the same */
#define DEFORMATION_VALUES (4 * DEFORMATION_DIRECTIONS)	/* of a place: those of the four squares that meet in it */
#define DEFORMATION_PLACE (2 + DEFORMATION_VALUES)	/* bytes: column, row, values */
#define DEFORMATION_SIDE 64		/* a picture has at most so many columns and rows of places */
#define DEFORMATION_MOST (DEFORMATION_SIDE * DEFORMATION_SIDE)

/* The places of a picture that have edges near by, row by row. */
typedef struct DeformationPlaces
{
	int			count;			/* 0 .. DEFORMATION_MOST; 0: nothing is to be seen */
	uint8_t    *place;			/* [count, DEFORMATION_PLACE]; the values have length 255; allocated by the host */
} DeformationPlaces;

/* Of a raster, grey [height, width].  False with STATUS_NO_MEMORY; then nothing is allocated. */
extern bool deformation_places(const uint8_t *raster, int width, int height, const Host *host, DeformationPlaces *places, Status *status);

/* Whether places that somebody else wrote are such: their columns and rows rise, within bounds. */
extern bool deformation_is_valid(const DeformationPlaces *places);

/*
 * Mean of the least squared difference of each place of one picture to those of the other within reach, both ways: 0 for the same, 1 where
 * nothing is alike.  Symmetric; the same on every processor.
 */
extern double deformation_distance(const DeformationPlaces *a, const DeformationPlaces *b);

#endif
