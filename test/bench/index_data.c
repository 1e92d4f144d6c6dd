/*
 * index_data.c: the sets of the benchmark "index", and the true answers.
 *
 *   index_data rows A|B COUNT DIMENSIONS SEED FIRST             rows FIRST .. FIRST + COUNT - 1, as binary COPY of (id int4, v float4[])
 *   index_data embeddings A|B COUNT DIMENSIONS SEED FIRST       the same as (id int4, e embedding), unbound, of distance l2
 *   index_data truth A|B COUNT DIMENSIONS SEED QUERIES l2|l1    for queries -1 .. -QUERIES among rows 0 .. COUNT - 1, as text COPY of
 *                                                               (query int4, ids int4[10], radius float8): the ten nearest, and a
 *                                                               radius a little larger than the tenth one's distance
 *
 * A: clustered identities, ten rows each, unit vectors; the nearest other identity is about three times farther than one's own.
 * B: a Gaussian of 30 dimensions mapped linearly: no clusters, the hardest there is.  Rows depend on set, seed and number
 * alone; negative numbers are queries.  Truth is by brute force in single precision.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_IDENTITY 10
#define INTRINSIC 30
#define NEAREST 10
#define LANES 16

static char set;
static int	n;
static uint64_t seed;
static double *map;				/* [n, INTRINSIC] */
static double *wide;			/* [n] */

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

static uint64_t state;

/* SplitMix64 */
static uint64_t
next(void)
{
	uint64_t	z = (state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static void
stream(uint64_t from, uint64_t key)
{
	state = from;
	state = next() ^ (key * UINT64_C(0xD1342543DE82EF95));
	next();
}

static double
normal(void)
{
	double		radius = sqrt(-2 * log(1 - (next() >> 11) * 0x1p-53));

	return radius * cos(2 * M_PI * ((next() >> 11) * 0x1p-53));
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void
unit(double *x)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];
	for (int i = 0; i < n; i++)
		x[i] /= sqrt(sum);
}

static void
begin(void)
{
	map = calloc((size_t) n * INTRINSIC, sizeof *map);
	wide = calloc(n, sizeof *wide);
	stream(seed, 0);
	for (int i = 0; i < n * INTRINSIC; i++)
		map[i] = normal();
}

static void
make_row(int row, float *x)
{
	if (set == 'A')
	{
		int			identity = row < 0 ? -row * 7 : row / ROWS_PER_IDENTITY;

		stream(seed + 1, identity);
		for (int i = 0; i < n; i++)
			wide[i] = normal();
		unit(wide);
		stream(seed + 2, (uint64_t) (int64_t) row);
		for (int i = 0; i < n; i++)
			wide[i] += 0.26 / sqrt(n) * normal();
		unit(wide);
	}
	else
	{
		double		hidden[INTRINSIC];

		stream(seed + 3, (uint64_t) (int64_t) row);
		for (int j = 0; j < INTRINSIC; j++)
			hidden[j] = normal();
		for (int i = 0; i < n; i++)
		{
			wide[i] = 0;
			for (int j = 0; j < INTRINSIC; j++)
				wide[i] += map[i * INTRINSIC + j] * hidden[j];
		}
	}
	for (int i = 0; i < n; i++)
		x[i] = (float) wide[i];
}

static void
put(uint32_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		putchar_unlocked(value >> shift & 255);
}

/* A field: float4[], or an embedding as its binary input function takes it. */
static void
put_values(const float *x, int embeddings)
{
	if (embeddings)
	{
		put(12 + 4 * n, 4);
		put(n, 2);
		put(0, 1);				/* l2 */
		put(1, 1);				/* version */
		put(0, 4);				/* no model */
		put(0, 4);
	}
	else
	{
		put(20 + 8 * n, 4);
		put(1, 4);
		put(0, 4);
		put(700, 4);			/* float4 */
		put(n, 4);
		put(1, 4);
	}
	for (int i = 0; i < n; i++)
	{
		uint32_t	bits;

		memcpy(&bits, &x[i], 4);
		if (!embeddings)
			put(4, 4);
		put(bits, 4);
	}
}

static void
put_rows(int first, int count, int embeddings)
{
	float	   *x = calloc(n, sizeof *x);

	fwrite("PGCOPY\n\377\r\n\0", 1, 11, stdout);
	put(0, 4);
	put(0, 4);
	for (int row = first; row < first + count; row++)
	{
		make_row(row, x);
		put(2, 2);
		put(4, 4);
		put(row, 4);
		put_values(x, embeddings);
	}
	put(0xffff, 2);
}

/* ---- truth ------------------------------------------------------------------------------------------------------- */

/* Rows are padded with zeros to a multiple of LANES. */
static float
distance(const float *a, const float *b, int padded, int l1)
{
	float		sums[LANES] = {0};
	float		sum = 0;

	for (int i = 0; i < padded; i += LANES)
		for (int j = 0; j < LANES; j++)
		{
			float		difference = a[i + j] - b[i + j];

			sums[j] += l1 ? fabsf(difference) : difference * difference;
		}
	for (int j = 0; j < LANES; j++)
		sum += sums[j];
	return l1 ? sum : sqrtf(sum);
}

static void
put_truth(int count, int queries, int l1)
{
	int			padded = (n + LANES - 1) / LANES * LANES;
	float	   *rows = calloc((size_t) count * padded, sizeof *rows);
	float	   *query = calloc(padded, sizeof *query);

	for (int i = 0; i < count; i++)
		make_row(i, rows + (size_t) i * padded);
	for (int q = 1; q <= queries; q++)
	{
		int			ids[NEAREST];
		float		distances[NEAREST];
		int			found = 0;

		make_row(-q, query);
		for (int i = 0; i < count; i++)
		{
			float		d = l1 ? distance(query, rows + (size_t) i * padded, padded, 1) :
				distance(query, rows + (size_t) i * padded, padded, 0);
			int			place = found < NEAREST ? found++ : NEAREST - 1;

			if (place == NEAREST - 1 && found == NEAREST && i >= NEAREST && d >= distances[place])
				continue;
			for (; place > 0 && distances[place - 1] > d; place--)
			{
				distances[place] = distances[place - 1];
				ids[place] = ids[place - 1];
			}
			distances[place] = d;
			ids[place] = i;
		}
		printf("%d\t{", -q);
		for (int i = 0; i < found; i++)
			printf(i ? ",%d" : "%d", ids[i]);
		printf("}\t%.9g\n", distances[found - 1] * (1 + 1e-5));
	}
}

int
main(int count, char **arguments)
{
	if (count < 7)
		return 2;
	set = arguments[2][0];
	n = atoi(arguments[4]);
	seed = strtoull(arguments[5], NULL, 10);
	begin();
	if (strcmp(arguments[1], "rows") == 0)
		put_rows(atoi(arguments[6]), atoi(arguments[3]), 0);
	else if (strcmp(arguments[1], "embeddings") == 0)
		put_rows(atoi(arguments[6]), atoi(arguments[3]), 1);
	else if (strcmp(arguments[1], "truth") == 0 && count == 8)
		put_truth(atoi(arguments[3]), atoi(arguments[6]), strcmp(arguments[7], "l1") == 0);
	else
		return 2;
	return fflush(stdout) != 0 || ferror(stdout) != 0;
}
