# cxd — make run, make test; also build, lint, bench, clean. SAN=1 builds with ASan and UBSan.
SHELL := /bin/bash
.DEFAULT_GOAL := build

PACKAGES := build-essential pkg-config libuv1-dev liblua5.4-dev libsqlite3-dev libinih-dev \
	libhttp-parser-dev libjansson-dev libroaring-dev libcsv-dev zlib1g-dev libssl-dev \
	libcurl4-openssl-dev libseccomp-dev tzdata
TEST_PACKAGES := libcmocka-dev python3 python3-pytest python3-hypothesis lua-check clang-format \
	clang-tidy cppcheck
BENCH_PACKAGES := nodejs npm

BUILD := build$(if $(SAN),/san)
CFLAGS_BASE := -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wvla -Wno-format-truncation -fno-strict-aliasing -fstack-protector-strong
CFLAGS_SAN := $(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -O1)
, := ,
INCLUDES := -Icore -I$(BUILD) -isystem /usr/include/lua5.4
LIBS := -luv -llua5.4 -lsqlite3 -linih -lhttp_parser -ljansson -lroaring -lcsv -lz -lcrypto -lcurl \
	-lseccomp -lm
CC := gcc

SRC := $(sort $(wildcard core/*.c core/*/*.c))
OBJ := $(SRC:core/%.c=$(BUILD)/obj/%.o)
LIB := $(BUILD)/libcxd.a
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: build run test lint bench clean packages
build: $(BUILD)/cxd

$(BUILD)/obj/%.o: core/%.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(CFLAGS_BASE) $(CFLAGS_SAN) $(CFLAGS) $(INCLUDES) -MMD -MP -c $< -o $@

$(BUILD)/obj/lua/runtime.o: $(wildcard core/lua/runtime/*.lua)

$(LIB): $(filter-out $(BUILD)/obj/main.o,$(OBJ))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/cxd: $(BUILD)/obj/main.o $(LIB)
	@echo "  LD  $@"
	@$(CC) $(CFLAGS_SAN) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_BASE) $(CFLAGS_SAN) $(INCLUDES) -MMD -MP $< $(LIB) $(LIBS) -lcmocka -o $@

-include $(OBJ:.o=.d)
