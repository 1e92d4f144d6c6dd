/*
 * calibration_fit.c: distances of held-out pairs -> log odds by distance, thresholds by false-accept rate.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "common/random.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/calibration.h"
#include "verification/regression.h"
#include "verification/score.h"

#define BINS 60					/* of equal weight; with both ends at most CALIBRATION_KNOTS knots */
#define FOLDS 5

StaticAssertDecl(BINS + 2 <= CALIBRATION_KNOTS, "every bin may become a knot");

/* ---- probability --------------------------------------------------------------------------------------------------- */

/* The pairs in a bin of distances, by the folds of the two identities' groups. */
typedef struct Tally
{
	double		moment;
	double		mass;
	double		pairs[PAIR_KINDS][FOLDS][FOLDS];
} Tally;

typedef struct Binned
{
	Tally		bin[BINS];
	int			bins;
	int			folds;			/* below 2: no cross-validation */
	double		least;			/* distance: 0, or less where distances are negative */
	double		largest;
	double		genuine_trial;
	double		impostor_trial;
} Binned;

/* The weight of a pair: all genuine pairs have 1 in total, so have all impostors, half of it each for random and skilled ones. */
static double
pair_weight(const PairDistances *pairs, PairKind kind)
{
	bool		both = pairs->set[PAIR_RANDOM].count > 0 && pairs->set[PAIR_SKILLED].count > 0;

	return (kind != PAIR_GENUINE && both ? 0.5 : 1.0) / (double) Max(pairs->set[kind].count, 1);
}

/* Bins of about equal weight; equal distances are in the same bin. */
static void
fill_bins(const PairDistances *pairs, const int *fold, Binned *binned)
{
	int64		next[PAIR_KINDS] = {0};
	double		mass = 0;
	double		last = -INFINITY;
	int			kind;

	binned->bins = 0;
	binned->least = 0;
	while ((kind = pairs_nearest(pairs, next)) >= 0)
	{
		const Pair *pair = &pairs->set[kind].pair[next[kind]++];
		double		weight = pair_weight(pairs, (PairKind) kind);
		Tally	   *tally;

		if (binned->bins == 0 || (mass >= 2.0 * binned->bins / BINS && pair->distance > last && binned->bins < BINS))
			memset(&binned->bin[binned->bins++], 0, sizeof(Tally));
		tally = &binned->bin[binned->bins - 1];
		binned->least = fmin(binned->least, pair->distance);
		tally->moment += weight * pair->distance;
		tally->mass += weight;
		tally->pairs[kind][fold[pairs->group[pair->a]]][fold[pairs->group[pair->b]]] += weight;
		mass += weight;
		last = pair->distance;
	}
	binned->largest = last;
}

/*
 * The bins of the pairs whose identities are both outside of the fold left_out, or with within both inside of it.  False if
 * there are no genuine pairs or no impostors among them.
 */
static bool
select_bins(const Binned *binned, int left_out, bool within, CalibrationBin *bin)
{
	double		genuine = 0;
	double		impostor = 0;

	for (int b = 0; b < binned->bins; b++)
	{
		const Tally *tally = &binned->bin[b];

		bin[b] = (CalibrationBin) {.distance = tally->moment / tally->mass};
		for (int p = 0; p < FOLDS; p++)
			for (int q = 0; q < FOLDS; q++)
				if (within ? p == left_out && q == left_out : p != left_out && q != left_out)
				{
					bin[b].genuine += tally->pairs[PAIR_GENUINE][p][q];
					bin[b].impostor += tally->pairs[PAIR_RANDOM][p][q] + tally->pairs[PAIR_SKILLED][p][q];
				}
		genuine += bin[b].genuine;
		impostor += bin[b].impostor;
	}
	if (!(genuine > 0 && impostor > 0))
		return false;
	for (int b = 0; b < binned->bins; b++)
	{
		bin[b].genuine /= genuine;
		bin[b].impostor /= impostor;
	}
	return true;
}

/* Fewer, wider bins make the isotonic curve smoother. */
typedef struct Candidate
{
	CalibrationMethod method;
	int			merged;			/* bins that are merged into one */
} Candidate;

static const Candidate candidates[] = {
	{CALIBRATION_LOGISTIC, 1}, {CALIBRATION_ISOTONIC, 1}, {CALIBRATION_ISOTONIC, 3}, {CALIBRATION_ISOTONIC, 6}
};

static int
merge_bins(CalibrationBin *bin, int bins, int merged)
{
	int			kept = 0;

	for (int first = 0; first < bins; first += merged)
	{
		CalibrationBin sum = {0};

		for (int b = first; b < Min(first + merged, bins); b++)
		{
			sum.distance += bin[b].distance * (bin[b].genuine + bin[b].impostor);
			sum.genuine += bin[b].genuine;
			sum.impostor += bin[b].impostor;
		}
		/* bins without selected pairs are left out */
		if (sum.genuine + sum.impostor > 0)
		{
			sum.distance /= sum.genuine + sum.impostor;
			bin[kept++] = sum;
		}
	}
	return kept;
}

static int
fit(const Candidate *candidate, const Binned *binned, CalibrationBin *bin, CalibrationKnot *knot)
{
	int			bins = merge_bins(bin, binned->bins, candidate->merged);

	return (candidate->method == CALIBRATION_ISOTONIC ? isotonic_fit : logistic_fit)
		(bin, bins, binned->least, binned->largest, binned->genuine_trial, binned->impostor_trial, knot);
}

/* Sum over the folds of the log loss on one fold's pairs after a fit to the others'; NaN if no fold has enough pairs. */
static double
cross_validate(const Candidate *candidate, const Binned *binned)
{
	CalibrationBin bin[BINS];
	CalibrationKnot knot[CALIBRATION_KNOTS];
	double		loss = 0;
	int			folds = 0;

	for (int fold = 0; fold < binned->folds; fold++)
	{
		int			knots;

		if (!select_bins(binned, fold, false, bin))
			continue;
		knots = fit(candidate, binned, bin, knot);
		if (!select_bins(binned, fold, true, bin))
			continue;
		for (int b = 0; b < binned->bins; b++)
		{
			double		z = knots_log_odds(knot, knots, bin[b].distance);

			loss += bin[b].genuine * (fmax(-z, 0) + log1p(exp(-fabs(z))));
			loss += bin[b].impostor * (fmax(z, 0) + log1p(exp(-fabs(z))));
		}
		folds++;
	}
	return folds > 0 ? loss : NAN;
}

/* Assigns groups to folds of the same size at random. */
static int *
draw_folds(int groups, int folds, uint64 seed)
{
	int		   *fold = palloc(sizeof(int) * Max(groups, 1));
	Random		random = random_stream(seed, UINT64_C(0xF01D));

	for (int i = 0; i < groups; i++)
	{
		int			other = (int) random_below(&random, (uint32) i + 1);

		fold[i] = fold[other];
		fold[other] = i % Max(folds, 1);
	}
	return fold;
}

/* The number of distinct forgeries in skilled pairs. */
static int
count_forgeries(const PairDistances *pairs)
{
	bool	   *seen = palloc0(Max(pairs->samples, 1));
	int			count = 0;

	for (int64 i = 0; i < pairs->set[PAIR_SKILLED].count; i++)
		seen[pairs->set[PAIR_SKILLED].pair[i].b] = true;
	for (int i = 0; i < pairs->samples; i++)
		count += seen[i];
	pfree(seen);
	return count;
}

/*
 * The weight of one independent trial: of genuine pairs a sample, of random impostors a pair of identities, of skilled ones
 * a forgery; pairs that share these are strongly correlated.
 */
static void
weigh_trials(const PairDistances *pairs, Binned *binned)
{
	double		identities = Max(pairs->identities, 2);
	bool		random = pairs->set[PAIR_RANDOM].count > 0;
	bool		skilled = pairs->set[PAIR_SKILLED].count > 0;

	binned->genuine_trial = 1.0 / Max(pairs->samples, 1);
	binned->impostor_trial = 0;
	if (random)
		binned->impostor_trial += (skilled ? 0.5 : 1.0) / (identities * (identities - 1) / 2);
	if (skilled)
	{
		int			forgeries = count_forgeries(pairs);

		binned->impostor_trial += (random ? 0.5 : 1.0) / Max(forgeries, 1);
	}
}

static void
fit_probability(const PairDistances *pairs, uint64 seed, ModelCalibration *calibration)
{
	Binned	   *binned = palloc(sizeof(Binned));
	CalibrationBin bin[BINS];
	const Candidate *best = &candidates[0];
	double		best_loss = NAN;
	int		   *fold;

	binned->folds = Min(FOLDS, pairs->groups / 2);
	fold = draw_folds(pairs->groups, binned->folds, seed);
	fill_bins(pairs, fold, binned);
	weigh_trials(pairs, binned);
	for (int i = 0; binned->folds >= 2 && i < lengthof(candidates); i++)
	{
		double		loss = cross_validate(&candidates[i], binned);

		if (i == 0 || loss < best_loss)
		{
			best = &candidates[i];
			best_loss = loss;
		}
	}
	calibration->prior = 0.5;
	calibration->method = best->method;
	select_bins(binned, -1, false, bin);
	calibration->knots = fit(best, binned, bin, calibration->knot);
	pfree(fold);
	pfree(binned);
}

/* The distance at even odds; if there is none, the threshold of the equal error rate. */
static double
default_threshold(const PairDistances *pairs, const ModelCalibration *calibration)
{
	const CalibrationKnot *knot = calibration->knot;
	const PairSet *impostor = &pairs->set[pairs->set[PAIR_SKILLED].count > 0 ? PAIR_SKILLED : PAIR_RANDOM];

	for (int i = calibration->knots - 1; i > 0; i--)
		if (knot[i - 1].log_odds >= 0 && knot[i].log_odds < 0)
			return knot[i - 1].distance + (knot[i].distance - knot[i - 1].distance) *
				knot[i - 1].log_odds / (knot[i - 1].log_odds - knot[i].log_odds);
	return score_pairs(&pairs->set[PAIR_GENUINE], impostor).eer_threshold;
}

/* ---- false-accept rates -------------------------------------------------------------------------------------------- */

/* Candidate rates: 50, 40, 30, 20, 15 and 10 %, then the same by decades. */
static double
candidate_rate(int i)
{
	static const double step[] = {0.5, 0.4, 0.3, 0.2, 0.15, 0.1};

	return step[i % 6] * pow(10, -(i / 6));
}

/* The threshold that accepts at most this share of each kind of impostor. */
static double
threshold_at(const PairDistances *pairs, double rate)
{
	double		threshold = INFINITY;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		const PairSet *set = &pairs->set[kind];
		int64		below = (int64) floor(rate * (double) set->count + 1e-9);
		double		above;
		double		mine;

		if (set->count == 0)
			continue;
		above = set->pair[Min(below, set->count - 1)].distance;
		mine = below > 0 && set->pair[below - 1].distance < above
			? (set->pair[below - 1].distance + above) / 2 : nextafter(above, -INFINITY);
		threshold = fmin(threshold, mine);
	}
	return threshold;
}

static double
smallest_support(const PairDistances *pairs, double rate)
{
	double		support = INFINITY;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (pairs->set[kind].count > 0)
			support = fmin(support, rate * (double) pairs->set[kind].count);
	return support;
}

/* In one replicate, the share accepted of the kind of impostor that is accepted more often. */
static float
worst_share(const Bootstrap *resampled, int place, int replicate)
{
	float		worst = -1;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (resampled->accepted[kind] != NULL)
		{
			float		share = bootstrap_at(resampled, (PairKind) kind, place)[replicate];

			if (isnan(share))
				return NAN;
			worst = Max(worst, share);
		}
	return worst;
}

/* In each replicate, the largest threshold whose share is within the rate. */
static void
replicate_thresholds(const Bootstrap *resampled, double rate, float *value)
{
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
	{
		double		before = 0;

		value[r] = NAN;
		for (int t = 0; t < resampled->thresholds; t++)
		{
			double		share = worst_share(resampled, t, r);

			if (isnan(share))
				break;
			value[r] = (float) resampled->threshold[t];
			if (share > rate)
			{
				if (t > 0)
					value[r] = (float) (resampled->threshold[t - 1] + (rate - before) / (share - before) *
										(resampled->threshold[t] - resampled->threshold[t - 1]));
				break;
			}
			before = share;
		}
	}
}

/* Thresholds of the candidate rates with enough impostors; returns how many. */
static int
candidate_thresholds(const PairDistances *pairs, double *threshold)
{
	int			count = 0;

	while (count < CALIBRATION_RATES && smallest_support(pairs, candidate_rate(count)) >= CALIBRATION_SUPPORT)
	{
		threshold[count] = threshold_at(pairs, candidate_rate(count));
		count++;
	}
	return count;
}

static void
fit_rates(const PairDistances *pairs, const Bootstrap *resampled, const double *threshold, int candidates,
		  ModelCalibration *calibration)
{
	bool		two_way = pairs->set[PAIR_SKILLED].count == 0;
	float	   *value;

	value = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);
	for (int i = 0; i < candidates; i++)
	{
		CalibrationRate *rate = &calibration->rate[i];
		int			place = bootstrap_place(resampled, threshold[i]);
		int			groups = resampled->groups[two_way ? PAIR_RANDOM : PAIR_SKILLED];
		double		deviation;

		for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
			value[r] = worst_share(resampled, place, r);
		deviation = bootstrap_deviation(value);
		*rate = (CalibrationRate) {
			.rate = candidate_rate(i), .threshold = threshold[i], .relative_error = deviation / candidate_rate(i),
			.rate_interval = score_interval(candidate_rate(i), deviation, groups, two_way)
		};
		if (groups < BOOTSTRAP_LEAST_GROUPS || !(deviation > 0) || rate->relative_error > CALIBRATION_RELATIVE_ERROR)
			break;
		replicate_thresholds(resampled, rate->rate, value);
		bootstrap_percentiles(value, &rate->threshold_interval.low, &rate->threshold_interval.high);
		calibration->rates++;
	}
	pfree(value);
}

/* ---- all of it ----------------------------------------------------------------------------------------------------- */

/*
 * Whether the model is no better than chance: the lower end of the interval of the area under the ROC curve, the mean of
 * random and skilled impostors, is at most one half.  With too few groups for an interval, the area itself decides.
 */
static bool
is_chance(const PairDistances *pairs, const Bootstrap *resampled)
{
	float	   *one = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);
	float	   *sum = palloc0(sizeof(float) * BOOTSTRAP_REPLICATES);
	int			groups = resampled->groups[PAIR_GENUINE];
	double		auc = 0;
	int			kinds = 0;
	ScoreInterval interval;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		if (pairs->set[kind].count == 0)
			continue;
		kinds++;
		groups = Min(groups, resampled->groups[kind]);
		auc += score_pairs(&pairs->set[PAIR_GENUINE], &pairs->set[kind]).auc;
		bootstrap_auc(resampled, (PairKind) kind, one);
		for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
			sum[r] += one[r];
	}
	interval = score_interval(auc / kinds, bootstrap_deviation(sum) / kinds, groups, false);
	return !((isnan(interval.low) ? auc / kinds : interval.low) > 0.5);
}

void
calibration_fit(const PairDistances *pairs, uint64 seed, ModelCalibration *calibration)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese calibration", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	double		threshold[CALIBRATION_RATES];
	int			candidates = candidate_thresholds(pairs, threshold);
	double	   *grid;
	int			thresholds = bootstrap_grid(pairs, threshold, candidates, &grid);
	Bootstrap  *resampled = bootstrap_pairs(pairs, grid, thresholds, seed);

	memset(calibration, 0, sizeof *calibration);
	calibration->fitted_on.identities = pairs->identities;
	calibration->fitted_on.groups = pairs->group != pairs->identity ? pairs->groups : 0;
	calibration->fitted_on.samples = pairs->samples;
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		calibration->fitted_on.pairs[kind] = pairs->set[kind].count;
	fit_probability(pairs, seed, calibration);
	if (is_chance(pairs, resampled))
	{
		calibration->knots = 1;
		calibration->knot[0] = (CalibrationKnot) {0, 0};
	}
	if (calibration_is_chance(calibration))
		calibration->threshold = CALIBRATION_NO_THRESHOLD;
	else
	{
		calibration->threshold = default_threshold(pairs, calibration);
		fit_rates(pairs, resampled, threshold, candidates, calibration);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}
