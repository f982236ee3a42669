# segmo: the one door. `make help` lists what it opens.
CONFIG  ?= release
CC      ?= gcc
PREFIX  ?= /usr/local
DESTDIR ?=
B       := build/$(CONFIG)

VERSION := $(shell sed -n 's/^#define SEGMO_VERSION *"\(.*\)"/\1/p' core/include/segmo.h)
PKGS    := libcurl libcjson
HAVE_LIBDEFLATE := $(wildcard /usr/include/libdeflate.h /usr/local/include/libdeflate.h)

WARN    := -Wall -Wextra -Wpedantic -Wshadow
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection
CFLAGS_release := -O2 -g $(HARDEN)
CFLAGS_test    := -O1 -g -DSEGMO_FAULTS
CFLAGS_asan    := -O1 -g -DSEGMO_FAULTS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -DSEGMO_FAULTS -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_cov     := -O0 -g -DSEGMO_FAULTS --coverage
LDFLAGS_release := -Wl,-z,relro,-z,now
LDFLAGS_asan   := -fsanitize=address,undefined
LDFLAGS_tsan   := -fsanitize=thread
LDFLAGS_cov    := --coverage

ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Icore/include -Icore/src -Ibuild/include -fPIC -fvisibility=hidden $(WARN) \
             $(shell pkg-config --cflags $(PKGS)) $(if $(HAVE_LIBDEFLATE),-DSEGMO_LIBDEFLATE) $(CFLAGS_$(CONFIG)) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS)) $(if $(HAVE_LIBDEFLATE),-ldeflate,-lz) -lpthread -lm
ALL_LDFLAGS = $(LDFLAGS_$(CONFIG)) $(LDFLAGS)

CORE_SRC    := $(wildcard core/src/*.c core/src/*/*.c)
PROGRAM_SRC := $(wildcard core/program/*.c core/program/*/*.c)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
UNIT_HELP   := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))

CORE_OBJ    := $(CORE_SRC:%.c=$(B)/%.o)
PROGRAM_OBJ := $(PROGRAM_SRC:%.c=$(B)/%.o)
UNIT_BIN    := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

.PHONY: all unit clean
all: $(B)/libsegmo.so.1 $(B)/libsegmo.a $(B)/segmo

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libsegmo.a: $(CORE_OBJ)
	@rm -f $@
	ar rcsD $@ $^

$(B)/libsegmo.so.1: $(CORE_OBJ) $(wildcard core/libsegmo.map)
	$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libsegmo.so.1 $(if $(wildcard core/libsegmo.map),-Wl,--version-script=core/libsegmo.map) -Wl,--no-undefined -o $@ $(CORE_OBJ) $(LIBS)
	ln -sf libsegmo.so.1 $(B)/libsegmo.so

$(B)/segmo: $(PROGRAM_OBJ) $(B)/libsegmo.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmicrohttpd $(LIBS)

$(B)/unit/%: $(B)/tests/unit/%.o $(UNIT_HELP:%.c=$(B)/%.o) $(B)/libsegmo.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

unit: ; $(MAKE) CONFIG=$(if $(filter release,$(CONFIG)),test,$(CONFIG)) run-unit
.PHONY: run-unit
run-unit: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do echo "== $$t"; $$t; done

clean: ; rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
