/* pack.c: weights -> int8 panels (layout and reasons in int8.h). */
#include "kernels/int8/int8.h"

#include <math.h>
#include <string.h>

bool sav_packed_sizes(size_t *bytes, size_t *scales, size_t rows, size_t cols, size_t group) {
    const size_t panels = rows / SAV_INT8_COLS + (rows % SAV_INT8_COLS != 0);
    const size_t quads = cols / SAV_INT8_DEPTH + (cols % SAV_INT8_DEPTH != 0),
                 groups = cols / group + (cols % group != 0);
    return sav_mul(bytes, panels, SAV_INT8_COLS * SAV_INT8_DEPTH) && sav_mul(bytes, *bytes, quads) &&
           sav_mul(scales, panels, SAV_INT8_COLS) && sav_mul(scales, *scales, groups);
}

void sav_packed_shapes(size_t panels[4], size_t scales[3], size_t rows, size_t cols, size_t group) {
    panels[0] = scales[0] = rows / SAV_INT8_COLS + (rows % SAV_INT8_COLS != 0);
    panels[1] = cols / SAV_INT8_DEPTH + (cols % SAV_INT8_DEPTH != 0);
    panels[2] = scales[2] = SAV_INT8_COLS;
    panels[3] = SAV_INT8_DEPTH;
    scales[1] = cols / group + (cols % group != 0);
}

/* One output's group: n weights -> its bytes, 64 apart for each quad of k; the scale. */
static float pack_group(unsigned char *to, double error[2], const float *w, size_t n) {
    unsigned char whole[SAV_INT8_GROUP_MAX];
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
    const float scale = most / SAV_INT8_MOST;
    const double inverse = most > 0 ? SAV_INT8_MOST / (double)most : 0;
    for (size_t i = 0; i < n; i++) {
        /* 1.5 * 2^52: to the nearest whole number */
        const double shifted = (double)w[i] * inverse + 6755399441055744.0;
        const double nearest = shifted - 6755399441055744.0, off = (double)w[i] - nearest * (double)scale;
        whole[i] = (unsigned char)(int)(nearest + SAV_INT8_ZERO);
        error[0] += off * off;
        error[1] += (double)w[i] * (double)w[i];
    }
    for (size_t i = 0; i < n; i++)
        to[i / SAV_INT8_DEPTH * SAV_INT8_COLS * SAV_INT8_DEPTH + i % SAV_INT8_DEPTH] = whole[i];
    return scale;
}

bool sav_int8_pack(unsigned char *panel, float *scales, double error[2], const sav_matrix *W, size_t first,
                   size_t group) {
    const size_t K = W->cols, quads = (K + SAV_INT8_DEPTH - 1) / SAV_INT8_DEPTH,
                 groups = (K + group - 1) / group, size = sav_dtype_size(W->dtype);
    float w[SAV_INT8_GROUP_MAX];
    bool finite = true;
    memset(panel, SAV_INT8_ZERO, quads * SAV_INT8_COLS * SAV_INT8_DEPTH);
    memset(scales, 0, groups * SAV_INT8_COLS * sizeof *scales);
    error[0] = error[1] = 0;
    for (size_t c = 0; c < SAV_INT8_COLS && first + c < W->rows; c++)
        for (size_t g = 0; g < groups; g++) {
            const size_t n = sav_min(K - g * group, group);
            sav_widen(w, (const char *)W->data + ((first + c) * K + g * group) * size, n, W->dtype);
            for (size_t i = 0; i < n; i++) finite = finite && isfinite(w[i]);
            if (!finite) return false;
            scales[g * SAV_INT8_COLS + c] =
                pack_group(panel + (g * group * SAV_INT8_COLS + c * SAV_INT8_DEPTH), error, w, n);
        }
    return true;
}

float sav_int8_weight(const sav_matrix *W, size_t n, size_t k) {
    const size_t quads = (W->cols + SAV_INT8_DEPTH - 1) / SAV_INT8_DEPTH,
                 groups = (W->cols + W->group - 1) / W->group;
    const size_t panel = n / SAV_INT8_COLS, c = n % SAV_INT8_COLS;
    const unsigned char *bytes = W->data;
    const int whole = bytes[((panel * quads + k / SAV_INT8_DEPTH) * SAV_INT8_COLS + c) * SAV_INT8_DEPTH +
                            k % SAV_INT8_DEPTH];
    return (float)(whole - SAV_INT8_ZERO) * W->scales[(panel * groups + k / W->group) * SAV_INT8_COLS + c];
}
