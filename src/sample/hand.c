/*
 * hand.c: how a person moves a pen, whatever is written: drawn at random, and applied to the strokes of a motion.
 */
#include "sample/sample_internal.h"

void
sample_hand(Random *random, SampleHand *hand)
{
	hand->tempo = 0.165 * sample_factor(random, 0.2);
	hand->growth = random_range(random, 0.12, 0.4);
	hand->asymmetry = random_range(random, 0.04, 0.2);
	hand->onset = random_range(random, 0.38, 0.55);
	hand->irregular = random_range(random, 0.06, 0.18);
	hand->tremor = random_range(random, 0.008, 0.025);
	hand->pressure = random_range(random, 0.45, 0.8);
	hand->contrast = random_range(random, 0.0, 0.35);
	hand->drift = sample_normal(random, 0.12);
	hand->fade = random_range(random, 0.1, 0.5);
}

static double
stroke_length(double from_x, double from_y, const SampleStroke *stroke)
{
	double		half = clamp(fabs(stroke->bend) / 2.0, 0.0, 2.2);
	double		chord = hypot(stroke->x - from_x, stroke->y - from_y);

	return half > 1e-3 ? chord * half / sin(half) : chord;
}

/* Sets duration, onset and pressure of every stroke as this hand would, with random variation. */
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

		stroke->duration = hand->tempo * pow(relative, hand->growth) * sample_factor(random, hand->irregular);
		stroke->onset = hand->onset + sample_normal(random, 0.025);
		if (stroke->lift || lifted)
			stroke->onset = 0.72 + sample_normal(random, 0.04);
		stroke->pause = 0.0;
		stroke->asymmetry = clamp(hand->asymmetry * sample_factor(random, 0.3), 0.02, 0.4);
		stroke->pressure = clamp(hand->pressure * (1.0 - hand->contrast * rise) + sample_normal(random, 0.05) +
										hand->drift * ((double) i / motion->strokes - 0.5), 0.15, 0.98);
		lifted = stroke->lift;
		x = stroke->x;
		y = stroke->y;
	}
}
