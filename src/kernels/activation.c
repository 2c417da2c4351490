/* activation.c: gelu_erf for engines of float32. See activation.h. */
#include "kernels/activation.h"

#include "kernels/activation.inc"
#include "kernels/parallel.h"

void sav_gelu_erf(float *out, const float *x, size_t n, const sav_run *run) {
    enum { PART = 4096 };
#pragma omp parallel for schedule(static) num_threads(run->threads) if (sav_team(run, n * 64))
    for (size_t i = 0; i < n; i += PART)
        activation(out + i, x + i, sav_min(n - i, PART), SAV_GELU_ERF, run->R);
}
