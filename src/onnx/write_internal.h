/*
 * write_internal.h: what the files that write an ONNX file share.
 *
 * The output of layer 3 is the tensor "l3", that of layer 0 "x", the input; initializers of layer 3 are "t3_0", "t3_1", ...
 */
#ifndef SIAMESE_ONNX_WRITE_INTERNAL_H
#define SIAMESE_ONNX_WRITE_INTERNAL_H

#include "onnx/onnx_internal.h"
#include "onnx/write_wire.h"

typedef struct Shape
{
	int64_t		c;
	int64_t		h;
	int64_t		w;
	bool		flat;			/* [batch, values], in our order of values */
} Shape;

typedef struct Export
{
	const OnnxDefinition *definition;
	Status	   *status;
	WireOut		graph;
	int			layer;			/* from 1 */
	Shape		shape[LIMIT_LAYERS + 2];	/* of outputs; 0: the input */
	int			first[LIMIT_LAYERS];	/* setting of each layer, and the one after its last */
	int			last[LIMIT_LAYERS];
	size_t		parameter;		/* that are used up */
	size_t		statistic;
} Export;

#define WRITE_NAME 32			/* bytes of a tensor's name */

/* ---- write_nodes.c ----------------------------------------------------------------------------------------------------- */

/* 'Layer 3 ("conv"): ...'; false. */
extern bool write_refuse(Export *pass, const char *type, const char *why);

/* Finds where the settings of each layer stand. */
extern void write_index(Export *pass);

/* A setting of a layer; NULL: not given. */
extern const NetworkSetting *write_setting(const Export *pass, int layer, const char *key);

/* Of the layer that is written. */
extern double write_number(const Export *pass, const char *key, double otherwise);
extern void write_sides(const Export *pass, const char *key, int count, int64_t otherwise, int64_t *side);
extern bool write_has_bias(const Export *pass);

/* The number of the layer that a setting names; -1: not given. */
extern int	write_reference(const Export *pass, const char *key);

/* The next weights of the layers; NULL: there are not so many. */
extern const float *write_parameters(Export *pass, size_t count);

/* For the attributes of a node. */
extern WireOut write_attributes(const Export *pass);

/* A node that reads one tensor, and tensors initializers of this layer; attributes may be NULL, else they are freed. */
extern void put_node(Export *pass, const char *operator, const char *input, int tensors, const char *output, WireOut *attributes);

/* Inputs and outputs: lists of names that end with NULL. */
extern void put_nodes(Export *pass, const char *operator, const char *const *inputs, const char *const *outputs, WireOut *attributes);

/* Initializers "t3_0" of the layer: of floats, of [count, 1, ...], of whole numbers [count]. */
extern void put_tensor(Export *pass, int number, int rank, const int64_t *dim, const float *value);
extern void put_vector(Export *pass, int number, int rank, int64_t count, const float *value);
extern void put_whole(Export *pass, int number, int count, const int64_t *value);

/* ---- write_layers.c ---------------------------------------------------------------------------------------------------- */

/* The nodes of the layer.  Where they end in another shape than they begin, it is in *out. */
extern bool put_layer(Export *pass, const char *type, const char *input, const char *output, const Shape *in, Shape *out);

/* To [batch, values] in our order: the name of the tensor, which may be in flat. */
extern const char *put_flat(Export *pass, const char *input, const Shape *in, char flat[WRITE_NAME]);

/* ---- write_special.c: layers that ONNX has no operator of the same kind for ------------------------------------------------ */

extern bool put_response_norm(Export *pass, const char *input, const char *output);
extern bool put_pad(Export *pass, const char *input, const char *output, const Shape *in, Shape *out);
extern bool put_adaptive_pool(Export *pass, const char *input, const char *output, const Shape *in, Shape *out);
extern bool put_attention(Export *pass, const char *input, const char *output, const Shape *in, Shape *out);

/* The layer "pair": from twins of both samples, one after the other, to both orders of pairs. */
extern void put_pair(Export *pass, const char *input, const char *output, const Shape *in, Shape *out);

#endif
