/*
 * loss_contrast.c: the supervised contrastive loss (Khosla 2020, equation 2), with forgeries.
 *
 * For each genuine sample i with others of its label (P of them), with cosines s and temperature t:
 *
 *	loss_i = log(sum over j != i of w_ij exp(s_ij / t)) - (1 / P) sum over those P of s_ip / t
 *
 * and the batch's loss is the mean over these anchors.  w_ij is forgery_weight where j is a forgery of the label of i,
 * else 1.  Forgeries are neither anchors nor positives.
 */
#include <string.h>

#include "network/loss_internal.h"

/* unit [n, dimensions] and 1 / length [n] of the embeddings */
static void
make_units(const LossPass *pass, real *unit, real *factor)
{
	for (int i = 0; i < pass->batch->n; i++)
	{
		const real *from = pass->batch->embedding + (size_t) i * pass->dimensions;
		real	   *to = unit + (size_t) i * pass->dimensions;
		double		sum = 0;

		for (int j = 0; j < pass->dimensions; j++)
			sum += (double) from[j] * from[j];
		factor[i] = (real) (1 / fmax(sqrt(sum), 1e-12));
		for (int j = 0; j < pass->dimensions; j++)
			to[j] = from[j] * factor[i];
	}
}

static int
count_positives(const NetworkBatch *batch, int anchor)
{
	int			count = 0;

	if (!batch->genuine[anchor])
		return 0;
	for (int j = 0; j < batch->n; j++)
		count += j != anchor && batch->genuine[j] && batch->label[j] == batch->label[anchor];
	return count;
}

/* Loss of one anchor; row [n] holds its cosines, and then the gradient of the loss by them. */
static double
anchor_loss(const LossPass *pass, int anchor, int positives, real *row)
{
	const NetworkBatch *batch = pass->batch;
	double		temperature = pass->definition->loss.temperature;
	double		largest = -2;
	double		total = 0;
	double		positive = 0;

	for (int j = 0; j < batch->n; j++)
	{
		if (j != anchor && row[j] > largest)
			largest = row[j];
	}
	for (int j = 0; j < batch->n; j++)
	{
		bool		same = batch->label[j] == batch->label[anchor];
		double		part;

		if (j == anchor)
		{
			row[j] = 0;
			continue;
		}
		part = exp((row[j] - largest) / temperature);
		if (same && !batch->genuine[j])
			part *= pass->definition->loss.forgery_weight;
		if (same && batch->genuine[j])
			positive += row[j];
		total += part;
		row[j] = (real) part;
	}
	for (int j = 0; j < batch->n; j++)
	{
		bool		match = j != anchor && batch->genuine[j] && batch->label[j] == batch->label[anchor];

		row[j] = (real) ((row[j] / total - (match ? 1.0 / positives : 0)) / temperature);
	}
	return largest / temperature + log(total) - positive / positives / temperature;
}

/* From the gradient by the unit vectors to that by the embeddings: (g - u (u g)) / length. */
static void
units_backward(const LossPass *pass, const real *unit, const real *factor)
{
	for (int i = 0; i < pass->batch->n; i++)
	{
		const real *u = unit + (size_t) i * pass->dimensions;
		real	   *g = pass->embedding_gradient + (size_t) i * pass->dimensions;
		double		product = 0;

		for (int j = 0; j < pass->dimensions; j++)
			product += (double) u[j] * g[j];
		for (int j = 0; j < pass->dimensions; j++)
			g[j] = (real) ((g[j] - u[j] * product) * factor[i]);
	}
}

static bool
run(const LossPass *pass, Status *status)
{
	int			n = pass->batch->n;
	int			dimensions = pass->dimensions;
	int			anchors = 0;
	real	   *cosine = host_allocate(pass->host, (size_t) n * (n + dimensions + 1), sizeof(real), status);
	real	   *unit = cosine + (size_t) n * n;
	real	   *factor = unit + (size_t) n * dimensions;

	if (cosine == NULL)
		return false;
	make_units(pass, unit, factor);
	if (n > 0)
		matrix_multiply(false, true, n, n, dimensions, unit, dimensions, unit, dimensions, 0, cosine, n);
	for (int i = 0; i < n; i++)
	{
		int			positives;

		if (host_interrupted(pass->host, status))
		{
			host_release(pass->host, cosine);
			return false;
		}
		positives = count_positives(pass->batch, i);

		if (positives > 0)
		{
			*pass->loss += anchor_loss(pass, i, positives, cosine + (size_t) i * n);
			anchors++;
		}
		else
			memset(cosine + (size_t) i * n, 0, n * sizeof(real));
	}
	if (anchors > 0)
	{
		*pass->loss /= anchors;
		network_kernels()->scale((real) 1 / anchors, (size_t) n * n, cosine);
		matrix_multiply(false, false, n, dimensions, n, cosine, n, unit, dimensions, 0, pass->embedding_gradient, dimensions);
		matrix_multiply(true, false, n, dimensions, n, cosine, n, unit, dimensions, 1, pass->embedding_gradient, dimensions);
		units_backward(pass, unit, factor);
	}
	host_release(pass->host, cosine);
	return true;
}

const LossType loss_supervised_contrastive = {
	.name = "supervised_contrastive",
	.directions = true,
	.run = run
};
