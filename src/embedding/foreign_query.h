/*
 * foreign_query.h: conditions and orders on columns of foreign tables, so that the other server can compute them.
 */
#ifndef SIAMESE_FOREIGN_QUERY_H
#define SIAMESE_FOREIGN_QUERY_H

#include "postgres.h"

#include "nodes/supportnodes.h"

/*
 * What an expression of <-> or ~= over a foreign table's column becomes; NULL if it stays as it is.  For the planner's support
 * function of these operators.
 */
extern Node *foreign_query_simplify(SupportRequestSimplify *request);

#endif
