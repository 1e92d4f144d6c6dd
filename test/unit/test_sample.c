/*
 * test_sample.c: synthetic signatures: the kinematic model against its definition, and what their users rely on.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/number.h"
#include "host.h"
#include "sample/sample_internal.h"

#define SEED 20
#define TEST(function) cmocka_unit_test_setup_teardown(function, host_begin, host_end)
#define SHAPE 48				/* points that a trajectory is reduced to */

static Host *host;

/* Before each test, and after it: nothing may be left. */
static int
host_begin(void **state)
{
	host = test_host();
	return 0;
}

static int
host_end(void **state)
{
	return test_host_outstanding() == 0 ? 0 : -1;
}

static void
make(uint64_t seed, int signer, int sample, bool genuine, SampleSignature *signature)
{
	Status		status;

	assert_true(sample_signature(seed, signer, sample, genuine, host, signature, &status));
}

static bool
same(const SampleSignature *a, const SampleSignature *b)
{
	return a->width == b->width && a->height == b->height && a->points == b->points &&
		memcmp(a->raster, b->raster, (size_t) a->width * a->height) == 0 &&
		memcmp(a->pen, b->pen, (size_t) a->points * 4 * sizeof(float)) == 0;
}

static void
test_same_numbers_same_signature(void **state)
{
	static const struct
	{
		uint64_t	seed;
		int			signer;
		int			sample;
		bool		genuine;
	}			key[] = {{SEED, 3, 1, true}, {SEED + 1, 3, 1, true}, {SEED, 4, 1, true}, {SEED, 3, 2, true},
		{SEED, 3, 1, false}, {SEED, LIMIT_SIGNERS - 1, LIMIT_SAMPLES - 1, true}, {UINT64_MAX, 0, 0, false}};
	SampleSignature first[7];
	SampleSignature again;

	for (int i = 0; i < 7; i++)
	{
		make(key[i].seed, key[i].signer, key[i].sample, key[i].genuine, &first[i]);
		make(key[i].seed, key[i].signer, key[i].sample, key[i].genuine, &again);
		assert_true(same(&first[i], &again));
		for (int j = 0; j < i; j++)
			assert_false(same(&first[i], &first[j]));
		sample_signature_release(host, &again);
	}
	for (int i = 0; i < 7; i++)
		sample_signature_release(host, &first[i]);
}

/* Margins free of ink, values in range, a clock of 100 a second, the pen down and up. */
static void
test_bounds(void **state)
{
	int			lifted = 0;
	int			usual = 0;

	for (int i = 0; i < 400; i++)
	{
		SampleSignature s;
		int			down = 0;
		int			lifts = 0;

		make(SEED, i / 2 * 37, i % 11, i % 2 == 0, &s);
		assert_true(s.width >= 300 && s.width <= 600);
		assert_true(s.height >= 120 && s.height <= 280);
		assert_true(s.points >= 30 && s.points <= 1601);
		usual += s.points >= 80 && s.points <= 700;
		for (int k = 0; k < s.points; k++)
		{
			const float *point = &s.pen[k * 4];

			assert_true(point[0] >= 0.0F && point[0] < 30000.0F);
			assert_true(point[1] >= 0.0F && point[1] < 30000.0F);
			assert_true(point[2] >= 0.0F && point[2] <= 1.0F);
			assert_true(fabs(point[3] - 0.01 * k) < 1e-4);
			if (k > 0)
				assert_true(hypot(point[0] - point[-4], point[1] - point[-3]) < 1500.0);	/* 1.5 m a second */
			down += point[2] > 0.0F;
			lifts += k > 0 && point[2] == 0.0F && point[-2] > 0.0F;
		}
		assert_true(down * 2 > s.points);
		lifted += lifts > 0;
		sample_signature_release(host, &s);
	}
	assert_true(lifted >= 250 && lifted <= 400);
	assert_true(usual >= 300 && usual <= 400);
}

/*
 * One stroke against the model's definition: speed D times the log-normal density, direction turning in step with the way
 * covered, integrated in small steps.
 */
static void
test_stroke_is_sigma_lognormal(void **state)
{
	static const double bends[] = {0.0, 1.0, -2.6, 4.0};
	const SampleManner steady = {0.0, 0.0, 0.0};

	for (int i = 0; i < 4; i++)
	{
		SampleMotion motion = {.x = 1.0, .y = 2.0, .strokes = 1, .groups = 1};
		SampleStroke *stroke = &motion.stroke[0];
		SampleTrack track;
		Status		status;
		Random		random = random_stream(SEED, i);
		double		sigma = sqrt(-log(1.0 - 0.15));
		double		mu = log(0.4 / (exp(3.0 * sigma) - exp(-3.0 * sigma)));
		double		begin = exp(mu - 3.0 * sigma);
		double		kept = 0.5 * erfc(-3.0 / sqrt(2.0)) - 0.5 * erfc(3.0 / sqrt(2.0));
		double		chord = hypot(8.0, 3.0);
		double		way = bends[i] == 0.0 ? chord : chord * bends[i] / 2.0 / sin(bends[i] / 2.0);
		double		first = atan2(-3.0, 8.0) - bends[i] / 2.0;
		double		x = 1.0;
		double		y = 2.0;
		double		covered = 0.0;
		int			steps = 200;	/* between two points of the track */

		*stroke = (SampleStroke) {.x = 9.0, .y = -1.0, .bend = bends[i], .mu = mu, .sigma = sigma,
			.pressure = 0.5};
		assert_true(sample_motion_track(&motion, &steady, &random, host, &track, &status));
		assert_true(fabs(track.x[track.points - 1] - 9.0) < 1e-9 && fabs(track.y[track.points - 1] + 1.0) < 1e-9);
		for (int k = 1; k < 160; k++)
		{
			for (int j = 0; j < steps; j++)
			{
				double		t = begin + (k - 1 + (j + 0.5) / steps) / SAMPLE_RATE;
				double		z = (log(t) - mu) / sigma;
				double		part = exp(-z * z / 2.0) / (t * sigma * sqrt(2.0 * M_PI)) / (SAMPLE_RATE * steps) / kept;
				double		direction = first + bends[i] * (covered + part / 2.0);

				x += way * part * cos(direction);
				y += way * part * sin(direction);
				covered += part;
			}
			assert_true(fabs(track.x[k] - x) < 1e-3 && fabs(track.y[k] - y) < 1e-3);
		}
		sample_track_release(host, &track);
	}
}

/* Adds a point of weight to sums of weight, x, y, their squares and product. */
static void
spread_add(double *sum, double weight, double x, double y)
{
	double		term[6] = {1.0, x, y, x * x, y * y, x * y};

	for (int i = 0; i < 6; i++)
		sum[i] += weight * term[i];
}

/* Deviations along both axes and the correlation, from those sums. */
static void
spread_of(const double *sum, double *deviation_x, double *deviation_y, double *correlation)
{
	*deviation_x = sqrt(sum[3] / sum[0] - pow(sum[1] / sum[0], 2.0));
	*deviation_y = sqrt(sum[4] / sum[0] - pow(sum[2] / sum[0], 2.0));
	*correlation = (sum[5] / sum[0] - sum[1] / sum[0] * sum[2] / sum[0]) / (*deviation_x * *deviation_y);
}

/*
 * Ink lies where the pen went: its spread over the picture is that of the pen's way at 200 dpi, not mirrored, but for the
 * turn of the scan, crossings (laid twice, seen once) and pale places.
 */
static void
test_picture_shows_the_pen(void **state)
{
	double		off[4] = {0.0};	/* means: proportions, correlation, its absolute value, size */

	for (int i = 0; i < 100; i++)
	{
		SampleSignature s;
		double		way[6] = {0.0};
		double		ink[6] = {0.0};
		double		of_way[3];
		double		of_ink[3];
		int			darkest = 255;

		make(SEED, i, 0, i % 2 == 0, &s);
		for (int k = 1; k < s.points; k++)
		{
			const float *point = &s.pen[4 * k];

			if (point[2] > 0.0F && point[-2] > 0.0F)
				spread_add(way, hypot(point[0] - point[-4], point[1] - point[-3]), point[0], point[1]);
		}
		for (int at = 0; at < s.width * s.height; at++)
			darkest = s.raster[at] < darkest ? s.raster[at] : darkest;
		for (int at = 0; at < s.width * s.height; at++)
		{
			if (s.raster[at] < darkest + 0.7 * (224 - darkest))
				spread_add(ink, 1.0, at % s.width, s.height - at / s.width);
		}
		spread_of(way, &of_way[0], &of_way[1], &of_way[2]);
		spread_of(ink, &of_ink[0], &of_ink[1], &of_ink[2]);
		off[0] += log(of_ink[1] / of_ink[0] / (of_way[1] / of_way[0])) / 100.0;
		off[1] += (of_ink[2] - of_way[2]) / 100.0;
		off[2] += fabs(of_ink[2] - of_way[2]) / 100.0;
		off[3] += log(of_ink[0] / (2.0 / 25.4 * of_way[0])) / 100.0;
		sample_signature_release(host, &s);
	}
	assert_true(fabs(off[0]) < 0.04);
	assert_true(fabs(off[1]) < 0.03);
	assert_true(off[2] < 0.1);
	assert_true(fabs(off[3]) < 0.05);
}

/* A trajectory's shape: SHAPE points equally far apart along the way, centred, of unit size. */
static void
shape_of(const SampleSignature *s, double *shape)
{
	double	   *way = malloc(s->points * sizeof *way);
	double		mean[2] = {0.0, 0.0};
	double		size = 0.0;
	int			k = 0;

	assert_non_null(way);
	way[0] = 0.0;
	for (int i = 1; i < s->points; i++)
		way[i] = way[i - 1] + hypot(s->pen[4 * i] - s->pen[4 * i - 4], s->pen[4 * i + 1] - s->pen[4 * i - 3]);
	for (int i = 0; i < SHAPE; i++)
	{
		while (k < s->points - 1 && way[k] < way[s->points - 1] * i / SHAPE)
			k++;
		for (int axis = 0; axis < 2; axis++)
			mean[axis] += (shape[2 * i + axis] = s->pen[4 * k + axis]) / SHAPE;
	}
	for (int i = 0; i < 2 * SHAPE; i++)
		size += pow(shape[i] - mean[i % 2], 2.0);
	for (int i = 0; i < 2 * SHAPE; i++)
		shape[i] = (shape[i] - mean[i % 2]) / sqrt(size);
	free(way);
}

static double
shapes_apart(const double *a, const double *b)
{
	double		sum = 0.0;

	for (int i = 0; i < 2 * SHAPE; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sqrt(sum);
}

/*
 * When a signer writes again, the strokes' tempo changes mostly for all alike, or slowly: the change of a stroke says much of
 * that of the next one.  The limits of mu and sigma hold for every plan.
 */
static void
test_a_day_is_common_to_all_strokes(void **state)
{
	double		square = 0.0;
	double		product = 0.0;
	int			performances = 0;

	for (int i = 0; i < 300; i++)
	{
		static SamplePlan plan;
		static SampleMotion motion;
		SampleManner manner;
		Random		random = random_stream(SEED, i);
		double		change[SAMPLE_STROKES];

		sample_plan(SEED, i, &plan);
		sample_perform(&plan, SEED, i, 3, true, &motion, &manner, &random);
		for (int k = 0; k < plan.motion.strokes; k++)
		{
			const SampleStroke *stroke = &plan.motion.stroke[k];

			assert_true(stroke->mu >= SAMPLE_MU_LEAST && stroke->mu <= SAMPLE_MU_MOST);
			assert_true(stroke->sigma >= SAMPLE_SIGMA_LEAST && stroke->sigma <= SAMPLE_SIGMA_MOST);
		}
		/* nothing left out or added */
		if (motion.strokes != plan.motion.strokes)
			continue;
		for (int k = 0; k < motion.strokes; k++)
			change[k] = motion.stroke[k].mu - plan.motion.stroke[k].mu;
		for (int k = 1; k < motion.strokes; k++)
		{
			square += (change[k] * change[k] + change[k - 1] * change[k - 1]) / 2.0;
			product += change[k] * change[k - 1];
		}
		performances++;
	}
	assert_true(performances >= 200);
	assert_true(product > 0.25 * square && product < 0.75 * square);
}

/* Some tablets see the pen in the air; from others comes a straight line.  A signer's forgers write on the same one. */
static void
test_tablets(void **state)
{
	int			straight[2] = {0, 0};
	int			lifted = 0;

	for (int signer = 0; signer < 100; signer++)
	{
		double		off[2] = {0.0, 0.0};	/* greatest distance from the straight line, forged and genuine */

		for (int genuine = 0; genuine < 2; genuine++)
		{
			SampleSignature s;
			int			down = 0;

			make(SEED, signer, 1, genuine, &s);
			for (int i = 1; i < s.points; i++)
			{
				const float *from = &s.pen[4 * down];
				const float *to = &s.pen[4 * i];

				if (to[2] == 0.0F)
					continue;
				for (int k = down + 1; k < i; k++)
				{
					double		share = (double) (k - down) / (i - down);
					double		x = from[0] + share * (to[0] - from[0]);
					double		y = from[1] + share * (to[1] - from[1]);

					off[genuine] = fmax(off[genuine], hypot(s.pen[4 * k] - x, s.pen[4 * k + 1] - y));
				}
				if (i > down + 4)
					off[genuine] = fmax(off[genuine], 1e-9);	/* it was up */
				down = i;
			}
			sample_signature_release(host, &s);
		}
		if (off[0] == 0.0 || off[1] == 0.0)
			continue;
		lifted++;
		assert_true((off[0] < 0.01) == (off[1] < 0.01));
		straight[off[0] < 0.01]++;
	}
	assert_true(lifted >= 50);
	assert_true(straight[0] >= lifted / 4 && straight[1] >= lifted / 4);
}

/* On the average: samples of the same signer nearest, forgeries next, impostors far, and not all equally far. */
static void
test_own_forged_strange(void **state)
{
	static double shape[40][6][2 * SHAPE];	/* four genuine, two forged */
	double		own = 0.0;
	double		forged = 0.0;
	double		strange = 0.0;
	double		least = 1e9;
	int			own_pairs = 0;
	int			forged_pairs = 0;
	int			strange_pairs = 0;

	for (int signer = 0; signer < 40; signer++)
	{
		for (int i = 0; i < 6; i++)
		{
			SampleSignature s;

			make(SEED, signer, i, i < 4, &s);
			shape_of(&s, shape[signer][i]);
			sample_signature_release(host, &s);
		}
	}
	for (int signer = 0; signer < 40; signer++)
	{
		for (int i = 0; i < 4; i++)
		{
			for (int j = i + 1; j < 6; j++)
			{
				double		apart = shapes_apart(shape[signer][i], shape[signer][j]);

				*(j < 4 ? &own : &forged) += apart;
				*(j < 4 ? &own_pairs : &forged_pairs) += 1;
			}
			for (int other = 0; other < signer; other++)
			{
				double		apart = shapes_apart(shape[signer][i], shape[other][i]);

				strange += apart;
				least = fmin(least, apart);
				strange_pairs++;
			}
		}
	}
	own /= own_pairs;
	forged /= forged_pairs;
	strange /= strange_pairs;
	assert_true(own * 1.15 < forged);
	assert_true(forged * 1.3 < strange);
	assert_true(least < 0.6 * strange);
}

/* Greatest distance between two empirical distributions (Kolmogorov and Smirnov); sorts both. */
static double
distributions_apart(double *a, double *b, int n)
{
	double		greatest = 0.0;
	int			i = 0;
	int			j = 0;

	qsort(a, n, sizeof *a, compare_doubles);
	qsort(b, n, sizeof *b, compare_doubles);
	while (i < n && j < n)
	{
		double		value = fmin(a[i], b[j]);

		while (i < n && a[i] <= value)
			i++;
		while (j < n && b[j] <= value)
			j++;
		greatest = fmax(greatest, abs(i - j) / (double) n);
	}
	return greatest;
}

/* What comes from paper, pen and scan, not from the hand, or (the darkest ink, the size) hardly from it. */
static void
picture_statistics(const SampleSignature *s, double *value)
{
	int			pixels = s->width * s->height;
	int			count[256] = {0};
	double		differences = 0.0;
	int			seen = 0;

	for (int at = 0; at < pixels; at++)
		count[s->raster[at]]++;
	value[0] = 0;
	while ((seen += count[(int) value[0]]) < pixels / 2)
		value[0]++;
	for (int at = 0; at < s->width * 8 - 1; at++)
		differences += abs(s->raster[at] - s->raster[at + 1]);
	value[1] = differences;
	value[2] = 0;
	seen = 0;
	while ((seen += count[(int) value[2]]) < 50)
		value[2]++;
	value[3] = s->width;
	value[4] = s->height;
}

static void
test_paper_tells_nothing(void **state)
{
	enum
	{
		N = 500
	};
	static double value[2][5][N];

	for (int i = 0; i < 2 * N; i++)
	{
		SampleSignature s;
		double		of_one[5];

		make(SEED, i % N, 7, i < N, &s);
		picture_statistics(&s, of_one);
		for (int k = 0; k < 5; k++)
			value[i / N][k][i % N] = of_one[k];
		sample_signature_release(host, &s);
	}
	/*
	 * The limit is passed by one in 2,000 pairs of equal distributions; the seed is fixed.  The height, which no network sees, may
	 * differ a little more: letters that a forger misplaces reach farther up and down.
	 */
	for (int k = 0; k < 5; k++)
		assert_true(distributions_apart(value[0][k], value[1][k], N) < (k < 4 ? 2.04 : 3.0) * sqrt(2.0 / N));
}

/* Forgers are slower on the average, but not so much that time alone betrays them. */
static void
test_forgers_take_longer(void **state)
{
	int			longer = 0;

	for (int i = 0; i < 200; i++)
	{
		SampleSignature genuine;
		SampleSignature forged;

		make(SEED, i, 2, true, &genuine);
		make(SEED, i, 2, false, &forged);
		longer += forged.points > genuine.points;
		sample_signature_release(host, &genuine);
		sample_signature_release(host, &forged);
	}
	assert_true(longer >= 120 && longer <= 196);
}

static void
test_no_memory(void **state)
{
	int			failures = 0;

	for (;; failures++)
	{
		SampleSignature s;
		Status		status;
		bool		done;

		test_host_fail_after(failures);
		done = sample_signature(SEED, 5, 1, false, host, &s, &status);
		test_host_fail_after(-1);
		if (done)
		{
			sample_signature_release(host, &s);
			assert_int_equal(test_host_outstanding(), 0);
			break;
		}
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
		assert_null(s.raster);
		assert_null(s.pen);
		assert_true(failures < 100);
	}
	assert_true(failures >= 3);
}

static void
test_arguments(void **state)
{
	static const int wrong[][2] = {{-1, 0}, {LIMIT_SIGNERS, 0}, {0, -1}, {0, LIMIT_SAMPLES}, {INT32_MIN, INT32_MAX}};

	for (int i = 0; i < 5; i++)
	{
		SampleSignature s;
		Status		status = {STATUS_OK, "", ""};

		assert_false(sample_signature(SEED, wrong[i][0], wrong[i][1], true, host, &s, &status));
		assert_int_equal(status.code, STATUS_ARGUMENT);
		assert_string_not_equal(status.detail, "");
		assert_null(s.raster);
		assert_null(s.pen);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_numbers_same_signature),
		TEST(test_bounds),
		TEST(test_stroke_is_sigma_lognormal),
		TEST(test_picture_shows_the_pen),
		TEST(test_a_day_is_common_to_all_strokes),
		TEST(test_tablets),
		TEST(test_own_forged_strange),
		TEST(test_paper_tells_nothing),
		TEST(test_forgers_take_longer),
		TEST(test_no_memory),
		TEST(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
