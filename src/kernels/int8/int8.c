/* int8.c: linear over int8 panels, every product of one call over the same quantised rows.
 *
 *   x [T, K] -> blocks of 256 rows -> bytes, scales, starts (once for q, k, v; once for gate, up)
 *   -> tiles of 64 outputs, which threads take -> blocks of 1024 k,
 *       whose panels stay in the first cache -> rows 4 or 8 at a time
 *   -> out [T, N] + bias
 *
 * Blocks and tiles change no result: groups are added in order of k whatever the block.
 */
#include "kernels/int8/int8.h"

#include <string.h>

#include "kernels/ahead.h"
#include "kernels/parallel.h"

enum { BLOCK_ROWS = 256, TILE_COLS = 64, BLOCK_DEPTH = 1024 };

static const sav_kernels *float_engine(void) {
    return sav_kernels_find(SAV_INT8_REST, NULL, NULL); /* never NULL: its plain C runs everywhere */
}

/* ---- scratch ------------------------------------------------------------------------------------------- */

/* Bytes of a block's rows, and behind them of each thread's sums [rows, TILE_COLS]. */
static bool room(size_t *rows_bytes, size_t *sums_bytes, size_t T, size_t K, size_t group) {
    const size_t rows = sav_min(sav_round_up(T, 8), BLOCK_ROWS), groups = K / group + 1;
    size_t bytes, pairs;
    *sums_bytes = rows * TILE_COLS * sizeof(float);
    return sav_mul(&bytes, rows, K + SAV_INT8_DEPTH) &&
           sav_mul(&pairs, rows * (sizeof(float) + sizeof(int32_t)), groups) &&
           sav_add(&bytes, bytes, pairs) && sav_add(rows_bytes, bytes, 3 * 64);
}

bool sav_int8_scratch(size_t *bytes, const sav_extent *most) {
    size_t other, rows, sums;
    if (most->K > SIZE_MAX - 64 || !float_engine()->scratch(&other, most) ||
        !room(&rows, &sums, most->T, most->K, SAV_INT8_GROUP_MIN) ||
        !sav_mul(&sums, sums, (size_t)most->threads) || !sav_add(&rows, rows, sums))
        return false;
    *bytes = rows > other ? rows : other; /* one or the other runs */
    return true;
}

/* Places a block's rows at the front of the scratch; the sums follow. */
static sav_int8_rows place_rows(float **sums, void *scratch, size_t rows, size_t K, size_t group) {
    sav_int8_rows r = {.stride = sav_round_up(K, SAV_INT8_DEPTH), .groups = (K + group - 1) / group};
    char *at = scratch;
    r.x = (int8_t *)at;
    at += sav_round_up(rows * r.stride, 64);
    r.scale = (float *)(void *)at;
    at += sav_round_up(rows * r.groups * sizeof *r.scale, 64);
    r.start = (int32_t *)(void *)at;
    at += sav_round_up(rows * r.groups * sizeof *r.start, 64);
    *sums = (float *)(void *)at;
    return r;
}

/* ---- linear -------------------------------------------------------------------------------------------- */

/* out + t0 rows, outputs n0 …: all of K for one tile of at most TILE_COLS outputs. padded: rows, a multiple
 * of mr. */
static void run_tile(const sav_product *p, size_t n0, size_t t0, size_t rows, size_t padded,
                     const sav_int8_rows *x, float *sums, const sav_int8_isa *isa) {
    const sav_matrix *W = p->W;
    const size_t N = W->rows, group = W->group, bytes = x->stride * SAV_INT8_COLS; /* of a panel */
    const size_t panels = (sav_min(N - n0, TILE_COLS) + SAV_INT8_COLS - 1) / SAV_INT8_COLS,
                 first = n0 / SAV_INT8_COLS;
    const size_t at_once = BLOCK_DEPTH / group, quads = x->stride / SAV_INT8_DEPTH;
    sav_int8_span span = {.end = x->groups,
                          .steps = group / SAV_INT8_DEPTH,
                          .last = quads - (x->groups - 1) * (group / SAV_INT8_DEPTH)};
    memset(sums, 0, panels * padded * SAV_INT8_COLS * sizeof *sums);
    for (span.from = 0; span.from < span.end; span.from = span.to) {
        span.to = sav_min(span.from + at_once, span.end);
        for (size_t i = 0; i < panels; i++) {
            const unsigned char *panel = (const unsigned char *)W->data + (first + i) * bytes;
            const float *scales = W->scales + (first + i) * x->groups * SAV_INT8_COLS;
            const bool more = i + 1 < panels; /* in these groups; else the next ones' first panel */
            const size_t at = sav_min((more ? span.from : span.to) * group * SAV_INT8_COLS, bytes);
            sav_ahead ahead = sav_look_ahead(W->data, 1, bytes, first + (more ? i + 1 : 0), 1, first + panels,
                                             at, sav_min(at_once * group * SAV_INT8_COLS, bytes - at),
                                             padded / isa->mr);
            for (size_t r = 0; r < padded; r += isa->mr) {
                sav_fetch(&ahead);
                isa->tile(sums + (i * padded + r) * SAV_INT8_COLS, x, r, panel, scales, &span);
            }
        }
    }
    for (size_t i = 0; i < panels; i++) {
        const size_t c0 = n0 + i * SAV_INT8_COLS, cols = sav_min(N - c0, SAV_INT8_COLS);
        for (size_t r = 0; r < rows; r++) {
            const float *from = sums + (i * padded + r) * SAV_INT8_COLS;
            float *to = p->out + (t0 + r) * N + c0;
            for (size_t c = 0; c < cols; c++) to[c] = p->bias ? from[c] + p->bias[c0 + c] : from[c];
        }
    }
}

static void linear(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run,
                   const sav_int8_isa *isa) {
    const size_t K = to->W->cols, group = to->W->group, tiles = sav_product_tiles(to, count, TILE_COLS);
    for (size_t t0 = 0; t0 < T; t0 += BLOCK_ROWS) {
        const size_t rows = sav_min(T - t0, BLOCK_ROWS), padded = sav_round_up(rows, isa->mr);
        float *sums;
        const sav_int8_rows block = place_rows(&sums, run->scratch, padded, K, group);
        memset(block.x + rows * block.stride, 0, (padded - rows) * block.stride);
        memset(block.scale + rows * block.groups, 0, (padded - rows) * block.groups * sizeof *block.scale);
        memset(block.start + rows * block.groups, 0, (padded - rows) * block.groups * sizeof *block.start);
#pragma omp parallel num_threads(run->threads) if (sav_team(run, sav_product_work(to, count, rows)))
        {
#pragma omp for schedule(static)
            for (size_t r = 0; r < rows; r++) isa->quantise(&block, r, x + (t0 + r) * K, K, group);
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < tiles; i++) {
                size_t n0;
                const sav_product *p = sav_product_tile(&n0, to, TILE_COLS, i);
                run_tile(p, n0, t0, rows, padded, &block, sums + (size_t)sav_thread() * padded * TILE_COLS,
                         isa);
            }
        }
    }
}

/* Matrices that were left as they are go through the float engine; neighbours of one kind stay together. */
void sav_int8_linear(const sav_product *to, size_t count, const float *x, size_t T, const sav_run *run,
                     const sav_int8_isa *isa) {
    for (size_t i = 0, n; i < count; i += n) {
        const bool quantised = to[i].W->dtype == SAV_U8;
        for (n = 1; i + n < count && (to[i + n].W->dtype == SAV_U8) == quantised;) n++;
        if (quantised)
            linear(to + i, n, x, T, run, isa);
        else
            float_engine()->linear(to + i, n, x, T, run);
    }
}

/* ---- the float engine's -------------------------------------------------------------------------------- */

void sav_int8_attention(float *out, const float *q, const float *k, const float *v,
                        const sav_attention *shape, const sav_run *run) {
    float_engine()->attention(out, q, k, v, shape, run);
}

void sav_int8_activation(float *out, const float *x, size_t n, sav_activation f, const sav_run *run) {
    float_engine()->activation(out, x, n, f, run);
}

bool sav_int8_sound(const char **what) {
    const sav_kernels *kernels = float_engine();
    return !kernels->sound || kernels->sound(what);
}

const sav_kernels *const sav_engine_int8[] = {
#if defined(__x86_64__)
    &sav_int8_vnni,
#if defined(SAV_AVXVNNI) /* not every compiler has it */
    &sav_int8_avxvnni,
#endif
    &sav_int8_avx2,
#elif defined(__aarch64__)
    &sav_int8_dotprod, &sav_int8_neon,
#endif
    &sav_int8_c, NULL};
