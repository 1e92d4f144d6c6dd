/*
 * write_special.c: layers of a file that is written for which ONNX has several operators, or one with bounds.
 */
#include <stdio.h>

#include "onnx/write_internal.h"

/* The name of a tensor inside of the layer, "s3". */
static const char *
inner(const Export *pass, char letter, char name[WRITE_NAME])
{
	snprintf(name, WRITE_NAME, "%c%d", letter, pass->layer);
	return name;
}

/* Of an initializer, "t3_1". */
static const char *
initializer(const Export *pass, int number, char name[WRITE_NAME])
{
	snprintf(name, WRITE_NAME, "t%d_%d", pass->layer, number);
	return name;
}

static void
put_step(Export *pass, const char *operator, const char *a, const char *b, const char *output, WireOut *attributes)
{
	put_nodes(pass, operator, (const char *[]) {a, b, NULL}, (const char *[]) {output, NULL}, attributes);
}

/* ONNX's window has its odd channel at the other end, so that only windows with a middle are the same. */
bool
put_response_norm(Export *pass, const char *input, const char *output)
{
	int64_t		size = (int64_t) write_number(pass, "size", 5);
	WireOut		attributes = write_attributes(pass);

	if (size % 2 == 0)
		return write_refuse(pass, "local_response_norm", "its window has an even number of channels, for which ONNX has no operator.");
	out_int(&attributes, "size", size);
	out_real(&attributes, "alpha", (float) write_number(pass, "alpha", 1e-4));
	out_real(&attributes, "beta", (float) write_number(pass, "beta", 0.75));
	out_real(&attributes, "bias", (float) write_number(pass, "constant", 2));
	put_node(pass, "LRN", input, 0, output, &attributes);
	return true;
}

bool
put_pad(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		pad[4];
	int64_t		channels[2];

	write_sides(pass, "padding", 4, 0, pad);
	write_sides(pass, "channels", 2, 0, channels);
	put_whole(pass, 0, 8, (int64_t[]) {0, channels[0], pad[0], pad[1], 0, channels[1], pad[2], pad[3]});
	put_node(pass, "Pad", input, 1, output, NULL);
	*out = (Shape) {in->c + channels[0] + channels[1], in->h + pad[0] + pad[2], in->w + pad[1] + pad[3], false};
	return true;
}

/* Means of in values for each of out, as a matrix [in, out], or transposed. */
static bool
put_means(Export *pass, int number, int64_t in, int64_t out, bool transposed)
{
	float	   *matrix = host_allocate_zero(pass->graph.host, (size_t) (in * out), sizeof(float), pass->status);

	if (matrix == NULL)
		return false;
	for (int64_t o = 0; o < out; o++)
	{
		int64_t		start = o * in / out;
		int64_t		end = ((o + 1) * in + out - 1) / out;

		for (int64_t i = start; i < end; i++)
			matrix[transposed ? o * in + i : i * out + o] = (float) (1.0 / (double) (end - start));
	}
	put_tensor(pass, number, 2, transposed ? (int64_t[]) {out, in} : (int64_t[]) {in, out}, matrix);
	host_release(pass->graph.host, matrix);
	return true;
}

/*
 * Where the sides divide each other, a pool; else two products with matrices of means, of the columns and of the rows: a mean over
 * a rectangle is the mean of its rows' means.
 */
bool
put_adaptive_pool(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		size[2];
	char		tensor[WRITE_NAME];
	char		columns[WRITE_NAME];

	write_sides(pass, "size", 2, 1, size);
	*out = (Shape) {in->c, size[0], size[1], false};
	if (in->h % size[0] == 0 && in->w % size[1] == 0)
	{
		WireOut		attributes = write_attributes(pass);

		out_ints(&attributes, "kernel_shape", 2, (int64_t[]) {in->h / size[0], in->w / size[1]});
		out_ints(&attributes, "strides", 2, (int64_t[]) {in->h / size[0], in->w / size[1]});
		put_node(pass, "AveragePool", input, 0, output, &attributes);
		return true;
	}
	if (!put_means(pass, 0, in->w, size[1], false) || !put_means(pass, 1, in->h, size[0], true))
		return false;
	put_step(pass, "MatMul", input, initializer(pass, 0, tensor), inner(pass, 'c', columns), NULL);
	put_step(pass, "MatMul", initializer(pass, 1, tensor), columns, output, NULL);
	return true;
}

/* Scores of each head by a convolution, softmax over the pixels, and the product with the pixels: [batch, heads, channels]. */
bool
put_attention(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		heads = (int64_t) write_number(pass, "heads", 8);
	int64_t		pixels = in->h * in->w;
	bool		places = write_number(pass, "places", 1) != 0;
	const float *query = write_parameters(pass, (size_t) (in->c * heads));
	const float *place = places ? write_parameters(pass, (size_t) (pixels * heads)) : query;
	float	   *turned;
	const char *scores;
	char		name[5][WRITE_NAME];
	char		tensor[WRITE_NAME];
	WireOut		attributes = write_attributes(pass);

	turned = query != NULL && place != NULL
		? host_allocate(pass->graph.host, (size_t) ((in->c > pixels ? in->c : pixels) * heads), sizeof(float), pass->status) : NULL;
	if (turned == NULL)
		return false;
	for (int64_t i = 0; i < in->c * heads; i++)
		turned[i % heads * in->c + i / heads] = query[i];
	put_tensor(pass, 0, 4, (int64_t[]) {heads, in->c, 1, 1}, turned);
	scores = inner(pass, 's', name[0]);
	put_node(pass, "Conv", input, 1, scores, NULL);
	if (places)
	{
		for (int64_t i = 0; i < pixels * heads; i++)
			turned[i % heads * pixels + i / heads] = place[i];
		put_tensor(pass, 1, 4, (int64_t[]) {1, heads, in->h, in->w}, turned);
		put_step(pass, "Add", scores, initializer(pass, 1, tensor), inner(pass, 'b', name[1]), NULL);
		scores = name[1];
	}
	host_release(pass->graph.host, turned);
	put_whole(pass, 2, 3, (int64_t[]) {0, heads, pixels});
	put_step(pass, "Reshape", scores, initializer(pass, 2, tensor), inner(pass, 'r', name[2]), NULL);
	out_int(&attributes, "axis", 2);
	put_node(pass, "Softmax", name[2], 0, inner(pass, 'a', name[3]), &attributes);
	put_whole(pass, 3, 3, (int64_t[]) {0, in->c, pixels});
	put_step(pass, "Reshape", input, initializer(pass, 3, tensor), inner(pass, 'p', name[0]), NULL);
	attributes = write_attributes(pass);
	out_ints(&attributes, "perm", 3, (int64_t[]) {0, 2, 1});
	put_node(pass, "Transpose", name[0], 0, inner(pass, 'q', name[4]), &attributes);
	put_step(pass, "MatMul", name[3], name[4], inner(pass, 'h', name[1]), NULL);
	put_node(pass, "Flatten", name[1], 0, output, NULL);
	*out = (Shape) {heads * in->c, 1, 1, true};
	return true;
}

/* [first samples, then second ones] -> [pairs (a, b), then pairs (b, a)], stacked as channels. */
void
put_pair(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		side[2][WRITE_NAME];
	char		stack[2][WRITE_NAME];
	WireOut		attributes = write_attributes(pass);

	out_int(&attributes, "axis", 0);
	put_nodes(pass, "Split", (const char *[]) {input, NULL}, (const char *[]) {inner(pass, 'a', side[0]), inner(pass, 'b', side[1]), NULL},
			  &attributes);
	for (int i = 0; i < 2; i++)
	{
		attributes = write_attributes(pass);
		out_int(&attributes, "axis", 1);
		put_step(pass, "Concat", side[i], side[1 - i], inner(pass, (char) ('p' + i), stack[i]), &attributes);
	}
	attributes = write_attributes(pass);
	out_int(&attributes, "axis", 0);
	put_step(pass, "Concat", stack[0], stack[1], output, &attributes);
	out->c = 2 * in->c;
}
