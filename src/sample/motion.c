/*
 * motion.c: strokes -> trajectory of the pen.
 *
 * The sigma-lognormal model (O'Reilly and Plamondon 2009): stroke i begins at t0; its speed is D times the log-normal density of
 * (t - t0) with parameters mu and sigma; its direction turns from one angle to another in proportion to the distance covered; the
 * velocity of the pen is the sum over all strokes.  Such a stroke is an arc of a circle, so that the position has a closed form
 * and no velocity is integrated.  The log-normal is truncated at three standard deviations, which span the stroke's time.
 */
#include "sample/sample_internal.h"

#include <string.h>

#define CUT 3.0
#define BEND_LIMIT 4.4			/* radians; an arc of a full turn has no chord */

/* A stroke, prepared for evaluation. */
typedef struct Arc
{
	double		begin;			/* seconds */
	double		end;
	double		origin;			/* t0 */
	double		mu;
	double		sigma;
	double		radius;			/* 0: straight */
	double		first;			/* direction at the beginning, or of the straight line */
	double		turn;
	double		length;
	double		across;			/* end minus beginning, x and y */
	double		up;
} Arc;

double
sample_stroke_seconds(const SampleStroke *stroke)
{
	return 2.0 * exp(stroke->mu) * sinh(CUT * stroke->sigma);
}

static double
arc_middle(const Arc *arc)
{
	return arc->origin + exp(arc->mu);
}

static void
arc_shape(Arc *arc, double from_x, double from_y, const SampleStroke *stroke)
{
	double		across = stroke->x - from_x;
	double		up = stroke->y - from_y;
	double		chord = sqrt(across * across + up * up);
	double		turn = clamp(stroke->bend, -BEND_LIMIT, BEND_LIMIT);
	double		half = sin(turn / 2.0);

	arc->across = across;
	arc->up = up;
	arc->turn = turn;
	arc->first = (chord > 0.0 ? atan2(up, across) : 0.0) - turn / 2.0;
	arc->radius = fabs(turn) > 1e-3 ? chord / (2.0 * half) : 0.0;
	arc->length = fabs(turn) > 1e-3 ? fabs(arc->radius * turn) : chord;
}

static void
arcs_prepare(const SampleMotion *motion, Arc *arc)
{
	double		x = motion->x;
	double		y = motion->y;
	double		begin = 0.0;

	for (int i = 0; i < motion->strokes; i++)
	{
		const SampleStroke *stroke = &motion->stroke[i];

		if (i > 0)
			begin += sample_stroke_seconds(stroke - 1) * stroke->onset;
		begin += stroke->pause;
		arc[i].sigma = stroke->sigma;
		arc[i].mu = stroke->mu;
		arc[i].begin = begin;
		arc[i].end = begin + sample_stroke_seconds(stroke);
		arc[i].origin = begin - exp(arc[i].mu - CUT * arc[i].sigma);
		arc_shape(&arc[i], x, y, stroke);
		x = stroke->x;
		y = stroke->y;
	}
}

/* The share of its length that the stroke has covered, 0 to 1. */
static double
arc_share(const Arc *arc, double time)
{
	double		cut = erf(CUT * M_SQRT1_2);

	if (time <= arc->begin)
		return 0.0;
	if (time >= arc->end)
		return 1.0;
	return clamp(0.5 + 0.5 * erf((log(time - arc->origin) - arc->mu) / arc->sigma * M_SQRT1_2) / cut, 0.0, 1.0);
}

static void
arc_place(const Arc *arc, double share, double *across, double *up)
{
	if (share >= 1.0 || arc->radius == 0.0)
	{
		*across = arc->across * share;
		*up = arc->up * share;
	}
	else
	{
		double		direction = arc->first + arc->turn * share;

		*across = arc->radius * (sin(direction) - sin(arc->first));
		*up = arc->radius * (cos(arc->first) - cos(direction));
	}
}

/* Positions of the pen where one stroke passes into the next: the visible corners. */
static void
corners_of_arcs(const SampleMotion *motion, const Arc *arc, double *x, double *y)
{
	int			count = motion->strokes;

	for (int i = 0; i < count; i++)
	{
		double		time = i + 1 < count ? (arc_middle(&arc[i]) + arc_middle(&arc[i + 1])) / 2.0 : arc[i].end;

		x[i] = motion->x;
		y[i] = motion->y;
		for (int j = 0; j < count && arc[j].begin < time; j++)
		{
			double		across;
			double		up;

			arc_place(&arc[j], arc_share(&arc[j], time), &across, &up);
			x[i] += across;
			y[i] += up;
		}
	}
}

void
sample_motion_corners(const SampleMotion *motion, double *x, double *y)
{
	Arc			arc[SAMPLE_STROKES];

	arcs_prepare(motion, arc);
	corners_of_arcs(motion, arc, x, y);
}

/*
 * Moves the targets so that the corners approach the given ones: overlapping strokes never reach their targets, so these must lie
 * further out.  Each round corrects a part of the difference, so that neighbours do not overshoot.
 */
void
sample_motion_fit(SampleMotion *motion, const double *x, const double *y, int rounds)
{
	double		have_x[SAMPLE_STROKES];
	double		have_y[SAMPLE_STROKES];

	for (int round = 0; round < rounds; round++)
	{
		sample_motion_corners(motion, have_x, have_y);
		for (int i = 0; i < motion->strokes; i++)
		{
			motion->stroke[i].x += 0.6 * (x[i] - have_x[i]);
			motion->stroke[i].y += 0.6 * (y[i] - have_y[i]);
		}
	}
}

/* Adds tremor of 8 to 12 Hz: in each direction, five waves of random frequency, phase and strength. */
static void
track_tremble(SampleTrack *track, double tremor, Random *random)
{
	for (int axis = 0; axis < 2; axis++)
	{
		double	   *value = axis == 0 ? track->x : track->y;

		for (int wave = 0; wave < 5; wave++)
		{
			double		step = 2.0 * M_PI * random_range(random, 8.0, 12.0) / SAMPLE_RATE;
			double		phase = random_range(random, 0.0, 2.0 * M_PI);
			double		strength = tremor * sqrt(2.0 / 5.0) * sample_factor(random, 0.3);
			double		turn_cos = cos(step);
			double		turn_sin = sin(step);
			double		across = strength * cos(phase);
			double		up = strength * sin(phase);

			for (int k = 0; k < track->points; k++)
			{
				double		next = across * turn_cos - up * turn_sin;

				value[k] += up;
				up = across * turn_sin + up * turn_cos;
				across = next;
			}
		}
	}
}

/* How much of its pressure a pen has that came down, or will be lifted, so many points from here. */
static double
ramp_at(int points, int ramp)
{
	return points < ramp ? 0.3 + 0.7 * sin(M_PI / 2.0 * points / ramp) : 1.0;
}

/* Pressure rises after the pen comes down and falls before it is lifted; it decreases with speed and varies slowly. */
static void
track_press(SampleTrack *track, const SampleManner *manner, Random *random)
{
	int			ramp = (int) (manner->ramp * SAMPLE_RATE) + 1;
	double		waver = 0.0;
	int			since = 0;

	for (int k = 0; k < track->points; k++)
	{
		waver = 0.97 * waver + 0.008 * sample_normal(random, 1.0);
		since = track->pressure[k] > 0.0 ? since + 1 : 0;
		track->pressure[k] *= (1.0 + waver - manner->fade * track->speed[k] / (track->speed[k] + 80.0)) * ramp_at(since, ramp);
	}
	since = 0;
	for (int k = track->points - 1; k >= 0; k--)
	{
		since = track->pressure[k] > 0.0 ? since + 1 : 0;
		if (since > 0)
			track->pressure[k] = clamp(track->pressure[k] * ramp_at(since, ramp / 2), 0.03, 1.0);
	}
}

/* Speeds up a performance that would take longer than SAMPLE_SECONDS. */
static double
motion_limit(SampleMotion *motion, const Arc *arc)
{
	double		seconds = 0.0;
	double		faster;

	for (int i = 0; i < motion->strokes; i++)
		seconds = fmax(seconds, arc[i].end);
	if (seconds <= SAMPLE_SECONDS)
		return seconds;
	faster = SAMPLE_SECONDS / seconds;
	for (int i = 0; i < motion->strokes; i++)
	{
		motion->stroke[i].mu += log(faster);
		motion->stroke[i].pause *= faster;
	}
	return SAMPLE_SECONDS;
}

static bool
track_allocate(int points, const Host *host, SampleTrack *track, Status *status)
{
	track->points = points;
	track->x = host_allocate_zero(host, (size_t) points * 4, sizeof(double), status);
	if (track->x == NULL)
		return false;
	track->y = track->x + points;
	track->speed = track->y + points;
	track->pressure = track->speed + points;
	return true;
}

/* Adds a stroke: its steps to x and y, its speed to speed, and to air if it is pen-up, else its weighted pressure to pressure. */
static void
track_add_stroke(SampleTrack *track, const Arc *arc, const SampleStroke *stroke, double *air)
{
	int			first = (int) ceil(arc->begin * SAMPLE_RATE);
	double		before_share = 0.0;
	double		before_across = 0.0;
	double		before_up = 0.0;

	for (int k = first > 0 ? first : 0; k < track->points && before_share < 1.0; k++)
	{
		double		share = k == track->points - 1 ? 1.0 : arc_share(arc, (double) k / SAMPLE_RATE);
		double		speed = (share - before_share) * arc->length * SAMPLE_RATE;
		double		across;
		double		up;

		arc_place(arc, share, &across, &up);
		track->x[k] += across - before_across;
		track->y[k] += up - before_up;
		track->speed[k] += speed;
		if (stroke->lift)
			air[k] += speed;
		else
			track->pressure[k] += speed * stroke->pressure;
		before_share = share;
		before_across = across;
		before_up = up;
	}
}

bool
sample_motion_track(SampleMotion *motion, const SampleManner *manner, Random *random, const Host *host,
					SampleTrack *track, Status *status)
{
	Arc			arc[SAMPLE_STROKES];
	double	   *air;
	double		seconds;
	double		pressure = 0.0;

	arcs_prepare(motion, arc);
	seconds = motion_limit(motion, arc);
	arcs_prepare(motion, arc);
	if (!track_allocate((int) (seconds * SAMPLE_RATE) + 2, host, track, status))
		return false;
	air = host_allocate_zero(host, track->points, sizeof(double), status);
	if (air == NULL)
	{
		sample_track_release(host, track);
		return false;
	}

	track->x[0] = motion->x;
	track->y[0] = motion->y;
	for (int i = 0; i < motion->strokes; i++)
		track_add_stroke(track, &arc[i], &motion->stroke[i], air);
	for (int k = 0; k < track->points; k++)
	{
		double		total = track->speed[k];

		/* up or down as most of the movement; unchanged where nothing moves */
		if (total > 1e-6)
			pressure = air[k] > 0.5 * total ? 0.0 : track->pressure[k] / (total - air[k]);
		track->pressure[k] = pressure;
		if (k > 0)
		{
			track->x[k] += track->x[k - 1];
			track->y[k] += track->y[k - 1];
			track->speed[k] = hypot(track->x[k] - track->x[k - 1], track->y[k] - track->y[k - 1]) * SAMPLE_RATE;
		}
	}
	host_release(host, air);
	track_tremble(track, manner->tremor, random);
	track_press(track, manner, random);
	return true;
}

void
sample_track_release(const Host *host, SampleTrack *track)
{
	host_release(host, track->x);
	memset(track, 0, sizeof *track);
}
