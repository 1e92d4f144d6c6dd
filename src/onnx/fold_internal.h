/*
 * fold_internal.h: what the files that compute constants share.
 */
#ifndef SIAMESE_ONNX_FOLD_INTERNAL_H
#define SIAMESE_ONNX_FOLD_INTERNAL_H

#include "onnx/onnx_internal.h"

#define MOST_INPUTS 64

typedef struct FoldPass
{
	Onnx	   *onnx;
	const OnnxNode *node;
	int			inputs;
	const OnnxConstant *input[MOST_INPUTS];	/* NULL: left out */
	OnnxConstant *output;
} FoldPass;

/* fold_pass.c.  The first fails with a sentence about the node. */
extern bool fold_refuse(const FoldPass *pass, const char *what);
/* The output: all 0. */
extern bool fold_make(FoldPass *pass, bool whole, int rank, const int64_t *dim);
extern int64_t fold_whole_of(double number);
extern void fold_put(OnnxConstant *constant, size_t to, const OnnxConstant *from, size_t i);
extern bool fold_dims_from(const FoldPass *pass, const OnnxConstant *constant, int64_t *dim, int *rank);
extern void fold_split_at(const OnnxConstant *constant, int axis, size_t *outer, size_t *inner);

/* fold_moves.c */
extern bool fold_identity(FoldPass *pass);
extern bool fold_cast(FoldPass *pass);
extern bool fold_reshape(FoldPass *pass);
extern bool fold_flatten(FoldPass *pass);
extern bool fold_squeeze(FoldPass *pass);
extern bool fold_unsqueeze(FoldPass *pass);
extern bool fold_transpose(FoldPass *pass);
extern bool fold_concat(FoldPass *pass);
extern bool fold_gather(FoldPass *pass);
extern bool fold_slice(FoldPass *pass);
extern bool fold_shape(FoldPass *pass);
extern bool fold_shape_of(FoldPass *pass, int rank, const int64_t *dim);

#endif
