/*
 * stream.c: the generator's random numbers: independent streams, and deviates drawn from them.
 */
#include "sample/sample_internal.h"

Random
sample_stream(uint64_t seed, SamplePurpose purpose, uint64_t first, uint64_t second)
{
	Random		random = random_stream(seed, first * SAMPLE_PURPOSES + purpose);

	return random_stream(random_next(&random), second);
}

double
sample_normal(Random *random, double deviation)
{
	return deviation * clamp(random_normal(random), -2.5, 2.5);
}

double
sample_factor(Random *random, double deviation)
{
	return exp(sample_normal(random, deviation));
}
