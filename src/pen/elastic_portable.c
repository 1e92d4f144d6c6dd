/*
 * elastic_portable.c: dynamic time warping for any processor.
 */
#include "pen/elastic_internal.h"

#include <math.h>
#include <stdlib.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#define ELASTIC_WARP elastic_warp_portable
#include "pen/elastic_warp.inc"
