# siamese: similarity search that learns, inside PostgreSQL.
#
#   make, make install       build with the pg_config on the PATH (or PG_CONFIG=...)
#   make check               install missing packages, build, run every test on a server of its own
#   make demo                install missing packages, build, run the main job on a throw-away server
#   make bench               benchmarks;  make lint  the rules of the house;  make check-sanitize  pure rooms under ASan and UBSan

MODULE_big = siamese
EXTENSION = siamese
DATA = $(wildcard sql/siamese--*.sql)
DATA_built = sql/siamese--1.0.sql

PURE_ROOMS = image network distance sample
PURE_SOURCES = src/common/status.c src/common/cpu.c $(foreach room,$(PURE_ROOMS),$(wildcard src/$(room)/*.c))
SERVER_SOURCES = $(filter-out $(PURE_SOURCES),$(wildcard src/*.c src/*/*.c))
OBJS = $(patsubst %.c,%.o,$(sort $(PURE_SOURCES) $(SERVER_SOURCES)))

PG_CONFIG ?= pg_config
PG_MISSING := $(if $(shell command -v $(PG_CONFIG)),,yes)
ifeq ($(PG_MISSING),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
PG_MISSING := $(if $(wildcard $(PGXS)),,yes)
endif

# OpenBLAS without threads of its own: they would handle the server's signals.
BLAS_DIR ?= $(firstword $(wildcard /usr/lib/*/openblas-serial))
BLAS_INCLUDE ?= $(firstword $(wildcard /usr/include/*/openblas-serial))

COMMON_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -fvisibility=hidden -MMD -MP -Isrc
PG_CPPFLAGS = -Isrc -isystem /usr/include/leptonica $(if $(BLAS_INCLUDE),-isystem $(BLAS_INCLUDE))
PG_CFLAGS = -std=gnu11 -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -fvisibility=hidden -MMD -MP \
	-DPGDLLEXPORT='__attribute__((visibility("default")))'
SHLIB_LINK = -llept $(BLAS_DIR)/libopenblas.so.0 -Wl,-rpath,$(BLAS_DIR) -lpthread -lm
EXTRA_CLEAN = sql/siamese--1.0.sql $(patsubst %.o,%.d,$(OBJS)) build

with_llvm = no

ifeq ($(PG_MISSING),)
override with_llvm = no
include $(PGXS)
else
all install:
	@echo "PostgreSQL's development files are missing: run 'make packages' (or 'make check', 'make demo')" >&2; exit 1
clean:
	rm -rf build
endif

-include $(patsubst %.o,%.d,$(OBJS))
