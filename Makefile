# cxd — make run, make test; also build, lint, bench, fuzz, clean. SAN=1: ASan and UBSan, in build/san.
SHELL := /bin/bash
.DEFAULT_GOAL := build

PACKAGES := build-essential pkg-config libuv1-dev liblua5.4-dev libsqlite3-dev libinih-dev \
	libhttp-parser-dev libjansson-dev libroaring-dev libcsv-dev zlib1g-dev libssl-dev \
	libcurl4-openssl-dev libseccomp-dev tzdata
TEST_PACKAGES := libcmocka-dev python3 python3-pytest python3-hypothesis lua-check clang-format \
	clang-tidy cppcheck
BENCH_PACKAGES := nodejs npm
FUZZ_PACKAGES := clang libclang-rt-14-dev

BUILD := build$(if $(SAN),/san)
CFLAGS_BASE := -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wvla -Wno-format-truncation -fno-strict-aliasing -fstack-protector-strong
CFLAGS_SAN := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -O1)
INCLUDES := -Icore -I$(BUILD) -isystem /usr/include/lua5.4
LIBS := -luv -llua5.4 -lsqlite3 -linih -lhttp_parser -ljansson -lroaring -lcsv -lz -lcrypto -lcurl \
	-lseccomp -lm
CC := gcc
CORES := $(shell nproc)

SRC := $(sort $(wildcard core/*.c core/*/*.c))
OBJ := $(SRC:core/%.c=$(BUILD)/obj/%.o)
LIB := $(BUILD)/libcxd.a
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: build run test lint bench fuzz clean packages test-packages bench-packages fuzz-packages clients
build: packages
	@$(MAKE) -s --no-print-directory -j$(CORES) $(BUILD)/cxd

run: build
	@$(BUILD)/cxd import demo --if-empty
	@$(BUILD)/cxd kpi
	@exec $(BUILD)/cxd serve

# Everything: C units and API tests, plain and under ASan+UBSan, and the plugins' own tests.
test: test-packages clients
	@$(MAKE) -s --no-print-directory -j$(CORES) $(BUILD)/cxd units
	@$(MAKE) -s --no-print-directory -j$(CORES) SAN=1 build/san/cxd units
	@/usr/bin/python3 tests/run.py

lint: test-packages
	@/usr/bin/python3 tests/lint.py

bench: bench-packages
	@$(MAKE) -s --no-print-directory -j$(CORES) $(BUILD)/cxd
	@/usr/bin/python3 tests/bench/bench.py $(ARGS)

# Each fuzz target for SECONDS seconds over what it finds by itself (clang's libFuzzer).
SECONDS_EACH ?= 60
fuzz: fuzz-packages
	@/usr/bin/python3 tests/fuzz/run.py $(SECONDS_EACH)

clean:
	rm -rf build

# Installs what is missing of a list of Debian packages, as root or through sudo; otherwise prints
# the line to type and stops.
define install
@missing=$$(for p in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -q '^installed$$' || echo $$p; \
done | tr '\n' ' '); \
if [ -n "$$missing" ]; then \
	echo "cxd needs these Debian packages: $$missing"; \
	if [ "$$(id -u)" = 0 ]; then as=; \
	elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then as=sudo; \
	else echo "Install them and try again:"; \
		echo "  apt-get update && apt-get install -y --no-install-recommends $$missing"; exit 1; fi; \
	$$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq \
		--no-install-recommends $$missing >/dev/null || { \
		echo "apt-get failed; by hand: apt-get install -y $$missing"; exit 1; }; \
fi
endef
packages:
	$(call install,$(PACKAGES))
test-packages:
	$(call install,$(PACKAGES) $(TEST_PACKAGES))
# The public clients and checkers of tests/api: npm packages, and promtool alone out of Debian's
# package prometheus (the package itself would start a server). What cannot be had is said here, and
# the tests that need it are skipped.
clients:
	@cmp -s tests/clients/package-lock.json tests/clients/node_modules/.installed || { \
		npm ci --prefix tests/clients --no-audit --no-fund --fetch-retries=1 --loglevel=silent && \
		cp tests/clients/package-lock.json tests/clients/node_modules/.installed; } || \
		echo "no npm packages for tests/clients; by hand: npm ci --prefix tests/clients"
	@mkdir -p build && { command -v promtool >/dev/null || [ -x build/promtool ] || { \
		cd build && { apt-get download -qq prometheus || \
			{ apt-get update -qq && apt-get download -qq prometheus; }; } 2>/dev/null && \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool >promtool.part && \
		rm -f prometheus_*.deb && chmod +x promtool.part && mv promtool.part promtool; } || \
		echo "no promtool: Debian's package prometheus cannot be reached"; }
fuzz-packages:
	$(call install,$(PACKAGES) $(FUZZ_PACKAGES))
bench-packages:
	$(call install,$(PACKAGES) $(if $(shell command -v npm),,$(BENCH_PACKAGES)))

$(BUILD)/obj/%.o: core/%.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(CFLAGS_BASE) $(CFLAGS_SAN) $(CFLAGS) $(INCLUDES) -MMD -MP -c $< -o $@

$(BUILD)/obj/lua/runtime.o: $(wildcard core/lua/runtime/*.lua)
$(BUILD)/obj/engine/openapi.o: $(wildcard core/engine/openapi/*.json)
$(BUILD)/obj/store/migrate.o: $(wildcard core/store/schema/*.sql)
$(BUILD)/unit/test_stats: tests/unit/stats_cases.lua

$(LIB): $(filter-out $(BUILD)/obj/main.o,$(OBJ))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/cxd: $(BUILD)/obj/main.o $(LIB)
	@echo "  LD  $@"
	@$(CC) $(CFLAGS_SAN) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_BASE) $(CFLAGS_SAN) $(INCLUDES) -MMD -MP $< $(LIB) $(LIBS) -lcmocka -o $@

.PHONY: units
units: $(UNIT)

-include $(OBJ:.o=.d)
