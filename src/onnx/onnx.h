/*
 * onnx.h: ONNX files <-> layers of a definition and their weights.    Pure C.
 *
 * The format is that of onnx.proto3, IR versions 3 to 10, operators of opsets 1 to 21.  Nothing in a file is trusted: sizes are
 * checked, and memory is bounded by a multiple of the file's length before it is taken.
 */
#ifndef SIAMESE_ONNX_H
#define SIAMESE_ONNX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "network/definition.h"

typedef struct OnnxOptions
{
	const char *output;			/* the tensor to cut the graph at; NULL: its first output */
	int			height;			/* of the input, where the file leaves it open; else they must agree; 0: as in the file */
	int			width;
	bool		reverse_channels;	/* the file's network takes blue, green, red, but ours red, green, blue */
	bool		unit_length;	/* the embedding gets length 1, unless the graph ends so */
} OnnxOptions;

/* What a file says, in our terms.  All of it is in memory of the host, for onnx_release(). */
typedef struct OnnxNetwork
{
	char	   *layers;			/* "layers" of a definition: a JSON array */
	int			height;			/* of the input */
	int			width;
	int			channels;
	int			batch;			/* of the file's input; 1 where it is open */
	int			layer_count;
	size_t		parameter_count;
	size_t		statistic_count;
	float	   *parameters;		/* of the layers in order, as network.h lays them out */
	float	   *statistics;		/* the running means and variances, in the same order */
	int			dimensions;		/* of the output */
	bool		pair;			/* it has a layer "pair": it compares samples, and gives no embeddings */
	/* channels, height and width of the output as ONNX orders them: ours are [height, width, channels] */
	int			output_channels;
	int			output_height;
	int			output_width;
} OnnxNetwork;

/*
 * Reads a file.  False with STATUS_ONNX_FORMAT (the bytes are no sound file), STATUS_ONNX_UNSUPPORTED (a node that has no
 * counterpart), STATUS_NO_MEMORY or STATUS_INTERRUPTED; the detail names the node and its operator.
 */
extern bool onnx_import(const void *bytes, size_t length, const OnnxOptions *options, const Host *host, OnnxNetwork *network,
						Status *status);
extern void onnx_release(const Host *host, OnnxNetwork *network);
/* What is written: a definition's leaves (network/definition.h) and its weights. */
typedef struct OnnxDefinition
{
	const NetworkSetting *settings;
	int			count;
	int			layers;
	bool		weighted;		/* the join is "weighted_l1": its weights follow those of the layers */
	int			channels;		/* of the input */
	int			height;
	int			width;
	const float *parameters;	/* as network.h lays them out */
	size_t		parameter_count;
	const float *statistics;
	size_t		statistic_count;
	const char *preparation;	/* for the file's metadata "siamese.input" */
} OnnxDefinition;

/*
 * Writes a file of opset 17, whose input "x" is [batch, channels, height, width] of what a network sees and whose output "embedding"
 * is [batch, dimensions].  *bytes is for host_release().  False with STATUS_ONNX_UNSUPPORTED for a layer without a counterpart.
 */
extern bool onnx_export(const OnnxDefinition *definition, const Host *host, uint8_t **bytes, size_t *length, Status *status);

#endif
