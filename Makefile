# moongan: build, check, try.  GNU make.
#
#   make deps          install what is missing (apt), or name the packages
#   make               build both precisions in place: build/moongan/core.so, core64.so;
#                      V=1 shows commands, WERROR= lets warnings pass
#   make test          the specs, in both precisions;  SPEC=spec/x_spec.lua for some
#   make quickstart    train WGAN-GP on Fashion-MNIST for two minutes: runs/quickstart
#   make bench         JSON lines;  BENCH="--threads 2 --seconds 3 wgan_gp_mlp", or "micro conv", or "scaling"
#   make asan          the specs under AddressSanitizer and UBSan
#   make soak          10 000 iterations of WGAN-GP must not grow;  ITERATIONS=n for another number
#   make kills         a training killed 200 times ends in the same bits;  KILLS=n for another number
#   make full_disk     trainings without room lose nothing that was saved (Linux, mounts a tmpfs)
#   make lint          luacheck, clang-format, both compilers' warnings, cppcheck
#   make install       luarocks make;  TREE=folder picks the tree
#   make env           print the exports with which lua5.4 and moongan use the build in place
#   make clean

MAKEFLAGS += --no-builtin-rules
SHELL = /bin/sh

BUILD ?= build
SPEC ?= spec
BENCH ?=
TREE ?=

# ---- tools and libraries, wherever this system keeps them ---------------------------------------

first_command = $(shell for name in $(1); do command -v $$name && break; done 2>/dev/null)
# Flags of the first package that pkg-config knows; nothing where it knows none.
first_package = $(shell for name in $(2); do \
  pkg-config --exists "$$name" 2>/dev/null && pkg-config $(1) "$$name" && break; done)

SYSTEM := $(shell uname -s)
ifeq ($(SYSTEM),Darwin)
  # Homebrew keeps OpenBLAS out of the default search path.
  export PKG_CONFIG_PATH := $(shell brew --prefix openblas 2>/dev/null)/lib/pkgconfig:$(PKG_CONFIG_PATH)
  SHARED := -bundle -undefined dynamic_lookup
else
  SHARED := -shared
endif

# Plain `lua` may be any version.
LUA ?= $(notdir $(or $(call first_command,lua5.4 lua-5.4 lua54), \
  $(shell lua -v 2>/dev/null | grep -q 'Lua 5\.[4-9]' && echo lua),lua5.4))
BUSTED ?= busted
LUAROCKS ?= luarocks --lua-version=5.4

LUA_CFLAGS := $(call first_package,--cflags,lua5.4 lua-5.4 lua54 "lua >= 5.4")
BLAS_CFLAGS := $(call first_package,--cflags,openblas)
BLAS_LIBS := $(or $(call first_package,--libs,openblas),-lopenblas)
PNG_CFLAGS := $(call first_package,--cflags,libpng)
PNG_LIBS := $(or $(call first_package,--libs,libpng),-lpng)
JPEG_CFLAGS := $(call first_package,--cflags,libjpeg)

# ---- the build ----------------------------------------------------------------------------------

CFLAGS ?= -O3
WERROR ?= -Werror
# Clang does not vectorise every loop that asks for it; that is no error.
WARNINGS := -Wall -Wextra $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),-Wno-pass-failed)
# NaN and infinity stay visible: no -ffast-math, only what errno and traps would cost.
KERNEL_FLAGS := -fno-math-errno -fno-trapping-math
INCLUDES = $(LUA_CFLAGS) $(BLAS_CFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
COMPILE = $(CC) -std=gnu11 $(WARNINGS) $(WERROR) $(KERNEL_FLAGS) -fPIC -fvisibility=hidden \
  -fno-semantic-interposition -pthread $(INCLUDES) $(CPPFLAGS) $(CFLAGS) $(SANITIZE)
LIBRARIES = $(BLAS_LIBS) $(PNG_LIBS) -lz -lm -lpthread

# Whole commands with V=1.
ifeq ($(V),)
  RUN := @
  SAY = @echo
else
  SAY = @:
endif

SOURCES := $(sort $(wildcard csrc/*.c))
FLOAT_OBJECTS := $(SOURCES:csrc/%.c=$(BUILD)/float/%.o)
DOUBLE_OBJECTS := $(SOURCES:csrc/%.c=$(BUILD)/double/%.o)

# Files compile side by side; the targets around them share folders, so they take turns.
ifneq ($(filter-out all %.so %.o,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# What follows deps builds in a make of its own, because the variables above were read before deps
# ran; with all processors, unless the caller chose a number.
MAKE_ALL = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS)) all

.PHONY: all deps data test quickstart bench asan soak kills full_disk lint install clean env
.DELETE_ON_ERROR:

all: $(BUILD)/moongan/core.so $(BUILD)/moongan/core64.so

$(BUILD)/moongan/core.so: $(FLOAT_OBJECTS)
$(BUILD)/moongan/core64.so: $(DOUBLE_OBJECTS)
$(BUILD)/moongan/core.so $(BUILD)/moongan/core64.so:
	@mkdir -p $(@D)
	$(SAY) "link $@"
	$(RUN)$(CC) $(SHARED) -pthread $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIBRARIES)

$(BUILD)/float/%.o: csrc/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) "compile $< (float)"
	$(RUN)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/double/%.o: csrc/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) "compile $< (double)"
	$(RUN)$(COMPILE) -DMG_DOUBLE -MMD -MP -c -o $@ $<

-include $(FLOAT_OBJECTS:.o=.d) $(DOUBLE_OBJECTS:.o=.d)

# ---- what must be installed ---------------------------------------------------------------------

# kind:what=package (Debian's and Ubuntu's name)
TO_BUILD := command:$(CC)=gcc header:stdlib.h=libc6-dev command:pkg-config=pkg-config \
  command:$(LUA)=lua5.4 header:lauxlib.h=liblua5.4-dev header:cblas.h=libopenblas-dev \
  header:png.h=libpng-dev header:zlib.h=zlib1g-dev wish:jpeglib.h=libjpeg-dev
TO_TEST := command:$(BUSTED)=lua-busted
TO_LINT := command:luacheck=lua-check command:clang-format=clang-format command:cppcheck=cppcheck
TO_INSTALL := command:$(firstword $(LUAROCKS))=luarocks
FASHION_MNIST := file:/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz=dataset-fashion-mnist

# $(call install_missing,LIST): asks apt only for what is not there, so that a machine that has
# everything needs no network.  Without apt, name the packages; only a missing header is fatal.  A wish is
# a header that the build can do without, so it may stay unfulfilled.
define install_missing
@missing= needed= fatal=; \
for want in $(1); do \
  kind=$${want%%:*}; name=$${want#*:}; package=$${name#*=}; name=$${name%%=*}; \
  case $$kind in \
    command) command -v "$$name" ;; \
    header|wish) echo "#include <$$name>" | $(CC) $(INCLUDES) -include stdio.h -E - ;; \
    file) test -e "$$name" ;; \
  esac >/dev/null 2>&1 && continue; \
  missing="$$missing $$package"; \
  if test $$kind != wish; then needed="$$needed $$package"; fi; \
  if test $$kind = header; then fatal="$$fatal $$name"; fi; \
done; \
test -n "$$missing" || exit 0; \
if command -v apt-get >/dev/null 2>&1; then \
  as_root=; test "$$(id -u)" -eq 0 || as_root=sudo; \
  echo "installing:$$missing"; \
  $$as_root apt-get update && \
  $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing || \
  test -z "$$needed"; \
else \
  echo "not found (by Debian's package names):$$missing"; \
  echo "Fedora:   sudo dnf install gcc make pkgconf lua lua-devel openblas-devel libpng-devel zlib-devel libjpeg-turbo-devel luarocks"; \
  echo "Homebrew: brew install lua luarocks openblas libpng jpeg-turbo pkg-config"; \
  echo "both:     $(LUAROCKS) install busted"; \
  if test -n "$$fatal"; then echo "cannot build without:$$fatal"; exit 1; fi; \
fi
endef

deps:
	$(call install_missing,$(TO_BUILD) $(TO_TEST))

# Where apt is absent, the data set is fetched by the script that wants it.
data:
	@if test -z "$$MOONGAN_DATA" && command -v apt-get >/dev/null 2>&1; then \
	  $(MAKE) --no-print-directory debian-data; fi

.PHONY: debian-data lint-deps install-deps
debian-data:
	$(call install_missing,$(FASHION_MNIST))

lint-deps:
	$(call install_missing,$(TO_LINT))

install-deps:
	$(call install_missing,$(TO_INSTALL))

# ---- using it -----------------------------------------------------------------------------------

IN_PLACE = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;" LUA_CPATH="$(CURDIR)/$(BUILD)/?.so;;"
RUN_SPECS = $(BUSTED) --lua=$(LUA)

test: deps
	@$(MAKE_ALL)
	MOONGAN_PRECISION=32 $(RUN_SPECS) $(SPEC)
	MOONGAN_PRECISION=64 $(RUN_SPECS) $(SPEC)

quickstart: deps data
	@$(MAKE_ALL)
	$(IN_PLACE) $(LUA) experiments/quickstart.lua

# Standard output belongs to the benchmark's JSON.
bench:
	@$(MAKE) --no-print-directory deps >&2
	@$(MAKE_ALL) >&2
	@$(IN_PLACE) $(LUA) experiments/bench.lua $(BENCH)

soak: deps
	@$(MAKE_ALL)
	$(IN_PLACE) $(LUA) spec/soak.lua generational $(ITERATIONS)
	$(IN_PLACE) $(LUA) spec/soak.lua incremental $(ITERATIONS)

kills: deps
	@$(MAKE_ALL)
	$(IN_PLACE) $(LUA) spec/kills.lua $(KILLS)

full_disk: deps
	@$(MAKE_ALL)
	unshare --map-root-user --mount env $(IN_PLACE) $(LUA) spec/full_disk.lua

env:
	@echo 'export LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;"'
	@echo 'export LUA_CPATH="$(CURDIR)/$(BUILD)/?.so;;"'
	@echo 'export PATH="$(CURDIR)/bin:$$PATH"'

install: deps install-deps
	$(LUAROCKS) $(if $(TREE),--tree="$(TREE)",$(if $(filter-out 0,$(shell id -u)),--local)) make rockspec/moongan-scm-1.rockspec
	@rm -rf moongan csrc/*.o

clean:
	rm -rf build moongan csrc/*.o

# ---- checks -------------------------------------------------------------------------------------

# The interpreter is not instrumented, so the run-time library is preloaded, and a second one keeps
# the preloading from the programs that specs start (curl hangs under it); where they start an
# interpreter they take MOONGAN_LUA.  busted starts its interpreter through a shell; calling it
# directly keeps shells out of the leak check.
ASAN_BUILD := BUILD=build/asan CC=gcc WERROR= CFLAGS="-O1 -g -fno-omit-frame-pointer" \
  SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
ASAN_RUN = ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
  MOONGAN_LUA="$(CURDIR)/build/asan/lua" build/asan/lua "$$(command -v $(BUSTED))" --ignore-lua --cpath='./build/asan/?.so'

build/asan/lua: Makefile
	@mkdir -p $(@D)
	@echo '#include <stdlib.h>' > $(@D)/unset.c
	@echo '__attribute__((constructor)) static void unset(void) { unsetenv("LD_PRELOAD"); }' >> $(@D)/unset.c
	@gcc -shared -fPIC -o $(@D)/unset.so $(@D)/unset.c
	@echo '#!/bin/sh' > $@
	@echo "LD_PRELOAD='$$(gcc -print-file-name=libasan.so) $(CURDIR)/$(@D)/unset.so' exec $$(command -v $(LUA)) \"\$$@\"" >> $@
	@chmod +x $@

asan: deps build/asan/lua
	@$(MAKE_ALL) $(ASAN_BUILD)
	@MOONGAN_PRECISION=32 $(ASAN_RUN) $(SPEC)
	@MOONGAN_PRECISION=64 $(ASAN_RUN) $(SPEC)

# What cppcheck can't know: functions of the binding that raise do not return, and a kernel's state is
# there where its constant flag says so.
CPPCHECK_KNOWN := '--suppress=nullPointerRedundantCheck:csrc/bind*.c' '--suppress=nullPointer:csrc/kernel_optim.inc'

lint: deps lint-deps
	luacheck --quiet .
	clang-format --dry-run -Werror csrc/*.[ch]
	@$(MAKE_ALL) WERROR=-Werror
	@if command -v clang >/dev/null 2>&1; then \
	  $(MAKE_ALL) BUILD=build/clang CC=clang WERROR=-Werror; fi
	cppcheck --quiet --std=c11 --library=lua --enable=warning,performance,portability --inline-suppr \
	  --error-exitcode=1 --suppress=missingIncludeSystem $(CPPCHECK_KNOWN) csrc
