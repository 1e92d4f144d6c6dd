/*
 * pen.h: trajectory of a pen -> the sequence of features that a network sees.        Pure C.
 *
 * A trajectory is an array [rows, columns] with a row per point: x, y, then pressure or pen-down (pen up is 0, or -1 for some
 * tablets), then the time in seconds.  y may grow upwards or downwards, but always the same way within one model.  If the tablet
 * records no points while the pen is up, the last point of a stroke and the first of the next one are repeated with pressure 0,
 * so that points interpolated between them are pen-up.
 *
 * Preparation has two steps.  pen_prepare() makes a sample of fixed size: resampled, drift removed, scaled.  pen_features()
 * computes the network's input from it.  In between, training distorts the sample (pen_distort).
 */
#ifndef SIAMESE_PEN_H
#define SIAMESE_PEN_H

#include "common/random.h"
#include "common/status.h"

/* ---- a trajectory ------------------------------------------------------------------------------------------------ */

typedef struct PenRows
{
	const float *single;		/* [rows, columns] */
	const double *wide;			/* the same in double precision; used if single is NULL */
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
 * Some tablets record points a few ms before the previous one: they get the time of that.  Larger steps back are errors.
 */
#define PEN_STEP_BACK 0.1		/* seconds */

static inline double
pen_time_after(double last, double time)
{
	return time < last && time >= last - PEN_STEP_BACK ? last : time;
}

/*
 * Checks that there are 10 to 20,000 rows of 2 to 4 finite columns, that the pen moves, and that the pressure is not negative
 * (but for -1: pen up) and positive somewhere.  The time must not run backwards, except for pen_time_after(), must advance, and
 * must be plausible as seconds: at most an hour, most steps between 50 us and 0.25 s, and not so far from 0 that rounding
 * destroys the steps.  The error is STATUS_PEN and names the row, counted from 1.
 */
extern bool pen_check(const PenRows *pen, Status *status);

/* ---- preparation: part of a network's definition ("input") ------------------------------------------------------- */

/*
 * Features of each point.  v is the velocity, a the acceleration; derivatives by time come from a regression line through five
 * points (Fierrez et al. 2007, "HMM-based on-line signature verification").  All are clamped to [-1, 1].  rms: root mean square
 * over the signature.  "spread of y": standard deviation of y.
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
	PEN_FEATURE_CURVATURE_COS,	/* of the turn from the point before to the one after   Guyon 1991, Bromley 1993 */
	PEN_FEATURE_CURVATURE_SIN,
	PEN_FEATURE_PRESSURE,		/* 2 p - 1, p relative to the signature's highest */
	PEN_FEATURE_PRESSURE_CHANGE,	/* p' / (3 rms) */
	PEN_FEATURE_LOG_SPEED,		/* log((|v| + rms / 100) / 10) / 4, in spreads of y a second */
	PEN_FEATURE_LOG_RADIUS,		/* log(|v|^3 / |v x a|) / 5: radius of curvature        Fierrez 2007 */
	PEN_FEATURE_VELOCITY_X,		/* v / (3 rms) */
	PEN_FEATURE_VELOCITY_Y,
	PEN_FEATURE_ACCELERATION,	/* |a| / (2 rms) - 1                                    Fierrez 2007 */
	PEN_FEATURE_TIME,			/* from -1 at the first point to 1 at the last: informative only with resampling "arc" */
	PEN_FEATURE_DURATION		/* log(seconds / 3) / 2, the same for all points */
} PenFeature;

#define PEN_FEATURES 19

/* Their names in definitions, in that order, ended by NULL: "pen", "x", ..., "centripetal_acceleration", ... */
extern const char *const pen_feature_names[];

typedef enum PenResampling
{
	PEN_RESAMPLING_TIME,		/* points at equal steps of time */
	PEN_RESAMPLING_ARC			/* at equal steps of arc length, pen-up moves included */
} PenResampling;

typedef enum PenScale
{
	PEN_SCALE_Y,				/* x and y in standard deviations of y */
	PEN_SCALE_BOTH				/* in units of the root mean square distance from the centre */
} PenScale;

typedef struct PenPreparation
{
	int			length;			/* points of the result */
	PenResampling resampling;
	bool		drift;			/* true: subtract from x and y their linear regression on the index of the point, the drift of the
								 * writing; false: only their mean */
	PenScale	scale;
	double		rate;			/* points per second, for trajectories without time */
	int			feature_count;
	uint8_t		feature[PEN_FEATURES];	/* PenFeature */
} PenPreparation;

/* ---- a prepared sample ------------------------------------------------------------------------------------------- */

/* float [length, PEN_VALUES] */
typedef enum PenValue
{
	PEN_X,
	PEN_Y,
	PEN_PRESSURE,				/* 0 to 1, relative to the trajectory's highest */
	PEN_DOWN,					/* 0 or 1 */
	PEN_TIME					/* seconds since the start */
} PenValue;

#define PEN_VALUES 5

/* Checks and prepares: sample float [length, PEN_VALUES].  Allocates nothing; false with STATUS_PEN. */
extern bool pen_prepare(const PenRows *pen, const PenPreparation *preparation, float *sample, Status *status);

/* The network's input [length, feature_count], from a sample. */
extern void pen_features(const PenPreparation *preparation, const float *sample, float *input);

/* ---- distortion: for training ------------------------------------------------------------------------------------ */

/* Largest strengths; each part is drawn separately for each sample, and applied with the given probability. */
typedef struct PenDistortion
{
	double		probability;
	double		rotation;		/* degrees */
	double		scale;			/* logarithm of the factor, x and y apart */
	double		shear;
	double		warp;			/* smooth displacement of x and y along the signature, in spreads of y */
	double		time_warp;		/* smooth change of the speed: logarithm of the local factor */
	double		tempo;			/* logarithm of the factor for the whole duration */
	double		pressure;		/* logarithm of a smooth factor for the pressure */
	double		jitter;			/* standard deviation of noise on x and y, in spreads of y */
	double		dropped;		/* share of the points that are replaced by linear interpolation between their neighbours */
	bool		mirror;			/* x and y separately, each with probability 1/2 */
	bool		reverse;		/* backwards in time, with probability 1/2 */
} PenDistortion;

/* sample [length, PEN_VALUES] -> distorted, of the same shape; they must not overlap. */
extern void pen_distort(const PenPreparation *preparation, const PenDistortion *distortion, const float *sample,
						Random *random, float *distorted);

/* ---- drawing ------------------------------------------------------------------------------------------------------ */

/*
 * Draws the prepared trajectory, and a curve for each feature, as an SVG in UTF-8 without terminating zero byte; y grows upwards.
 * *svg is allocated by the host.
 */
extern bool pen_draw(const PenPreparation *preparation, const float *sample, const Host *host, char **svg, size_t *length,
					 Status *status);

/* ---- readers ------------------------------------------------------------------------------------------------------ */

typedef struct PenTrajectory
{
	float	   *points;			/* float [rows, columns], allocated by the host */
	int			rows;
	int			columns;		/* 3: x, y, pressure; 4: also the time in seconds, from 0 */
} PenTrajectory;

/*
 * Bytes of a file -> a trajectory; false with STATUS_PEN_FORMAT, whose detail names the place, STATUS_NO_MEMORY or
 * STATUS_INTERRUPTED, and then nothing is allocated.  Readers check the format, pen_check() the trajectory.
 *
 * If the pen was up between two points but the file has no points in between, the two are repeated with pressure 0: points
 * interpolated between them are pen-up.
 */
typedef bool (*PenReader) (const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

/*
 * SVC2004 (Yeung et al. 2004): a line with the number of points, then a line per point: x y time pen, and for task 2
 * azimuth altitude pressure.  pen 0 marks the first point of a stroke.  Time is in milliseconds, and sometimes steps back as
 * pen_time_after() describes.
 */
extern bool pen_read_svc2004(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

/*
 * InkML (W3C 2011): all <trace> elements in order, each a stroke unless it continues one; those of type "penUp" are pen-up.  The
 * channels X, Y, F and T follow from the trace's context: the one referenced by it or its <traceGroup>, else the current one,
 * else the document's first <traceFormat>, else X and Y.  Lengths are converted to the unit of the first trace's X if units or
 * resolutions are given; T is in milliseconds unless its units or resolution say otherwise, plus the trace's timeOffset.  Numbers
 * are decimal, explicit or as first or second differences; the result has a time if all traces have T.
 *
 * If T of a trace starts before the last point, it counts from the beginning of the trace: the time continues after the last
 * point, and the unknown gap is estimated from its length and the mean speed of the strokes.
 */
extern bool pen_read_inkml(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

/*
 * ISO/IEC 19794-7:2007, full format: "SDI\0", " 10\0", channel descriptions, sample points.  The channels X, Y, T or DT, F and S
 * (pen switch) are used, divided by their scaling values; the others are skipped.
 */
extern bool pen_read_iso19794_7(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status);

#endif
