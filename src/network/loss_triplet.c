/*
 * loss_triplet.c: the batch-hard triplet loss (Hermans, Beyer, Leibe 2017, equation 5).
 *
 * Each genuine sample is an anchor: with the farthest genuine sample of its label and the nearest of all others, which
 * are the samples of other labels and the forgeries of its own.  The mean is over the anchors that have both.
 */
#include "network/loss_internal.h"

/* distance [n, n], both halves; false when interrupted */
static bool
measure_all(const LossPass *pass, double *distance, Status *status)
{
	int			n = pass->batch->n;

	for (int i = 0; i < n; i++)
	{
		if (host_interrupted(pass->host, status))
			return false;
		for (int j = 0; j < i; j++)
		{
			const real *a = pass->batch->embedding + (size_t) i * pass->dimensions;
			const real *b = pass->batch->embedding + (size_t) j * pass->dimensions;

			distance[(size_t) i * n + j] = distance[(size_t) j * n + i] =
				pass->definition->join->distance(a, b, pass->dimensions);
		}
	}
	return true;
}

/* -1 where there is none */
static void
find_hardest(const NetworkBatch *batch, int anchor, const double *distance, int *positive, int *negative)
{
	*positive = *negative = -1;
	for (int j = 0; j < batch->n; j++)
	{
		bool		same = batch->label[j] == batch->label[anchor];

		if (j == anchor)
			continue;
		if (same && batch->genuine[j])
		{
			if (*positive < 0 || distance[j] > distance[*positive])
				*positive = j;
		}
		else if (*negative < 0 || distance[j] < distance[*negative])
			*negative = j;
	}
}

static void
add_gradient(const LossPass *pass, int i, int j, double distance, double gradient)
{
	int			dimensions = pass->dimensions;

	pass->definition->join->backward(pass->batch->embedding + (size_t) i * dimensions,
									 pass->batch->embedding + (size_t) j * dimensions, dimensions, distance, gradient,
									 pass->embedding_gradient + (size_t) i * dimensions,
									 pass->embedding_gradient + (size_t) j * dimensions);
}

static bool
run(const LossPass *pass, Status *status)
{
	const NetworkBatch *batch = pass->batch;
	int			n = batch->n;
	int			anchors = 0;
	double	   *distance = host_allocate_zero(pass->host, (size_t) n * n, sizeof(double), status);
	int			positive;
	int			negative;

	if (distance == NULL)
		return false;
	if (!measure_all(pass, distance, status))
	{
		host_release(pass->host, distance);
		return false;
	}
	for (int i = 0; i < n; i++)
	{
		find_hardest(batch, i, distance + (size_t) i * n, &positive, &negative);
		anchors += batch->genuine[i] && positive >= 0 && negative >= 0;
	}
	for (int i = 0; i < n; i++)
	{
		const double *row = distance + (size_t) i * n;
		double		violation;

		find_hardest(batch, i, row, &positive, &negative);
		if (!batch->genuine[i] || positive < 0 || negative < 0)
			continue;
		violation = pass->definition->loss.margin + row[positive] - row[negative];
		if (violation <= 0)
			continue;
		*pass->loss += violation / anchors;
		add_gradient(pass, i, positive, row[positive], 1.0 / anchors);
		add_gradient(pass, i, negative, row[negative], -1.0 / anchors);
	}
	host_release(pass->host, distance);
	return true;
}

const LossType loss_triplet = {
	.name = "triplet",
	.run = run
};
