/*
 * plan.c: what a signer writes, and the hand that writes it.
 *
 * Each signer belongs to one of CLUSTERS families of style, whose members share a part of slant, proportions, letter forms and
 * layout, so that some impostors write alike, as people taught at one school do.  Some members of a family even have the same
 * name. The plan is letters on a line, some of them worn down to waves, with the usual ornaments.
 */
#include "sample/sample_internal.h"

#include <string.h>

#define CLUSTERS 40
#define PLAN_STROKES (SAMPLE_STROKES - 8)	/* a performance may add some; surplus strokes replace the last one */

typedef struct Builder
{
	SampleMotion *motion;
	SampleStyle		style;
	double		x;				/* start of the next letter, letter units */
	uint64_t	seed;
	uint64_t	signer;
	uint64_t	cluster;
	Random		random;
} Builder;

/* Adds a stroke to (x, y), in letter units before slanting. */
static SampleStroke *
builder_add(Builder *builder, double x, double y, double bend_degrees, bool lift)
{
	SampleMotion *motion = builder->motion;
	SampleStroke *stroke;

	if (motion->strokes == PLAN_STROKES)
		motion->strokes--;
	stroke = &motion->stroke[motion->strokes++];

	memset(stroke, 0, sizeof *stroke);
	stroke->x = x;
	stroke->y = y;
	stroke->bend = bend_degrees * M_PI / 180.0;
	stroke->lift = lift;
	stroke->group = motion->groups;
	return stroke;
}

/* How this signer deviates from the copybook in one letter, in all its occurrences; a part is common to the family. */
static void
letter_form(Builder *builder, char letter, double deviation, double (*form)[3])
{
	uint64_t	key = (uint64_t) letter;
	Random		own = sample_stream(builder->seed, SAMPLE_FOR_LETTER, builder->signer, key);
	Random		shared = sample_stream(builder->seed, SAMPLE_FOR_LETTER, LIMIT_SIGNERS + builder->cluster, key);

	for (int k = 0; k < SAMPLE_GLYPH_POINTS; k++)
	{
		form[k][0] = sample_normal(&own, deviation) + sample_normal(&shared, 0.8 * deviation);
		form[k][1] = sample_normal(&own, deviation) + sample_normal(&shared, 0.8 * deviation);
		form[k][2] = sample_normal(&own, 14.0) + sample_normal(&shared, 10.0);
	}
}

/* wear: 0 as in the copybook, 1 flattened; worn letters also lose inner corners. */
static void
builder_letter(Builder *builder, char letter, double wear, bool join)
{
	const SampleGlyph *glyph = sample_glyph(letter);
	bool		capital = letter < 'a';
	const SampleStyle *style = &builder->style;
	double		width = style->width * (1.0 - 0.25 * wear) * (capital ? style->capital : 1.0);
	double		form[SAMPLE_GLYPH_POINTS][3];
	int			body = glyph->count - glyph->late;

	letter_form(builder, letter, capital ? 1.5 : 1.0, form);
	if (!capital && !join)
		builder_add(builder, builder->x + 1.0, 4.0 + random_range(&builder->random, -3.0, 4.0), 0.0, true);
	for (int k = 0; k < glyph->count; k++)
	{
		const SampleGlyphPoint *point = &glyph->point[k];
		double		y = point->y;
		bool		extreme = y > 12 || y < -2;
		SampleStroke *stroke;

		if (k > 0 && k < body - 1 && !point->lift && !extreme && random_uniform(&builder->random) < 0.55 * wear)
			continue;
		if (k == body && random_uniform(&builder->random) < 0.5 * wear)
			break;
		if (capital)
			y *= style->capital;
		else
			y = y > 10 ? 10 + (y - 10) * style->tall : y < 0 ? y * style->tall : y;
		y = (y + form[k][1]) * (1.0 - (extreme ? 0.3 : 0.6) * wear);
		stroke = builder_add(builder, builder->x + (point->x + form[k][0]) * width, y,
							 (point->bend * 10.0 + form[k][2]) * style->round, point->lift);
		if (k == 0 && capital)
			stroke->lift = true;
		stroke->spare = k >= body;
	}
	builder->x += (glyph->width + style->spacing) * width;
	builder->motion->groups++;
}

/*
 * Dots and crossings are written after the word: moves the spare strokes among [first, strokes) to the end, in order.
 */
static void
builder_postpone(Builder *builder, int first)
{
	SampleMotion *motion = builder->motion;
	SampleStroke waiting[SAMPLE_STROKES];
	int			waits = 0;
	int			kept = first;

	for (int i = first; i < motion->strokes; i++)
	{
		if (motion->stroke[i].spare)
			waiting[waits++] = motion->stroke[i];
		else
			motion->stroke[kept++] = motion->stroke[i];
	}
	memcpy(&motion->stroke[kept], waiting, waits * sizeof *waiting);
}

static void
builder_word(Builder *builder, const char *name)
{
	const SampleStyle *style = &builder->style;
	int			first = builder->motion->strokes;
	int			length = (int) strlen(name);
	bool		late = random_uniform(&builder->random) < 0.7;

	for (int i = 0; i < length; i++)
	{
		double		along = length > 1 ? (double) i / (length - 1) : 0.0;
		double		wear = i == 0 ? 0.0 : clamp(style->wear * (0.25 + 0.9 * along), 0.0, 0.95);
		bool		join = i > 0 && random_uniform(&builder->random) < (i == 1 ? 0.75 * style->joined : style->joined);

		builder_letter(builder, name[i], wear, join);
	}
	if (late)
		builder_postpone(builder, first);
}

/*
 * Adds a stroke whose end and turn are drawn from ranges, in separate statements: C does not order the evaluation of arguments.
 */
static SampleStroke *
builder_range(Builder *builder, double left, double right, double low, double high, double least_bend, double most_bend)
{
	double		x = random_range(&builder->random, left, right);
	double		y = random_range(&builder->random, low, high);
	double		bend = random_range(&builder->random, least_bend, most_bend);

	return builder_add(builder, x, y, bend, false);
}

/* A series of humps instead of letters. */
static void
builder_wave(Builder *builder)
{
	Random	   *random = &builder->random;
	int			humps = 3 + (int) random_below(random, 5);
	double		height = random_range(random, 5.0, 11.0);
	double		pitch = random_range(random, 5.0, 10.0) * builder->style.width;
	bool		arches = random_uniform(random) < 0.5;
	double		bend = arches ? random_range(random, -110.0, -40.0) : random_range(random, 20.0, 110.0);

	for (int i = 0; i < humps; i++)
	{
		double		top = height * (1.0 - 0.75 * i / humps) * (random_uniform(random) < 0.15 ? 2.2 : 1.0);
		double		valley = fmin(0.8 * bend, 0.0);

		builder->x += pitch * random_range(random, 0.7, 1.3);
		builder_range(builder, builder->x, builder->x, 0.7 * top, 1.3 * top, bend, bend);
		builder_range(builder, builder->x, builder->x + 0.4 * pitch, -1.0, 1.5, valley, valley + 0.8 * fabs(bend));
		builder->motion->groups++;
	}
	builder->x += pitch;
}

/* Strokes of square characters, in tenths of the square, bends in degrees. */
typedef struct SquareStroke
{
	int8_t		from_x;
	int8_t		from_y;
	int8_t		to_x;
	int8_t		to_y;
	int8_t		bend;
	int8_t		then_x;			/* a second part, from there; 0 and 0: none */
	int8_t		then_y;
	int8_t		then_bend;
} SquareStroke;

static const SquareStroke square_strokes[] = {
	{1, 8, 9, 9, 0, 0, 0, 0},	/* horizontal */
	{2, 5, 8, 6, 0, 0, 0, 0},
	{0, 1, 10, 1, 0, 0, 0, 0},
	{5, 10, 5, 0, 0, 0, 0, 0},	/* vertical */
	{2, 8, 2, 1, 0, 0, 0, 0},
	{5, 10, 5, 0, 0, -2, 1, -20},	/* with a hook */
	{5, 9, 1, 0, -25, 0, 0, 0}, /* falling to the left */
	{6, 6, 3, 3, -20, 0, 0, 0},
	{5, 6, 10, 0, 25, 0, 0, 0}, /* falling to the right */
	{2, 8, 8, 8, 0, 0, -6, 0},	/* a corner */
	{2, 6, 7, 6, 0, -3, -4, -40},
	{4, 10, 6, 9, 0, 0, 0, 0},	/* a dot */
	{2, 4, 3, 3, 0, 0, 0, 0},
	{2, 9, 2, 3, 0, 7, 0, 60},	/* down and around */
};

/* A square character: some strokes, from above to below, each but the first lifted or linked to the one before. */
static void
builder_character(Builder *builder, double size)
{
	Random	   *random = &builder->random;
	int			count = 4 + (int) random_below(random, 5);
	double		unit = 2.2 * size;
	double		width = builder->style.width * unit;

	for (int i = 0; i < count; i++)
	{
		uint32_t	kind = random_below(random, sizeof square_strokes / sizeof square_strokes[0]);
		const SquareStroke *stroke = &square_strokes[kind];
		double		down = 3.0 - 6.0 * i / (count - 1) + sample_normal(random, 1.0);	/* earlier ones lie higher */
		double		over = sample_normal(random, 1.0);
		double		length = random_range(random, 0.5, 0.9);
		bool		linked = i > 0 && random_uniform(random) < 0.35 * builder->style.joined;
		double		x = 5.0 + over + length * (stroke->from_x - 5.0);
		double		y = 5.0 + down + length * (stroke->from_y - 5.0);
		double		end_x = 5.0 + over + length * (stroke->to_x - 5.0);
		double		end_y = 5.0 + down + length * (stroke->to_y - 5.0);

		builder_add(builder, builder->x + width * x, unit * y, 0.0, !linked);
		builder_add(builder, builder->x + width * end_x, unit * end_y, stroke->bend + sample_normal(random, 8.0), false);
		if (stroke->then_x != 0 || stroke->then_y != 0)
			builder_add(builder, builder->x + width * (end_x + length * stroke->then_x),
						unit * (end_y + length * stroke->then_y), stroke->then_bend + sample_normal(random, 8.0), false);
	}
	builder->x += width * random_range(random, 10.0, 13.0);
	builder->motion->groups++;
}

static void
builder_characters(Builder *builder)
{
	int			count = 2 + (int) random_below(&builder->random, 2);

	for (int i = 0; i < count; i++)
		builder_character(builder, builder->style.capital);
}

static void
builder_paraph(Builder *builder)
{
	Random	   *random = &builder->random;
	double		right = builder->x;
	double		low = -random_range(random, 6.0, 13.0);
	int			first = builder->motion->strokes;
	int			turns;

	switch (builder->style.paraph)
	{
		case SAMPLE_PARAPH_TAIL:
			builder_range(builder, right + 12.0, right + 40.0, -8.0, 14.0, -60.0, 70.0);
			break;
		case SAMPLE_PARAPH_UNDERLINE:
			builder_range(builder, right + 3.0, right + 10.0, 2.0, 8.0, 60.0, 60.0);
			builder_range(builder, 0.0, 0.4 * right, low, low, -110.0, -20.0);
			builder_range(builder, 0.7 * right, 1.15 * right, low - 3.0, low + 4.0, 30.0, 150.0);
			break;
		case SAMPLE_PARAPH_RULE:
			builder_range(builder, -0.1 * right, 0.3 * right, low, low, 0.0, 0.0)->lift = true;
			builder_range(builder, 0.8 * right, 1.15 * right, low, low + 6.0, -25.0, 25.0);
			break;
		case SAMPLE_PARAPH_ZIGZAG:
			builder_range(builder, 0.9 * right, 1.1 * right, low, low, -90.0, -90.0);
			turns = 2 + (int) random_below(random, 2);
			for (int i = 0; i < turns; i++)
			{
				low -= random_range(random, 0.0, 3.5);
				builder_range(builder, 0.1 * right, 0.45 * right, low, low, -40.0, 20.0);
				builder_range(builder, 0.6 * right, 1.1 * right, low - 3.0, low + 1.0, -20.0, 90.0);
			}
			break;
		case SAMPLE_PARAPH_LOOP:
			builder_range(builder, right + 4.0, right + 14.0, 10.0, 20.0, 70.0, 70.0);
			builder_range(builder, 0.2 * right, 0.5 * right, 20.0, 30.0, 60.0, 60.0);
			builder_range(builder, -0.15 * right, 0.1 * right, -2.0, 8.0, 80.0, 80.0);
			builder_range(builder, 0.9 * right, 1.3 * right, -4.0, 8.0, 20.0, 110.0);
			break;
		case SAMPLE_PARAPH_POINTS:
			for (int i = 0; i < 2; i++)
			{
				double		x = right + 4.0 + 5.0 * i;
				SampleStroke *stroke = builder_range(builder, x, x, -1.0, 3.0, 0.0, 0.0);

				stroke->lift = true;
				stroke->spare = true;
				builder_add(builder, stroke->x + 0.9, stroke->y - 0.4, 0.0, false)->spare = true;
			}
			break;
		default:
			break;
	}
	if (builder->motion->strokes > first)
		builder->motion->groups++;
}

/* Letter units on a straight line -> millimetres, slanted, on a rising line. */
static void
builder_scale(Builder *builder, double height)
{
	SampleMotion *motion = builder->motion;
	double		unit = height / 10.0;

	for (int i = 0; i < motion->strokes; i++)
	{
		SampleStroke *stroke = &motion->stroke[i];
		double		y = stroke->y + builder->style.rise * stroke->x;

		stroke->x = unit * (stroke->x + builder->style.slant * stroke->y);
		stroke->y = unit * y;
	}
	/* the pen starts at the first point of the first letter */
	motion->x = motion->stroke[0].x;
	motion->y = motion->stroke[0].y;
	motion->strokes--;
	memmove(motion->stroke, motion->stroke + 1, motion->strokes * sizeof *motion->stroke);
}

static void
builder_names(Builder *builder)
{
	Random	   *random = &builder->random;
	SampleStroke *first = builder->motion->stroke;
	bool		flourish = random_uniform(random) < 0.2;

	if (flourish)
	{
		builder_range(builder, -15.0, -3.0, 0.0, 20.0, 0.0, 0.0)->lift = true;
		builder->motion->groups++;
	}
	builder_word(builder, builder->style.name[0]);
	if (flourish)
	{
		/* the pen stays down on its way to the capital */
		first[1].lift = false;
		first[1].bend = random_range(random, -2.4, 2.4);
	}
	if (builder->style.name[1][0] != '\0')
	{
		builder->x += random_range(random, -2.0, 7.0);
		builder_word(builder, builder->style.name[1]);
	}
	if (builder->style.layout == SAMPLE_LAYOUT_WAVE)
		builder_wave(builder);
}

void
sample_plan(uint64_t seed, int signer, SamplePlan *plan)
{
	Builder		builder;
	Random		family;
	double		goal_x[SAMPLE_STROKES];
	double		goal_y[SAMPLE_STROKES];

	memset(plan, 0, sizeof *plan);
	builder.motion = &plan->motion;
	builder.seed = seed;
	builder.signer = (uint64_t) signer;
	builder.x = 0.0;
	builder.random = sample_stream(seed, SAMPLE_FOR_SIGNER, builder.signer, 0);
	builder.cluster = random_below(&builder.random, CLUSTERS);
	family = sample_stream(seed, SAMPLE_FOR_CLUSTER, builder.cluster, 0);
	sample_style(&family, &builder.random, &builder.style);
	sample_hand(&builder.random, &plan->hand);
	plan->height = 3.1 * sample_factor(&builder.random, 0.2);
	plan->variability = clamp(sample_factor(&builder.random, 0.25), 0.5, 2.0);
	plan->omission = random_range(&builder.random, 0.0, 0.12);

	if (builder.style.layout == SAMPLE_LAYOUT_CHARACTERS)
		builder_characters(&builder);
	else
		builder_names(&builder);
	builder_paraph(&builder);
	builder_scale(&builder, plan->height);

	sample_time(&plan->motion, &plan->hand, plan->height, &builder.random);
	for (int i = 0; i < plan->motion.strokes; i++)
	{
		goal_x[i] = plan->motion.stroke[i].x;
		goal_y[i] = plan->motion.stroke[i].y;
	}
	sample_motion_fit(&plan->motion, goal_x, goal_y, 4);
}
