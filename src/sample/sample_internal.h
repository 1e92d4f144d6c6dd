/*
 * sample_internal.h: what the files of the sample room share; README.md lists them.
 *
 * Lengths are in millimetres, y grows upwards, angles are in radians, times in seconds.
 */
#ifndef SIAMESE_SAMPLE_INTERNAL_H
#define SIAMESE_SAMPLE_INTERNAL_H

#include "common/limits.h"
#include "common/number.h"
#include "common/random.h"
#include "sample/sample.h"

#define SAMPLE_STROKES 112		/* of a motion, including pen-up strokes and those added in a performance */
#define SAMPLE_GLYPH_POINTS 9
#define SAMPLE_RATE 400			/* points of the fine trajectory a second */
#define SAMPLE_PEN_STRIDE 4		/* fine points per point of the tablet, which records 100 a second */
#define SAMPLE_SECONDS 16.0		/* a longer performance is sped up to this */
#define SAMPLE_FORGERS 5		/* forgers of each signer; sample modulo this selects one */

/* Letters, in tenths of the x-height, baseline at 0. */
typedef struct SampleGlyphPoint
{
	int8_t		x;
	int8_t		y;
	int8_t		bend;			/* turn of the stroke that ends here, in tens of degrees, counterclockwise */
	int8_t		lift;			/* 1: that stroke is pen-up */
} SampleGlyphPoint;

typedef struct SampleGlyph
{
	int8_t		width;			/* advance */
	int8_t		count;
	int8_t		late;			/* number of last points that are written after the word: dots and crossings */
	SampleGlyphPoint point[SAMPLE_GLYPH_POINTS];
} SampleGlyph;

/* What a signature consists of; the names are in the style. */
typedef enum SampleLayout
{
	SAMPLE_LAYOUT_NAME,				/* one name */
	SAMPLE_LAYOUT_INITIAL_NAME,		/* an initial and a name */
	SAMPLE_LAYOUT_TWO_NAMES,
	SAMPLE_LAYOUT_MONOGRAM,			/* two or three initials */
	SAMPLE_LAYOUT_WAVE,				/* a capital followed by a wave */
	SAMPLE_LAYOUT_CHARACTERS,			/* two or three square characters of several strokes */
	SAMPLE_LAYOUTS
} SampleLayout;

typedef enum SampleParaph
{
	SAMPLE_PARAPH_NONE,
	SAMPLE_PARAPH_TAIL,				/* the last stroke is prolonged */
	SAMPLE_PARAPH_UNDERLINE,			/* back below the name and forth again, without lifting */
	SAMPLE_PARAPH_RULE,				/* a separate line below the name */
	SAMPLE_PARAPH_ZIGZAG,
	SAMPLE_PARAPH_LOOP,				/* around and through the name */
	SAMPLE_PARAPH_POINTS,
	SAMPLE_PARAPHS
} SampleParaph;

/* The style of writing: first that of the family, then mixed with the signer's own. */
typedef struct SampleStyle
{
	double		slant;			/* tangent */
	double		width;			/* of letters, relative */
	double		spacing;
	double		round;			/* factor for bends */
	double		tall;			/* factor for ascenders and descenders */
	double		capital;		/* size of capitals, relative */
	double		wear;			/* how much lower-case letters are flattened towards the end, 0 to 1 */
	double		rise;			/* of the baseline, tangent */
	double		joined;			/* probability that a letter is joined to the previous one */
	SampleLayout layout;
	SampleParaph paraph;
	char		name[2][10];	/* capital first; "" for none */
} SampleStyle;

/* How a person moves a pen; the shape that is written is in the plan. */
typedef struct SampleHand
{
	double		mu;				/* of the velocity profile of a stroke as long as the x-height */
	double		sigma;			/* small: bell-shaped and short, large: a fast start and a long end */
	double		growth;			/* exponent of duration over length of a stroke; 0: all strokes take equally long */
	double		onset;			/* share of a stroke after which the next one begins: small is fluent, large is angular */
	double		irregular;		/* standard deviation of a stroke's mu */
	double		pause;			/* seconds, median of the rests with the pen in the air */
	double		tremor;			/* mm, root mean square, at 8 to 12 Hz */
	double		pressure;		/* mean, 0 to 1 */
	double		contrast;		/* how much heavier down strokes are than up strokes */
	double		drift;			/* change of pressure from the first to the last stroke */
	double		fade;			/* loss of pressure with speed */
	double		ramp;			/* seconds in which the pressure rises after the pen comes down; it falls in half of that */
} SampleHand;

typedef struct SampleStroke
{
	double		x;				/* target of the stroke, mm */
	double		y;
	double		bend;			/* turn, radians, counterclockwise */
	double		mu;				/* of the log-normal velocity profile */
	double		sigma;
	double		onset;			/* share of the previous stroke after which this one begins */
	double		pause;			/* before it */
	double		pressure;
	int			group;			/* letter, or other part of the signature */
	bool		lift;			/* pen-up */
	bool		spare;			/* may be omitted sometimes (dots, crossings, ornaments) */
} SampleStroke;

/* The limits of mu and sigma of a hand's strokes. */
#define SAMPLE_MU_LEAST (-2.2)
#define SAMPLE_MU_MOST (-1.6)
#define SAMPLE_SIGMA_LEAST 0.10
#define SAMPLE_SIGMA_MOST 0.45

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
	double		ramp;			/* seconds in which the pressure rises after the pen comes down */
} SampleManner;

typedef struct SamplePlan
{
	SampleMotion motion;		/* targets fitted to the signer's own hand */
	SampleHand	hand;
	double		height;			/* x-height, mm */
	double		variability;	/* 0.5 (a stable hand) to 2 (an unstable one) */
	double		omission;		/* probability that a spare stroke is left out */
} SamplePlan;

/* Trajectory of the pen, SAMPLE_RATE points a second; each double [points]. */
typedef struct SampleTrack
{
	int			points;
	double	   *x;				/* mm */
	double	   *y;
	double	   *speed;			/* mm a second */
	double	   *pressure;		/* 0: pen up */
} SampleTrack;

/* Purposes of independent streams of random numbers. */
typedef enum SamplePurpose
{
	SAMPLE_FOR_CLUSTER,			/* signers with similar styles */
	SAMPLE_FOR_SIGNER,
	SAMPLE_FOR_LETTER,			/* a signer's (or a cluster's) form of a letter */
	SAMPLE_FOR_FORGER,			/* the person, and the way this signature is misread */
	SAMPLE_FOR_GENUINE,			/* one performance */
	SAMPLE_FOR_FORGED,
	SAMPLE_FOR_PAPER,			/* pen, paper and scan of one sample */
	SAMPLE_FOR_TABLET,			/* on which a signer and the forgers write */
	SAMPLE_PURPOSES
} SamplePurpose;

/* A tablet, which records the pen 100 times a second. */
typedef struct SampleTablet
{
	bool		hover;			/* it sees the pen in the air; if not, the record goes straight from one stroke to the next */
	double		noise;			/* mm, standard deviation of a coordinate */
	double		gamma;			/* of its pressure */
} SampleTablet;

/* stream.c */
extern Random sample_stream(uint64_t seed, SamplePurpose purpose, uint64_t first, uint64_t second);
extern double sample_normal(Random *random, double deviation);	/* normal, clamped to 2.5 deviations */
extern double sample_factor(Random *random, double deviation);	/* exp(sample_normal) */

/* A sum of four bytes: approximately normal, mean 0, deviation 1; true normal deviates would take most of the time. */
static inline double
sample_noise(uint32_t bits)
{
	int			sum = (int) ((bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + (bits >> 24));

	return (sum - 510) * (1.0 / 147.80);
}

/* glyph.c; letter: 'a' to 'z' or 'A' to 'Z' */
extern const SampleGlyph *sample_glyph(char letter);

/* style.c */
extern void sample_style(Random *family, Random *own, SampleStyle *style);

/* plan.c */
extern void sample_plan(uint64_t seed, int signer, SamplePlan *plan);

/* hand.c */
extern void sample_hand(Random *random, SampleHand *hand);
extern void sample_time(SampleMotion *motion, const SampleHand *hand, double height, Random *random);

/* perform.c */
extern void sample_perform(const SamplePlan *plan, uint64_t seed, int signer, int sample, bool genuine,
						   SampleMotion *motion, SampleManner *manner, Random *random);

/* motion.c */
extern double sample_stroke_seconds(const SampleStroke *stroke);
extern void sample_motion_corners(const SampleMotion *motion, double *x, double *y);	/* double [strokes] each */
extern void sample_motion_fit(SampleMotion *motion, const double *x, const double *y, int rounds);
extern bool sample_motion_track(SampleMotion *motion, const SampleManner *manner, Random *random, const Host *host,
								SampleTrack *track, Status *status);
extern void sample_track_release(const Host *host, SampleTrack *track);

/* tablet.c */
extern void sample_tablet(Random *random, SampleTablet *tablet);
extern bool sample_record(const SampleTrack *track, const SampleTablet *tablet, Random *random, const Host *host,
						  SampleSignature *result, Status *status);

/* render.c */
extern bool sample_render(const SampleTrack *track, Random *random, const Host *host, SampleSignature *result,
						  Status *status);

#endif
