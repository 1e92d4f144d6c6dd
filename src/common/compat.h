/*
 * compat.h: every test of PG_VERSION_NUM.  PostgreSQL 15 to 18.
 *
 * Every file with functions for SQL, or with the VARATT macros, includes it, after postgres.h.
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

/* 16 exports the functions of SQL themselves; before, only their information records. */
#if PG_VERSION_NUM < 160000
#include "fmgr.h"
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT const Pg_finfo_record *pg_finfo_##name(void); \
	const Pg_finfo_record * \
	pg_finfo_##name(void) \
	{ \
		static const Pg_finfo_record record = {1}; \
		return &record; \
	} \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS)
#endif

/* 18 tells vacuum_delay_point whether it is called by ANALYZE. */
#if PG_VERSION_NUM >= 180000
#define compat_vacuum_delay_point() vacuum_delay_point(false)
#else
#define compat_vacuum_delay_point() vacuum_delay_point()
#endif

/* 17 lets an access method say that it builds in parallel; before, it was the btree's alone and decided by the planner. */
#if PG_VERSION_NUM >= 170000
#define compat_set_parallel_build(routine, value) ((routine)->amcanbuildparallel = (value))
#else
#define compat_set_parallel_build(routine, value) ((void) 0)
#endif

/*
 * And it counts the workers; before, ask as it does for a btree.  Needs miscadmin.h, nodes/execnodes.h and optimizer/optimizer.h.
 */
#if PG_VERSION_NUM >= 170000
#define compat_parallel_build_workers(heap, index, info) ((info)->ii_ParallelWorkers)
#else
#define compat_parallel_build_workers(heap, index, info) \
	((void) (info), IsNormalProcessingMode() ? plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index)) : 0)
#endif

/* 18 shows the number of searches in EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define compat_count_index_search(scan) ((scan)->instrument ? (void) (scan)->instrument->nsearches++ : (void) 0)
#else
#define compat_count_index_search(scan) ((void) 0)
#endif

/*
 * 17 lets owners grant others to maintain a table, and sets a safe search path for what those run as its owner.  Needs
 * utils/acl.h, utils/guc.h.
 */
#if PG_VERSION_NUM >= 170000
#define compat_may_maintain(oid) (pg_class_aclcheck((oid), GetUserId(), ACL_MAINTAIN) == ACLCHECK_OK)
#define compat_restrict_search_path() RestrictSearchPath()
#else
#define compat_may_maintain(oid) false
#define compat_restrict_search_path() ((void) 0)
#endif

/*
 * 18 compares how many nodes of a path are disabled before it compares costs; before, only a cost above that of a disabled path
 * can tell.
 */
#if PG_VERSION_NUM >= 180000
#define compat_disable_path(path, startup, total) ((void) ((path)->disabled_nodes += 2))
#else
#define compat_disable_path(path, startup, total) ((void) (*(startup) = *(total) = 1e20))
#endif

/* 16 numbers backends' entries by index.  Needs utils/backend_status.h. */
#if PG_VERSION_NUM >= 160000
#define compat_local_entry(i) pgstat_get_local_beentry_by_index(i)
#else
#define compat_local_entry(i) pgstat_fetch_stat_local_beentry(i)
#endif

/* 16 renamed what names a relation's files. */
#if PG_VERSION_NUM >= 160000
#define CompatLocator RelFileLocator
#define compat_locator(relation) ((relation)->rd_locator)
#else
#define CompatLocator RelFileNode
#define compat_locator(relation) ((relation)->rd_node)
#endif

/* 16 has one function for all kinds of objects; needs catalog/pg_class.h, catalog/pg_namespace.h, miscadmin.h and utils/acl.h. */
#if PG_VERSION_NUM >= 160000
#define compat_owns_relation(oid) object_ownercheck(RelationRelationId, (oid), GetUserId())
#define compat_namespace_right(oid, role, right) object_aclcheck(NamespaceRelationId, (oid), (role), (right))
#else
#define compat_owns_relation(oid) pg_class_ownercheck((oid), GetUserId())
#define compat_namespace_right(oid, role, right) pg_namespace_aclcheck((oid), (role), (right))
#endif

#endif
