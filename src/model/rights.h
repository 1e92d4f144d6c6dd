/*
 * rights.h: who may change models, and how a function writes their tables.
 */
#ifndef SIAMESE_RIGHTS_H
#define SIAMESE_RIGHTS_H

#include "postgres.h"

/* The calling user while statements run as the tables' owner; an error restores it by itself. */
typedef struct ModelCaller
{
	Oid			user;
	int			context;
} ModelCaller;

/* Raises while the objects in the database are those of a release before the library: 1.0, whose siamese.model (relation) has other columns. */
extern void model_check_release(Oid relation);

extern void model_act_as_owner(ModelCaller *caller);
extern void model_act_as_caller(const ModelCaller *caller);

/*
 * Raises unless the name is new, or the current user is its owner, a member of the owner's role or a superuser.  Returns the
 * owner's name (of a new name the current user's), which is created_by of the next version.  Inside an SPI connection, with
 * the name locked.
 */
extern char *model_check_owner(const char *name);

#endif
