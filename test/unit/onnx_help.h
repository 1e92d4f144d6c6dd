/*
 * onnx_help.h: ONNX files run by our network.
 */
#ifndef SIAMESE_TEST_ONNX_HELP_H
#define SIAMESE_TEST_ONNX_HELP_H

#include "onnx/onnx.h"

typedef enum Outcome
{
	OUTCOME_RUN,
	OUTCOME_REFUSED,			/* by the import, with the status set */
	OUTCOME_UNDEFINED			/* the definition is none, with the status set */
} Outcome;

/*
 * Imports a file and runs it on n samples [n, channels, height, width], as they stand in the file; output: malloc'd
 * [n, values] in the order that ONNX has, of a map; *values how many.  The input's channels times its width are at most 1024.
 */
extern Outcome onnx_run(const void *file, size_t length, const OnnxOptions *options, const float *input, int n, float **output,
						int *values, Status *status);

#endif
