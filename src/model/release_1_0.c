/*
 * release_1_0.c: the C functions of 1.0 that its own script names and that later ones do not.
 *
 * pg_upgrade makes the objects of the old database's release with this library, and between an installation of the files and
 * ALTER EXTENSION siamese UPDATE a database has the old release's objects: each C function of a release stays for good, under
 * its name.  (make lint, rule "entries".)
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/compat.h"

PG_FUNCTION_INFO_V1(siamese_embedding_of_real);
PG_FUNCTION_INFO_V1(siamese_embedding_of_double);
PG_FUNCTION_INFO_V1(siamese_model_changed);

/* Of arrays of any type of numbers; embedding/array.c. */
extern Datum siamese_embedding_of_array(PG_FUNCTION_ARGS);

Datum
siamese_embedding_of_real(PG_FUNCTION_ARGS)
{
	return siamese_embedding_of_array(fcinfo);
}

Datum
siamese_embedding_of_double(PG_FUNCTION_ARGS)
{
	return siamese_embedding_of_array(fcinfo);
}

/* A trigger after statements that change siamese.model: sessions find that out from their snapshots now. */
Datum
siamese_model_changed(PG_FUNCTION_ARGS)
{
	return PointerGetDatum(NULL);
}
