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

typedef enum Layout
{
	LAYOUT_NAME,				/* one name */
	LAYOUT_INITIAL_NAME,		/* an initial and a name */
	LAYOUT_TWO_NAMES,
	LAYOUT_MONOGRAM,			/* two or three initials */
	LAYOUT_WAVE,				/* a capital followed by a wave */
	LAYOUTS
} Layout;

typedef enum Paraph
{
	PARAPH_NONE,
	PARAPH_TAIL,				/* the last stroke is prolonged */
	PARAPH_UNDERLINE,			/* back below the name and forth again, without lifting */
	PARAPH_RULE,				/* a separate line below the name */
	PARAPH_ZIGZAG,
	PARAPH_LOOP,				/* around and through the name */
	PARAPH_POINTS,
	PARAPHS
} Paraph;

/* The style of writing: first that of the family, then mixed with the signer's own. */
typedef struct Style
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
	Layout		layout;
	Paraph		paraph;
	char		name[2][10];	/* capital first; "" for none */
} Style;

typedef struct Builder
{
	SampleMotion *motion;
	Style		style;
	double		x;				/* start of the next letter, letter units */
	uint64_t	seed;
	uint64_t	signer;
	uint64_t	cluster;
	Random		random;
} Builder;

static void
name_draw(Random *random, char *name, int length)
{
	static const char consonants[] = "bcdfghhjkllmmnnnpqrrrsssttvwxyz";
	static const char vowels[] = "aaaeeeeiiioouuy";
	bool		vowel = random_uniform(random) < 0.65;

	name[0] = (char) ('A' + random_below(random, 26));
	for (int i = 1; i < length; i++)
	{
		name[i] = vowel ? vowels[random_below(random, sizeof vowels - 1)]
			: consonants[random_below(random, sizeof consonants - 1)];
		vowel = random_uniform(random) < (vowel ? 0.15 : 0.8);
	}
	name[length] = '\0';
}

static void
style_names(Random *random, Style *style)
{
	memset(style->name, 0, sizeof style->name);
	switch (style->layout)
	{
		case LAYOUT_NAME:
			name_draw(random, style->name[0], 5 + (int) random_below(random, 4));
			break;
		case LAYOUT_INITIAL_NAME:
			name_draw(random, style->name[0], 1);
			name_draw(random, style->name[1], 4 + (int) random_below(random, 4));
			break;
		case LAYOUT_TWO_NAMES:
			name_draw(random, style->name[0], 3 + (int) random_below(random, 3));
			name_draw(random, style->name[1], 4 + (int) random_below(random, 3));
			break;
		case LAYOUT_MONOGRAM:
			name_draw(random, style->name[0], 1);
			name_draw(random, style->name[1], 1 + (int) random_below(random, 2));
			break;
		default:
			name_draw(random, style->name[0], 2 + (int) random_below(random, 2));
			break;
	}
}

static void
style_draw(Random *random, Style *style)
{
	static const Layout layouts[] = {LAYOUT_NAME, LAYOUT_NAME, LAYOUT_NAME, LAYOUT_INITIAL_NAME, LAYOUT_INITIAL_NAME,
		LAYOUT_TWO_NAMES, LAYOUT_TWO_NAMES, LAYOUT_MONOGRAM, LAYOUT_WAVE, LAYOUT_WAVE};
	static const Paraph paraphs[] = {PARAPH_NONE, PARAPH_NONE, PARAPH_NONE, PARAPH_NONE, PARAPH_TAIL, PARAPH_TAIL,
		PARAPH_TAIL, PARAPH_UNDERLINE, PARAPH_UNDERLINE, PARAPH_RULE, PARAPH_ZIGZAG, PARAPH_LOOP, PARAPH_POINTS};

	style->slant = 0.28 + sample_normal(random, 0.26);
	style->width = 1.05 * sample_factor(random, 0.2);
	style->spacing = sample_normal(random, 1.6);
	style->round = clamp(1.0 + sample_normal(random, 0.2), 0.55, 1.4);
	style->tall = 0.95 * sample_factor(random, 0.18);
	style->capital = 1.15 * sample_factor(random, 0.24);
	style->wear = clamp(random_range(random, -0.2, 1.1), 0.0, 0.95);
	style->rise = 0.04 + sample_normal(random, 0.07);
	style->joined = random_uniform(random) < 0.7 ? 1.0 : random_range(random, 0.3, 0.9);
	style->layout = layouts[random_below(random, sizeof layouts / sizeof layouts[0])];
	style->paraph = paraphs[random_below(random, sizeof paraphs / sizeof paraphs[0])];
	style_names(random, style);
}

/* A signer's style is a mixture of the family's and an individual one. */
static void
style_mix(Random *random, const Style *own, Style *style)
{
	double		keep = random_range(random, 0.35, 0.75);

	style->slant = keep * style->slant + (1.0 - keep) * own->slant;
	style->width = keep * style->width + (1.0 - keep) * own->width;
	style->spacing = keep * style->spacing + (1.0 - keep) * own->spacing;
	style->round = keep * style->round + (1.0 - keep) * own->round;
	style->tall = keep * style->tall + (1.0 - keep) * own->tall;
	style->capital = keep * style->capital + (1.0 - keep) * own->capital;
	style->wear = keep * style->wear + (1.0 - keep) * own->wear;
	style->rise = keep * style->rise + (1.0 - keep) * own->rise;
	if (random_uniform(random) < 0.5)
		style->joined = own->joined;
	if (random_uniform(random) < 0.45)
		style->paraph = own->paraph;
	if (random_uniform(random) >= 0.06)
	{
		if (random_uniform(random) < 0.45)
			style->layout = own->layout;
		style_names(random, style);
	}
}

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
	const Style *style = &builder->style;
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
	const Style *style = &builder->style;
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
		case PARAPH_TAIL:
			builder_range(builder, right + 12.0, right + 40.0, -8.0, 14.0, -60.0, 70.0);
			break;
		case PARAPH_UNDERLINE:
			builder_range(builder, right + 3.0, right + 10.0, 2.0, 8.0, 60.0, 60.0);
			builder_range(builder, 0.0, 0.4 * right, low, low, -110.0, -20.0);
			builder_range(builder, 0.7 * right, 1.15 * right, low - 3.0, low + 4.0, 30.0, 150.0);
			break;
		case PARAPH_RULE:
			builder_range(builder, -0.1 * right, 0.3 * right, low, low, 0.0, 0.0)->lift = true;
			builder_range(builder, 0.8 * right, 1.15 * right, low, low + 6.0, -25.0, 25.0);
			break;
		case PARAPH_ZIGZAG:
			builder_range(builder, 0.9 * right, 1.1 * right, low, low, -90.0, -90.0);
			turns = 2 + (int) random_below(random, 2);
			for (int i = 0; i < turns; i++)
			{
				low -= random_range(random, 0.0, 3.5);
				builder_range(builder, 0.1 * right, 0.45 * right, low, low, -40.0, 20.0);
				builder_range(builder, 0.6 * right, 1.1 * right, low - 3.0, low + 1.0, -20.0, 90.0);
			}
			break;
		case PARAPH_LOOP:
			builder_range(builder, right + 4.0, right + 14.0, 10.0, 20.0, 70.0, 70.0);
			builder_range(builder, 0.2 * right, 0.5 * right, 20.0, 30.0, 60.0, 60.0);
			builder_range(builder, -0.15 * right, 0.1 * right, -2.0, 8.0, 80.0, 80.0);
			builder_range(builder, 0.9 * right, 1.3 * right, -4.0, 8.0, 20.0, 110.0);
			break;
		case PARAPH_POINTS:
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

void
sample_plan(uint64_t seed, int signer, SamplePlan *plan)
{
	Builder		builder;
	Style		own;
	Random		family;
	bool		flourish;
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
	style_draw(&family, &builder.style);
	style_draw(&builder.random, &own);
	style_mix(&builder.random, &own, &builder.style);
	sample_hand(&builder.random, &plan->hand);
	plan->height = 3.1 * sample_factor(&builder.random, 0.2);
	plan->variability = clamp(sample_factor(&builder.random, 0.35), 0.5, 2.0);
	plan->omission = random_range(&builder.random, 0.0, 0.12);

	flourish = random_uniform(&builder.random) < 0.2;
	if (flourish)
	{
		builder_range(&builder, -15.0, -3.0, 0.0, 20.0, 0.0, 0.0)->lift = true;
		plan->motion.groups++;
	}
	builder_word(&builder, builder.style.name[0]);
	if (flourish)
	{
		/* the pen stays down on its way to the capital */
		plan->motion.stroke[1].lift = false;
		plan->motion.stroke[1].bend = random_range(&builder.random, -2.4, 2.4);
	}
	if (builder.style.name[1][0] != '\0')
	{
		builder.x += random_range(&builder.random, -2.0, 7.0);
		builder_word(&builder, builder.style.name[1]);
	}
	if (builder.style.layout == LAYOUT_WAVE)
		builder_wave(&builder);
	builder_paraph(&builder);
	builder_scale(&builder, plan->height);

	sample_time(&plan->motion, &plan->hand, plan->height, &builder.random);
	for (int i = 0; i < plan->motion.strokes; i++)
	{
		goal_x[i] = plan->motion.stroke[i].x;
		goal_y[i] = plan->motion.stroke[i].y;
	}
	sample_motion_fit(&plan->motion, goal_x, goal_y, 2);
}
