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

#include <dirent.h>

#include "../check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST_SEED = 1 << 17, MOST_SEEDS = 4096, MUTATIONS = 1500 };

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

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of a folder by name. Plain C and dirent: base/os.h may be the one of memory.h. */
static size_t list(char *names[MOST_SEEDS], const char *folder) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.' || count == MOST_SEEDS) continue;
        names[count] = malloc(strlen(entry->d_name) + 1);
        if (names[count]) strcpy(names[count++], entry->d_name);
    }
    if (dir) closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    return count;
}

static seed read_seed(const char *folder, const char *name) {
    char path[1024];
    seed out = {malloc(LARGEST_SEED), 0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rb");
    if (CHECK(in && out.bytes)) out.length = fread(out.bytes, 1, LARGEST_SEED, in);
    if (in) fclose(in);
    return out;
}

int main(int argc, char **argv) {
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    size_t mutations = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : MUTATIONS;
    static char *names[MOST_SEEDS];
    static seed seeds[MOST_SEEDS];
    char folder[512];
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
    if (argc > 2) snprintf(folder, sizeof folder, "%s", argv[2]);

    size_t largest = 0, runs = 1;
    const size_t count = list(names, folder);
    for (size_t i = 0; i < count; i++) {
        seeds[i] = read_seed(folder, names[i]);
        if (seeds[i].length > largest) largest = seeds[i].length;
    }
    unsigned char *work = malloc(largest + 64);
    CHECK(work && count > 0);
    run((const unsigned char *)"", 0);
    for (size_t i = 0; work && i < count; i++)
        if (seeds[i].bytes) runs += run_seed(seeds, count, i, mutations / count + 1, work, largest + 64);
    printf("%s: %zu seeds, %zu inputs\n", name, count, runs);

    for (size_t i = 0; i < count; i++) {
        free(seeds[i].bytes);
        free(names[i]);
    }
    free(work);
    return check_report(name);
}
