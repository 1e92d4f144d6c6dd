/*
 * sample_internal.h: what the files of the sample room share.
 *
 * glyph.c knows the letters; plan.c makes of them a signer's plan; perform.c writes the plan once, in the signer's own
 * hand or in a forger's; motion.c turns the strokes into the way of the pen; render.c lays ink on paper; sample.c is
 * the entry.  Lengths are millimetres, y grows upwards, angles are radians, times are seconds.
 */
#ifndef SIAMESE_SAMPLE_INTERNAL_H
#define SIAMESE_SAMPLE_INTERNAL_H

#include "common/limits.h"
#include "common/number.h"
#include "common/random.h"
#include "sample/sample.h"

#define SAMPLE_STROKES 112		/* of a plan, air strokes and those added by a hand included */
#define SAMPLE_GLYPH_POINTS 9
#define SAMPLE_RATE 400			/* of the fine trajectory, a second */
#define SAMPLE_PEN_STRIDE 4		/* fine points for one of the pen's 100 a second */
#define SAMPLE_SECONDS 16.0		/* a longer performance is sped up to this */
#define SAMPLE_FORGERS 5		/* people who forge one signer; sample modulo this selects the one */

/* Letters: units of a tenth of the height of a small x, baseline at 0. */
typedef struct SampleGlyphPoint
{
	int8_t		x;
	int8_t		y;
	int8_t		bend;			/* how far the stroke that ends here turns, in tens of degrees, counterclockwise */
	int8_t		lift;			/* 1: reached in the air */
} SampleGlyphPoint;

typedef struct SampleGlyph
{
	int8_t		width;			/* advance */
	int8_t		count;
	int8_t		late;			/* the last points that wait until the word is written: dots and crossings */
	SampleGlyphPoint point[SAMPLE_GLYPH_POINTS];
} SampleGlyph;

/* How a person moves a pen; the shape of what he writes stands in the plan. */
typedef struct SampleHand
{
	double		tempo;			/* duration of a stroke as long as a small letter is high */
	double		growth;			/* exponent of a stroke's duration over its length; 0: all take equally long */
	double		asymmetry;		/* of the speed of a stroke, 0.05 (a bell) to 0.3 (a fast start) */
	double		onset;			/* share of a stroke after which the next begins: small is fluent, large is angular */
	double		irregular;		/* log-deviation of a stroke's duration from the rule */
	double		tremor;			/* mm, root mean square, at 8 to 12 Hz */
	double		pressure;		/* mean, 0 to 1 */
	double		contrast;		/* how much heavier down strokes are than up strokes */
	double		drift;			/* of the pressure from the first to the last stroke */
	double		fade;			/* loss of pressure with speed */
} SampleHand;

typedef struct SampleStroke
{
	double		x;				/* where the stroke aims, mm */
	double		y;
	double		bend;			/* its turn, radians, counterclockwise */
	double		duration;
	double		onset;			/* share of the stroke before that passes until this one begins */
	double		pause;			/* waiting before it */
	double		asymmetry;
	double		pressure;
	int			group;			/* letter, or other part of the signature */
	bool		lift;			/* in the air */
	bool		spare;			/* may be left out now and then (dots, crossings, ornaments) */
} SampleStroke;

/* A signature as movements: the signer's plan, or one performance of it. */
typedef struct SampleMotion
{
	double		x;				/* where the pen starts */
	double		y;
	int			strokes;
	int			groups;
	SampleStroke stroke[SAMPLE_STROKES];
} SampleMotion;

/* What a performance adds to its strokes. */
typedef struct SampleManner
{
	double		tremor;			/* mm, root mean square, at 8 to 12 Hz */
	double		fade;			/* loss of pressure with speed */
} SampleManner;

typedef struct SamplePlan
{
	SampleMotion motion;		/* aims fitted to the signer's own hand */
	SampleHand	hand;
	double		height;			/* of a small x, mm */
	double		variability;	/* 0.5 (a stable hand) to 2 (an unstable one) */
	double		omission;		/* probability that a spare stroke is left out */
} SamplePlan;

/* The way of the pen, SAMPLE_RATE points a second; each double [points]. */
typedef struct SampleTrack
{
	int			points;
	double	   *x;				/* mm */
	double	   *y;
	double	   *speed;			/* mm a second */
	double	   *pressure;		/* 0: in the air */
} SampleTrack;

/* Independent streams of random numbers: what they are for. */
typedef enum SamplePurpose
{
	SAMPLE_FOR_CLUSTER,			/* of the people whose styles are alike */
	SAMPLE_FOR_SIGNER,
	SAMPLE_FOR_LETTER,			/* a signer's (or a cluster's) form of a letter */
	SAMPLE_FOR_FORGER,			/* person and his picture of this signer's signature */
	SAMPLE_FOR_GENUINE,			/* one performance */
	SAMPLE_FOR_FORGED,
	SAMPLE_FOR_PAPER,			/* pen, paper and scan of one sample */
	SAMPLE_PURPOSES
} SamplePurpose;

/* stream.c */
extern Random sample_stream(uint64_t seed, SamplePurpose purpose, uint64_t first, uint64_t second);
extern double sample_normal(Random *random, double deviation);	/* normal, cut at 2.5 deviations */
extern double sample_factor(Random *random, double deviation);	/* exp(sample_normal) */

/* glyph.c; letter: 'a' to 'z' or 'A' to 'Z' */
extern const SampleGlyph *sample_glyph(char letter);

/* plan.c */
extern void sample_plan(uint64_t seed, int signer, SamplePlan *plan);

/* hand.c */
extern void sample_hand(Random *random, SampleHand *hand);
extern void sample_time(SampleMotion *motion, const SampleHand *hand, double height, Random *random);

/* perform.c */
extern void sample_perform(const SamplePlan *plan, uint64_t seed, int signer, int sample, bool genuine,
						   SampleMotion *motion, SampleManner *manner, Random *random);

/* motion.c */
extern void sample_motion_corners(const SampleMotion *motion, double *x, double *y);	/* double [strokes] each */
extern void sample_motion_fit(SampleMotion *motion, const double *x, const double *y, int rounds);
extern bool sample_motion_track(SampleMotion *motion, const SampleManner *manner, Random *random, const Host *host,
								SampleTrack *track, Status *status);
extern void sample_track_release(const Host *host, SampleTrack *track);

/* render.c */
extern bool sample_render(const SampleTrack *track, Random *random, const Host *host, SampleSignature *result,
						  Status *status);

#endif
