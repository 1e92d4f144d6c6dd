/*
 * sample.h: synthetic signatures from a kinematic model of the pen.             Pure C.
 *
 * A signature is a sum of strokes, each with a log-normal velocity profile (Plamondon 1995, "A kinematic theory of
 * rapid human movements", part I; O'Reilly and Plamondon 2009, the sigma-lognormal model).  A signer is a plan
 * (strokes, slant, size, rhythm, pen pressure) and a variability.  A skilled forgery follows the shape of the plan with
 * another person's dynamics and uncertainty.  Paper and pen are drawn for each sample from the same distribution, genuine
 * or not: only the handwriting differs.  Everything is determined by (seed, signer, sample, genuine).
 */
#ifndef SIAMESE_SAMPLE_H
#define SIAMESE_SAMPLE_H

#include "common/status.h"

typedef struct SampleSignature
{
	int			width;			/* pixels */
	int			height;
	uint8_t    *raster;			/* uint8 [height, width]: 0 black, 255 white; allocated by the host */
	int			points;			/* of the pen, 100 a second */
	float	   *pen;			/* float [points, 4]: x, y (0.01 mm, y upwards), pressure (0 to 1; 0: pen up), time (seconds) */
} SampleSignature;

/*
 * One signature.  signer: 0 to LIMIT_SIGNERS - 1; sample: 0 to LIMIT_SAMPLES - 1; genuine: written by the signer, else a
 * skilled forgery by one of five forgers (sample modulo 5).  The raster is a scan at about 200 dpi, 300 to 600 x 120 to
 * 280 pixels; the pen's x and y are those of a tablet, without the rotation and position of the scan.  Returns false with
 * STATUS_ARGUMENT or STATUS_NO_MEMORY, and then *result is empty.
 */
extern bool sample_signature(uint64_t seed, int signer, int sample, bool genuine,
							 const Host *host, SampleSignature *result, Status *status);
extern void sample_signature_release(const Host *host, SampleSignature *signature);

#endif
