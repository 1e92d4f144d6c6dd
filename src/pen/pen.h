/*
 * pen.h: trajectory of a pen -> the sequence of features that a network sees.        Pure C.
 *
 * A trajectory is an array [rows, columns], a row a point: x, y, then pressure or pen-down (0, or -1 as some tablets say: the
 * pen is up), then the time in seconds.  y grows upwards or downwards, as the tablet has it, and always the same way within
 * one model.  Where the pen is lifted and no points come from the air, the last point of a stroke and the first of the next
 * stand there once more with pressure 0, so that what is interpolated between them is in the air.
 *
 * Preparation has two steps.  pen_prepare() makes a sample of fixed size: resampled, drift removed, scaled.  pen_features()
 * derives the network's input from it.  Between the two a training distorts the sample (pen_distort).
 */
#ifndef SIAMESE_PEN_H
#define SIAMESE_PEN_H

#include "common/random.h"
#include "common/status.h"

/* ---- a trajectory ------------------------------------------------------------------------------------------------ */

typedef struct PenRows
{
	const float *single;		/* [rows, columns] */
	const double *wide;			/* the same in double precision if single is NULL */
	int			rows;
	int			columns;
} PenRows;

static inline double
pen_value(const PenRows *pen, int row, int column)
{
	size_t		place = (size_t) row * pen->columns + column;

	return pen->single ? pen->single[place] : pen->wide[place];
}

/*
 * Tablets have points that lie some ms before the last one: they get its time.  A time that lies farther back is no such
 * slip.
 */
#define PEN_STEP_BACK 0.1		/* seconds */

static inline double
pen_time_after(double last, double time)
{
	return time < last && time >= last - PEN_STEP_BACK ? last : time;
}

/*
 * 10 to 20,000 rows of 2 to 4 columns, finite, the pressure 0 or more (or -1: lifted) and somewhere positive, the pen moving.
 * The time does not run backwards but for pen_time_after(), it advances, and may be one in seconds: an hour at most, most
 * steps between 50 us and 0.25 s, and not so far from 0 that rounding has eaten them.  STATUS_PEN names the row, counted
 * from 1.
 */
extern bool pen_check(const PenRows *pen, Status *status);

/* ---- preparation: part of a network's definition ("input") ------------------------------------------------------- */

/*
 * What a network can see of each point.  v is the velocity, a the acceleration; derivatives are by time, from a
 * regression line through five points (Fierrez et al. 2007, "HMM-based on-line signature verification").  All lie in
 * [-1, 1]: what is beyond is cut.  rms: root of the mean square over the signature.
 */
typedef enum PenFeature
{
	PEN_FEATURE_PEN,			/* 1 down, -1 up                                        Bromley 1993 */
	PEN_FEATURE_X,				/* x / 4, in spreads of y                               Bromley 1993 */
	PEN_FEATURE_Y,				/* y / 4                                                Bromley 1993 */
	PEN_FEATURE_SPEED,			/* |v| / (2 rms) - 1                                    Bromley 1993 */
	PEN_FEATURE_CENTRIPETAL,	/* (v x a) / |v| / (2 rms of a)                         Bromley 1993 */
	PEN_FEATURE_TANGENTIAL,		/* (v . a) / |v| / (2 rms of a)                         Bromley 1993 */
	PEN_FEATURE_DIRECTION_COS,	/* of v; 0 where the pen rests                          Bromley 1993 */
	PEN_FEATURE_DIRECTION_SIN,
	PEN_FEATURE_CURVATURE_COS,	/* of the turn from the point before to the one behind  Guyon 1991, Bromley 1993 */
	PEN_FEATURE_CURVATURE_SIN,
	PEN_FEATURE_PRESSURE,		/* 2 p - 1, p in shares of the signature's highest */
	PEN_FEATURE_PRESSURE_CHANGE,	/* p' / (3 rms) */
	PEN_FEATURE_LOG_SPEED,		/* log((|v| + rms / 100) / 10) / 4, in spreads of y a second */
	PEN_FEATURE_LOG_RADIUS,		/* log(|v|^3 / |v x a|) / 5: radius of curvature        Fierrez 2007 */
	PEN_FEATURE_VELOCITY_X,		/* v / (3 rms) */
	PEN_FEATURE_VELOCITY_Y,
	PEN_FEATURE_ACCELERATION,	/* |a| / (2 rms) - 1                                    Fierrez 2007 */
	PEN_FEATURE_TIME,			/* from -1 at the first point to 1 at the last: tells only with resampling "arc" */
	PEN_FEATURE_DURATION		/* log(seconds / 3) / 2, the same at all points */
} PenFeature;

#define PEN_FEATURES 19

/* As definitions spell them, in that order, ended by NULL: "pen", "x", ..., "centripetal_acceleration", ... */
extern const char *const pen_feature_names[];

typedef enum PenResampling
{
	PEN_RESAMPLING_TIME,		/* points at equal steps of time */
	PEN_RESAMPLING_ARC			/* of the way, pen-up moves included */
} PenResampling;

typedef enum PenScale
{
	PEN_SCALE_Y,				/* x and y in standard deviations of y */
	PEN_SCALE_BOTH				/* in root mean square distances from the centre */
} PenScale;

typedef struct PenPreparation
{
	int			length;			/* points of the result */
	PenResampling resampling;
	bool		drift;			/* true: x and y less their linear regression on the points, which is the writing's drift;
								 * false: less their mean */
	PenScale	scale;
	double		rate;			/* points a second where the trajectory has no time */
	int			feature_count;
	uint8_t		feature[PEN_FEATURES];	/* PenFeature */
} PenPreparation;

/* ---- a prepared sample ------------------------------------------------------------------------------------------- */

/* float [length, PEN_VALUES] */
typedef enum PenValue
{
	PEN_X,
	PEN_Y,
	PEN_PRESSURE,				/* 0 to 1: share of the trajectory's highest */
	PEN_DOWN,					/* 0 or 1 */
	PEN_TIME					/* seconds since the start */
} PenValue;

#define PEN_VALUES 5

/* Checks and prepares: sample float [length, PEN_VALUES].  Allocates nothing; false with STATUS_PEN. */
extern bool pen_prepare(const PenRows *pen, const PenPreparation *preparation, float *sample, Status *status);

/* The network's input [length, feature_count], from a sample. */
extern void pen_features(const PenPreparation *preparation, const float *sample, float *input);

/* ---- distortion: for training ------------------------------------------------------------------------------------ */

/* Largest strengths; each part is drawn anew for a sample and applied with the probability. */
typedef struct PenDistortion
{
	double		probability;
	double		rotation;		/* degrees */
	double		scale;			/* logarithm of the factor, x and y apart */
	double		shear;
	double		warp;			/* smooth displacement of x and y along the signature, in spreads of y */
	double		time_warp;		/* smooth change of the tempo: logarithm of the local factor */
	double		tempo;			/* logarithm of the factor of the whole duration */
	double		pressure;		/* logarithm of a smooth factor of the pressure */
	double		jitter;			/* standard deviation of noise on x and y, in spreads of y */
	double		dropped;		/* share of the points that are replaced by a straight line between their neighbours */
	bool		mirror;			/* x, and apart from it y, by even chances */
	bool		reverse;		/* backwards in time, by an even chance */
} PenDistortion;

/* sample [length, PEN_VALUES] -> distorted, the same shape, not overlapping. */
extern void pen_distort(const PenPreparation *preparation, const PenDistortion *distortion, const float *sample,
						Random *random, float *distorted);

/* ---- drawing ------------------------------------------------------------------------------------------------------ */

/*
 * The prepared trajectory and its features over the points as an SVG, in UTF-8, no final zero byte; y grows upwards.
 * *svg is allocated by the host.
 */
extern bool pen_draw(const PenPreparation *preparation, const float *sample, const Host *host, char **svg, size_t *length,
					 Status *status);

/* ---- readers ------------------------------------------------------------------------------------------------------ */

typedef struct PenTrajectory
{
	float	   *points;			/* float [rows, columns], allocated by the host */
	int			rows;
	int			columns;		/* 3: x, y, pressure; 4: and the time, from 0, in seconds */
} PenTrajectory;

/*
 * Bytes of a file -> a trajectory; false with STATUS_PEN_FORMAT, whose detail names the place, STATUS_NO_MEMORY or
 * STATUS_INTERRUPTED, and then nothing is allocated.  They check what the format says, pen_check() what a trajectory is.
 *
 * Where a format says that the pen was up between two points, but has no point of it, the two stand in the trajectory once
 * more with pressure 0: what is interpolated between them is in the air.
 */
typedef bool (*PenReader) (const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

/*
 * SVC2004 (Yeung et al. 2004): a line with the number of points, then a line a point: x y time pen, and for task 2
 * azimuth altitude pressure.  pen 0 is the first point of a stroke.  Time in milliseconds; that collection has times for
 * pen_time_after().
 */
extern bool pen_read_svc2004(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

/*
 * InkML (W3C 2011): all <trace> elements in their order, each a stroke unless it continues one, those of type "penUp" in the
 * air; channels X, Y, F and T as the trace's context says: the one that it or its <traceGroup> names, or the current one, or
 * the document's first <traceFormat>, or X and Y.  Lengths are in the unit of the first trace's X, where units or resolutions
 * tell; T in milliseconds unless its units or its resolution say otherwise, plus the trace's timeOffset.  Numbers are
 * decimal, explicit or with the prefixes of first and second differences; there is a time if all traces have T.
 *
 * Where T of a trace begins before the last point, it counts from the trace's own beginning: the time goes on after the
 * last point, and the gap, which nobody knows, is what the way takes at the mean speed of the strokes.
 */
extern bool pen_read_inkml(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

/*
 * ISO/IEC 19794-7:2007, full format: "SDI\0", " 10\0", channel descriptions, sample points.  Of the channels X, Y, T or DT,
 * F and S (pen switch) are used, divided by their scaling value; the others are passed over.
 */
extern bool pen_read_iso19794_7(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

#endif
