/* encode_list.c: a list's taps to whoever takes them, and all of them into memory. See encode.h. */
#include <string.h>

#include "tasks/encode_loop.h"

sav_status sav_encode_each(sav_list *list, const sav_encoder *encoder, sav_encode_take *take, void *context,
                           sav_error *err) {
    const sav_encode_visitor visitor = {.take = take, .save = take, .context = context};
    return sav_encode_visit(list, encoder, &visitor, err);
}

typedef struct matrix {
    float *features; /* [N, L, H, d] */
    size_t width;    /* L*H*d */
    size_t taken;
} matrix;

static sav_status take_row(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    matrix *m = context;
    (void)sample, (void)err;
    memcpy(m->features + m->taken * m->width, tap, m->width * sizeof *tap);
    m->taken++;
    return SAV_OK;
}

sav_status sav_encode_list(float **features, sav_list *list, const sav_encoder *encoder, sav_error *err) {
    matrix m = {.width = sav_model_describe(encoder->model)->features};
    size_t count;
    *features = NULL;
    if (sav_mul(&count, list->count, m.width)) m.features = sav_alloc(count, sizeof *m.features);
    if (!m.features)
        return sav_fail(err, SAV_NO_MEMORY, "no memory for the features of %zu samples", list->count);
    const sav_encode_visitor visitor = {
        .take = take_row, .context = &m, .reserved = (uint64_t)count * sizeof *m.features};
    sav_status status = sav_encode_visit(list, encoder, &visitor, err);
    if (status)
        sav_free(m.features);
    else
        *features = m.features;
    return status;
}
