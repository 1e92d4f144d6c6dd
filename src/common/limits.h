/*
 * limits.h: every bound of the extension, in one place.
 */
#ifndef SIAMESE_LIMITS_H
#define SIAMESE_LIMITS_H

#define LIMIT_DIMENSIONS 16000	/* of an embedding */

#define LIMIT_IMAGE_BYTES (256 * 1024 * 1024)	/* of an encoded image */
#define LIMIT_MAX_PIXELS_DEFAULT 50000000	/* siamese.max_pixels: 50 megapixels */

#define LIMIT_PEN_POINTS_LEAST 10	/* of a trajectory */
#define LIMIT_PEN_POINTS 20000
#define LIMIT_PEN_SECONDS 3600
#define LIMIT_PEN_BYTES (16 * 1024 * 1024)	/* of a file that a reader of pen data takes */

#define LIMIT_INPUT_SIDE 1024	/* of a network's input: pixels, or points of a pen */
#define LIMIT_LAYERS 1024
#define LIMIT_SETTINGS 16384	/* leaves of a definition's JSON */
#define LIMIT_KERNEL 64			/* side of a convolution or a pooling window */
#define LIMIT_MAPS 8192			/* channels of a layer */
#define LIMIT_UNITS 65536		/* outputs of a dense layer */
#define LIMIT_PARAMETERS 268435456	/* of a network: 2^28, 1 GB of weights */
#define LIMIT_ACTIVATIONS 67108864	/* values that one sample needs in any one layer: 2^26 */

#define LIMIT_ONNX_OPSET_LEAST 1
#define LIMIT_ONNX_OPSET 25
#define LIMIT_ONNX_NODES 65536	/* of an ONNX file */
#define LIMIT_ONNX_NAMES 1048576	/* inputs and outputs of its nodes, initializers */

#define LIMIT_THREADS 64
#define LIMIT_BATCH 65536		/* samples of a step of training */
#define LIMIT_BATCH_PAIRS 1048576	/* pairs of a step of training, of networks with a layer "pair" */
#define LIMIT_VIEWS 64			/* distorted copies of an input, whose mean is the embedding */
#define LIMIT_HEADS 256			/* of an attention pooling */
#define LIMIT_WEIGHT_PART (1024 * 1024) /* bytes of a row of siamese.model_weights */
#define LIMIT_MODEL_NAME 63		/* bytes of a model's or network's name */

#define LIMIT_SIGNERS 100000	/* of siamese.sample_signatures */
#define LIMIT_SAMPLES 1000
#define LIMIT_VIDEO_PEOPLE 1000 /* of siamese.sample_detections */
#define LIMIT_VIDEO_FRAMES 100000

#define LIMIT_REGIONS 32768		/* of an index */
#define LIMIT_NODE_PAGES 8		/* of a node of an index */
#define LIMIT_BUILD_PROCESSES 65	/* that build an index: the leader and 64 workers */
#define LIMIT_BUILD_PARTITIONS 1024	/* of the rows in a parallel build */
#define LIMIT_CELL_ROWS 16		/* of a cell after a build */

#endif
