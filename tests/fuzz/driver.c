/* driver.c: a main for fuzz targets where libFuzzer is not: tests/fuzz/corpus/<name>/ -> each seed as it is,
 * cut at many lengths, and mutated; every result goes to LLVMFuzzerTestOneInput, which must return.
 *
 * The generator is seeded with a constant, so that each run tries the same inputs and a failure can be
 * repeated:
 *     build/tests/fuzz/fuzz_json [MUTATIONS [CORPUS]]
 * With SAVS_FUZZ_KEEP=FILE each input is written to FILE before it is tried, so that a crash leaves it there.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST_SEED = 1 << 20, MUTATIONS = 1500 };

typedef struct seed {
    char *bytes; /* [length], NUL behind */
    size_t length;
} seed;

static uint64_t state = 0x9e3779b97f4a7c15u;

/* xorshift64*: enough to scatter bytes */
static uint64_t next(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
}

static size_t below(size_t limit) {
    return limit ? (size_t)(next() % limit) : 0;
}

/* An exact copy on the heap, so that a sanitizer sees one byte too far. */
static void run(const unsigned char *bytes, size_t length) {
    unsigned char *copy = malloc(length ? length : 1);
    if (!copy) return;
    if (length) memcpy(copy, bytes, length);
    const char *keep = getenv("SAVS_FUZZ_KEEP");
    if (keep) {
        FILE *file = fopen(keep, "wb");
        if (file) {
            fwrite(copy, 1, length, file);
            fclose(file);
        }
    }
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
}

/* One change of `bytes` (room for `room`); returns the new length. `other` is a seed to take pieces from. */
static size_t mutate(unsigned char *bytes, size_t length, size_t room, const seed *other) {
    static const unsigned char odd[] = {0,   1,   0x7f, 0x80, 0xff, '"', '{',  '[',
                                        '}', ']', '-',  '9',  ':',  ',', '\\', '\n'};
    size_t at = below(length), piece = 1 + below(8);
    switch (below(7)) {
    case 0: /* one bit */
        if (length) bytes[at] ^= (unsigned char)(1u << below(8));
        return length;
    case 1: /* a byte that means something somewhere */
        if (length) bytes[at] = odd[below(sizeof odd)];
        return length;
    case 2: /* a run of one value: lengths and offsets grow huge */
        for (size_t i = at; i < length && i < at + piece; i++) bytes[i] = 0xff;
        return length;
    case 3: /* cut out */
        if (length <= piece || at + piece > length) return length;
        memmove(bytes + at, bytes + at + piece, length - at - piece);
        return length - piece;
    case 4: /* repeat a piece */
        if (at + piece > length || length + piece > room) return length;
        memmove(bytes + at + piece, bytes + at, length - at);
        return length + piece;
    case 5: /* a piece of another seed */
        if (other->length < piece || at + piece > length) return length;
        memcpy(bytes + at, other->bytes + below(other->length - piece + 1), piece);
        return length;
    default: /* cut short */
        return below(length + 1);
    }
}

static size_t run_seed(const seed *seeds, size_t count, size_t index, size_t mutations, unsigned char *work,
                       size_t room) {
    const seed *own = seeds + index;
    size_t runs = 1;
    run((const unsigned char *)own->bytes, own->length);
    for (size_t step = own->length / 64 + 1, cut = 0; cut < own->length; cut += step, runs++)
        run((const unsigned char *)own->bytes, cut);
    for (size_t i = 0; i < mutations; i++, runs++) {
        size_t length = own->length;
        memcpy(work, own->bytes, length);
        for (size_t change = 0, changes = 1 + below(4); change < changes; change++)
            length = mutate(work, length, room, seeds + below(count));
        run(work, length);
    }
    return runs;
}

int main(int argc, char **argv) {
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    size_t mutations = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : MUTATIONS;
    char folder[512], path[1024];
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
    if (argc > 2) snprintf(folder, sizeof folder, "%s", argv[2]);

    sav_error err;
    char **names = NULL;
    size_t count = 0, largest = 0, runs = 1;
    if (!CHECK_OK(sav_os_list(&names, &count, folder, &err), &err)) return check_report(name);
    seed *seeds = calloc(count + 1, sizeof *seeds);
    for (size_t i = 0; seeds && i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        CHECK_OK(sav_os_read_file(&seeds[i].bytes, &seeds[i].length, path, LARGEST_SEED, &err), &err);
        if (seeds[i].length > largest) largest = seeds[i].length;
    }
    unsigned char *work = malloc(largest + 64);
    CHECK(seeds && work && count > 0);
    run((const unsigned char *)"", 0);
    for (size_t i = 0; seeds && work && i < count; i++)
        if (seeds[i].bytes) runs += run_seed(seeds, count, i, mutations / count + 1, work, largest + 64);
    printf("%s: %zu seeds, %zu inputs\n", name, count, runs);

    for (size_t i = 0; seeds && i < count; i++) sav_free(seeds[i].bytes);
    sav_os_names_free(names, count);
    free(seeds);
    free(work);
    return check_report(name);
}
