/*
 * siamese.c: start of the extension: the settings, and what must hold before anything runs.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "common/check.h"
#include "common/cpu.h"
#include "common/limits.h"
#include "common/settings.h"
#include "image/image.h"
#include "network/network.h"

PG_MODULE_MAGIC;

char	   *setting_model = NULL;
int			setting_max_pixels = LIMIT_MAX_PIXELS_DEFAULT;
bool		setting_share_weights = true;
int			setting_training_threads = 2;
double		setting_prior = 0.5;
int			setting_probes = 0;
double		setting_target_recall = 1;

static int	setting_kernel_level = -1;

static const struct config_enum_entry kernel_levels[] = {
	{"auto", -1, false},
	{"portable", CPU_PORTABLE, false},
	{"neon", CPU_NEON, false},
	{"avx2", CPU_AVX2, false},
	{"avx512", CPU_AVX512, false},
	{NULL, 0, false}
};

static bool
check_kernel_level(int *value, void **extra, GucSource source)
{
	if (*value < 0 || cpu_supports((CpuLevel) *value))
		return true;
	GUC_check_errdetail("This processor does not support the level \"%s\".", cpu_level_name((CpuLevel) *value));
	return false;
}

static void
assign_kernel_level(int value, void *extra)
{
	if (value < 0)
		cpu_unforce_level();
	else
		cpu_force_level((CpuLevel) value);
}

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("siamese.model",
							   "Model that embed() uses when none is named.",
							   "A name, or name@version.",
							   &setting_model, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("siamese.max_pixels",
							"Largest image that is decoded, in pixels.",
							"The header is read first: a larger image is refused before a pixel is decoded.",
							&setting_max_pixels, LIMIT_MAX_PIXELS_DEFAULT, 1, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("siamese.share_weights",
							 "Whether all sessions use one copy of a model's weights.",
							 "It is a file below base/pgsql_tmp of the data folder, which every session maps.",
							 &setting_share_weights, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("siamese.training_threads",
							"Threads of a training or an evaluation.",
							NULL,
							&setting_training_threads, 2, 1, LIMIT_THREADS,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("siamese.prior",
							 "Share of the compared pairs that show the same identity, which verify() assumes for its probability.",
							 "Greater than 0 and less than 1.",
							 &setting_prior, 0.5, 1e-9, 1 - 1e-9,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("siamese.probes",
							"Regions that an index scan for the nearest rows visits.",
							"0 is all that may hold an answer: the exact one.  A region is about one of the root of the number of rows.",
							&setting_probes, 0, 0, LIMIT_REGIONS,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("siamese.target_recall",
							 "Share of the nearest rows that an index scan finds, on average and about.",
							 "1 is exact.  Less visits as few regions as sufficed when the index was built; siamese.probes goes before.",
							 &setting_target_recall, 1, 0, 1,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("siamese.kernel_level",
							 "Processor level of the kernels; for tests.",
							 NULL,
							 &setting_kernel_level, -1, kernel_levels,
							 PGC_SUSET, GUC_NOT_IN_SAMPLE, check_kernel_level, assign_kernel_level, NULL);
	MarkGUCPrefixReserved("siamese");
	if (process_shared_preload_libraries_in_progress)
		image_load_libraries(); /* sessions inherit them; if one is missing, the first image says so */
}
