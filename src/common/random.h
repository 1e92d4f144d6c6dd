/*
 * random.h: the only source of pseudo-random numbers: seeded, and the same on every platform.
 *
 * splitmix64 (Steele, Lea, Flood 2014): the state is a 64-bit counter, so that a stream can be made from any key and stored
 * in eight bytes.
 */
#ifndef SIAMESE_RANDOM_H
#define SIAMESE_RANDOM_H

#include <math.h>
#include <stdint.h>

typedef struct Random
{
	uint64_t	state;
} Random;

static inline uint64_t
random_next(Random *random)
{
	uint64_t	z = (random->state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* An independent stream for (seed, key): the same for the same two numbers, unrelated otherwise. */
static inline Random
random_stream(uint64_t seed, uint64_t key)
{
	Random		random = {seed};
	uint64_t	mixed = random_next(&random);

	random.state = mixed ^ (key * UINT64_C(0xD1342543DE82EF95) + UINT64_C(0x632BE59BD9B4E019));
	random_next(&random);
	return random;
}

/* Uniform in [0, 1). */
static inline double
random_uniform(Random *random)
{
	return (double) (random_next(random) >> 11) * 0x1.0p-53;
}

/* Uniform in [low, high). */
static inline double
random_range(Random *random, double low, double high)
{
	return low + (high - low) * random_uniform(random);
}

/* Uniform in 0 .. bound - 1; bound > 0. */
static inline uint32_t
random_below(Random *random, uint32_t bound)
{
	return (uint32_t) (((random_next(random) >> 32) * (uint64_t) bound) >> 32);
}

/* Every order equally likely (Fisher and Yates 1938). */
static inline void
random_shuffle(Random *random, int *value, int count)
{
	for (int i = count - 1; i > 0; i--)
	{
		int			other = (int) random_below(random, (uint32_t) i + 1);
		int			swap = value[i];

		value[i] = value[other];
		value[other] = swap;
	}
}

/* Standard normal (Box and Muller 1958). */
static inline double
random_normal(Random *random)
{
	double		radius = sqrt(-2.0 * log(1.0 - random_uniform(random)));

	return radius * cos(2.0 * M_PI * random_uniform(random));
}

#endif
