/*
 * hand.c: how a person moves a pen, whatever is written: drawn at random, and applied to the strokes of a motion.
 *
 * Median and width of the strokes' velocity profiles lie where those of adults' fluent writing do, mu -2.2 to -1.6 and sigma
 * 0.10 to 0.45.  A stroke begins when a bit more than a third of the previous one is over, counted between its ends at three
 * sigma: the profiles overlap by half.
 */
#include "sample/sample_internal.h"

void
sample_hand(Random *random, SampleHand *hand)
{
	hand->mu = random_range(random, -2.0, -1.75);
	hand->sigma = random_range(random, 0.2, 0.3);
	hand->growth = random_range(random, 0.1, 0.3);
	hand->onset = random_range(random, 0.32, 0.42);
	hand->irregular = random_range(random, 0.06, 0.16);
	hand->pause = 0.03 * sample_factor(random, 0.5);
	hand->tremor = random_range(random, 0.005, 0.015);
	hand->pressure = random_range(random, 0.45, 0.8);
	hand->contrast = random_range(random, 0.0, 0.45);
	hand->drift = 0.12 + sample_normal(random, 0.15);
	hand->ramp = random_range(random, 0.02, 0.09);
	hand->fade = random_range(random, 0.1, 0.5);
}

static double
stroke_length(double from_x, double from_y, const SampleStroke *stroke)
{
	double		half = clamp(fabs(stroke->bend) / 2.0, 0.0, 2.2);
	double		chord = hypot(stroke->x - from_x, stroke->y - from_y);

	return half > 1e-3 ? chord * half / sin(half) : chord;
}

/* Sets timing and pressure of every stroke as this hand would, with random variation. */
void
sample_time(SampleMotion *motion, const SampleHand *hand, double height, Random *random)
{
	double		x = motion->x;
	double		y = motion->y;
	bool		lifted = false;

	for (int i = 0; i < motion->strokes; i++)
	{
		SampleStroke *stroke = &motion->stroke[i];
		double		length = stroke_length(x, y, stroke);
		double		rise = (stroke->y - y) / (length + 0.1 * height);
		double		relative = clamp(length / height, 0.08, 40.0);

		stroke->mu = clamp(hand->mu + hand->growth * log(relative) + sample_normal(random, hand->irregular),
						   SAMPLE_MU_LEAST, SAMPLE_MU_MOST);
		stroke->sigma = clamp(hand->sigma * sample_factor(random, 0.15), SAMPLE_SIGMA_LEAST, SAMPLE_SIGMA_MOST);
		stroke->onset = hand->onset + sample_normal(random, 0.025);
		stroke->pause = 0.0;
		if (stroke->lift || lifted)
			stroke->onset = 0.55 + sample_normal(random, 0.04);
		if (lifted)
			stroke->pause = hand->pause * sample_factor(random, 0.5);
		stroke->pressure = clamp(hand->pressure * (1.0 - hand->contrast * rise) + sample_normal(random, 0.06) +
										hand->drift * ((double) i / motion->strokes - 0.5), 0.15, 0.98);
		lifted = stroke->lift;
		x = stroke->x;
		y = stroke->y;
	}
}
