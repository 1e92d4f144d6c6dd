/*
 * elastic_table.c: elastic distances among specimens of held-out people.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/random.h"
#include "embedding/reference.h"
#include "training/elastic_table.h"

typedef struct Tabulation
{
	SpecimenSource source;
	const EmbeddedExamples *embedded;
	const IdentitySamples *identity;	/* [embedded->labels] */
	int			genuine;		/* samples of all identities */
	Random		random;
	uint8	   *buffer;			/* for one sample */
} Tabulation;

/* Index of an identity's sample number k among the examples. */
static int
example_of(const Tabulation *tabulation, int identity, int k)
{
	return tabulation->embedded->examples->label[tabulation->embedded->label[identity]].first + k;
}

static Specimen
read_specimen(const Tabulation *tabulation, int identity, int k)
{
	const Examples *examples = tabulation->embedded->examples;
	int			index = example_of(tabulation, identity, k);
	const uint8 *raster;

	examples_fetch(examples, &index, 1, tabulation->buffer, &raster);
	return specimen_of_sample(&tabulation->source, raster);
}

static void
add_question(Tabulation *tabulation, ElasticIdentity *row, Specimen *specimen, int identity, int k, PairKind kind)
{
	row->question[row->questions] = tabulation->identity[identity].first + k;
	row->kind[row->questions] = kind;
	specimen[row->questions++] = read_specimen(tabulation, identity, k);
}

/* Genuine samples of others, drawn with replacement. */
static void
add_others(Tabulation *tabulation, ElasticIdentity *row, Specimen *specimen)
{
	int			own = tabulation->identity[row->identity].genuine;
	int			count = Min(ELASTIC_IMPOSTORS, tabulation->genuine - own);

	for (int i = 0; i < count; i++)
	{
		int			number = (int) random_below(&tabulation->random, (uint32) (tabulation->genuine - own));
		int			identity = 0;

		for (;; identity++)
		{
			if (identity == row->identity)
				continue;
			if (number < tabulation->identity[identity].genuine)
				break;
			number -= tabulation->identity[identity].genuine;
		}
		add_question(tabulation, row, specimen, identity, number, PAIR_RANDOM);
	}
}

static void
tabulate(Tabulation *tabulation, ElasticIdentity *row)
{
	const IdentitySamples *samples = &tabulation->identity[row->identity];
	Specimen	specimen[ELASTIC_QUESTIONS];

	CHECK_FOR_INTERRUPTS();
	row->on_file = Min(samples->genuine, tabulation->embedded->labels <= ELASTIC_FEW ? ELASTIC_ON_FILE : ELASTIC_ON_FILE_OF_MANY);
	row->question = palloc(sizeof(int32) * lengthof(specimen));
	row->kind = palloc(sizeof(PairKind) * lengthof(specimen));
	for (int k = 0; k < samples->genuine && k < ELASTIC_GENUINE; k++)
		add_question(tabulation, row, specimen, row->identity, k, PAIR_GENUINE);
	for (int k = 0; k < samples->forged && k < ELASTIC_IMPOSTORS; k++)
		add_question(tabulation, row, specimen, row->identity, samples->genuine + k, PAIR_SKILLED);
	add_others(tabulation, row, specimen);
	row->distance = palloc(sizeof(float) * row->on_file * row->questions);
	for (int i = 0; i < row->on_file; i++)
		for (int k = 0; k < row->questions; k++)
			row->distance[i * row->questions + k] = i == k ? 0 : (float) specimen_distance(&specimen[i], &specimen[k]);
	for (int k = 0; k < row->questions; k++)
		specimen_release(&specimen[k]);
}

static double
usual_distance(const ElasticTable *table)
{
	double		sum = 0;
	double		pairs = 0;

	for (int i = 0; i < table->identities; i++)
	{
		const ElasticIdentity *row = &table->identity[i];

		for (int a = 0; a < row->on_file; a++)
			for (int b = 0; b < row->on_file; b++)
			{
				sum += row->distance[a * row->questions + b];
				pairs += a != b;
			}
	}
	return pairs > 0 ? sum / pairs : 0;
}

bool
elastic_table_is_due(const EmbeddedExamples *embedded, SpecimenSource source, const ReferenceCalibration *own)
{
	if (source.kind != SPECIMEN_PICTURE)
		return source.kind == SPECIMEN_PEN;
	for (int i = 0; i < embedded->labels; i++)
	{
		if (embedded->examples->label[embedded->label[i]].forged > 0)
			return true;
	}
	return own != NULL && own->elastic_sizes > 0;
}

ElasticTable *
elastic_table_create(const EmbeddedExamples *embedded, SpecimenSource source, uint64 seed)
{
	ElasticTable *table = palloc0(sizeof(ElasticTable));
	int			samples;
	IdentitySamples *identity = identity_samples(embedded, &samples);
	Tabulation	tabulation = {.source = source, .embedded = embedded, .identity = identity, .random = random_stream(seed, UINT64_C(0x456c))};
	int			left = 0;

	tabulation.buffer = palloc(embedded->examples->raster_bytes);
	table->identity = palloc0(sizeof(ElasticIdentity) * ELASTIC_IDENTITIES);
	for (int i = 0; i < embedded->labels; i++)
	{
		tabulation.genuine += identity[i].genuine;
		left += identity[i].genuine > 1;
	}
	for (int i = 0; i < embedded->labels; i++)
	{
		int			wanted = Min(ELASTIC_IDENTITIES - table->identities, left);

		if (identity[i].genuine < 2)
			continue;
		/* each of those that are left is as likely to be among the wanted ones */
		if (random_uniform(&tabulation.random) * left-- < wanted)
		{
			table->identity[table->identities].identity = i;
			tabulate(&tabulation, &table->identity[table->identities++]);
		}
	}
	table->usual = usual_distance(table);
	pfree(tabulation.buffer);
	pfree(identity);
	return table;
}
