/*
 * style.c: the style that a signer writes in, and the name.
 */
#include "sample/sample_internal.h"

#include <string.h>

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
style_names(Random *random, SampleStyle *style)
{
	memset(style->name, 0, sizeof style->name);
	switch (style->layout)
	{
		case SAMPLE_LAYOUT_NAME:
			name_draw(random, style->name[0], 3 + (int) random_below(random, 5));
			break;
		case SAMPLE_LAYOUT_INITIAL_NAME:
			name_draw(random, style->name[0], 1);
			name_draw(random, style->name[1], 3 + (int) random_below(random, 4));
			break;
		case SAMPLE_LAYOUT_TWO_NAMES:
			name_draw(random, style->name[0], 2 + (int) random_below(random, 3));
			name_draw(random, style->name[1], 3 + (int) random_below(random, 4));
			break;
		case SAMPLE_LAYOUT_MONOGRAM:
			name_draw(random, style->name[0], 1);
			name_draw(random, style->name[1], 1 + (int) random_below(random, 2));
			break;
		default:
			name_draw(random, style->name[0], 2 + (int) random_below(random, 2));
			break;
	}
}

static int
draw_weighted(Random *random, const uint8_t *weights, int count)
{
	uint32_t	sum = 0;
	uint32_t	at;
	int			chosen = 0;

	for (int i = 0; i < count; i++)
		sum += weights[i];
	at = random_below(random, sum);
	while (at >= weights[chosen])
		at -= weights[chosen++];
	return chosen;
}

static void
style_draw(Random *random, SampleStyle *style)
{
	/* how often each is drawn */
	static const uint8_t layouts[SAMPLE_LAYOUTS] = {
		[SAMPLE_LAYOUT_NAME] = 4, [SAMPLE_LAYOUT_INITIAL_NAME] = 2, [SAMPLE_LAYOUT_TWO_NAMES] = 2, [SAMPLE_LAYOUT_MONOGRAM] = 1,
		[SAMPLE_LAYOUT_WAVE] = 2, [SAMPLE_LAYOUT_CHARACTERS] = 3,
	};
	static const uint8_t paraphs[SAMPLE_PARAPHS] = {
		[SAMPLE_PARAPH_NONE] = 4, [SAMPLE_PARAPH_TAIL] = 3, [SAMPLE_PARAPH_UNDERLINE] = 2, [SAMPLE_PARAPH_RULE] = 1,
		[SAMPLE_PARAPH_ZIGZAG] = 1, [SAMPLE_PARAPH_LOOP] = 1, [SAMPLE_PARAPH_POINTS] = 1,
	};

	style->slant = 0.28 + sample_normal(random, 0.26);
	style->width = 1.05 * sample_factor(random, 0.2);
	style->spacing = sample_normal(random, 1.6);
	style->round = clamp(1.0 + sample_normal(random, 0.2), 0.55, 1.4);
	style->tall = 0.95 * sample_factor(random, 0.18);
	style->capital = 1.15 * sample_factor(random, 0.24);
	style->wear = clamp(random_range(random, -0.2, 1.1), 0.0, 0.95);
	style->rise = 0.04 + sample_normal(random, 0.07);
	style->joined = random_uniform(random) < 0.6 ? 1.0 : random_range(random, 0.0, 0.9);
	style->layout = (SampleLayout) draw_weighted(random, layouts, SAMPLE_LAYOUTS);
	style->paraph = (SampleParaph) draw_weighted(random, paraphs, SAMPLE_PARAPHS);
	style_names(random, style);
}

/* A signer's style is a mixture of the family's and an individual one. */
static void
style_mix(Random *random, const SampleStyle *own, SampleStyle *style)
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

/* family, own: the streams of the family of style that the signer belongs to, and the signer's own. */
void
sample_style(Random *family, Random *own, SampleStyle *style)
{
	SampleStyle	individual;

	style_draw(family, style);
	style_draw(own, &individual);
	style_mix(own, &individual, style);
}
