# siamese: similarity search that learns, inside PostgreSQL.
#
#   make, make install       build with the pg_config on the PATH, or PG_CONFIG=...
#   make check               all tests, on servers of their own, and at the end what took longest
#   make check-changed       the tests of what this branch changed, in about a minute: test/rooms
#   make history REASON=...  keeps what the kernels now take in test/bench/history.tsv, and why
#   make demo                the main job, on a throw-away server
#   make bench               the benchmarks; make bench-NAME for one of test/bench
#   make lint                the rules of the house; RULES="ranks words" takes a few
#   make check-sanitize      the pure rooms' tests under the address and undefined behaviour sanitizers
#   make check-valgrind      test/sql on a server under valgrind
#   make check-sanitize-server   test/sql, and mutated values of the formats, on a server with the sanitizers
#   make check-neon          the pure rooms' unit tests for 64-bit ARM, with a cross compiler and qemu
#   make shell               psql on a throw-away server with the extension
#   make models              trains the pretrained models anew, minutes each; MODELS="pens" takes a few
#   make reference           writes sql/REFERENCE.md from the comments in the catalog
#   make installcheck        some of the tests on a running server with the extension's files, which PGHOST and PGPORT name
#   make deb                 a Debian package for the server of pg_config, in build/deb
#   make dist                the archive for PGXN, in build; HOMEPAGE=... and REPOSITORY=... go into its META.json
#   make packages            installs the Debian packages that are missing; the goals above from "make check" on do this first
#   make help                this
#
# make check consists of make lint and of make check-unit, check-fuzz, check-regress, check-isolation, check-tap,
# check-valgrind-short, a few of test/sql under valgrind, and check-instructions.  test/README.md tells more of each.
# TESTS="embedding verify" takes a few of test/sql, test/isolation/specs or test/t; UNIT=test_matrix and FUZZ=fuzz_image a program.
# CONF='debug_discard_caches = 1' adds a line to the configuration of check-regress, check-valgrind and check-sanitize-server; it takes a
# server with assertions, which PG_CONFIG names.  V=1 shows the commands.

STAGED := $(filter check check-% demo bench bench-% lint shell reference models deb history,$(MAKECMDGOALS))

ifneq ($(STAGED),)

# The packages may bring pg_config and PGXS, which are read at the start: so a second make does the work.  That also keeps
# PGXS's own rule for "check", which only says that there is none, out of the way.
.NOTPARALLEL:
.PHONY: packages $(MAKECMDGOALS)
packages:
	@test/packages
ifneq ($(filter check-neon,$(MAKECMDGOALS)),)
	@test/packages neon
endif
ifneq ($(filter deb,$(MAKECMDGOALS)),)
	@test/packages deb
endif

$(STAGED): packages
	@$(MAKE) --no-print-directory $(if $(V),,-s) $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc)) WERROR=-Werror run-$@

$(filter-out $(STAGED) packages,$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

# Where the sources are: another folder in a VPATH build, make -f SOURCES/Makefile in an empty one.
sources := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))
files = $(sort $(patsubst $(sources)/%,%,$(wildcard $(1:%=$(sources)/%))))

MODULE_big = siamese
EXTENSION = siamese
DATA = $(filter-out $(DATA_built),$(call files,sql/siamese--*.sql)) $(call files,sql/model/*.model)
DATA_built = sql/siamese--1.1.sql sql/siamese--1.0--1.1.sql

# The pure rooms know no server; the tests of test/unit and test/fuzz are linked with them alone.
PURE_ROOMS = matrix image pen network onnx distance sample tracking
PURE_SOURCES = src/common/status.c src/common/cpu.c $(call files,$(PURE_ROOMS:%=src/%/*.c))
SERVER_SOURCES = $(filter-out $(PURE_SOURCES),$(call files,src/*.c src/*/*.c))
PURE_OBJECTS = $(PURE_SOURCES:.c=.o)
OBJS = $(PURE_OBJECTS) $(SERVER_SOURCES:.c=.o)

PG_CONFIG ?= pg_config
export PG_CONFIG
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
PG_MISSING := $(if $(wildcard $(PGXS)),,yes)

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
LEPTONICA_INCLUDE ?= $(firstword $(wildcard /usr/include/leptonica /usr/local/include/leptonica))
# The library is called liblept until 1.82 and libleptonica from 1.83 on.
LEPTONICA ?= $(if $(wildcard /usr/lib/$(MULTIARCH)/liblept.so /usr/lib/*/liblept.so /usr/local/lib/liblept.so),-llept,-lleptonica)

# The build of OpenBLAS for pthreads; nothing of it is needed to compile.
OPENBLAS_SONAME ?= libopenblas.so.0

# Loaded when an image, or a product of matrices, first needs them, under these names.
loaded_name = $(shell objdump -p "$$($(CC) -print-file-name=lib$(1).so)" 2>/dev/null | sed -n 's/ *SONAME *//p')
LEPTONICA_SONAME := $(call loaded_name,$(LEPTONICA:-l%=%))
SONAMES := -DLEPTONICA_LIBRARY=$(LEPTONICA_SONAME) -DLIBJPEG_LIBRARY=$(call loaded_name,jpeg) -DLIBTIFF_LIBRARY=$(call loaded_name,tiff) \
	-DLIBWEBP_LIBRARY=$(call loaded_name,webp) -DOPENBLAS_LIBRARY=$(OPENBLAS_SONAME)

WARNINGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare $(WERROR)
LIBRARY_FLAGS = $(addprefix -isystem ,$(LEPTONICA_INCLUDE)) $(SONAMES)
LIBRARIES = -ldeflate -lz -lpthread -ldl -lm

PG_CPPFLAGS = -I$(patsubst ./%,%,$(sources)/src) $(LIBRARY_FLAGS)
# PGDLLEXPORT means nothing yet to PostgreSQL 15.  _FORTIFY_SOURCE and the like are PostgreSQL's own choice.
PG_CFLAGS = -std=gnu11 $(WARNINGS) -fvisibility=hidden -MMD -MP -DPGDLLEXPORT='__attribute__((visibility("default")))'
SHLIB_LINK = $(LIBRARIES)
EXTRA_CLEAN = build $(OBJS:.o=.d)

# make installcheck: what needs no settings of its own and takes seconds; make check has all.
REGRESS = embedding_input embedding_distance embedding_order image crop pen export index_basics index_kinds promote rights report
REGRESS_OPTS = --inputdir=$(sources)/test --outputdir=build/installcheck --no-locale --encoding=UTF8
REGRESS_PREP = build/installcheck

ifeq ($(PG_MISSING),)
override with_llvm = no
include $(PGXS)
else
.PHONY: all install clean
all install:
	@echo "PostgreSQL's development files are missing: 'make packages' installs them" >&2; exit 1
clean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) $(DATA_built) siamese.so
endif

.DEFAULT_GOAL = all
.PHONY: help packages run-check run-check-changed run-check-unit run-check-fuzz run-check-regress run-check-isolation run-check-tap run-check-sanitize
.PHONY: run-check-instructions run-history run-check-neon run-check-valgrind run-check-valgrind-short run-check-sanitize-server
.PHONY: run-deb run-lint run-demo run-bench run-shell run-reference run-models
.DELETE_ON_ERROR:

packages:
	@test/packages

# The comment at the head of this file.
help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# The scripts of CREATE EXTENSION, and of the upgrade from 1.0, whose own script is as it was released.
sql/siamese--1.1.sql: SCRIPT = sql/siamese.sql
sql/siamese--1.0--1.1.sql: SCRIPT = sql/upgrade-1.0-1.1.sql
$(DATA_built): sql/assemble.awk sql/siamese.sql $(call files,sql/upgrade-*.sql) sql/model/cards.sql $(call files,sql/network/*.json)
	awk -f $< $(sources)/$(SCRIPT) > $@

$(OBJS): $(MAKEFILE_LIST)
ifneq ($(sources),.)
$(shell mkdir -p sql $(sort $(dir $(OBJS))))
endif

# GCC 13 and later, tuning for all processors, divide some chains of fused operations, as the loop around them may be: the bits of an
# embedding would depend on what is beside it in a batch.
WHOLE_CHAINS := $(shell $(CC) -Werror --param=avoid-fma-max-bits=0 -E -x c /dev/null >/dev/null 2>&1 && echo --param=avoid-fma-max-bits=0)
override CFLAGS += $(WHOLE_CHAINS)

# Loops over pixels.  COPT, which PostgreSQL's makefiles add to the flags, has the last word: COPT='-O0 -g' for a debugger.
$(filter src/image/%,$(OBJS)): override CFLAGS += -O3 $(COPT)

# Unit tests and fuzzers.  build/float uses the objects of the extension itself; build/double has the network in double
# precision, for gradients; build/sanitize and build/sanitize-double are both again under the sanitizers; build/neon is the
# float one for 64-bit ARM.
UNIT_NAMES = $(basename $(notdir $(sort $(wildcard test/unit/test_*.c))))
FUZZ_NAMES = $(basename $(notdir $(sort $(wildcard test/fuzz/fuzz_*.c))))
FUZZED = src/common/ src/image/ src/pen/ src/onnx/ test/unit/host. test/unit/image_ test/unit/onnx_writer.
TEST_HELPERS = $(sort $(filter-out $(wildcard test/unit/test_*.c test/fuzz/fuzz_*.c),$(wildcard test/unit/*.c test/fuzz/*.c)))
UNIT_PROGRAMS = $(foreach name,$(UNIT_NAMES),build/$(if $(filter test_double_%,$(name)),double,float)/$(name))
SANITIZED_PROGRAMS = $(foreach name,$(UNIT_NAMES),build/sanitize$(if $(filter test_double_%,$(name)),-double)/$(name))
FUZZ_PROGRAMS = $(FUZZ_NAMES:%=build/sanitize/%)

TEST_CFLAGS = -std=gnu11 -g $(TEST_LEVEL) $(WARNINGS) -MMD -MP -Isrc -Itest -Ibuild $(LIBRARY_FLAGS) $(WHOLE_CHAINS)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TEST_LEVEL = -O2
CMOCKA = -lcmocka
build/double/% build/sanitize/% build/sanitize-double/%: TEST_LEVEL = -O1
build/double/% build/sanitize-double/%: TEST_CFLAGS += -DREAL_IS_DOUBLE
build/sanitize/% build/sanitize-double/%: TEST_CFLAGS += $(SANITIZE)
build/neon/%: CC = aarch64-linux-gnu-gcc
build/neon/%: TEST_CFLAGS += -idirafter /usr/include/$(MULTIARCH)
build/neon/%: LIBRARIES = $(patsubst %,-l:%,$(notdir $(wildcard $(addprefix /usr/lib/aarch64-linux-gnu/lib,deflate.so.? z.so.?)))) -lpthread -ldl -lm
build/neon/%: LEPTONICA = -l:$(LEPTONICA_SONAME)
build/neon/%: CMOCKA = -l:libcmocka.so.0

# The built-in networks as C.
build/presets.h: test/unit/settings.pl $(sort $(wildcard sql/network/*.json test/unit/network/*.json))
	@mkdir -p $(@D)
	perl $^ > $@.new && mv $@.new $@

# A rule a kind: one pattern rule with several targets would mean that one command makes them all.
define test_programs
build/$(1)/%.o: %.c $$(MAKEFILE_LIST) | build/presets.h
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_CFLAGS) -c $$< -o $$@
$(1)_OBJECTS = $$(TEST_HELPERS:%.c=build/$(1)/%.o) $(if $(filter float,$(1)),$$(PURE_OBJECTS),$$(PURE_SOURCES:%.c=build/$(1)/%.o))
build/$(1)/test_%: build/$(1)/test/unit/test_%.o $$($(1)_OBJECTS)
	$$(CC) $$(TEST_CFLAGS) $$^ -o $$@ $$(CMOCKA) $$(LEPTONICA) $$(LIBRARIES)
# Fuzzers need the readers alone: the network's kernels take minutes to compile with the sanitizers.
build/$(1)/fuzz_%: build/$(1)/test/fuzz/fuzz_%.o $$(foreach room,$$(FUZZED),$$(filter build/$(1)/$$(room)%,$$($(1)_OBJECTS)))
	$$(CC) $$(TEST_CFLAGS) $$^ -o $$@ $$(LEPTONICA) $$(LIBRARIES)
endef
$(foreach kind,float double sanitize sanitize-double neon,$(eval $(call test_programs,$(kind))))
.SECONDARY:

run-check-unit: $(if $(UNIT),$(filter $(addprefix %/,$(UNIT)),$(UNIT_PROGRAMS)),$(UNIT_PROGRAMS))
	@test/run-programs unit $^

FUZZ_SEED ?= 1
FUZZ_COUNT ?= 10000
run-check-fuzz: $(if $(FUZZ),$(filter $(addprefix %/,$(FUZZ)),$(FUZZ_PROGRAMS)),$(FUZZ_PROGRAMS))
	@FUZZ_SEED=$(FUZZ_SEED) FUZZ_COUNT=$(FUZZ_COUNT) test/run-programs fuzz $^

SANITIZED_CHOSEN = $(if $(UNIT),$(filter $(addprefix %/,$(UNIT)),$(SANITIZED_PROGRAMS)),$(SANITIZED_PROGRAMS))
run-check-sanitize: $(SANITIZED_CHOSEN) $(if $(UNIT),,$(FUZZ_PROGRAMS))
	@test/run-programs unit $(SANITIZED_CHOSEN)
	$(if $(UNIT),,@FUZZ_SEED=$(FUZZ_SEED) FUZZ_COUNT=$(FUZZ_COUNT) test/run-programs fuzz $(FUZZ_PROGRAMS))

# Emulated, gradients and training would take an hour; their kernels are those of the others.
NEON_NAMES = $(filter-out test_double_% test_network_training,$(UNIT_NAMES))
run-check-neon: $(patsubst %,build/neon/%,$(if $(UNIT),$(UNIT),$(NEON_NAMES)))
	@RUN_WITH=qemu-aarch64 PROGRAM_SECONDS=3600 test/run-programs unit $^

# The extension under the sanitizers, for a server that has them loaded before it: one built from source with few libraries, which
# PG_CONFIG names; Debian's do not come up with libasan before theirs.  The kernels are as they are: instrumented, they take
# minutes to compile, and make check-sanitize has them.
KERNEL_OBJECTS = $(filter src/matrix/product_% src/network/kernels_%,$(OBJS))
SANITIZED_OBJECTS = $(patsubst %,build/server/%,$(filter-out $(KERNEL_OBJECTS),$(OBJS)))
build/server/%.o: %.c $(MAKEFILE_LIST)
	@mkdir -p $(@D)
	$(CC) $(filter-out -O2 -O3,$(CFLAGS)) -O1 $(SANITIZE) $(filter-out -D_FORTIFY_SOURCE=%,$(CPPFLAGS)) -c $< -o $@
build/server/siamese.so: $(SANITIZED_OBJECTS) $(KERNEL_OBJECTS)
	$(CC) $(CFLAGS) $(SANITIZE) -shared $^ $(SHLIB_LINK) -o $@
run-check-sanitize-server: all build/server/siamese.so
	@test/with-server $(CONFIGURATION) --sanitize test/run-regress $(TESTS)
	@test/with-server --sanitize psql -Xq -v ON_ERROR_STOP=1 -v count=$(FUZZ_COUNT) -v seed=$(FUZZ_SEED) -f test/fuzz/formats.sql

# Tests on a server.
CONFIGURATION = $(if $(CONF),--conf '$(CONF)')
run-check-regress: all
	@test/with-server $(CONFIGURATION) test/run-regress $(TESTS)

run-check-valgrind: all
	@test/with-server $(CONFIGURATION) --valgrind test/run-regress $(TESTS)

run-check-valgrind-short: all
	@test/with-server --valgrind test/run-regress caches index_basics export

run-check-isolation: all
	@test/with-server test/run-isolation $(TESTS)

run-check-tap: all
	@test/with-server --tap ./run-tap $(TESTS)

run-lint: build/presets.h all
	@CC='$(CC)' CLANG='$(CLANG)' LINT_CFLAGS='$(WARNINGS) $(CPPFLAGS) -Itest -Ibuild' test/lint/lint $(RULES); status=$$?; \
		$(if $(RULES),,CC='$(CC)' CLANG='$(CLANG)' test/lint/selftest &&) exit $$status

# Two lanes for two cores; they take about as long.
run-check: all $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS) build/kernels
	@MAKE='$(MAKE)' test/run-check tap 'lint unit fuzz regress isolation valgrind-short instructions'

run-check-changed: build/presets.h all
	@MAKE='$(MAKE)' test/run-changed

build/installcheck:
	@mkdir -p $@

run-deb:
	@LOADED='$(filter-out -D%_LIBRARY=,$(SONAMES))' test/deb/build

.PHONY: dist
dist:
	@HOMEPAGE='$(HOMEPAGE)' REPOSITORY='$(REPOSITORY)' test/dist

run-demo: all
	@test/with-server test/run-demo

run-shell: all
	@test/with-server --shell psql

run-models: all
	@test/with-server sql/model/make-models $(MODELS)

run-reference: all
	@test/with-server psql -XAtqf test/reference.sql > sql/REFERENCE.md.new && mv sql/REFERENCE.md.new sql/REFERENCE.md

build/network_speed: build/float/test/bench/network_speed.o build/float/test/unit/network_help.o build/float/test/unit/host.o $(PURE_OBJECTS)
	$(CC) $(TEST_CFLAGS) $^ -o $@ $(LIBRARIES)
run-bench-network: build/network_speed
run-bench-network: BENCH_SETTINGS = --conf 'max_connections = 100'

build/matrix_speed: build/float/test/bench/matrix_speed.o $(PURE_OBJECTS)
	$(CC) $(TEST_CFLAGS) $^ -o $@ $(LIBRARIES)
.PHONY: run-bench-matrix
run-bench-matrix: build/matrix_speed
	@test/bench/matrix

# Workers are allowed; what takes them is measured with and without.
run-bench-scale: BENCH_SETTINGS = --conf 'shared_buffers = 1GB' --conf 'max_wal_size = 8GB' --conf 'max_parallel_workers_per_gather = 0' \
	--conf 'autovacuum = off' --conf 'jit = off'

# In a system of its own, beside pgvector.
.PHONY: run-bench-index
run-bench-index:
	@test/bench/index

# Instructions of each kernel, by valgrind: they show a slow-down on a noisy machine, too.
build/kernels: build/float/test/bench/kernels.o build/float/test/unit/host.o $(PURE_OBJECTS)
	$(CC) $(TEST_CFLAGS) $^ -o $@ $(LIBRARIES)
run-check-instructions: build/kernels
	@test/bench/instructions check
run-history: build/kernels
	@test/bench/instructions append '$(REASON)'

# A benchmark is a program in test/bench; it finds a running server with the extension's files.
BENCHES = matrix network memory models omniglot cedar presets calibration svc2004 synthetic references patches photographs index planner scale mot15
run-bench: $(BENCHES:%=run-bench-%)
	@$(if $(BENCHES),,echo "There are no benchmarks in the list BENCHES of the Makefile.")

run-bench-%: all
	@test/with-server $(BENCH_SETTINGS) test/bench/$*

-include $(OBJS:.o=.d) $(SANITIZED_OBJECTS:.o=.d) $(wildcard build/*/src/*/*.d build/*/test/*/*.d)

endif
