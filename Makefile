# Builds, checks and tests everything; `make help` lists the targets. Everything generated goes below build/.
#
# A variant is a folder: build/release, or build/dev|asan|tsan|cov|fuzz with V=; clang's objects never mix with gcc's.
# Sources are found, not listed: libs/<name> is an archive each, services/<name> makes bin/blazz-<name>, tools/<name> makes
# bin/<name> (each with its own main.c), tests/unit/**/test_*.c and tests/fuzz/fuzz_*.c make one program each.

ifeq ($(origin CC),default)
CC := gcc
endif
V ?= release
VARIANTS := release dev asan tsan cov fuzz
$(if $(filter $(V),$(VARIANTS)),,$(error V is one of: $(VARIANTS)))
ifeq ($(V),fuzz)
override CC := clang-19
endif
CXX := $(patsubst gcc%,g++%,$(patsubst clang%,clang++%,$(CC)))

OUT := build/$(V)$(if $(filter-out fuzz,$(V)),$(if $(findstring clang,$(CC)),-clang))
GEN := build/gen
JOBS := $(shell nproc)
MAKEFLAGS += --no-builtin-rules $(if $(MAKELEVEL:0=),,-j$(JOBS))
.DELETE_ON_ERROR:
.SECONDARY:

# Flags.

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings -Wvla \
	-Wnull-dereference -Wformat=2 -Wswitch -Werror
# librdkafka's macros are made of them.
WARN += $(if $(findstring clang,$(CC)),-Wno-gnu-statement-expression-from-macro-expansion)
WARN_C := -Wstrict-prototypes -Wmissing-prototypes
HARDEN := -fstack-protector-strong -fstack-clash-protection $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)

# Small functions of libs/base are called from everywhere: seen across files, chat-sync takes a tenth less CPU. clang would need its own ar.
LTO := $(if $(findstring clang,$(CC)),,-flto=auto)
MODE.release := -O2 $(LTO) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
# For `make check`: quick to build, and to debug. Its linker is the fastest that is there.
MODE.dev := -Og -DBLAZZ_FAILPOINTS
FAST_LINKER := $(if $(filter dev,$(V)),$(firstword $(foreach l,mold lld gold,$(if $(shell command -v ld.$(l)),-fuse-ld=$(l)))))
# gcc's sanitizers put checks into the code that its own data flow warnings then misread.
SANITIZED := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all -DBLAZZ_FAILPOINTS -Wno-null-dereference \
	$(if $(findstring clang,$(CC)),,-Wno-maybe-uninitialized)
MODE.asan := $(SANITIZED) -fsanitize=address,undefined
MODE.tsan := $(SANITIZED) -fsanitize=thread
MODE.cov := -O0 --coverage -fprofile-update=atomic -DBLAZZ_FAILPOINTS
MODE.fuzz := $(SANITIZED) -fsanitize=fuzzer-no-link,address,undefined
LINK_MODE := $(filter -flto% -fsanitize% --coverage,$(MODE.$(V)))

PACKAGES := rdkafka libpq libprotobuf-c libcurl openssl libconfig libmicrohttpd libevent_core yyjson liblz4 icu-uc
PACKAGE_FLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
# Debian's libphonenumber has no .pc file.
LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lphonenumber -lpthread -lm

# The release is the file VERSION; in a repository the commit follows it. VERSION=text names another one.
VERSION := $(file <VERSION)$(addprefix +,$(shell git describe --always --dirty --exclude='*' 2>/dev/null))
CPPFLAGS := -D_GNU_SOURCE -DBLAZZ_VERSION='"$(VERSION)"' -Ilibs -I$(GEN) $(PACKAGE_FLAGS)
COMMON := -g -fPIE $(WARN) $(HARDEN) $(MODE.$(V))
CFLAGS := -std=c11 $(COMMON) $(WARN_C)
CXXFLAGS := -std=c++17 $(COMMON)
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed $(LINK_MODE) $(FAST_LINKER)

# What there is.

SERVICES := $(patsubst services/%/main.c,%,$(wildcard services/*/main.c))
TOOLS := $(patsubst tools/%/main.c,%,$(wildcard tools/*/main.c))
PROGRAM_DIRS := $(SERVICES:%=services/%) $(TOOLS:%=tools/%)
PROGRAMS := $(SERVICES:%=$(OUT)/bin/blazz-%) $(TOOLS:%=$(OUT)/bin/%)

PROTO := $(wildcard proto/blazz/v1/*.proto)
PB_H := $(PROTO:proto/%.proto=$(GEN)/%.pb-c.h)
PB_C := $(PB_H:.h=.c)
PB_PYTHON := $(PROTO:proto/%.proto=$(GEN)/python/%_pb2.py)
PB_DESCRIPTORS := $(GEN)/blazz.binpb

LIB_SRC := $(wildcard libs/*/*.c libs/*/*.cc)
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
# What the unit tests share; linked where it is used.
HELPER_SRC := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(wildcard tests/bench/*.c)
sources_in = $(sort $(wildcard $(1)/*.c $(1)/*/*.c $(1)/*/*/*.c))
PROGRAM_SRC := $(foreach d,$(PROGRAM_DIRS),$(call sources_in,$(d)))
ALL_SRC := $(LIB_SRC) $(PROGRAM_SRC) $(HELPER_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(BENCH_SRC)

objects = $(addprefix $(OUT)/obj/,$(addsuffix .o,$(basename $(1))))
# Highest floor first, as an archive needs those below it; the tests of a library are linked with no higher floor than its own.
LIBRARIES := $(shell grep '^[a-z]' libs/LAYERS | tac)
libraries_up_to = $(shell grep '^[a-z]' libs/LAYERS | sed '/\<$(1)\>/q' | tac)
archives = $(addprefix $(OUT)/libs/,$(addsuffix .a,$(1)))
LIB := $(call archives,$(LIBRARIES))
UNIT := $(UNIT_SRC:%.c=$(OUT)/%)
FUZZ := $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/bin/%)
BENCH := $(BENCH_SRC:tests/bench/%.c=$(OUT)/bin/bench-%)
# A fuzzer sees ingest, unless its own line here says otherwise.
fuzz_program = $(or $(PROGRAM.$(1)),services/ingest)
PROGRAM.fuzz_composition := services/campaign-sender
PROGRAM.fuzz_dead_letter := tools/blazzctl
PROGRAM.fuzz_sending_definition := services/campaign-sender

# Faults need failpoints, which a release has none of.
CHAOS_V := $(if $(filter release,$(V)),asan,$(V))

# Targets.

.PHONY: help deps build demo test check unit e2e hostile chaos mutants upgrade-test compose-test bench fuzz lint format proto-baseline clean
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 18
	@echo
	@echo 'V=dev|asan|tsan|cov picks a variant, CC=gcc|clang-19 the compiler.'
deps: ## install what is missing (Debian 12 or 13)
	tools/deps.sh all
build: $(PROGRAMS) $(PB_PYTHON) ## all programs into build/<variant>/bin
demo: ## the whole system with sample traffic; BROKER=, KEEP=, FIXTURES= as in tools/demo.sh
	tools/deps.sh demo
	+$(MAKE) V=release build
	tools/demo.sh
test: ## everything that gates: lint, both compilers, unit, e2e, hostile, chaos, fuzz
	@tools/deps.sh test
	@tools/run-tests.py
check: ## what you changed, in seconds: build, its unit tests, clang-tidy, format; BASE=commit to compare with
	@tools/deps.sh test
	@V=dev tools/run-tests.py check
unit: ## unit tests under ASan and UBSan; K=word picks some
	@tools/deps.sh test
	@tools/run-tests.py unit
e2e: ## end to end tests with the sanitized programs; K=expression as in pytest -k
	@tools/deps.sh test
	@tools/run-tests.py e2e
fuzz: ## every fuzzer for FUZZ_SECONDS (20); K=word picks some
	@tools/deps.sh test
	@tools/run-tests.py fuzz
chaos: ## BUDGET=10 cycles of load and faults from SEED=, judged by a ledger; FAULTS=a,b, EVIDENCE=file
	@tools/deps.sh test
	+@$(MAKE) --silent V=$(CHAOS_V) build
	@BLAZZ_BIN=$(CURDIR)/build/$(CHAOS_V)/bin tests/chaos/run.py --cycles $(or $(BUDGET),10) $(if $(SEED),--seed $(SEED)) \
		$(if $(FAULTS),--faults $(FAULTS)) $(if $(EVIDENCE),--evidence $(EVIDENCE))
hostile: ## attacks on release programs under their limits; SEED=, BUDGET= drawn bodies, K=expression
	@tools/deps.sh test
	@HOSTILE_SEED=$(SEED) HOSTILE_BUDGET=$(or $(BUDGET),60) HOSTILE_ALL=1 tools/run-tests.py hostile
mutants: ## every planted bug, each in a copy of the tree: the tests that it names must fail
	@tools/deps.sh test
	+@$(MAKE) --silent V=asan build unit-build
	+@$(MAKE) --silent V=release build
	@tests/mutants/run.py
upgrade-test: ## a rolling upgrade from the last release and back, under load; SEED=, FROM=revision
	@tools/deps.sh test
	+@$(MAKE) --silent V=$(V) build
	@BLAZZ_BIN=$(CURDIR)/build/$(V)/bin tests/upgrade/upgrade.py $(if $(SEED),--seed $(SEED)) $(if $(FROM),--from $(FROM))
compose-test: ## the stack of compose.yaml from nothing to its end; needs Docker (docker/README.md)
	@tests/compose/run.py
bench: ## every benchmark, as ratios within one run; K=word picks some
	@tools/deps.sh bench
	+@$(MAKE) --silent V=release build bench-build
	@for b in $$(grep -l '^#!' tests/bench/*$(K)*.py); do echo "== $$b"; $$b || exit 1; done
lint: ## what needs no test run: format, clang-tidy, floors, headers, proto/, documents, planted bugs
	@tools/deps.sh test
	@tools/run-tests.py lint
format: ## rewrite the sources in the house's format
	$(FIND_FORMATTED) | xargs -0 -r clang-format-19 -i
proto-baseline: $(PB_DESCRIPTORS) ## make today's proto/ what future versions must be compatible with
	cp $< proto/baseline.binpb
clean: ## remove build/
	rm -rf build

# Every unit test, not run; what the benchmarks run besides Blazz.
.PHONY: unit-build bench-build
unit-build: $(UNIT)
bench-build: $(BENCH)

# Generated code.

$(PB_C) $(PB_H) &: $(PROTO) tools/proto-c.sh
	@mkdir -p $(GEN)
	@tools/proto-c.sh $(GEN)
$(GEN)/python/%_pb2.py: proto/%.proto
	@mkdir -p $(GEN)/python
	@protoc --python_out=$(GEN)/python -Iproto $<
$(PB_DESCRIPTORS): $(PROTO)
	@mkdir -p $(@D)
	@protoc --include_imports --descriptor_set_out=$@ -Iproto $^

# Compiling and linking.

DEPFLAGS = -MMD -MP
$(OUT)/obj/%.o: %.c Makefile | $(PB_H)
	@mkdir -p $(@D)
	@echo '  CC   $<'
	@$(CC) $(CPPFLAGS) $(OWN) $(CFLAGS) $(DEPFLAGS) -c -o $@ $<
$(OUT)/obj/%.o: %.cc Makefile
	@mkdir -p $(@D)
	@echo '  CXX  $<'
	@$(CXX) $(CPPFLAGS) $(OWN) $(CXXFLAGS) $(DEPFLAGS) -c -o $@ $<
# Generated code is not ours to warn about.
$(OUT)/obj/gen/%.o: $(GEN)/%.c Makefile
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) -std=c11 -g -fPIE -w $(HARDEN) $(MODE.$(V)) $(DEPFLAGS) -c -o $@ $<

# An archive of no objects is fine: a service may be nothing but its main.c.
%.a:
	@mkdir -p $(@D) && rm -f $@
	@ar rcs $@ $^
$(OUT)/libs/wire.a: $(PROTO:proto/%.proto=$(OUT)/obj/gen/%.pb-c.o)

link = @mkdir -p $(@D); echo '  LD   $@'; $(CXX) $(LDFLAGS) $(1) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
$(PROGRAMS):
	$(call link)
$(OUT)/obj/tests/unit/% build/lint/tidy/tests/unit/%: CPPFLAGS += -Itests/unit
$(OUT)/tests/unit.a: $(call objects,$(HELPER_SRC))
$(UNIT): LIBS += -lcmocka
# Draws QR codes; no service does.
$(OUT)/bin/blazzctl $(filter $(OUT)/tests/unit/blazzctl/%,$(UNIT)): LIBS += -lqrencode
$(UNIT): $(OUT)/%: $(OUT)/obj/%.o
	$(call link)
$(FUZZ): $(OUT)/bin/%: $(OUT)/obj/tests/fuzz/%.o
	$(call link,-fsanitize=fuzzer)
$(BENCH): $(OUT)/bin/bench-%: $(OUT)/obj/tests/bench/%.o $(LIB)
	$(call link)

# One program: its objects without main are an archive of their own, which the tests and fuzzers of it link too.
define program
$(foreach to,$(OUT)/obj build/lint/tidy build/lint/header,$(to)/$(1)/% $(to)/tests/unit/$(notdir $(1))/%): OWN := -I$(1) -I$(patsubst %/,%,$(dir $(1)))
$(OUT)/$(1).a: $(call objects,$(filter-out $(1)/main.c,$(call sources_in,$(1))))
$(2): $(OUT)/obj/$(1)/main.o $(OUT)/$(1).a $(LIB)
$(filter $(OUT)/tests/unit/$(notdir $(1))/%,$(UNIT)): $(OUT)/$(1).a
endef
$(foreach s,$(SERVICES),$(eval $(call program,services/$(s),$(OUT)/bin/blazz-$(s))))
$(foreach t,$(TOOLS),$(eval $(call program,tools/$(t),$(OUT)/bin/$(t))))
define fuzzer
$(OUT)/obj/tests/fuzz/$(1).o build/lint/tidy/tests/fuzz/$(1).c.ok: OWN := -I$(dir $(call fuzz_program,$(1)))
$(OUT)/bin/$(1): $(OUT)/$(call fuzz_program,$(1)).a
endef
$(foreach f,$(notdir $(FUZZ)),$(eval $(call fuzzer,$(f))))
$(UNIT): $(OUT)/tests/unit.a
define library
$(OUT)/libs/$(1).a: $(call objects,$(filter libs/$(1)/%,$(LIB_SRC)))
$(filter $(OUT)/tests/unit/$(1)/%,$(UNIT)): $(call archives,$(call libraries_up_to,$(1)))
endef
$(foreach l,$(LIBRARIES),$(eval $(call library,$(l))))
$(filter-out $(foreach l,$(LIBRARIES),$(OUT)/tests/unit/$(l)/%),$(UNIT)) $(FUZZ): $(LIB)

# A new commit rebuilds what shows the version, and only that.
$(call objects,$(shell grep -ls BLAZZ_VERSION $(ALL_SRC) /dev/null)): build/version
build/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
.PHONY: FORCE

# Lint: each check is one target, one stamp a file under build/lint, so that a second run is quick.

FIND_FORMATTED := find libs services tools tests -name '*.[ch]' -print0 -o -name '*.cc' -print0
TIDY := $(ALL_SRC:%=build/lint/tidy/%.ok)
HEADERS := $(sort $(wildcard libs/*/*.h $(foreach d,$(PROGRAM_DIRS),$(d)/*.h $(d)/*/*.h)))
HEADER_CHECKS := $(HEADERS:%=build/lint/header/%.ok)

.PHONY: lint-calls lint-format lint-tidy lint-headers lint-jars lint-layers lint-proto lint-readme lint-symbols lint-version lint-mutants lint-promises
lint-format:
	@$(FIND_FORMATTED) | xargs -0 -r -n 40 -P $(JOBS) clang-format-19 --dry-run -Werror
lint-tidy: $(TIDY)
lint-headers: $(HEADER_CHECKS)
# Kafka's jars in the cache are those that tools/kafka-jars.sha256 pins.
lint-jars:
	@tools/deps.sh verify
lint-layers:
	@tools/lint-layers.py
# The calls within services that have a LAYERS, as their objects say.
lint-calls: $(SERVICES:%=$(OUT)/bin/blazz-%)
	@tools/call-graph.py --check $(OUT)/obj
lint-proto: $(PB_DESCRIPTORS)
	@tools/proto-compat.py proto/baseline.binpb $<
lint-readme: $(SERVICES:%=$(OUT)/bin/blazz-%)
	@tools/readme-config.sh check $(OUT)/bin
	@tools/lint-links.py
lint-symbols: $(call objects,$(LIB_SRC) $(PROGRAM_SRC))
	@tools/lint-symbols.sh $^
lint-version: $(PROGRAMS)
	@tools/lint-version.py $(PROGRAMS)

lint-mutants:
	@tests/mutants/run.py --check
lint-promises:
	@tools/lint-promises.py

TIDY_FLAGS = $(CPPFLAGS) $(OWN) -DBLAZZ_FAILPOINTS $(if $(filter %.cc,$<),-std=c++17,-std=c11)
build/lint/tidy/%.ok: % .clang-tidy Makefile | $(PB_H)
	@mkdir -p $(@D)
	@echo '  TIDY $<'
	@clang-19 $(TIDY_FLAGS) -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	@clang-tidy-19 --quiet $< -- $(TIDY_FLAGS) 2>$(@:.ok=.err) || { cat $(@:.ok=.err); exit 1; }
	@touch $@
# Each header alone, for both compilers.
build/lint/header/%.ok: % Makefile | $(PB_H)
	@mkdir -p $(@D)
	@gcc $(CPPFLAGS) $(OWN) -std=c11 -Werror -fsyntax-only -MMD -MP -MT $@ -MF $(@:.ok=.d) -include $< -x c /dev/null
	@clang-19 $(CPPFLAGS) $(OWN) -std=c11 -Werror -fsyntax-only -include $< -x c /dev/null
	@touch $@

-include $(shell find $(OUT) build/lint -name '*.d' 2>/dev/null)
