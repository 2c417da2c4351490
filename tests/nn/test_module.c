/* Linears over the same rows: however many, all are applied, each with its own weight and bias. */
#include "../check.h"
#include "nn/module.h"

enum { COUNT = 9, ROWS = 2, K = 3 };

int main(void) {
    static const float x[ROWS][K] = {{1, 2, 3}, {-1, 0, 2}};
    float weights[COUNT][K], biases[COUNT], out[COUNT][ROWS], want[COUNT][ROWS], *to[COUNT];
    sav_linear linears[COUNT];
    const sav_extent most = {ROWS, K, 1, 1, 1};
    size_t bytes = 0;
    sav_error err;
    sav_pass p = {.kernels = sav_kernels_choose("exact", "c", SAV_F32, 0, &err), .err = &err};
    if (!CHECK(p.kernels && p.kernels->scratch(&bytes, &most))) return check_report("module");
    p.run = (sav_run){.R = SAV_F32, .threads = 1, .scratch = sav_alloc(bytes, 1)};
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < K; k++) weights[i][k] = (float)(i * K + k);
        biases[i] = (float)(100 * i);
        linears[i] = (sav_linear){.weight = {.data = weights[i], .dtype = SAV_F32, .rows = 1, .cols = K},
                                  .bias = &biases[i]};
        to[i] = out[i];
        for (size_t t = 0; t < ROWS; t++) {
            out[i][t] = -1;
            want[i][t] = biases[i];
            for (size_t k = 0; k < K; k++) want[i][t] += x[t][k] * weights[i][k];
        }
    }
    if (CHECK(p.run.scratch)) sav_apply_each(&p, to, x[0], ROWS, linears, COUNT);
    check_bits(out[0], want[0], COUNT * ROWS, "nine linears");
    sav_free(p.run.scratch);
    return check_report("module");
}
