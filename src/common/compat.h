/*
 * compat.h: every test of PG_VERSION_NUM.  PostgreSQL 15 to 18.
 *
 * Included after postgres.h and fmgr.h.
 */
#ifndef SIAMESE_COMPAT_H
#define SIAMESE_COMPAT_H

/* 16 moved the VARATT macros out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16 brought soft errors of input functions (pg_input_is_valid); before, every error is hard. */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define errsave(context, ...) ereport(ERROR, __VA_ARGS__)
#endif

#endif
