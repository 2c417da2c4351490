/* exhaustive.c: exp, erf, tanh, sin, cos on every float32: is (float)sav_exp(x) the correctly rounded exp(x)?
 * `make exhaustive`.
 *
 *     every float32 x -> ours -> float        compared with the right answer, which comes from
 *                     -> proof           where the function is constant or x itself in float32 (see by_proof)
 *                     -> long double      unless it lies within 2^-8 ulp (of float32) of a rounding tie; then
 *                     -> MPFR                   at 256 bits
 *     every bf16, f16 x -> ours -> bf16, f16  compared with MPFR
 *
 * Counts wrong roundings, and writes golden/elementary/exhaustive.json with the inputs that lie nearest to a
 * tie ("hard"). 256 pieces of 2^24 inputs a function; each finished piece is a line of the progress file, and
 * --resume goes on after them. Exit code 0: no wrong rounding; 1: some; 2: it could not run. Links MPFR,
 * which nothing else in savs does.
 *
 *     build/exhaustive [--resume] [--progress FILE] [--out FILE] [--cpu NAME] [exp erf tanh sin cos]
 */
#include <inttypes.h>
#include <math.h>
#include <mpfr.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/round.h"
#include "kernels/elementary.h"

enum { PIECES = 256, MOST_HARD = 4096 };
#define PIECE ((uint64_t)1 << 24)
#define NEAR_TIE 0x1p-8L /* long double is trusted outside this distance, in ulp of float32 */
#define HARD_TIE 0x1p-27 /* and inputs this close are recorded */

typedef struct function {
    const char *name;
    double (*ours)(double);
    long double (*libm)(long double);
    int (*mpfr)(mpfr_t, mpfr_srcptr, mpfr_rnd_t);
} function;

typedef struct tally {
    uint64_t tested, outside, proof, wide, mpfr, wrong, half_tested, half_wrong; /* wide: by long double */
    size_t hard;
    uint32_t hard_input[MOST_HARD];
} tally;

static const function functions[] = {
    {"exp", sav_exp, expl, mpfr_exp}, {"erf", sav_erf, erfl, mpfr_erf}, {"tanh", sav_tanh, tanhl, mpfr_tanh},
    {"sin", sav_sin, sinl, mpfr_sin}, {"cos", sav_cos, cosl, mpfr_cos},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static bool same(float a, float b) {
    return bits_of(a) == bits_of(b) || (a != a && b != b);
}

/* True where mathematics gives the float32 without computing it; the bounds are generous. Half an ulp of 1 is
 * 2^-25 below and 2^-24 above.
 *     exp   e^89 > 2^128; e^-104 < 2^-150; |x| < 2^-26: within 2^-25.9 of 1
 *     erf   1 - erf(4) < 2^-25.9        tanh  1 - tanh(9.125) < 2^-25.3; x - x^3/3 for |x| < 2^-13
 *     sin   x - x^3/6 for |x| < 2^-13   cos   1 - x^2/2 for |x| < 2^-13: less than x/2^27, 2^-26 away */
static bool by_proof(const char *name, float x, float *answer) {
    float size = fabsf(x);
    bool tiny = size < 0x1p-13f;
    if (x != x) {
        *answer = x;
    } else if (name[0] == 'e' && name[1] == 'x') {
        *answer = x >= 89 ? INFINITY : x <= -104 ? 0.0f : 1.0f;
        return x >= 89 || x <= -104 || size < 0x1p-26f;
    } else if (name[0] == 'e') {
        *answer = copysignf(1.0f, x);
        return size >= 4;
    } else if (name[0] == 't') {
        *answer = tiny ? x : copysignf(1.0f, x);
        return tiny || size >= 9.125f;
    } else {
        *answer = name[0] == 's' ? x : 1.0f;
        return tiny;
    }
    return true;
}

/* Rounds the long double y to float32; false where y is too near a tie to be believed (or the result
 * overflows). */
static bool by_long_double(long double y, float *answer) {
    float near = (float)y;
    *answer = near;
    if (isinf(near)) {
        return false;
    }
    long double off = y - (long double)near;
    if (off == 0) {
        return true;
    }
    uint32_t bits = bits_of(near);
    bool away = near == 0 || (off > 0) == (near > 0);
    float next = near == 0 ? copysignf(0x1p-149f, (float)off) : float_of(away ? bits + 1 : bits - 1);
    long double ulp = fabsl((isinf(next) ? 0x1p128L : fabsl((long double)next)) - fabsl((long double)near));
    return fabsl(off) < ulp * (0.5L - NEAR_TIE);
}

/* The right answer, and the distance to the nearest tie in ulp. */
static float by_mpfr(const function *f, double x, double *distance) {
    mpfr_t value, middle;
    mpfr_init2(value, 256);
    mpfr_init2(middle, 256);
    mpfr_set_d(middle, x, MPFR_RNDN);
    f->mpfr(value, middle, MPFR_RNDN);
    float answer = mpfr_get_flt(value, MPFR_RNDN);
    float low = mpfr_get_flt(value, MPFR_RNDD), high = mpfr_get_flt(value, MPFR_RNDU);
    *distance = 1;
    if (low < high && !isinf(low) && !isinf(high)) {
        mpfr_set_d(middle, ((double)low + (double)high) / 2, MPFR_RNDN);
        mpfr_sub(middle, value, middle, MPFR_RNDN);
        *distance = fabs(mpfr_get_d(middle, MPFR_RNDN) / ((double)high - (double)low));
    }
    mpfr_clear(value);
    mpfr_clear(middle);
    return answer;
}

static void test_one(const function *f, uint32_t bits, tally *t) {
    float x = float_of(bits), want;
    t->tested++;
    if ((f->ours == sav_sin || f->ours == sav_cos) && !(fabs((double)x) <= SAV_TRIG_LIMIT)) {
        t->outside++;
        t->wrong += isnan(f->ours((double)x)) ? 0 : 1;
        return;
    }
    float got = (float)f->ours((double)x);
    if (by_proof(f->name, x, &want)) {
        t->proof++;
    } else if (by_long_double(f->libm((long double)x), &want)) {
        t->wide++;
    } else {
        double distance;
        want = by_mpfr(f, (double)x, &distance);
        t->mpfr++;
        if (distance < HARD_TIE && t->hard < MOST_HARD) {
            t->hard_input[t->hard++] = bits;
        }
    }
    if (!same(got, want)) {
        t->wrong++;
        if (t->hard < MOST_HARD) {
            t->hard_input[t->hard++] = bits;
        }
        fprintf(stderr, "%s(%a): %a, right is %a\n", f->name, (double)x, (double)got, (double)want);
    }
}

/* All of bf16 and f16. MPFR's value is cut to a double whose last bit says "more follows", so that rounding
 * it rounds once. */
static void test_halves(const function *f, tally *t) {
    mpfr_t value, x_wide;
    mpfr_init2(value, 256);
    mpfr_init2(x_wide, 256);
    for (uint32_t i = 0; i < 131072; i++) {
        bool brain = i < 65536;
        float x = brain ? sav_widen_bf16((uint16_t)i) : sav_widen_f16((uint16_t)(i - 65536));
        if ((f->ours == sav_sin || f->ours == sav_cos) && !(fabs((double)x) <= SAV_TRIG_LIMIT)) {
            continue;
        }
        mpfr_set_d(x_wide, (double)x, MPFR_RNDN);
        f->mpfr(value, x_wide, MPFR_RNDN);
        double cut = mpfr_get_d(value, MPFR_RNDZ);
        if (mpfr_cmp_d(value, cut) != 0) {
            uint64_t bits;
            memcpy(&bits, &cut, sizeof bits);
            bits |= 1;
            memcpy(&cut, &bits, sizeof bits);
        }
        double ours = f->ours((double)x);
        bool right = same(brain ? sav_round_bf16(ours) : sav_round_f16(ours),
                          brain ? sav_round_bf16(cut) : sav_round_f16(cut));
        t->half_tested++;
        t->half_wrong += !right;
        if (!right) {
            fprintf(stderr, "%s(%a) as %s: wrong\n", f->name, (double)x, brain ? "bf16" : "f16");
        }
    }
    mpfr_clear(value);
    mpfr_clear(x_wide);
}

static void add(tally *sum, const tally *part) {
    sum->tested += part->tested;
    sum->outside += part->outside;
    sum->proof += part->proof;
    sum->wide += part->wide;
    sum->mpfr += part->mpfr;
    sum->wrong += part->wrong;
    for (size_t i = 0; i < part->hard && sum->hard < MOST_HARD; i++) {
        sum->hard_input[sum->hard++] = part->hard_input[i];
    }
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool test_piece(const function *f, uint32_t piece, tally *sum) {
    bool ok = true;
#pragma omp parallel
    {
        tally *mine = calloc(1, sizeof *mine);
#pragma omp for schedule(dynamic, 65536)
        for (uint32_t i = 0; i < PIECE; i++) {
            if (mine != NULL) {
                test_one(f, piece * (uint32_t)PIECE + i, mine);
            }
        }
#pragma omp critical
        {
            if (mine == NULL) {
                ok = false;
            } else {
                add(sum, mine);
            }
        }
        free(mine);
        mpfr_free_cache();
    }
    qsort(sum->hard_input, sum->hard, sizeof *sum->hard_input, by_value);
    return ok;
}

/* ---- progress: "name fingerprint piece tested outside proof wide mpfr wrong hard input... end", one line a
 * piece */

/* FNV-1a of the function's bits on 2^16 inputs: pieces tested with another implementation do not count. */
static uint64_t fingerprint(const function *f) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 65521) {
        double y = f->ours((double)float_of((uint32_t)bits));
        uint64_t word;
        memcpy(&word, &y, sizeof word);
        hash = (hash ^ (y != y ? 0 : word)) * 0x100000001b3u;
    }
    return hash;
}

static bool write_line(FILE *file, const function *f, uint32_t piece, const tally *t) {
    fprintf(file,
            "%s %" PRIx64 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
            " %zu",
            f->name, fingerprint(f), piece, t->tested, t->outside, t->proof, t->wide, t->mpfr, t->wrong,
            t->hard);
    for (size_t i = 0; i < t->hard; i++) {
        fprintf(file, " %08" PRIx32, t->hard_input[i]);
    }
    return fprintf(file, " end\n") > 0 && fflush(file) == 0;
}

/* One line; false if it was cut short by an interruption. */
static bool read_line(char *line, char name[8], uint64_t *print, uint32_t *piece, tally *t) {
    int used = 0;
    if (sscanf(line,
               "%7s %" SCNx64 "%" SCNu32 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64
               "%zu%n",
               name, print, piece, &t->tested, &t->outside, &t->proof, &t->wide, &t->mpfr, &t->wrong,
               &t->hard, &used) != 10 ||
        *piece >= PIECES || t->hard > MOST_HARD || t->tested != PIECE) {
        return false;
    }
    char *at = line + used;
    for (size_t i = 0; i < t->hard; i++) {
        t->hard_input[i] = (uint32_t)strtoul(at, &at, 16);
    }
    return strcmp(at, " end\n") == 0;
}

/* Adds the finished pieces of the file to the sums. */
static void read_progress(FILE *file, tally *sums, bool (*done)[PIECES]) {
    enum { LONGEST = 10 * MOST_HARD };
    char name[8];
    uint32_t piece;
    uint64_t print, prints[FUNCTIONS];
    for (int f = 0; f < FUNCTIONS; f++) {
        prints[f] = fingerprint(&functions[f]);
    }
    tally *t = calloc(1, sizeof *t);
    char *line = malloc(LONGEST);
    while (t != NULL && line != NULL && fgets(line, LONGEST, file) != NULL) {
        if (!read_line(line, name, &print, &piece, t)) {
            continue;
        }
        for (int f = 0; f < FUNCTIONS; f++) {
            if (strcmp(name, functions[f].name) == 0 && print == prints[f] && !done[f][piece]) {
                done[f][piece] = true;
                add(&sums[f], t);
            }
        }
    }
    free(line);
    free(t);
}

/* ---- the record ---------------------------------------------------------------------------------------- */

static bool write_record(const char *path, const tally *sums, const bool *chosen, const char *cpu) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    char date[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) {
        strftime(date, sizeof date, "%Y-%m-%d", &utc);
    }
    fprintf(file, "{\n  \"command\": \"make exhaustive\",\n  \"cpu\": \"%s\",\n  \"date\": \"%s\",\n", cpu,
            date);
    fprintf(file, "  \"mpfr\": \"%s\",\n  \"compiler\": \"%s\",\n  \"functions\": {", mpfr_get_version(),
            __VERSION__);
    const char *comma = "";
    for (int f = 0; f < FUNCTIONS; f++) {
        const tally *t = &sums[f];
        if (!chosen[f]) {
            continue;
        }
        fprintf(file, "%s\n    \"%s\": {\n      \"tested\": %" PRIu64 ", \"wrong\": %" PRIu64 ",\n", comma,
                functions[f].name, t->tested, t->wrong);
        fprintf(file, "      \"outside_domain\": %" PRIu64 ", \"by_proof\": %" PRIu64 ",\n", t->outside,
                t->proof);
        fprintf(file, "      \"by_long_double\": %" PRIu64 ", \"by_mpfr\": %" PRIu64 ",\n", t->wide, t->mpfr);
        fprintf(file, "      \"bf16_and_f16_tested\": %" PRIu64 ", \"bf16_and_f16_wrong\": %" PRIu64 ",\n",
                t->half_tested, t->half_wrong);
        fprintf(file, "      \"hard\": [");
        for (size_t i = 0; i < t->hard; i++) {
            fprintf(file, "%s\"%08" PRIx32 "\"",
                    i == 0   ? ""
                    : i % 10 ? ", "
                             : ",\n               ",
                    t->hard_input[i]);
        }
        fprintf(file, "]\n    }");
        comma = ",";
    }
    fprintf(file, "\n  }\n}\n");
    return fclose(file) == 0;
}

typedef struct options {
    const char *progress, *out, *cpu;
    bool resume, chosen[FUNCTIONS];
} options;

static bool read_options(options *o, int argc, char **argv) {
    bool any = false;
    for (int i = 1; i < argc; i++) {
        bool known = true, value = i + 1 < argc;
        if (strcmp(argv[i], "--resume") == 0) {
            o->resume = true;
        } else if (strcmp(argv[i], "--progress") == 0 && value) {
            o->progress = argv[++i];
        } else if (strcmp(argv[i], "--out") == 0 && value) {
            o->out = argv[++i];
        } else if (strcmp(argv[i], "--cpu") == 0 && value) {
            o->cpu = argv[++i];
        } else {
            known = false;
            for (int f = 0; f < FUNCTIONS; f++) {
                if (strcmp(argv[i], functions[f].name) == 0) {
                    o->chosen[f] = any = known = true;
                }
            }
        }
        if (!known) {
            return false;
        }
    }
    for (int f = 0; f < FUNCTIONS && !any; f++) {
        o->chosen[f] = true;
    }
    return true;
}

static bool test_function(int f, FILE *progress, const bool *done, tally *sum) {
    tally *part = malloc(sizeof *part);
    bool ok = part != NULL;
    for (uint32_t piece = 0; ok && piece < PIECES; piece++) {
        if (done[piece]) {
            continue;
        }
        memset(part, 0, sizeof *part);
        ok = test_piece(&functions[f], piece, part) && write_line(progress, &functions[f], piece, part);
        add(sum, part);
    }
    free(part);
    if (ok) {
        qsort(sum->hard_input, sum->hard, sizeof *sum->hard_input, by_value);
        test_halves(&functions[f], sum);
        printf("%s: %" PRIu64 " tested, %" PRIu64 " wrong; %" PRIu64 " by MPFR; bf16 and f16: %" PRIu64
               " tested, %" PRIu64 " wrong\n",
               functions[f].name, sum->tested, sum->wrong, sum->mpfr, sum->half_tested, sum->half_wrong);
        fflush(stdout);
    }
    return ok;
}

int main(int argc, char **argv) {
    options o = {"build/exhaustive.progress", "golden/elementary/exhaustive.json", "", false, {false}};
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr,
                "usage: %s [--resume] [--progress FILE] [--out FILE] [--cpu NAME] [exp erf tanh sin cos]\n",
                argv[0]);
        return 2;
    }
    tally *sums = calloc(FUNCTIONS, sizeof *sums);
    bool(*done)[PIECES] = calloc(FUNCTIONS, sizeof *done);
    FILE *old = o.resume ? fopen(o.progress, "r") : NULL;
    if (old != NULL && sums != NULL && done != NULL) {
        read_progress(old, sums, done);
        fclose(old);
    }
    FILE *progress = fopen(o.progress, o.resume ? "a" : "w");
    bool ok = sums != NULL && done != NULL && progress != NULL && sav_float_mode_ok();
    if (ok && o.resume) {
        fprintf(progress, "\n"); /* after a line cut short */
    }
    uint64_t wrong = 0;
    for (int f = 0; ok && f < FUNCTIONS; f++) {
        if (o.chosen[f]) {
            ok = test_function(f, progress, done[f], &sums[f]);
            wrong += sums[f].wrong + sums[f].half_wrong;
        }
    }
    ok = ok && write_record(o.out, sums, o.chosen, o.cpu);
    if (progress != NULL) {
        fclose(progress);
    }
    if (!ok) {
        fprintf(stderr, "exhaustive: no memory, or %s or %s cannot be written\n", o.progress, o.out);
    }
    free(sums);
    free(done);
    return !ok ? 2 : wrong != 0;
}
