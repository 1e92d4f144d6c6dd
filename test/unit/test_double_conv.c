/*
 * test_double_conv.c: test_network_conv.c in double precision.
 */
#include "test_network_conv.c"
