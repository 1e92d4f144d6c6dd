/*
 * dtw.c: dtw FOLDER FIRST_REFERENCES        the training-free baseline of test/bench/svc2004
 *
 * Dynamic time warping (Sakoe, Chiba 1978) of SVC2004's files: x, y, their speeds, log speed, pressure and its change, each
 * less its mean and divided by its spread; the path's cost divided by the sum of the lengths.  A questioned signature's
 * score is the mean of its mean and its least distance to the references, divided by the references' own mean distance
 * (with one reference there is none to divide by).
 *
 * Prints "fold <tab> kind <tab> score" for the protocol of test/bench/svc2004.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNERS 40
#define SIGNATURES 40			/* 20 genuine, then 20 forged */
#define GENUINE 20
#define TESTED_FROM 5			/* genuine before it are never tested */
#define FOLDS 5
#define FEATURES 7
#define MOST_POINTS 1024

typedef struct Signature
{
	int			length;
	float		value[MOST_POINTS][FEATURES];
} Signature;

static Signature signature[SIGNERS][SIGNATURES];

static void
normalise(Signature *s, int feature)
{
	double		mean = 0;
	double		square = 0;

	for (int i = 0; i < s->length; i++)
		mean += s->value[i][feature];
	mean /= s->length;
	for (int i = 0; i < s->length; i++)
		square += pow(s->value[i][feature] - mean, 2);
	for (int i = 0; i < s->length; i++)
		s->value[i][feature] = (float) ((s->value[i][feature] - mean) / (sqrt(square / s->length) + 1e-9));
}

static void
differ(Signature *s, int from, int to)
{
	for (int i = 0; i < s->length; i++)
	{
		int			a = i > 0 ? i - 1 : 0;
		int			b = i + 1 < s->length ? i + 1 : i;

		s->value[i][to] = (s->value[b][from] - s->value[a][from]) / 2;
	}
}

static void
load(const char *folder, int signer, int number, Signature *s)
{
	char		path[4096];
	FILE	   *file;
	int			points;

	snprintf(path, sizeof(path), "%s/U%dS%d.TXT", folder, signer + 1, number + 1);
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%d", &points) != 1 || points < 2 || points > MOST_POINTS)
		exit(fprintf(stderr, "%s cannot be read\n", path) > 0 ? 2 : 2);
	s->length = points;
	for (int i = 0; i < points; i++)
	{
		float		x, y, time, pen, azimuth, altitude, pressure;

		if (fscanf(file, "%f %f %f %f %f %f %f", &x, &y, &time, &pen, &azimuth, &altitude, &pressure) != 7)
			exit(2);
		s->value[i][0] = x;
		s->value[i][1] = y;
		s->value[i][5] = pressure;
	}
	fclose(file);
	differ(s, 0, 2);
	differ(s, 1, 3);
	differ(s, 5, 6);
	for (int i = 0; i < points; i++)
		s->value[i][4] = logf(hypotf(s->value[i][2], s->value[i][3]) + 1);
	for (int f = 0; f < FEATURES; f++)
		normalise(s, f);
}

static double
distance(const Signature *a, const Signature *b)
{
	static float row[2][MOST_POINTS + 1];

	for (int k = 0; k <= b->length; k++)
		row[0][k] = k == 0 ? 0 : INFINITY;
	for (int i = 0; i < a->length; i++)
	{
		const float *above = row[i % 2];
		float	   *here = row[1 - i % 2];

		here[0] = INFINITY;
		for (int k = 0; k < b->length; k++)
		{
			float		square = 0;
			float		least = fminf(fminf(above[k], above[k + 1]), here[k]);

			for (int f = 0; f < FEATURES; f++)
				square += (a->value[i][f] - b->value[k][f]) * (a->value[i][f] - b->value[k][f]);
			here[k + 1] = least + sqrtf(square);
		}
	}
	return row[a->length % 2][b->length] / (a->length + b->length);
}

static double
score(const Signature *references, int count, double own, const Signature *questioned)
{
	double		sum = 0;
	double		least = INFINITY;

	for (int i = 0; i < count; i++)
	{
		double		d = distance(&references[i], questioned);

		sum += d;
		least = fmin(least, d);
	}
	return (sum / count + least) / 2 / own;
}

int
main(int argc, char **argv)
{
	int			count = argc > 2 ? atoi(argv[2]) : 5;

	if (argc < 2 || count < 1 || count > TESTED_FROM)
		return fprintf(stderr, "dtw FOLDER REFERENCES (1 to %d)\n", TESTED_FROM), 2;
	for (int signer = 0; signer < SIGNERS; signer++)
		for (int number = 0; number < SIGNATURES; number++)
			load(argv[1], signer, number, &signature[signer][number]);
	for (int signer = 0; signer < SIGNERS; signer++)
	{
		const Signature *mine = signature[signer];
		double		own = count > 1 ? 0 : 1;
		int			fold = signer % FOLDS;

		for (int i = 0; i < count; i++)
			for (int k = i + 1; k < count; k++)
				own += distance(&mine[i], &mine[k]) / (count * (count - 1) / 2);
		for (int number = TESTED_FROM; number < SIGNATURES; number++)
			printf("%d\t%s\t%.9g\n", fold, number < GENUINE ? "genuine" : "skilled", score(mine, count, own, &mine[number]));
		for (int other = fold; other < SIGNERS; other += FOLDS)
		{
			if (other != signer)
				printf("%d\trandom\t%.9g\n", fold, score(mine, count, own, &signature[other][0]));
		}
	}
	return 0;
}
