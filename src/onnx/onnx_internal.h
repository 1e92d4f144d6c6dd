/*
 * onnx_internal.h: what the files of this room share.
 *
 * A file becomes nodes and values (graph.c); the nodes that the output needs are taken in their order.  What follows from
 * constants alone is computed (fold.c), the others become layers (emit.c) or new views of a layer's output (view.c).
 */
#ifndef SIAMESE_ONNX_INTERNAL_H
#define SIAMESE_ONNX_INTERNAL_H

#include "common/limits.h"
#include "onnx/onnx.h"

/* A piece of the file: a name or a message.  Not terminated. */
typedef struct OnnxBytes
{
	const uint8_t *start;
	size_t		length;
} OnnxBytes;

/* ---- wire.c: fields of a protobuf message ------------------------------------------------------------------------------ */

typedef enum WireType
{
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5
} WireType;

typedef struct Wire
{
	const uint8_t *at;
	const uint8_t *end;
	bool		broken;
} Wire;

typedef struct WireField
{
	uint32_t	number;
	WireType	type;
	uint64_t	value;			/* of the types but WIRE_BYTES */
	OnnxBytes	bytes;
} WireField;

extern Wire wire_of(OnnxBytes bytes);

/* False at the end, or with wire->broken if the bytes are none of a message. */
extern bool wire_next(Wire *wire, WireField *field);

/* Numbers of a repeated field, packed or not: the next one of a field, which *rest walks through (start with all 0). */
extern bool wire_number(const WireField *field, WireType type, Wire *rest, uint64_t *value);

extern float wire_float(uint64_t value);
extern double wire_double(uint64_t value);

static inline bool
bytes_are(OnnxBytes bytes, const char *text)
{
	return bytes.length == __builtin_strlen(text) && __builtin_memcmp(bytes.start, text, bytes.length) == 0;
}

/* ---- constants --------------------------------------------------------------------------------------------------------- */

#define ONNX_RANK 8				/* most dimensions of a tensor */

enum
{
	ONNX_FLOAT = 1, ONNX_UINT8, ONNX_INT8, ONNX_UINT16, ONNX_INT16, ONNX_INT32, ONNX_INT64, ONNX_STRING, ONNX_BOOL, ONNX_FLOAT16,
	ONNX_DOUBLE, ONNX_UINT32, ONNX_UINT64, ONNX_BFLOAT16 = 16
};

/* A tensor whose values are known. */
typedef struct OnnxConstant
{
	int			rank;
	int64_t		dim[ONNX_RANK];
	size_t		count;
	float	   *real;			/* one of both is NULL */
	int64_t    *whole;
} OnnxConstant;

/* ---- views ------------------------------------------------------------------------------------------------------------- */

/* What an axis of an ONNX tensor runs over. */
typedef enum OnnxAtom
{
	ATOM_BATCH,
	ATOM_CHANNEL,
	ATOM_ROW,
	ATOM_COLUMN,
	ATOMS
} OnnxAtom;

/* An axis runs over one or several atoms, the last one fastest.  Those of size 1 are left out. */
typedef struct OnnxAxis
{
	int			count;
	OnnxAtom	atom[ATOMS];
} OnnxAxis;

/* How a tensor lies over a layer's output. */
typedef struct OnnxView
{
	int			rank;
	OnnxAxis	axis[ONNX_RANK];
	int64_t		size[ATOMS];	/* batch, channels, height, width of the layer's output */
} OnnxView;

/* One atom an axis, of a layer's output of this size: "nchw", "nhwc", "nc". */
extern OnnxView view_make(const char *axes, int64_t batch, int64_t channels, int64_t height, int64_t width);
extern int64_t view_dim(const OnnxView *view, int axis);

/* Whether the axes are these, as in view_make(). */
extern bool view_is(const OnnxView *view, const char *axes);

/* The same values with other dimensions; false if one of them would divide an atom, or mix samples. */
extern bool view_reshape(const OnnxView *view, int rank, const int64_t *dim, OnnxView *result);
extern bool view_transpose(const OnnxView *view, const int64_t *order, OnnxView *result);
extern bool view_same(const OnnxView *a, const OnnxView *b);

/* The axis that alone runs over the channels, and over nothing else; -1 if there is none.  With one channel: fallback. */
extern int	view_channel_axis(const OnnxView *view, int fallback);

/* Where the value of the layer's output at [row, column, channel] stands among those of an axis that has all of them. */
extern size_t view_place(const OnnxView *view, int axis, int row, int column, int channel);

/* The axis that has all values of a sample; -1 if they are spread over several. */
extern int	view_flat_axis(const OnnxView *view);

/* ---- the graph --------------------------------------------------------------------------------------------------------- */

typedef enum OnnxKind
{
	VALUE_UNKNOWN,				/* no node has given it yet */
	VALUE_TENSOR,				/* an initializer that was not decoded yet */
	VALUE_CONSTANT,
	VALUE_LAYER,				/* scale * (a layer's output, by the view) + shift */
	VALUE_SQUARE,				/* x * x, of the value of */
	VALUE_SQUARE_SUM,			/* the sum of these */
	VALUE_LENGTH				/* its root */
} OnnxKind;

typedef struct OnnxValue
{
	OnnxBytes	name;
	OnnxKind	kind;
	bool		given;			/* an initializer, an input or the output of a node has this name */
	bool		needed;
	int			consumers;		/* needed nodes, once for each of their inputs; the graph's output counts as one */
	OnnxBytes	tensor;
	const OnnxConstant *constant;

	/* VALUE_LAYER */
	int			layer;			/* 0: the input */
	OnnxView	view;
	double		scale;			/* not 0 */
	double		shift;
	int			pad[4];			/* zeros around it, not counted in the view: top, left, bottom, right */
	bool		reversed;		/* the input: its channels in the other order are meant */
	bool		exclusive;		/* nothing else reads the layer, unless this value has other consumers */

	int			of;				/* VALUE_SQUARE and the following: value whose length this leads to */
} OnnxValue;

#define ONNX_PARTS 7

typedef struct Onnx Onnx;

typedef struct OnnxNode
{
	int			number;			/* from 1 */
	OnnxBytes	bytes;
	OnnxBytes	name;
	OnnxBytes	operator;
	OnnxBytes	domain;
	int			inputs;
	int			outputs;
	int		   *input;			/* values; -1: left out */
	int		   *output;
	bool		needed;

	/* the last node of a pattern, in place of its operator: pattern.c */
	bool		(*pattern) (Onnx *onnx, const struct OnnxNode *node);
	int			part[ONNX_PARTS];	/* numbers of the nodes that it stands for; 0: there is none */
} OnnxNode;

#define ONNX_SOURCES 8			/* the layers that one reads besides its input, at most */

/* What may be multiplied into a layer. */
typedef enum OnnxFolds
{
	FOLDS_NOTHING,
	FOLDS_MATRIX,				/* weights [groups, rows, maps / groups], then biases [maps] */
	FOLDS_NORM					/* gamma and beta */
} OnnxFolds;

typedef struct OnnxLayer
{
	const char *type;
	int			input;			/* the layer that it reads */
	int			sources;		/* "from": others that it reads */
	int			from[ONNX_SOURCES];
	char		settings[224];	/* JSON, each with a comma before it */
	int			channels;
	int			height;
	int			width;
	size_t		parameter_count;
	size_t		statistic_count;
	float	   *parameters;
	float	   *statistics;
	OnnxFolds	folds;
	int			groups;			/* FOLDS_MATRIX */
	size_t		rows;
	bool		bias;			/* there is memory for it anyway */
	bool		unit_length;
	bool		hard_swish;		/* the hard sigmoid that is a part of one */
} OnnxLayer;

typedef struct OnnxMemory OnnxMemory;

struct Onnx
{
	const Host *host;
	Status	   *status;
	OnnxBytes	file;
	const OnnxOptions *options;
	OnnxMemory *memory;			/* blocks, newest first */
	size_t		taken;
	size_t		most;			/* bytes that may be taken */

	int64_t		opset;
	OnnxBytes	graph;
	int			nodes;
	OnnxNode   *node;
	int			values;
	OnnxValue  *value;
	uint32_t	slots;			/* of the names' hash table: a power of two */
	int		   *slot;
	int			input;			/* value */
	int			output;

	int64_t		batch;
	bool		pair;			/* there is a layer "pair" */
	int			most_layers;	/* that there is memory for */
	int			layers;			/* without the input, layer 0 */
	OnnxLayer  *layer;
};

/* memory.c: zeroed, until onnx_import() is done; NULL with the status set. */
extern void *onnx_take(Onnx *onnx, size_t count, size_t size);
extern void onnx_free_all(Onnx *onnx);

/* The bytes are no sound file.  A name of the file is passed as it is: onnx_name() makes it printable. */
extern bool onnx_broken(Onnx *onnx, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ONNX_NAME 80
extern const char *onnx_name(OnnxBytes name, char text[ONNX_NAME]);

/* 'Node 12 ("conv1", Conv): ...'; the first for what the file may say but has no counterpart. */
extern bool node_unsupported(Onnx *onnx, const OnnxNode *node, const char *hint, const char *format, ...)
			__attribute__((format(printf, 4, 5)));
extern bool node_broken(Onnx *onnx, const OnnxNode *node, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* graph.c: from the bytes to nodes, values, and which of them the output needs. */
extern bool graph_read(Onnx *onnx);
extern bool graph_mark(Onnx *onnx);
extern bool graph_input_shape(Onnx *onnx, int64_t *dim, int *rank);	/* dim: -1 where it is open */

/* pattern.c: several of these nodes that are one layer are joined. */
extern bool patterns_find(Onnx *onnx);

/* Attributes of a node; the defaults are given back if there is none of the name. */
extern bool node_has(const OnnxNode *node, const char *name);
extern int64_t node_int(const OnnxNode *node, const char *name, int64_t otherwise);
extern double node_real(const OnnxNode *node, const char *name, double otherwise);
extern OnnxBytes node_text(const OnnxNode *node, const char *name);
extern OnnxBytes node_tensor(const OnnxNode *node, const char *name);

/* Up to most numbers; how many there are, also if they are more; -1: no such attribute. */
extern int	node_ints(const OnnxNode *node, const char *name, int64_t *number, int most);
extern int	node_reals(const OnnxNode *node, const char *name, float *number, int most);

/* tensor.c: a TensorProto -> constant; node or value_name tell where, for messages. */
extern const OnnxConstant *tensor_read(Onnx *onnx, OnnxBytes tensor, const OnnxNode *node);
extern bool constant_count(int rank, const int64_t *dim, size_t *count);
extern OnnxConstant *constant_make(Onnx *onnx, bool whole, int rank, const int64_t *dim);
extern double constant_number(const OnnxConstant *constant, size_t i);

/* The constant that an input of a node is; NULL, without an error, if it is none or left out. */
extern const OnnxConstant *node_constant(Onnx *onnx, const OnnxNode *node, int input, bool *failed);

/* Whole numbers of an attribute or, in later opsets, of an input; *count -1: neither.  False with the status set. */
extern bool node_whole_numbers(Onnx *onnx, const OnnxNode *node, const char *name, int input, int64_t *number, int *count);

/* The axes of a reduction; *count -1: all axes, which an empty list means, too. */
extern bool node_reduced_axes(Onnx *onnx, const OnnxNode *node, int64_t *axes, int *count);

/* fold.c: runs the operator if all of its inputs are constants; *done: it did. */
extern bool fold_node(Onnx *onnx, const OnnxNode *node, bool *done);

/* ---- layers ------------------------------------------------------------------------------------------------------------ */

/* emit.c: a further layer that reads the layer of the value; NULL with the status set. */
extern OnnxLayer *emit_layer(Onnx *onnx, const OnnxNode *node, const char *type, int input, int64_t channels, int64_t height,
							 int64_t width);
extern void emit_setting(OnnxLayer *layer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A float that is read again as the same one, with as few digits as that needs. */
extern void emit_real(OnnxLayer *layer, const char *name, double value);
extern bool emit_parameters(Onnx *onnx, OnnxLayer *layer, size_t parameters, size_t statistics);

/* The output of a node becomes what the last layer gives, by the axes or by a view. */
extern bool emit_output(Onnx *onnx, const OnnxNode *node, const char *axes);
extern bool emit_output_view(Onnx *onnx, const OnnxNode *node, const OnnxView *view);

/* A layer whose output has its input's shape and view; NULL with the status set. */
extern OnnxLayer *emit_like(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, const char *type);

/* arithmetic.c: the output is the length too; fails if that is kept above more than a little. */
extern bool keep_length(Onnx *onnx, const OnnxNode *node, const OnnxValue *length, double least);

/* The output is the layer of another value, by another view. */
extern bool emit_view(Onnx *onnx, const OnnxNode *node, const OnnxValue *from, const OnnxView *view);

/* y = scale x + shift of each channel: into the layer if that is possible, else as a layer of its own. */
extern bool emit_affine(Onnx *onnx, const OnnxNode *node, OnnxValue *value, const double *scale, const double *shift);

/* A convolution of 1 x 1 that exchanges the first and the last of three channels. */
extern bool emit_reversal(Onnx *onnx, OnnxValue *value);

/* The zeros around a value, and further ones before and behind its channels, as a layer "pad". */
extern bool emit_padding(Onnx *onnx, const OnnxNode *node, OnnxValue *value, const int64_t *channels);

/* The value as a plain layer's output: zeros around it, pending scale and shift become part of layers. */
extern bool emit_plain(Onnx *onnx, const OnnxNode *node, OnnxValue *value);

/* The array of layers as JSON, and the weights, in memory of the host. */
extern bool emit_network(Onnx *onnx, OnnxNetwork *network);

/* ---- operators --------------------------------------------------------------------------------------------------------- */

typedef struct OnnxOperator
{
	const char *name;
	bool		(*run) (Onnx *onnx, const OnnxNode *node);
} OnnxOperator;

/* By files; a list ends with a NULL name. */
extern const OnnxOperator operators_elementwise[];
extern const OnnxOperator operators_arithmetic[];
extern const OnnxOperator operators_window[];
extern const OnnxOperator operators_norm[];
extern const OnnxOperator operators_product[];
extern const OnnxOperator operators_shape[];
extern bool operator_run(Onnx *onnx, const OnnxNode *node);

/*
 * A node's input that must be a layer's output, with the zeros around it as a layer of their own, unless the node is a
 * convolution or leaves values as they are; NULL with the status set.
 */
extern OnnxValue *node_layer(Onnx *onnx, const OnnxNode *node, int input);

/*
 * window.c: the first input as a map; the axes of the output are those of the answer, *turned: "ncwh".  NULL with the status set.
 */
extern OnnxValue *map_input(Onnx *onnx, const OnnxNode *node, const char **axes, bool *turned);

static inline OnnxValue *
node_output(Onnx *onnx, const OnnxNode *node)
{
	return &onnx->value[node->output[0]];
}

static inline bool
padded(const OnnxValue *value)
{
	return value->pad[0] != 0 || value->pad[1] != 0 || value->pad[2] != 0 || value->pad[3] != 0;
}

static inline bool
is_length(const OnnxValue *value)
{
	return value->kind == VALUE_LENGTH || value->kind == VALUE_SQUARE_SUM;
}

static inline const OnnxLayer *
value_layer(const Onnx *onnx, const OnnxValue *value)
{
	return &onnx->layer[value->layer];
}

#endif
