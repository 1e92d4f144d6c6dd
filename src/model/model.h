/*
 * model.h: trained models: rows of siamese.model and siamese.model_weights, and this backend's copies of them.
 *
 * A version of a model is immutable.  Its weights are stored by content, under the fingerprint:
 * the first 64 bits of a SHA-256 over definition and weights.  The rows of siamese.model are read as the current
 * user, so that privileges and row security decide who may use a model; its weights follow from that.
 */
#ifndef SIAMESE_MODEL_H
#define SIAMESE_MODEL_H

#include "postgres.h"

#include "common/sha2.h"
#include "utils/array.h"
#include "utils/jsonb.h"

#include "common/limits.h"
#include "embedding/embedding.h"
#include "model/stored_calibration.h"
#include "network/network.h"

/* ---- definitions (definition.c) ---------------------------------------------------------------------------------- */

/* jsonb -> checked definition in the current memory context; raises "invalid network definition". */
extern NetworkDefinition *definition_from_jsonb(Jsonb *json);

/* The definition of siamese.network's row of that name, in the current memory context; raises if there is none. */
extern Jsonb *definition_of_network(const char *network);

/* ---- this backend's models (cache.c) ----------------------------------------------------------------------------- */

typedef struct Model
{
	uint64		fingerprint;
	MemoryContext context;		/* holds all that follows */
	NetworkDefinition *definition;
	Network    *network;
	const real *weights;		/* [network_weight_count] */
	const real *packed;			/* [network_packed_count] of them */
	NetworkWorkspace *workspace;	/* for one input, or all of its views */
	uint8	   *raster;			/* room for a prepared sample [network_sample_bytes] */
	Metric		metric;
	int			dimensions;
} Model;

/*
 * "name" (its newest finished version), "name@3", or NULL: the setting siamese.model.  Valid until the end of the
 * statement.  Raises: no name given, no such model, the caller may not read it, its rows are damaged.
 */
extern Model *model_by_name(const char *name);

/* The same for a fingerprint whose row the caller has read as the current user. */
extern Model *model_by_fingerprint(uint64 fingerprint);

/* ---- rows of siamese.model, read as the current user (lookup.c) ----------------------------------------------------- */

/*
 * The fingerprint of a version, or of the newest finished one when *version is 0, and which it is; raises when there is none that
 * the user may read.
 */
extern uint64 model_find(const char *name, int *version);

/* The same of "name" or "name@3", read once a statement. */
extern uint64 model_find_named(const char *name);

/*
 * The calibration that counts for embeddings with this fingerprint: of the version that the setting siamese.model names, if it
 * has the fingerprint; else of the name that has had it for longest.  Valid until the end of the transaction, whatever is
 * called meanwhile.  Raises when there is none that the user may read.
 */
extern const ModelCalibration *model_calibration(uint64 fingerprint);

/* The same, but NULL when there is none that the user may read: for the planner. */
extern const ModelCalibration *model_find_calibration(uint64 fingerprint);

/* Of the calibration that model_calibration() gives, and valid as long; NULL if it has no such part. */
extern const ReferenceCalibration *model_references(uint64 fingerprint);

/* The calibration of the very version that model_by_name() finds; to be called after it. */
extern void model_calibration_of(const char *name, ModelCalibration *calibration);

/*
 * "name@version" of the row whose calibration counts for the fingerprint and differs from this one, if that is so and will stay so
 * when the name gets a version with this one; else NULL.  Inside an SPI connection.
 */
extern char *model_other_calibration(uint64 fingerprint, const char *name, Jsonb *calibration);

/* Raises that there is no such model, or no such version of it unless that is 0. */
extern void model_raise_missing(const char *name, int version) __attribute__((noreturn));

/* ---- rights (rights.c) ------------------------------------------------------------------------------------------- */

/* Who called, while statements run in the name of the tables' owner; an error restores it by itself. */
typedef struct ModelActor
{
	Oid			user;
	int			context;
} ModelActor;

extern void model_act_as_owner(ModelActor *caller);
extern void model_act_as_caller(const ModelActor *caller);

/*
 * Raises unless the name is new, or the current user its owner, a member of that role or a superuser.  The owner's name, of a
 * new one the current user's, which is what created_by of its next version has to be.  Inside an SPI connection; to be called with
 * the name locked.
 */
extern char *model_check_owner(const char *name);

/* ---- weights of all backends (shared.c) ---------------------------------------------------------------------------- */

/*
 * Sets weights and packed, for as long as the model's context lives: from the server's shared copy, which is made when there
 * is none, or, where it cannot be made, in memory of this backend.  The caller has read the model's row as
 * the current user and is inside an SPI connection.  Raises when the weights do not have the model's fingerprint.
 */
extern void model_provide_weights(Model *model, Jsonb *definition);

/* The shared copy goes when the transaction commits; whoever has mapped it keeps it. */
extern void model_forget_weights(uint64 fingerprint);

/* ---- names (names.c) ---------------------------------------------------------------------------------------------- */

/* Splits name[@version]; version 0: the newest.  plain: char [LIMIT_MODEL_NAME + 1].  Raises on a malformed one. */
extern void model_parse_name(const char *name, char *plain, int *version);

/* False for a malformed one: version -1 if it is that which is wrong. */
extern bool model_try_parse_name(const char *name, char *plain, int *version);

/* Runs a command in the current SPI connection; raises when its result is not the expected SPI_OK_... */
extern void model_execute(const char *command, int arguments, Oid *types, Datum *values, int expected);

/* The row that a name means, as the end of a query: $1 the plain name (text), $2 the version (integer), 0: the newest. */
#define MODEL_ROW_OF_NAME \
	"siamese.model WHERE name OPERATOR(pg_catalog.=) $1 AND" \
	" CASE WHEN $2 OPERATOR(pg_catalog.=) 0 THEN finished_at IS NOT NULL" \
	" ELSE version OPERATOR(pg_catalog.=) $2 END" \
	" ORDER BY finished_at USING OPERATOR(pg_catalog.>), version USING OPERATOR(pg_catalog.>) LIMIT 1"

/* Raises unless it is a name without a version: what a new version is to be made of. */
extern void model_plain_name(const char *name);

/*
 * One session at a time makes a version of a name: until the end of the transaction, or, with session, until
 * model_unlock_name.  Raises when another one holds it.
 */
extern void model_lock_name(const char *name, bool session);
extern void model_unlock_name(void);

/* ---- removing (manage.c) ------------------------------------------------------------------------------------------- */

/* As the tables' owner, inside an SPI connection: weights that no row of siamese.model names. */
extern void model_drop_unused_weights(uint64 fingerprint);

/* ---- rows (store.c) ---------------------------------------------------------------------------------------------- */

#define MODEL_PART_VALUES (LIMIT_WEIGHT_PART / sizeof(float))

/* Weights as they are stored and exported, little-endian: bytes [4 count]. */
extern void model_encode_weights(const real *weights, size_t count, char *bytes);
extern void model_decode_weights(const char *bytes, size_t count, real *weights);

/* Inside an SPI connection. */
extern uint64 model_fingerprint(Jsonb *definition, const real *weights, size_t count);
extern char *model_definition_text(Jsonb *definition);	/* what goes into it: the same in databases of all encodings, UTF-8 */
extern void model_load_weights(uint64 fingerprint, real *weights, size_t count);
extern char *model_fingerprint_text(uint64 fingerprint);	/* 16 hexadecimal digits */
extern uint64 model_fingerprint_parse(const char *text);

/* SHA-256: digest [MODEL_DIGEST_BYTES] of the bytes; serves interrupts. */
#define MODEL_DIGEST_BYTES PG_SHA256_DIGEST_LENGTH
extern void model_digest(const char *bytes, size_t length, uint8 *digest);

/* The same, as the tables' owner. */
extern void model_store_weights(uint64 fingerprint, const real *weights, size_t count);

/* ---- what a network takes, as SQL hands it over (prepare.c) ---------------------------------------------------------------------------------- */

/* Decodes and prepares into raster [input values of the model]; raises on a bad image. */
extern void model_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster);

/* As above, but a bad image gives false and its status. */
extern bool model_try_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster, Status *status);

/*
 * The model that argument n names; it may be NULL or absent: the setting siamese.model.  Raises if its input is of another
 * kind.
 */
extern Model *model_argument(FunctionCallInfo fcinfo, int n, NetworkInputKind kind);

/* An array of numbers -> sample [network_sample_bytes]; a bad one gives false and its status. */
extern bool model_try_prepare_pen(const NetworkDefinition *definition, ArrayType *pen, uint8 *sample, Status *status);

/* What a network takes as SQL hands it over, domains over it, too: whether it is of such a type, what to call it, either of the above. */
extern bool model_takes_type(NetworkInputKind kind, Oid type);
extern const char *model_sample_type_name(NetworkInputKind kind);
extern bool model_try_prepare_sample(const NetworkDefinition *definition, Datum datum, uint8 *sample, Status *status);

/* ---- embedding (embed.c) ----------------------------------------------------------------------------------------- */

/* A raster or a pen's sample. */
extern Embedding *model_embed_raster(Model *model, const uint8 *raster);

/* A value of a type that the model takes; raises if it is a bad one. */
extern Embedding *model_embed_datum(Model *model, Datum datum);

/* An embedding of what a network gave for it; raises unless all of x [dimensions] is finite. */
extern Embedding *model_make_embedding(const Model *model, const float *x);

#endif
