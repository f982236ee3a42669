# segmo: the one door. `make` alone lists what it opens.
#
# Each public target does its work in a second make, so that compilers and libraries that
# `packages` has just installed are seen, and so that everything builds in parallel (JOBS=n).
CONFIG  ?= release
ifeq ($(origin CC),default)
CC      := $(if $(filter fuzz,$(CONFIG)),clang,gcc)
endif
PYTHON  ?= /usr/bin/python3
RUBY    ?= /usr/bin/ruby
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
FUZZ_SECONDS ?= 60
DIFFERENTIAL_COUNT ?= 1000000
B       := build/$(CONFIG)
TORTURE ?= 500
POWER_CUTS ?= 20000
MODEL_SEQUENCES ?= 100000
ORDER_SEEDS ?= 1000
FAULTS ?= 1

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS) --no-print-directory
.NOTPARALLEL: # goals run in the order given; the second make is the parallel one
endif

VERSION := $(shell sed -n 's/^#define SEGMO_VERSION *"\(.*\)"/\1/p' core/include/segmo.h)
MAP     := core/libsegmo.map
PKGS    := libcurl libcjson
HAVE_LIBDEFLATE := $(wildcard /usr/include/libdeflate.h /usr/local/include/libdeflate.h)
GZIP_LIB := $(if $(HAVE_LIBDEFLATE),-ldeflate,-lz)
PACKAGES = @tests/tools/packages.sh
SUITE    = @$(PYTHON) tests/tools/suite.py

WARN    := -Wall -Wextra -Wpedantic -Wshadow
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection
CFLAGS_release := -O2 -g $(HARDEN)
CFLAGS_test    := -O1 -g -DSEGMO_FAULTS
CFLAGS_asan    := -O1 -g -DSEGMO_FAULTS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -DSEGMO_FAULTS -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_cov     := -O0 -g -DSEGMO_FAULTS -DSEGMO_COVERAGE --coverage -fprofile-update=atomic
CFLAGS_fuzz    := -O1 -g -DSEGMO_FAULTS -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                  -fno-omit-frame-pointer
LDFLAGS_release := -Wl,-z,relro,-z,now,-z,defs
LDFLAGS_asan   := -fsanitize=address,undefined
LDFLAGS_tsan   := -fsanitize=thread
LDFLAGS_cov    := --coverage
LDFLAGS_fuzz   := -fsanitize=address,undefined

# Asked once, and only when something is compiled or linked.
pkg_config = $(shell pkg-config $(1) $(PKGS) 2>/dev/null || echo missing)
ask        = $(if $(filter missing,$(1)),$(error a library is missing: run `make packages`),$(1))
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(call ask,$$(call pkg_config,--cflags)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(call ask,$$(call pkg_config,--libs)))$(PKG_LIBS)

ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -ffile-prefix-map=$(CURDIR)=. -Icore/include -Icore/src -Icore/program -fPIC -fvisibility=hidden $(WARN) \
              $(PKG_CFLAGS) $(if $(HAVE_LIBDEFLATE),-DSEGMO_LIBDEFLATE) $(CFLAGS_$(CONFIG)) $(CFLAGS)
LIBS        = $(PKG_LIBS) $(GZIP_LIB) -lpthread -lm
ALL_LDFLAGS = $(LDFLAGS_$(CONFIG)) $(LDFLAGS)

CORE_SRC    := $(wildcard core/src/*.c core/src/*/*.c)
PROGRAM_SRC := $(wildcard core/program/*.c core/program/*/*.c)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
UNIT_HELP   := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC    := $(wildcard tests/fuzz/*.c)
FUZZ_HELP   := $(filter-out %/replay.c,$(wildcard tests/fuzz/help/*.c)) tests/unit/scratch_dir.c

CORE_OBJ    := $(CORE_SRC:%.c=$(B)/%.o)
PROGRAM_OBJ := $(PROGRAM_SRC:%.c=$(B)/%.o)
UNIT_BIN    := $(UNIT_SRC:tests/%.c=$(B)/%)
FUZZ_BIN    := $(FUZZ_SRC:tests/%.c=$(B)/%)
HAVE_RDKAFKA := $(wildcard /usr/include/librdkafka/rdkafka_mock.h /usr/local/include/librdkafka/rdkafka_mock.h)
BENCH_SRC   := $(filter-out tests/bench/bench.c $(if $(HAVE_RDKAFKA),,%/bare_kafka.c),$(wildcard tests/bench/*.c))
HOST_SRC    := $(filter-out $(if $(HAVE_RDKAFKA),,%/mock_kafka.c),$(wildcard tests/integration/*.c tests/differential/*.c))
HOST_BIN    := $(HOST_SRC:tests/%.c=$(B)/%)
BENCH_BIN   := $(BENCH_SRC:tests/%.c=$(B)/%)

# ---- what you call ---------------------------------------------------------------------------

.DEFAULT_GOAL := help
.PHONY: help packages all run serve test unit vectors integration ruby check check-units torture power-cuts \
        model faults order network processes soak fuzz fuzz-corpora differential coverage analyze \
        reproducible lint format generated check-generated run-kafka test-kafka bench-kafka abi abi-record bench bench-gateway pictures \
        wheel gem install uninstall clean
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | expand -t 1 | awk -F@ '{printf "%-24s%s\n", $$1, $$2}'

packages: ## install the Debian packages that building, running and testing need
	$(PACKAGES) build run python ruby test

all: ## build the library and the segmo program into build/release
	@$(MAKE) products

run: ## build, then carry 10,000 events through a sandbox of Segment and MoEngage and sum up
	$(PACKAGES) build run python ruby
	@$(MAKE) products python-package ruby-products
	@RUBY=$(RUBY) $(PYTHON) tests/run/run.py

serve: ## a gateway beside a sandbox, until Ctrl-C: what a Segment library can be pointed at
	$(PACKAGES) build run
	@$(MAKE) products
	@$(PYTHON) tests/run/serve.py

test: ## everything a change must pass: unit tests with their vectors, integration (under 10 minutes)
	$(PACKAGES) build run python ruby test
	@$(MAKE) products host-programs python-package ruby-products
	@$(MAKE) CONFIG=test test-programs fuzz-programs host-programs
	$(SUITE) unit:test replay:test integration:release+others:release+ruby:release

unit: ## the unit tests alone (CONFIG=asan or tsan: with a sanitizer)
	$(PACKAGES) build test
	@$(MAKE) CONFIG=$(TEST_CONFIG) test-programs
	$(SUITE) unit:$(TEST_CONFIG)

vectors: ## of the unit tests, those that read case files from tests/vectors
	$(PACKAGES) build test
	@$(MAKE) CONFIG=$(TEST_CONFIG) test-programs
	$(SUITE) vectors:$(TEST_CONFIG)

integration: ## the tests of the built program and library alone
	$(PACKAGES) build python test
	@$(MAKE) products host-programs python-package
	@$(MAKE) CONFIG=$(TEST_CONFIG) host-programs
	$(SUITE) integration:$(CONFIG)

ruby: ## the Ruby gem's tests alone
	$(PACKAGES) build run ruby test
	@$(MAKE) products ruby-products
	$(SUITE) ruby:$(CONFIG)

run-kafka: ## real events through a three-broker Kafka cluster on loopback, one broker killed on the way
	$(PACKAGES) build run kafka
	@$(MAKE) products
	@$(PYTHON) tests/kafka/run_kafka.py

test-kafka: ## Kafka at length: 200,000 events on the mock cluster, then kills in a real one (long)
	$(PACKAGES) build run test kafka
	@$(MAKE) products host-programs
	@$(PYTHON) -m pytest -q tests/integration/long_kafka.py
	@$(PYTHON) tests/kafka/faults.py

bench-kafka: ## figures of producer and workers, on a real cluster
	$(PACKAGES) build run kafka
	@$(MAKE) products bench-programs
	@$(PYTHON) tests/kafka/bench.py

check: check-units ## the rest of the suite under sanitizers, generated files, ABI, analyzers (long)
	@$(MAKE) products host-programs
	@$(MAKE) CONFIG=asan products host-programs test-programs
	@$(MAKE) CONFIG=tsan products host-programs
	$(SUITE) make:lint make:check-generated make:abi make:analyze make:reproducible unit:asan integration:asan others:asan \
	    integration:tsan others:tsan

check-units: ## the unit tests under TSan and valgrind, the kept fuzz inputs under ASan and UBSan (in CI)
	$(PACKAGES) build run python test check
	@$(MAKE) CONFIG=test test-programs
	@$(MAKE) CONFIG=asan fuzz-programs
	@$(MAKE) CONFIG=tsan test-programs
	$(SUITE) unit:tsan replay:asan+valgrind:test

fuzz: ## each fuzz target for FUZZ_SECONDS (60); what ends one is kept in build/fuzz/crashes
	$(PACKAGES) build fuzz
	@$(MAKE) CONFIG=fuzz fuzz-programs
	@$(PYTHON) tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

fuzz-corpora: ## put what the fuzzer has found into the corpora that `make test` replays
	@$(PYTHON) tests/fuzz/run.py --minimise

differential: ## the JSON scanner beside Python's on DIFFERENTIAL_COUNT (1,000,000) documents
	$(PACKAGES) build run
	@$(MAKE) host-programs
	@$(PYTHON) tests/differential/scanner.py --count $(DIFFERENTIAL_COUNT)

torture: ## kill -9 at TORTURE random moments (500), then a table of what was lost and doubled
	$(PACKAGES) build python
	@$(MAKE) products host-programs
	@$(PYTHON) tests/torture/kills.py --kills $(TORTURE)

power-cuts: ## 20,000 simulated power cuts (POWER_CUTS=n), and kills at every change of 20 lives of a spool
	$(PACKAGES) build test
	@$(MAKE) CONFIG=test test-programs
	POWER_CUTS=$(POWER_CUTS) build/test/unit/test_power_cuts
	CLIENT_CUTS=$(POWER_CUTS) build/test/unit/test_client_power_cuts
	KILL_HISTORIES=20 build/test/unit/test_kill_points

model: ## the spool against a plain model: 100,000 random sequences (MODEL_SEQUENCES=n)
	$(PACKAGES) build test
	@$(MAKE) CONFIG=test test-programs
	MODEL_SEQUENCES=$(MODEL_SEQUENCES) build/test/unit/test_spool_model

faults: ## each allocation, file call and descriptor of 35 scenarios fails (hours; FAULTS=7: each 7th)
	$(PACKAGES) build test
	@$(MAKE) CONFIG=test test-programs
	FAULTS=$(FAULTS) build/test/unit/test_faults

order: ## order and outcomes under scripted answers: 1,000 seeds (ORDER_SEEDS=n)
	$(PACKAGES) build python
	@$(MAKE) products host-programs
	@$(PYTHON) tests/torture/order.py --seeds $(ORDER_SEEDS)

coverage: ## lines and branches of core/src that the unit, fuzz and integration tests reach, by room
	$(PACKAGES) build run test
	@rm -rf build/cov
	@$(MAKE) CONFIG=cov products host-programs test-programs fuzz-programs
	$(SUITE) unit:cov replay:cov integration:cov
	@$(PYTHON) tests/tools/coverage.py

reproducible: ## build twice, in other directories and ways: the same bytes
	$(PACKAGES) build
	@tests/tools/reproducible.sh

lint: ## layers, banned calls, exported names, header, format, types of the Python package
	@$(MAKE) products
	@$(PYTHON) tests/lint/lint.py

analyze: ## cppcheck, gcc -fanalyzer and clang-tidy over core: no report (minutes)
	$(PACKAGES) build check
	@$(PYTHON) tests/tools/analyze.py $(filter-out -O% -g -D_FORTIFY%,$(ALL_CFLAGS))

format: ## rewrite the C sources in the house style
	@find core tests -name '*.[ch]' -exec clang-format -i {} +

generated: ## rewrite the files that are made from others (export list, references)
	@$(PYTHON) bindings/generate.py
	@$(MAKE) products
	@$(PYTHON) bindings/built_reference.py $(B)

check-generated: ## fail when a generated file is not what `make generated` would write
	@$(PYTHON) bindings/generate.py --check
	@$(MAKE) products
	@$(PYTHON) bindings/built_reference.py $(B) --check

abi: ## compare the library with the binary interface of the last release
	@$(MAKE) products
	@tests/abi/abi.sh check $(B)/libsegmo.so.1

abi-record: ## record the binary interface of a release
	@$(MAKE) products
	@tests/abi/abi.sh record $(B)/libsegmo.so.1

network: ## the long form of the network's tests: 5,000 broken connections, 10 minutes of a flapping network
	$(PACKAGES) build python test
	@$(MAKE) products host-programs
	@$(MAKE) CONFIG=test host-programs
	@SEGMO_LONG=1 $(PYTHON) -m pytest -q -s --tb=short -rs -p no:cacheprovider tests/integration/network

processes: ## the ways processes end, fork and wait, with Python and Ruby, as one table
	$(PACKAGES) build run python ruby test
	@$(MAKE) products python-package ruby-products
	@RUBY=$(RUBY) $(PYTHON) tests/processes/processes.py

soak: ## an hour of 2,000 messages a second on a bad network, for a client and a gateway (SOAK_MINUTES=n)
	$(PACKAGES) build python test
	@$(MAKE) products host-programs
	@$(PYTHON) tests/soak/soak.py

bench: ## the figures, as ratios taken in one run
	$(PACKAGES) build run python ruby
	@$(MAKE) products bench-programs python-package ruby-products
	@$(PYTHON) tests/bench/bench.py

bench-gateway: ## the gateway's figures, with wrk
	$(PACKAGES) build run bench
	@$(MAKE) products bench-programs
	@$(PYTHON) tests/bench/gateway.py

pictures: ## pictures of the debugger page, in build/screenshots; those of the guide are replaced
	$(PACKAGES) build run pictures
	@$(MAKE) products
	@$(PYTHON) tests/run/pictures.py

wheel: ## the Python package with the library inside, as build/wheel/segmo-*.whl
	$(PACKAGES) build python
	@$(PYTHON) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .

gem: ## build the Ruby gem, and one with the library inside, into build/gem
	$(PACKAGES) build ruby
	@$(MAKE) gems

install: ## install into $(DESTDIR)$(PREFIX)
	@$(MAKE) products
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 755 $(B)/segmo $(DESTDIR)$(PREFIX)/bin/segmo
	install -m 644 core/include/segmo.h $(DESTDIR)$(PREFIX)/include/segmo.h
	install -m 644 $(B)/libsegmo.a $(DESTDIR)$(LIBDIR)/libsegmo.a
	install -m 644 $(B)/libsegmo.so.1 $(DESTDIR)$(LIBDIR)/libsegmo.so.1
	ln -sf libsegmo.so.1 $(DESTDIR)$(LIBDIR)/libsegmo.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PRIVATE@|$(GZIP_LIB) -lpthread -lm|' \
	    core/segmo.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/segmo.pc

uninstall: ## take back what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/segmo $(DESTDIR)$(PREFIX)/include/segmo.h \
	    $(DESTDIR)$(LIBDIR)/libsegmo.a $(DESTDIR)$(LIBDIR)/libsegmo.so.1 \
	    $(DESTDIR)$(LIBDIR)/libsegmo.so $(DESTDIR)$(LIBDIR)/pkgconfig/segmo.pc

clean: ## remove everything that was built
	rm -rf build bindings/ruby/libsegmo bindings/ruby/LICENSE bindings/ruby/lib/segmo/libsegmo.so.1 \
	    bindings/ruby/lib/segmo/[0-9]*

# ---- how it is built -------------------------------------------------------------------------

TEST_CONFIG := $(if $(filter release,$(CONFIG)),test,$(CONFIG))

.PHONY: products test-programs fuzz-programs host-programs bench-programs static-library print-libs \
        python-package ruby-products gems always
products: $(B)/libsegmo.so.1 $(B)/libsegmo.a $(if $(PROGRAM_SRC),$(B)/segmo)
test-programs: $(UNIT_BIN)
fuzz-programs: $(FUZZ_BIN)
bench-programs: $(BENCH_BIN)
host-programs: $(HOST_BIN)
static-library: $(B)/libsegmo.a # what setup.py builds the Python extension from
print-libs:
	@echo $(LIBS)
python-package: $(B)/libsegmo.a # as `pip install` would build it; for the tests
	$(call say,py,build/python)$(PYTHON) setup.py -q build --build-base build/python --build-lib build/python/lib

# One word and one name for each step; V=1 shows the commands instead.
say = $(if $(V),,@printf '  %-5s%s\n' $(1) $(2);)

# Changed flags (another compiler, a library that appeared) rebuild every object.
$(B)/flags: always
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,cc,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/core/program/gateway/page_files.o: $(wildcard core/program/gateway/page/*)

$(B)/libsegmo.a: $(CORE_OBJ)
	@rm -f $@
	$(call say,ar,$@)ar rcsD $@ $^

$(B)/libsegmo.so.1: $(CORE_OBJ) $(MAP)
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) -shared -Wl,-z,nodelete -Wl,-soname,libsegmo.so.1 -Wl,--version-script=$(MAP) \
	    -o $@ $(CORE_OBJ) $(LIBS)
	@ln -sf libsegmo.so.1 $(B)/libsegmo.so

$(B)/segmo: $(PROGRAM_OBJ) $(B)/libsegmo.a
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmicrohttpd $(LIBS) -lz

$(B)/program.a: $(filter-out %/main.o,$(PROGRAM_OBJ)) # for unit tests of the program's parts
	@rm -f $@
	$(call say,ar,$@)ar rcsD $@ $^

$(B)/unit/%: $(B)/tests/unit/%.o $(UNIT_HELP:%.c=$(B)/%.o) $(B)/program.a $(B)/libsegmo.a
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS) -lz

# Driven by libFuzzer in its configuration, by replay.c over kept inputs in all others.
FUZZ_MAIN   := $(if $(filter fuzz,$(CONFIG)),,$(B)/tests/fuzz/help/replay.o)
$(B)/tests/fuzz/%.o: ALL_CFLAGS += -Itests/fuzz -Itests/unit
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(FUZZ_HELP:%.c=$(B)/%.o) $(FUZZ_MAIN) $(B)/program.a $(B)/libsegmo.a
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -o $@ $^ $(LIBS) -lz

$(B)/integration/%: $(B)/tests/integration/%.o $(B)/libsegmo.a
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/integration/mock_kafka $(B)/bench/bare_kafka: LIBS += -lrdkafka

$(B)/differential/%: $(B)/tests/differential/%.o $(B)/libsegmo.a
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/bench/%: $(B)/tests/bench/%.o $(B)/tests/bench/bench.o $(B)/libsegmo.a
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmicrohttpd $(LIBS)

# The gem in place, for tests and development: it loads the library of this build.
ruby-products: products $(B)/ruby/Makefile
	@$(MAKE) -C $(B)/ruby $(if $(V),,>/dev/null)
	@install -D $(B)/ruby/plain_json.so \
	    bindings/ruby/lib/segmo/$$($(RUBY) -e 'print RbConfig::CONFIG["ruby_version"]')/plain_json.so

$(B)/ruby/Makefile: bindings/ruby/ext/segmo/extconf.rb | $(B)/libsegmo.so.1
	@mkdir -p $(@D)
	$(call say,ruby,$@)cd $(@D) && SEGMO_LIB=$(CURDIR)/$(B)/libsegmo.so.1 $(RUBY) $(CURDIR)/$< >/dev/null

gems: ruby-products
	@rm -rf build/gem && mkdir -p build/gem
	cd bindings/ruby && gem build --quiet segmo.gemspec -o $(CURDIR)/build/gem/segmo-$(VERSION).gem
	cp -rL bindings/ruby build/gem/platform
	cd build/gem/platform && SEGMO_PLATFORM_GEM=1 gem build --quiet segmo.gemspec \
	    -o ../segmo-$(VERSION)-$$($(RUBY) -e 'print Gem::Platform.local').gem

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
