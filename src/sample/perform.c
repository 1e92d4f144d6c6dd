/*
 * perform.c: a plan written once, by its signer or by a forger.
 *
 * What differs between two signatures of a person is mostly common to all of a signature, or changes slowly along it: one draw of
 * tempo, fluency and size for all strokes, and slow waves (Galbally, Fierrez, Ortega-Garcia, Plamondon 2012, "Synthetic on-line
 * signature generation", part I).  Noise that is independent from stroke to stroke looks like damage.
 *
 * Forgers know the shape but not the movements: they aim at the same corners with rhythm, pressure and fluency between their own
 * and the signer's, mostly slower, with hesitation.  Their errors are of two kinds: in how they perceive the shape (the same each
 * time: proportions, slant, letters), and in writing it (different each time, as for everybody).
 */
#include "sample/sample_internal.h"

#include <string.h>

/* A slow sine along the signature. */
typedef struct Wave
{
	double		strength;
	double		cycles;			/* from the first stroke to the last */
	double		phase;
} Wave;

static Wave
wave_draw(Random *random, double strength)
{
	Wave		wave;

	wave.strength = strength;
	wave.cycles = random_range(random, 0.5, 2.0);
	wave.phase = random_range(random, 0.0, 2.0 * M_PI);
	return wave;
}

static double
wave_at(const Wave *wave, double along)
{
	return wave->strength * sin(2.0 * M_PI * wave->cycles * along + wave->phase);
}

/* Errors of shape in a performance, relative to those of an average signer. */
typedef struct Errors
{
	double		whole;			/* size, slant, rotation, baseline */
	double		group;			/* letters: proportions and gaps */
	double		corner;
	double		turn;
} Errors;

/* Distorts the targets: the whole, then letters, then corners.  height: the x-height. */
static void
motion_distort(SampleMotion *motion, double height, const Errors *errors, Random *random)
{
	double		scale_x = sample_factor(random, 0.07 * errors->whole);
	double		scale_y = sample_factor(random, 0.075 * errors->whole);
	double		shear = sample_normal(random, 0.055 * errors->whole);
	double		slope = sample_normal(random, 0.03 * errors->whole);
	double		arch = sample_normal(random, 0.0006 * errors->whole);
	double		corner = 0.1 * height;
	double		gap = 0.0;
	double		lift = 0.0;
	double		group_x = 1.0;
	double		group_y = 1.0;
	double		origin = motion->x;
	double		last_x = motion->x;
	double		last_y = motion->y;
	double		wander_x = 0.0;
	double		wander_y = 0.0;
	int			group = -1;

	for (int i = -1; i < motion->strokes; i++)
	{
		double	   *x = i < 0 ? &motion->x : &motion->stroke[i].x;
		double	   *y = i < 0 ? &motion->y : &motion->stroke[i].y;
		double		reach = clamp(hypot(*x - last_x, *y - last_y) / height, 0.0, 8.0);
		double		error = corner * errors->corner * (0.65 + 0.25 * reach);	/* longer strokes are less accurate */
		double		new_x;

		last_x = *x;
		last_y = *y;
		if (i >= 0 && motion->stroke[i].group != group)
		{
			group = motion->stroke[i].group;
			origin = *x;
			gap += sample_normal(random, 1.45 * corner * errors->group);
			lift = 0.6 * lift + sample_normal(random, 0.9 * corner * errors->group);
			group_x = sample_factor(random, 0.095 * errors->group);
			group_y = sample_factor(random, 0.07 * errors->group);
		}
		wander_x = 0.7 * wander_x + sample_normal(random, 0.75 * error);
		wander_y = 0.7 * wander_y + sample_normal(random, 0.75 * error);
		new_x = origin + (*x - origin) * group_x + gap + wander_x;
		*y = *y * group_y + lift + wander_y;
		*x = new_x * scale_x + shear * *y;
		*y = *y * scale_y + slope * new_x + arch * new_x * new_x;
		if (i >= 0)
			motion->stroke[i].bend += sample_normal(random, 0.12 * errors->turn);
	}
}

/*
 * How a performance changes the movements: a share of the range within which duplicates still look like the same hand's
 * (README.md), with one draw of each for all strokes, and slow waves.
 */
static void
motion_retime(SampleMotion *motion, double share, Random *random)
{
	double		mu = share * random_range(random, -0.25, 0.26);
	double		sigma = share * random_range(random, -0.29, 0.33);
	double		onset = share * random_range(random, -0.085, 0.083);
	double		pause = sample_factor(random, 1.2 * share);
	double		press = sample_factor(random, 0.35 * share);
	Wave		tempo = wave_draw(random, 0.075);
	Wave		pressure = wave_draw(random, 0.075);

	for (int i = 0; i < motion->strokes; i++)
	{
		SampleStroke *stroke = &motion->stroke[i];
		double		along = (i + 0.5) / motion->strokes;

		stroke->mu = stroke->mu * (1.0 + mu) + wave_at(&tempo, along) + sample_normal(random, 0.08);
		stroke->sigma = clamp(stroke->sigma * (1.0 + sigma), SAMPLE_SIGMA_LEAST, SAMPLE_SIGMA_MOST);
		stroke->onset = clamp(stroke->onset + onset, 0.3, 0.95);
		stroke->pause *= pause;
		stroke->pressure = clamp(press * stroke->pressure * exp(wave_at(&pressure, along)) + sample_normal(random, 0.04),
								 0.12, 1.0);
	}
}

/* Omits each spare part (a dot, a crossing: from its pen-up stroke to its last) with the given probability. */
static void
motion_omit(SampleMotion *motion, double probability, Random *random)
{
	int			kept = 0;
	bool		omit = false;

	for (int i = 0; i < motion->strokes; i++)
	{
		const SampleStroke *stroke = &motion->stroke[i];

		if (stroke->spare && stroke->lift)
			omit = random_uniform(random) < probability;
		if (!(stroke->spare && omit))
			motion->stroke[kept++] = *stroke;
	}
	motion->strokes = kept;
}

/* Sometimes splits a stroke in two: a hesitation or small flourish that is not in the plan. */
static void
motion_add(SampleMotion *motion, double height, double probability, Random *random)
{
	SampleStroke *stroke;
	int			place;

	if (motion->strokes < 6 || motion->strokes >= SAMPLE_STROKES || random_uniform(random) >= probability)
		return;
	place = 2 + (int) random_below(random, motion->strokes - 4);
	stroke = &motion->stroke[place];
	if (stroke->lift || stroke[-1].lift)
		return;
	memmove(stroke + 1, stroke, (motion->strokes - place) * sizeof *stroke);
	motion->strokes++;
	stroke->x = (stroke[-1].x + stroke[1].x) / 2.0 + sample_normal(random, 0.15 * height);
	stroke->y = (stroke[-1].y + stroke[1].y) / 2.0 + sample_normal(random, 0.15 * height);
	stroke->bend /= 2.0;
	stroke[1].bend /= 2.0;
	stroke->mu -= 0.2;
	stroke[1].mu -= 0.2;
}

static void
perform_genuine(const SamplePlan *plan, SampleMotion *motion, SampleManner *manner, Random *random)
{
	double		own = 1.1 * plan->variability * sample_factor(random, 0.3);
	Errors		errors = {sqrt(own), own, own, own};

	motion_omit(motion, plan->omission, random);
	motion_distort(motion, plan->height, &errors, random);
	motion_retime(motion, random_range(random, 0.0, 0.25) * own, random);
	motion_add(motion, plan->height, 0.06 * own, random);
	manner->tremor = plan->hand.tremor * sample_factor(random, 0.2);
	manner->fade = plan->hand.fade;
	manner->ramp = plan->hand.ramp;
}

/* Forgers pause before the next letter, or lift the pen. */
static void
motion_hesitate(SampleMotion *motion, double caution, Random *random)
{
	for (int i = 1; i < motion->strokes; i++)
	{
		SampleStroke *stroke = &motion->stroke[i];
		bool		joint = stroke->group != stroke[-1].group;

		if (random_uniform(random) >= caution * (joint ? 0.28 : 0.05))
			continue;
		stroke->onset = random_range(random, 0.7, 1.0);
		if (random_uniform(random) < 0.35)
			stroke->pause = random_range(random, 0.02, 0.25);
		if (joint && !stroke->lift && random_uniform(random) < 0.4)
			stroke->lift = true;
	}
}

/* The hand that a forger takes on: own habits, the share "fluency" of the way to the signer's. */
static void
hand_blend(SampleHand *hand, const SampleHand *signer, double fluency)
{
	hand->mu += fluency * (signer->mu - hand->mu);
	hand->sigma += fluency * (signer->sigma - hand->sigma);
	hand->growth += fluency * (signer->growth - hand->growth);
	hand->onset += fluency * (signer->onset - hand->onset);
	hand->pause += fluency * (signer->pause - hand->pause);
	hand->pressure += fluency * (signer->pressure - hand->pressure);
	hand->contrast += fluency * (signer->contrast - hand->contrast);
	hand->drift += fluency * (signer->drift - hand->drift);
	hand->fade += fluency * (signer->fade - hand->fade);
	hand->ramp += fluency * (signer->ramp - hand->ramp);
}

/* Timing and pressure of strokes as the forger writes them, partly with what marks the signer's own. */
static void
motion_imitate(SampleMotion *motion, const SampleHand *hand, const SamplePlan *plan, double fluency, Random *random)
{
	sample_time(motion, hand, plan->height, random);
	for (int i = 0; i < motion->strokes; i++)
	{
		SampleStroke *stroke = &motion->stroke[i];
		const SampleStroke *model = &plan->motion.stroke[i];

		stroke->mu += fluency * (model->mu - plan->hand.mu - (stroke->mu - hand->mu));
		stroke->sigma += fluency * (model->sigma - stroke->sigma);
		stroke->pressure += fluency * (model->pressure - stroke->pressure);
	}
}

static void
perform_forged(const SamplePlan *plan, uint64_t seed, int signer, int sample, SampleMotion *motion, SampleManner *manner,
			   Random *random)
{
	Random		forger = sample_stream(seed, SAMPLE_FOR_FORGER, signer, sample % SAMPLE_FORGERS);
	SampleHand	hand;
	double		clumsiness = random_range(&forger, 2.25, 4.5);
	double		caution = random_range(&forger, 0.0, 1.0);
	double		slowness = random_range(&forger, 0.9, 1.3);
	double		steadiness = 0.5 + 0.5 * plan->variability;	/* a variable signature is harder to copy */
	double		own = steadiness * sample_factor(random, 0.15);
	Errors		perceived = {0.6 * clumsiness, 0.9 * clumsiness, 0.8 * clumsiness, 0.9 * clumsiness};
	Errors		executed = {0.5 * own, own, own, own};
	double		goal_x[SAMPLE_STROKES];
	double		goal_y[SAMPLE_STROKES];
	double		fluency = random_range(&forger, 0.35, 0.9);

	/* the shape as perceived: the visible corners, with systematic errors */
	sample_motion_corners(motion, goal_x, goal_y);
	for (int i = 0; i < motion->strokes; i++)
	{
		motion->stroke[i].x = goal_x[i];
		motion->stroke[i].y = goal_y[i];
	}
	motion_distort(motion, plan->height, &perceived, &forger);

	/* the forger's own timing and pressure */
	sample_hand(&forger, &hand);
	hand_blend(&hand, &plan->hand, fluency);
	hand.mu += log(slowness);
	hand.onset += 0.05 * caution;
	hand.tremor *= 1.0 + caution;
	motion_imitate(motion, &hand, plan, fluency, &forger);
	motion_retime(motion, random_range(&forger, 0.4, 0.65), &forger);

	/* this performance */
	motion_omit(motion, plan->omission, random);
	motion_distort(motion, plan->height, &executed, random);
	motion_retime(motion, random_range(random, 0.0, 0.25) * own, random);
	motion_hesitate(motion, caution, random);
	for (int i = 0; i < motion->strokes; i++)
	{
		goal_x[i] = motion->stroke[i].x;
		goal_y[i] = motion->stroke[i].y;
	}
	sample_motion_fit(motion, goal_x, goal_y, 3);
	motion_add(motion, plan->height, 0.07 * clumsiness, random);
	manner->tremor = hand.tremor * sample_factor(random, 0.2);
	manner->fade = hand.fade;
	manner->ramp = hand.ramp;
}

void
sample_perform(const SamplePlan *plan, uint64_t seed, int signer, int sample, bool genuine, SampleMotion *motion,
			   SampleManner *manner, Random *random)
{
	*motion = plan->motion;
	if (genuine)
		perform_genuine(plan, motion, manner, random);
	else
		perform_forged(plan, seed, signer, sample, motion, manner, random);
}
