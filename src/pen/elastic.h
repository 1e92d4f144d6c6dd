/*
 * elastic.h: how far two trajectories are apart, however the pen hurried and waited.            Pure C.
 *
 * Dynamic time warping: Sakoe, Chiba 1978, "Dynamic programming algorithm optimization for spoken word recognition", section 2: each point
 * of one signature is matched with points of the other, in order, so that the sum of their differences is the least; matched
 * points lie within a fifth of a signature of one another (their adjustment window).
 *
 * What is compared of a point are its place, the acceleration across and along the path, which count twice, and the pressure, each in
 * standard deviations of its signature.  Chosen on SVC2004 by the least error with one reference (equal error rate, five folds):
 * 10.0 % with these, 12.0 % if the acceleration counts once, 14.5 % with the velocity instead.
 */
#ifndef SIAMESE_ELASTIC_H
#define SIAMESE_ELASTIC_H

#include "pen/pen.h"

#define ELASTIC_VALUES 5		/* x, y, centripetal and tangential acceleration, pressure */
#define ELASTIC_RATE 100		/* points a second */
#define ELASTIC_LEAST 16		/* points */
#define ELASTIC_MOST 1000		/* of a longer signature, there are fewer a second */
#define ELASTIC_UNIT 28			/* of a value: a standard deviation; values are cut off at 127 */
#define ELASTIC_WINDOW 0.2		/* share of a signature */

/* A prepared trajectory: one byte a value. */
typedef struct ElasticSequence
{
	int			length;			/* points, ELASTIC_LEAST .. ELASTIC_MOST */
	int8_t	   *value;			/* [ELASTIC_VALUES, length]; allocated by the host */
} ElasticSequence;

/* False with STATUS_PEN, as pen_check(), or STATUS_NO_MEMORY; then nothing is allocated. */
extern bool elastic_sequence(const PenRows *pen, const Host *host, ElasticSequence *sequence, Status *status);

/*
 * The same of a network's prepared sample [length, PEN_VALUES]: so a sequence for a model has seen what the model sees.  A sample of
 * 200 points costs little: SVC2004, 7.4 % with five references instead of 7.35, 10.7 instead of 10.1 with one.
 */
extern bool elastic_sequence_of_sample(const float *sample, int length, const Host *host, ElasticSequence *sequence, Status *status);

/*
 * Sum of the differences along the best path, in standard deviations, divided by the points of a: the one on file.  0 for the same; about
 * 1 for another signature of the same person.  Not symmetric: who imitates mostly writes slowly, and is farther for it.  The
 * same on every processor.  False with STATUS_NO_MEMORY.
 */
extern bool elastic_distance(const ElasticSequence *a, const ElasticSequence *b, const Host *host, double *distance, Status *status);

#endif
