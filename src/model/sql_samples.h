/*
 * sql_samples.h: SQL values -> samples as a network takes them: images in bytea, pen trajectories in arrays of numbers.
 */
#ifndef SIAMESE_SQL_SAMPLES_H
#define SIAMESE_SQL_SAMPLES_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "embedding/specimen.h"
#include "model/model.h"
#include "pen/pen.h"

/* Decodes and prepares an image: raster [network_sample_bytes]; raises if it is a bad one. */
extern void model_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster);

/* Whether values of the type, which is no domain, are numbers; and one of them. */
extern bool model_is_number_type(Oid type);
extern double model_number(Datum value, Oid type);

/* A pen's trajectory as rows, which point into the array; false and its status if it is none: of another type, not of two dimensions. */
extern bool model_try_pen_rows(ArrayType *pen, PenRows *rows, Status *status);

/* A pen's trajectory -> sample [network_sample_bytes]; a bad one gives false and its status. */
extern bool model_try_prepare_pen(const NetworkDefinition *definition, ArrayType *pen, uint8 *sample, Status *status);

/* Either of the two, by the definition's kind of input; a bad one gives false and its status. */
extern bool model_try_prepare_sample(const NetworkDefinition *definition, Datum datum, uint8 *sample, Status *status);

/* What elastic matching compares of a model's prepared samples: pens, and grey pictures of ink. */
extern SpecimenSource model_specimen_source(const NetworkDefinition *definition);

/* Whether values of the type, or of a domain over it, are samples of that kind; the types' names for messages. */
extern bool model_takes_type(NetworkInputKind kind, Oid type);
extern const char *model_sample_type_name(NetworkInputKind kind);

/*
 * The model that argument n of an SQL function names; NULL or absent: the setting siamese.model.  Raises if its input is of
 * another kind.
 */
extern Model *model_argument(FunctionCallInfo fcinfo, int n, NetworkInputKind kind);

/* The same of a model that makes embeddings; raises on one that compares pairs. */
extern Model *model_embedding_argument(FunctionCallInfo fcinfo, int n, NetworkInputKind kind);
extern void model_check_embeds(const Model *model);

#endif
