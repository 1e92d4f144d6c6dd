/*
 * index_data.c: the sets of the benchmark "index", as binary COPY of (id int4, v float4[]).
 *
 *   index_data A|B rows dimensions seed first     writes rows first .. first + rows - 1 of the set to the standard output
 *
 * A: clustered identities, ten rows each, unit vectors; the nearest other identity is about three times farther than one's own.
 * B: a Gaussian of 30 dimensions mapped linearly: no clusters, the hardest there is.  Rows depend on set, seed and number
 * alone; negative numbers are queries.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_IDENTITY 10
#define INTRINSIC 30

static uint64_t state;

static uint64_t
next(void)
{
	uint64_t	z = (state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static void
stream(uint64_t seed, uint64_t key)
{
	state = seed;
	state = next() ^ (key * UINT64_C(0xD1342543DE82EF95));
	next();
}

static double
normal(void)
{
	double		radius = sqrt(-2 * log(1 - (next() >> 11) * 0x1p-53));

	return radius * cos(2 * M_PI * ((next() >> 11) * 0x1p-53));
}

static void
unit(double *x, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += x[i] * x[i];
	for (int i = 0; i < n; i++)
		x[i] /= sqrt(sum);
}

static void
put(uint32_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		putchar(value >> shift & 255);
}

int
main(int count, char **arguments)
{
	char		set;
	int			rows, n, first;
	uint64_t	seed;
	double	   *x, *map;

	if (count != 6)
		return 2;
	set = arguments[1][0];
	rows = atoi(arguments[2]);
	n = atoi(arguments[3]);
	seed = strtoull(arguments[4], NULL, 10);
	first = atoi(arguments[5]);
	x = calloc(n, sizeof *x);
	map = calloc((size_t) n * INTRINSIC, sizeof *map);
	stream(seed, 0);
	for (int i = 0; i < n * INTRINSIC; i++)
		map[i] = normal();

	fwrite("PGCOPY\n\377\r\n\0", 1, 11, stdout);
	put(0, 4);
	put(0, 4);
	for (int row = first; row < first + rows; row++)
	{
		if (set == 'A')
		{
			int			identity = row < 0 ? -row * 7 : row / ROWS_PER_IDENTITY;

			stream(seed + 1, identity);
			for (int i = 0; i < n; i++)
				x[i] = normal();
			unit(x, n);
			stream(seed + 2, (uint64_t) (int64_t) row);
			for (int i = 0; i < n; i++)
				x[i] += 0.26 / sqrt(n) * normal();
			unit(x, n);
		}
		else
		{
			double		hidden[INTRINSIC];

			stream(seed + 3, (uint64_t) (int64_t) row);
			for (int j = 0; j < INTRINSIC; j++)
				hidden[j] = normal();
			for (int i = 0; i < n; i++)
			{
				x[i] = 0;
				for (int j = 0; j < INTRINSIC; j++)
					x[i] += map[i * INTRINSIC + j] * hidden[j];
			}
		}
		put(2, 2);
		put(4, 4);
		put(row, 4);
		put(20 + 8 * n, 4);
		put(1, 4);
		put(0, 4);
		put(700, 4);			/* float4 */
		put(n, 4);
		put(1, 4);
		for (int i = 0; i < n; i++)
		{
			float		value = (float) x[i];
			uint32_t	bits;

			memcpy(&bits, &value, 4);
			put(4, 4);
			put(bits, 4);
		}
	}
	put(0xffff, 2);
	return ferror(stdout) != 0;
}
