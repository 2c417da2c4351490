# savs. `make` builds build/savs and the library; `make help` lists the rest.
#
#   CC=gcc|clang   OMP=0 no threads   BLAS=0 exact engine alone   IMAGES=0 PPM only   OPT=-O2   BUILD=build
#   SAN=1 AddressSanitizer and UBSan

CC      ?= gcc
AR      ?= ar
OPT     ?= -O3
OMP     ?= 1
BLAS    ?= 1
IMAGES  ?= 1
SAN     ?= 0
BUILD   ?= build
PREFIX  ?= /usr/local
ARCH    := $(shell $(CC) -dumpmachine | cut -d- -f1)

WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS = -Isrc -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
# The numeric contract: one rounding an operation. Only matmul files may contract, where products are exact (DESIGN §2).
CFLAGS   = -std=c99 $(OPT) -g $(WARN) -ffp-contract=off -fPIC $(EXTRA)
LDLIBS   =

ifeq ($(OMP),1)
CFLAGS  += -fopenmp
LDFLAGS += -fopenmp
else
CFLAGS  += -Wno-unknown-pragmas
endif
ifeq ($(BLAS),1)
CPPFLAGS += -DSAV_BLAS
LDLIBS  += -lopenblas
endif
ifeq ($(IMAGES),1)
CPPFLAGS += -DSAV_IMAGES
LDLIBS  += -lpng -ljpeg -lz
endif
ifeq ($(SAN),1)
CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
LDLIBS  += -lm

LIB_SRC := $(sort $(wildcard src/base/*.c src/io/*.c src/image/*.c src/text/*.c src/kernels/*.c src/kernels/exact/*.c \
             src/vision/*.c src/llm/*.c src/models/*.c src/sav/*.c src/tasks/*.c))
ifeq ($(BLAS),1)
LIB_SRC += $(sort $(wildcard src/kernels/blas/*.c))
endif
CLI_SRC := $(sort $(wildcard src/cli/*.c))
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
# Files for one ISA are compiled for it and picked at run time; elsewhere they compile to nothing.
ifneq ($(filter x86_64 amd64,$(ARCH)),)
$(BUILD)/%_avx2.o:   CFLAGS += -mavx2 -mfma -mf16c
$(BUILD)/%_avx512.o: CFLAGS += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c
endif

LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/%.o)
TESTS    := $(TEST_SRC:%.c=$(BUILD)/%)
HELPERS  := $(sort $(filter-out $(TEST_SRC),$(wildcard tests/*.c)))
HELP_OBJ := $(HELPERS:%.c=$(BUILD)/%.o)

.PHONY: all test clean
all: $(BUILD)/savs $(BUILD)/libsavs.a

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libsavs.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/savs: $(CLI_OBJ) $(BUILD)/libsavs.a
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# A test is a program that prints TAP-like lines and one last line "N passed, N failed, N skipped" (tests/check.h).
$(TESTS): $(BUILD)/%: $(BUILD)/%.o $(HELP_OBJ) $(BUILD)/libsavs.a
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

test: all $(TESTS)
	@sh tests/run $(TESTS)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
