# savs. `make` builds build/savs and the library; `make help` lists the rest.
#
#   CC=gcc|clang   OMP=0 no threads   BLAS=0 without OpenBLAS   IMAGES=0 PPM only   OPT=-O2   BUILD=build
#   SAN=1 AddressSanitizer and UBSan   V=1 whole command lines

CC      ?= gcc
AR      ?= ar
OPT     ?= -O3
OMP     ?= 1
BLAS    ?= 1
IMAGES  ?= 1
SAN     ?= 0
BUILD   ?= build
PREFIX  ?= /usr/local
VERSION  = 0.1.0
TARGET  := $(shell $(CC) -dumpmachine)
ARCH    := $(firstword $(subst -, ,$(TARGET)))
EXE     := $(if $(filter mingw% windows%,$(subst -, ,$(TARGET))),.exe)

QUIET    = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
SAY      = $(if $(V),,@$(if $(QUIET),,echo $@;))

COMMA   := ,
WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS = -Isrc -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
# The numeric contract: one rounding an operation. Only matmul files may contract, where products are exact
# (docs/CONTRACT.md §6).
CFLAGS   = -std=c99 $(OPT) -g $(WARN) -ffp-contract=off -fPIC $(EXTRA)
LDLIBS   =

ifeq ($(OMP)$(shell uname -s),1Darwin)
CFLAGS  += -Xpreprocessor -fopenmp
LDLIBS  += -lomp
else ifeq ($(OMP),1)
CFLAGS  += -fopenmp
LDFLAGS += -fopenmp
else
CFLAGS  += -Wno-unknown-pragmas
endif
ifeq ($(BLAS),1) # OpenBLAS is loaded when its engine is chosen; a static program cannot load it and has it linked
CPPFLAGS += -DSAV_BLAS
ifneq ($(filter -static,$(LDFLAGS)),)
CPPFLAGS += -DSAV_LINKED
LDLIBS  += -lopenblas
else ifeq ($(EXE),)
CPPFLAGS += -DSAV_LOAD
LDLIBS  += -ldl
endif
endif
ifdef TEAM_WORK # multiply-adds from which an operation gets a team of threads; 0 lets the small cases of portability have them
CPPFLAGS += -DSAV_TEAM_WORK=$(TEAM_WORK)
endif
ifeq ($(IMAGES),1)
CPPFLAGS += -DSAV_IMAGES
LDLIBS  += -lpng -ljpeg -lz
endif
# What makes a fault in memory end the program instead of serving whoever made it, where the compiler has it.
ifeq ($(EXE),)
PROBE    = $(shell echo 'int main(void) { return 0; }' | $(CC) -Werror $(1) -x c - -o /dev/null 2>/dev/null && echo '$(1)')
CFLAGS  += $(GUARDS)
GUARDS  := $(call PROBE,-fstack-protector-strong) $(call PROBE,-fstack-clash-protection)
RELRO   := $(call PROBE,-Wl$(COMMA)-z$(COMMA)relro$(COMMA)-z$(COMMA)now)
PIE     := $(if $(filter -static,$(LDFLAGS)),,$(call PROBE,-fPIC -pie))
ifeq ($(SAN)$(filter -O0,$(OPT)),0) # it needs optimisation, and would hide calls from AddressSanitizer
CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif
ifeq ($(SAN),1)
CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
LDLIBS  += -lm
ifneq ($(EXE),)
# printf as C99 has it, in whichever C library. The stack is aligned to 16 bytes there, and gcc takes it for 32: vector moves
# must not trap on that (GCC bug 54412).
CPPFLAGS += -D__USE_MINGW_ANSI_STDIO=1
WARN    += -Wno-float-conversion # isnan there narrows a double in the branch that it does not take
UNALIGNED = -Wa,-muse-unaligned-vector-move
CFLAGS  += $(UNALIGNED_MOVES)
UNALIGNED_MOVES := $(shell echo | $(CC) $(UNALIGNED) -c -x c - -o /dev/null 2>/dev/null && echo $(UNALIGNED))
endif

# Files for one ISA have its name, are compiled for it and picked at run time; other machines' are left out.
ISAS_x86_64  = avx2 avx512 vnni
ISAS_aarch64 = neon dotprod
ifneq ($(shell $(CC) -mavxvnni -E -x c /dev/null >/dev/null 2>&1 && echo yes),) # gcc 11, clang 12
ISAS_x86_64 += avxvnni
CPPFLAGS    += -DSAV_AVXVNNI
endif
ISAS     = $(ISAS_$(ARCH:amd64=x86_64)) $(ISAS_$(ARCH:arm64=aarch64))
OTHERS  := $(foreach isa,$(filter-out $(ISAS),avx2 avx512 vnni avxvnni neon dotprod),%_$(isa).c)
# An engine is a folder of kernels/ and a row of kernels/engines.inc.
OTHERS  += $(if $(filter 1,$(BLAS)),,src/kernels/blas/%) $(if $(EXE),%/os_posix.c,%/os_windows.c)

# The rooms of the library, in the order in which they may use each other (tools/checks/includes).
ROOMS    = base io image text kernels kernels/* nn vision llm models forward classify lists tasks instruments
LIB_SRC := $(filter-out $(OTHERS),$(sort $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.c))))
CLI_SRC := $(sort $(wildcard src/cli/*.c src/cli/commands/*.c))
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
SH_TESTS := $(sort $(wildcard tests/cli/*.sh))
# Products of floats are exact in double: only here may the compiler fuse them into the sums.
$(BUILD)/src/kernels/exact/matmul_%.o: CFLAGS += -ffp-contract=fast
# Nobody reads the floating-point flags: without that promise gcc keeps branches where vectors could choose.
$(BUILD)/src/kernels/exact/rows_%.o $(BUILD)/src/kernels/activation.o: CFLAGS += -fno-trapping-math
$(BUILD)/src/kernels/peak%.o: CFLAGS += -ffp-contract=fast
# The float32 panels promise no bits across machines: a multiply-add is fused where the CPU has it.
$(BUILD)/src/kernels/panel/panel_%.o: CFLAGS += -ffp-contract=fast
$(BUILD)/%_avx2.o:    CFLAGS += -mavx2 -mfma
$(BUILD)/%_avx512.o:  CFLAGS += -mavx512f -mfma
$(BUILD)/%_vnni.o:    CFLAGS += -mavx512f -mavx512vnni -mfma
$(BUILD)/%_avxvnni.o: CFLAGS += -mavx2 -mavxvnni
$(BUILD)/%_dotprod.o: CFLAGS += -march=armv8.2-a+dotprod

LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/%.o)
HELPERS  := $(sort $(filter-out $(TEST_SRC),$(wildcard tests/*.c)))
HELP_OBJ := $(HELPERS:%.c=$(BUILD)/%.o)
FUZZERS  := $(FUZZ_SRC:%.c=$(BUILD)/%$(EXE))
TESTS    := $(TEST_SRC:%.c=$(BUILD)/%$(EXE))

.PHONY: all always help keys demo test tests asan lint format fuzz chaos portability dist-check exhaustive golden parity bench bench-batch install uninstall clean
all: $(BUILD)/savs$(EXE) $(BUILD)/libsavs.a

help:
	@sed -n 's/^##  *//p' $(MAKEFILE_LIST)

$(BUILD)/src/cli/%.o: CPPFLAGS += -DSAV_VERSION='"$(VERSION)"'

LINK     = $(CC) $(CFLAGS) $(RELRO) $(LDFLAGS)

# What was built with other variables is built again.
FLAGS := $(LINK) $(PIE) $(CPPFLAGS) $(LDLIBS)
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libsavs.a: $(LIB_OBJ)
	@rm -f $@
	$(SAY) $(AR) rcs $@ $^

# The shared library shows the functions of sav.h and nothing else.
$(BUILD)/exports: src/sav.h
	@mkdir -p $(@D)
	@(echo '{ global:'; grep -o 'sav_[a-z0-9_]*(' $< | sort -u | sed 's/($$/;/'; echo 'local: *; };') >$@

$(BUILD)/libsavs.so: $(LIB_OBJ) $(BUILD)/exports
	$(SAY) $(LINK) -shared -Wl,-soname,libsavs.so.0 -Wl,--version-script=$(BUILD)/exports $(LIB_OBJ) $(LDLIBS) -o $@

$(BUILD)/savs$(EXE): $(CLI_OBJ) $(BUILD)/libsavs.a
	$(SAY) $(LINK) $(PIE) $^ $(LDLIBS) -o $@

# A test is a program that prints TAP-like lines and one last line "N passed, N failed, N skipped" (tests/check.h).
$(TESTS): $(BUILD)/%$(EXE): $(BUILD)/%.o $(HELP_OBJ) $(BUILD)/libsavs.a
	$(SAY) $(LINK) $^ $(LDLIBS) -o $@

# The plain driver gives a fuzz target a main: its seeds and mutations of them, the same ones each time.
$(FUZZERS): $(BUILD)/%$(EXE): $(BUILD)/%.o $(BUILD)/tests/fuzz/driver.o $(BUILD)/tests/fuzz/os_memory.o $(HELP_OBJ) $(BUILD)/libsavs.a
	$(SAY) $(LINK) $^ $(LDLIBS) -o $@

tests: $(TESTS) $(FUZZERS)

## all          build/savs and build/libsavs.a
## test         every test; needs neither Python nor network
test: all tests
	@BUILD=$(BUILD) sh tests/run $(TESTS) $(FUZZERS) $(SH_TESTS)

## demo         three few-shot tasks with the small models in data/; one to two minutes
demo: all $(BUILD)/tools/tiny/baselines $(BUILD)/tools/tiny/untrained
	@BUILD=$(BUILD) sh tools/demo

$(BUILD)/tools/tiny/baselines $(BUILD)/tools/tiny/untrained: $(BUILD)/tools/%: $(BUILD)/tools/%.o $(BUILD)/libsavs.a
	$(SAY) $(LINK) $^ $(LDLIBS) -o $@

## asan         the tests under AddressSanitizer and UBSan
asan:
	@$(MAKE) SAN=1 OPT=-O1 BUILD=build-asan test

## format       every C file as .clang-format says; generated tables stay as they are
FORMATTED = $(shell git ls-files '*.[ch]' '*.inc' | grep -v '_tables\.h$$')
format:
	clang-format -i $(FORMATTED)

## lint         warnings of gcc and clang as errors, clang-tidy, cppcheck, the rules of the house
lint:
	@MAKE="$(MAKE)" sh tools/lint

## fuzz         all fuzz targets under libFuzzer (clang), MINUTES in all (default 8); KEEP=1: new inputs stay in the corpus
MINUTES ?= 8
FUZZ_SECONDS ?= $(shell expr $(MINUTES) '*' 60 / $(words $(FUZZ_SRC)))
# Most of the time of opening a folder is this hash, whose tests run under `make asan`.
build-fuzz/src/base/sha256.o: CFLAGS += -O2 -fno-sanitize=all
fuzz:
	@$(MAKE) CC=clang SAN=1 OMP=0 OPT=-O1 EXTRA=-fsanitize=fuzzer-no-link BUILD=build-fuzz build-fuzz/libsavs.a
	@CC=clang SECONDS_EACH=$(FUZZ_SECONDS) KEEP=$(KEEP) LDLIBS="$(LDLIBS)" sh tests/fuzz/run $(FUZZ_SRC)

## chaos        encode, run, quantize and fit killed KILLS times each at random moments and started again; SEED=1 JOBS='fit run'
KILLS ?= 300
chaos: all $(BUILD)/tests/chaos/after$(EXE)
	@BUILD=$(BUILD) KILLS=$(KILLS) sh tests/chaos/run

$(BUILD)/tests/chaos/after$(EXE): $(BUILD)/tests/chaos/after.o
	$(SAY) $(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

## portability  one SHA-256 of the dump over compilers, levels, threads, ISAs, aarch64
portability:
	@MAKE="$(MAKE)" sh tools/portability

## dist-check   Windows under wine, musl, aarch64 under qemu: unit tests and pinned dumps (sh tools/bootstrap dist-check)
dist-check:
	@MAKE="$(MAKE)" sh tools/dist_check

## exhaustive   exp, erf, tanh, sin, cos on every float32, to golden/elementary/exhaustive.json; needs MPFR; goes on where it was
CPU_NAME = $(shell sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
exhaustive: $(BUILD)/exhaustive
	$(BUILD)/exhaustive --resume --progress $(BUILD)/exhaustive.progress --cpu "$(CPU_NAME)"

$(BUILD)/exhaustive: $(BUILD)/tools/golden/exhaustive.o $(BUILD)/src/kernels/elementary.o
	$(SAY) $(LINK) $^ -lmpfr -lgmp -lm -o $@

## bench        matmul, decoder layers and a tower at 7B width as shares of the multiply-add peak measured in the same run; over ten minutes
bench: all $(BUILD)/tools/bench/bench_matmul
	OPENBLAS_NUM_THREADS=1 $(BUILD)/tools/bench/bench_matmul
	@BUILD=$(BUILD) sh tools/bench/bench_table

$(BUILD)/tools/bench/bench_matmul: $(BUILD)/tools/bench/bench_matmul.o $(BUILD)/libsavs.a
	$(LINK) $^ $(LDLIBS) -o $@

## bench-batch  MODEL=DIR PICTURES='F…': four questions a picture, shared and apart, in alternating pairs
bench-batch: $(BUILD)/tools/bench/bench_batch
	OPENBLAS_NUM_THREADS=1 $(BUILD)/tools/bench/bench_batch $(MODEL) $(PICTURES)

$(BUILD)/tools/bench/bench_batch: $(BUILD)/tools/bench/bench_batch.o $(BUILD)/libsavs.a
	$(SAY) $(LINK) $^ $(LDLIBS) -o $@

# For make dist-check: pictures as PPM.
$(BUILD)/tools/to_ppm: $(BUILD)/tools/to_ppm.o $(BUILD)/libsavs.a
	$(SAY) $(LINK) $^ $(LDLIBS) -o $@

# The manual page and the completions, by the program itself. RUNNER: words in front of it, an emulator.
WRITTEN := $(addprefix $(BUILD)/share/,savs.1 savs.bash _savs)
$(BUILD)/share/savs.1:    ASK = --man
$(BUILD)/share/savs.bash: ASK = --completion bash
$(BUILD)/share/_savs:     ASK = --completion zsh
$(WRITTEN): $(BUILD)/savs$(EXE)
	@mkdir -p $(@D)
	$(SAY) $(RUNNER) $< help $(ASK) >$@.new && mv $@.new $@

# What install puts where, under PREFIX: file, place, mode
INSTALLED = '$(BUILD)/savs$(EXE)' 'bin/savs$(EXE)' 755 $(BUILD)/libsavs.a lib/libsavs.a 644 $(BUILD)/libsavs.so lib/libsavs.so.0 755 \
    src/sav.h include/sav.h 644 $(BUILD)/share/savs.pc lib/pkgconfig/savs.pc 644 \
    $(BUILD)/share/savs.1 share/man/man1/savs.1 644 $(BUILD)/share/savs.bash share/bash-completion/completions/savs 644 \
    $(BUILD)/share/_savs share/zsh/site-functions/_savs 644
WHERE = "$(DESTDIR)$(PREFIX)"

## install      savs, libsavs.a, libsavs.so, sav.h, savs.pc, manual page, completions of bash and zsh under PREFIX
install: all $(BUILD)/libsavs.so $(WRITTEN)
	@sed -e 's|@PREFIX@|$(subst $() ,\\ ,$(PREFIX))|' -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LDLIBS)|' \
	    -e 's|@OMP@|$(filter -fopenmp,$(LDFLAGS))|' tools/savs.pc.in >$(BUILD)/share/savs.pc
	@set -e; set -- $(INSTALLED); while [ $$# -gt 0 ]; do to=$(WHERE)/$$2; echo "$$to"; \
	    mkdir -p "$$(dirname "$$to")"; install -m $$3 "$$1" "$$to"; shift 3; done
	@ln -sf libsavs.so.0 $(WHERE)/lib/libsavs.so

## uninstall    removes what install put there
uninstall:
	@set -e; set -- $(INSTALLED); while [ $$# -gt 0 ]; do rm -f $(WHERE)/$$2; shift 3; done
	@rm -f $(WHERE)/lib/libsavs.so

## keys         docs/KEYS.md from the tables of keys in the source
keys: $(BUILD)/tests/models/test_keys_doc$(EXE)
	@$(BUILD)/tests/models/test_keys_doc$(EXE) --write

## golden       every golden again, by Python (tools/requirements.txt); ends by showing what changed
PYTHON ?= python3
golden:
	$(PYTHON) -m tools.oracle.generate
	$(PYTHON) -m tools.oracle.qwen_vl
	$(PYTHON) -m tools.oracle.constants
	$(PYTHON) -m tools.oracle.sav_golden
	$(PYTHON) -m tools.oracle.fewshot
	$(PYTHON) -m tools.oracle.self_test
	for f in $(sort $(wildcard tools/golden/*_golden.py)); do $(PYTHON) $$f || exit 1; done
	$(PYTHON) tools/golden/golden_manifest.py
	@git status --short golden

## parity       three families at true width, few layers (3.2 GB of random weights in build/): our taps against the committed
##              ones; PARITY=--exact adds the exact engine, PARITY='--only qwen2-vl-2b' takes one
parity: all
	$(PYTHON) -m tools.golden.parity $(PARITY)

## clean        removes what was built
clean:
	rm -rf $(BUILD) build-gcc build-clang build-asan build-fuzz

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
