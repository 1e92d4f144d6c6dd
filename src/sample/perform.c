/*
 * perform.c: a plan written once, by its signer or by a forger.
 *
 * Signers repeat their own movements: targets, turns and timing vary by their variability.  Forgers know the shape but not the
 * movements: they aim at the same corners with their own rhythm, pressure and fluency, slower, with more tremor and hesitation.
 * Their errors are of two kinds: in how they perceive the shape (the same each time: proportions, slant, letters), and in writing
 * it (different each time).
 */
#include "sample/sample_internal.h"

#include <string.h>

/* Errors of a performance, relative to those of an average signer. */
typedef struct Errors
{
	double		whole;			/* size, slant, rotation, baseline */
	double		group;			/* letters: proportions and gaps */
	double		corner;
	double		turn;
	double		timing;
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
	double		corner = 0.066 * height;
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
			gap += sample_normal(random, 1.8 * corner * errors->group);
			lift = 0.6 * lift + sample_normal(random, 1.1 * corner * errors->group);
			group_x = sample_factor(random, 0.08 * errors->group);
			group_y = sample_factor(random, 0.06 * errors->group);
		}
		wander_x = 0.4 * wander_x + sample_normal(random, error);
		wander_y = 0.4 * wander_y + sample_normal(random, error);
		new_x = origin + (*x - origin) * group_x + gap + wander_x;
		*y = *y * group_y + lift + wander_y;
		*x = new_x * scale_x + shear * *y;
		*y = *y * scale_y + slope * new_x + arch * new_x * new_x;
		if (i >= 0)
			motion->stroke[i].bend += sample_normal(random, 0.09 * errors->turn);
	}
}

static void
motion_retime(SampleMotion *motion, double timing, Random *random)
{
	double		tempo = sample_factor(random, 0.06 * timing);
	double		press = sample_factor(random, 0.07 * timing);

	for (int i = 0; i < motion->strokes; i++)
	{
		SampleStroke *stroke = &motion->stroke[i];

		stroke->duration *= tempo * sample_factor(random, 0.06 * timing);
		stroke->onset = clamp(stroke->onset + sample_normal(random, 0.015 * timing), 0.3, 0.95);
		stroke->asymmetry = clamp(stroke->asymmetry * sample_factor(random, 0.1 * timing), 0.02, 0.4);
		stroke->pressure = clamp(press * stroke->pressure + sample_normal(random, 0.03 * timing), 0.12, 1.0);
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
	stroke->duration *= 0.8;
	stroke[1].duration *= 0.8;
}

static void
perform_genuine(const SamplePlan *plan, SampleMotion *motion, SampleManner *manner, Random *random)
{
	double		own = plan->variability * sample_factor(random, 0.3);
	Errors		errors = {sqrt(own), own, own, own, own};

	motion_omit(motion, plan->omission, random);
	motion_distort(motion, plan->height, &errors, random);
	motion_retime(motion, own, random);
	motion_add(motion, plan->height, 0.06 * own, random);
	manner->tremor = plan->hand.tremor * sample_factor(random, 0.2);
	manner->fade = plan->hand.fade;
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

static void
perform_forged(const SamplePlan *plan, uint64_t seed, int signer, int sample, SampleMotion *motion, SampleManner *manner,
			   Random *random)
{
	Random		forger = sample_stream(seed, SAMPLE_FOR_FORGER, signer, sample % SAMPLE_FORGERS);
	SampleHand	hand;
	double		skill = random_range(&forger, 2.0, 3.5);
	double		caution = random_range(&forger, 0.2, 1.0);
	double		slowness = random_range(&forger, 1.0, 1.6);
	double		steadiness = 0.5 + 0.5 * plan->variability;	/* a variable signature is harder to copy */
	double		own = skill * steadiness * sample_factor(random, 0.15);
	Errors		perceived = {0.6 * skill, 0.5 * skill, 0.4 * skill, 0.5 * skill, 0.0};
	Errors		executed = {0.45 * own, 0.4 * own, 0.35 * own, 0.4 * own, 1.0};
	double		goal_x[SAMPLE_STROKES];
	double		goal_y[SAMPLE_STROKES];
	double		fluency = random_range(&forger, 0.3, 0.7);

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
	hand.tempo = slowness * (0.5 * hand.tempo + 0.5 * plan->hand.tempo);
	hand.onset = clamp((1.0 - fluency) * hand.onset + fluency * plan->hand.onset + 0.05 * caution, 0.4, 0.75);
	hand.tremor *= 1.0 + 2.0 * caution;
	sample_time(motion, &hand, plan->height, &forger);

	/* this performance */
	motion_omit(motion, plan->omission, random);
	motion_distort(motion, plan->height, &executed, random);
	motion_retime(motion, executed.timing, random);
	motion_hesitate(motion, caution, random);
	for (int i = 0; i < motion->strokes; i++)
	{
		goal_x[i] = motion->stroke[i].x;
		goal_y[i] = motion->stroke[i].y;
	}
	sample_motion_fit(motion, goal_x, goal_y, 3);
	motion_add(motion, plan->height, 0.06 * skill, random);
	manner->tremor = hand.tremor * sample_factor(random, 0.2);
	manner->fade = hand.fade;
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
