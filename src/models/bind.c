/* bind.c: tensors of a checkpoint -> fields of the model, by the names of transformers <= 4.51.
 *
 * A missing, misshapen or unasked tensor is an error that names it. Matrices stay where the file is mapped;
 * vectors (norms, biases) are widened to float once, since they are small and read by every row.
 */
#include <stdio.h>
#include <string.h>

#include "models/model.h"

sav_status sav_binder_begin(sav_binder *b, sav_model *model, const sav_rename *renames, sav_error *err) {
    *b = (sav_binder){.model = model, .renames = renames, .role = SAV_MATRIX_VISION, .err = err};
    b->used = sav_alloc(sav_weights_count(model->weights), sizeof *b->used);
    model->matrices = sav_model_own(model, sav_weights_count(model->weights), sizeof *model->matrices);
    if (!b->used || !model->matrices) {
        sav_free(b->used);
        b->used = NULL;
        b->status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", model->folder);
    }
    return b->status;
}

static const sav_tensor *look_up(sav_binder *b, char file_name[256], const char *format, va_list args) {
    char name[256];
    vsnprintf(name, sizeof name, format, args);
    snprintf(file_name, 256, "%s", name);
    for (const sav_rename *r = b->renames; r && r->from; r++) {
        size_t n = strlen(r->from);
        if (strncmp(name, r->from, n) != 0) continue;
        snprintf(file_name, 256, "%s%s", r->to, name + n);
        break;
    }
    size_t at = sav_weights_index(b->model->weights, file_name);
    if (at == sav_weights_count(b->model->weights)) return NULL;
    b->used[at] = true;
    return sav_weights_at(b->model->weights, at);
}

static void put_shape(sav_text *out, int rank, const size_t *shape) {
    sav_text_string(out, "[");
    for (int i = 0; i < rank; i++) sav_text_printf(out, "%s%zu", i ? ", " : "", shape[i]);
    sav_text_string(out, "]");
}

static void fail_tensor(sav_binder *b, const sav_tensor *t, const char *name, const char *types, int rank,
                        const size_t *shape) {
    sav_text wanted = {0}, found = {0};
    put_shape(&wanted, rank, shape);
    if (t) put_shape(&found, t->rank, t->shape);
    const char *want = wanted.bytes ? wanted.bytes : "", *got = found.bytes ? found.bytes : "";
    if (t)
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s: found %s %s; expected %s %s",
                             sav_weights_file_of(b->model->weights, t), name, sav_dtype_name(t->dtype), got,
                             types, want);
    else
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s is missing; expected %s %s",
                             b->model->folder, name, types, want);
    sav_text_free(&wanted);
    sav_text_free(&found);
}

static bool is_shape(const sav_tensor *t, int rank, const size_t *shape) {
    bool fits = t->rank == rank;
    for (int i = 0; i < rank && fits; i++) fits = t->shape[i] == shape[i];
    return fits;
}

/* The tensor of just this shape, or NULL with the binder's status set. */
static const sav_tensor *bind(sav_binder *b, int rank, const size_t *shape, const char *format,
                              va_list args) {
    char name[256];
    if (b->status) return NULL;
    const sav_tensor *t = look_up(b, name, format, args);
    if (t && t->dtype <= SAV_F16 && is_shape(t, rank, shape)) return t;
    fail_tensor(b, t, name, "F32, BF16 or F16", rank, shape);
    return NULL;
}

/* The same, its values widened to float into memory of the model. */
static const float *bind_wide(sav_binder *b, int rank, const size_t *shape, const char *format,
                              va_list args) {
    const sav_tensor *t = bind(b, rank, shape, format, args);
    if (!t) return NULL;
    float *wide = sav_model_own(b->model, t->count, sizeof *wide);
    if (!wide) {
        b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", b->model->folder);
        return NULL;
    }
    for (size_t i = 0; i < t->count; i++) wide[i] = sav_tensor_float(t, i);
    return wide;
}

/* A U8 tensor of a quantised folder with its scales, NAME_scale. */
static sav_matrix bind_panels(sav_binder *b, const sav_tensor *t, size_t rows, size_t cols) {
    const sav_weights *weights = b->model->weights;
    const size_t group = b->model->group;
    size_t panels[4], shape[3];
    char name[300];
    snprintf(name, sizeof name, "%s_scale", t->name);
    const size_t at = sav_weights_index(weights, name);
    const sav_tensor *scales = at < sav_weights_count(weights) ? sav_weights_at(weights, at) : NULL;
    sav_quantised_shapes(panels, shape, rows, cols, group);
    if (!is_shape(t, 4, panels)) {
        fail_tensor(b, t, t->name, "U8", 4, panels);
        return (sav_matrix){0};
    }
    if (!scales || scales->dtype != SAV_F32 || !is_shape(scales, 3, shape)) {
        fail_tensor(b, scales, name, "F32", 3, shape);
        return (sav_matrix){0};
    }
    b->used[at] = true;
    if ((uintptr_t)scales->data % sizeof(float)) {
        b->status = sav_fail(
            b->err, SAV_BAD_INPUT,
            "%s: tensor %s does not begin at a multiple of 4 bytes; expected a file of savs quantize",
            sav_weights_file_of(weights, scales), name);
        return (sav_matrix){0};
    }
    return (sav_matrix){
        .data = t->data, .dtype = SAV_U8, .rows = rows, .cols = cols, .scales = scales->data, .group = group};
}

sav_matrix sav_bind_matrix(sav_binder *b, size_t rows, size_t cols, const char *format, ...) {
    const size_t shape[2] = {rows, cols};
    char name[256];
    va_list args, again;
    if (b->status) return (sav_matrix){0};
    va_start(args, format);
    va_copy(again, args);
    const sav_tensor *t = look_up(b, name, format, args);
    const bool panels = t && t->dtype == SAV_U8 && b->model->group;
    if (t) b->model->matrices[sav_weights_index(b->model->weights, t->name)] = (unsigned char)b->role;
    if (!panels) t = bind(b, 2, shape, format, again);
    va_end(again);
    va_end(args);
    if (panels) return bind_panels(b, t, rows, cols);
    return t ? (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = rows, .cols = cols} : (sav_matrix){0};
}

sav_matrix sav_bind_table(sav_binder *b, size_t rows, size_t cols, const char *format, ...) {
    const size_t shape[2] = {rows, cols};
    va_list args;
    va_start(args, format);
    const sav_tensor *t = bind(b, 2, shape, format, args);
    va_end(args);
    return t ? (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = rows, .cols = cols} : (sav_matrix){0};
}

sav_matrix sav_bind_filters(sav_binder *b, int rank, const size_t *shape, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const sav_tensor *t = bind(b, rank, shape, format, args);
    va_end(args);
    return t ? (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = shape[0], .cols = t->count / shape[0]}
             : (sav_matrix){0};
}

const float *sav_bind_vector(sav_binder *b, size_t n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const float *wide = bind_wide(b, 1, &n, format, args);
    va_end(args);
    return wide;
}

const float *sav_bind_rows(sav_binder *b, size_t rows, size_t cols, const char *format, ...) {
    const size_t shape[2] = {rows, cols};
    va_list args;
    va_start(args, format);
    const float *wide = bind_wide(b, 2, shape, format, args);
    va_end(args);
    return wide;
}

const sav_tensor *sav_bind_peek(sav_binder *b, const char *format, ...) {
    char name[256];
    va_list args;
    if (b->status) return NULL;
    va_start(args, format);
    const sav_tensor *t = look_up(b, name, format, args);
    va_end(args);
    return t;
}

void sav_bind_ignore(sav_binder *b, const char *prefix) {
    char name[256];
    if (b->status) return;
    snprintf(name, sizeof name, "%s", prefix);
    for (const sav_rename *r = b->renames; r && r->from; r++) {
        size_t n = strlen(r->from);
        if (strncmp(prefix, r->from, n) != 0) continue;
        snprintf(name, sizeof name, "%s%s", r->to, prefix + n);
        break;
    }
    for (size_t i = 0; i < sav_weights_count(b->model->weights); i++)
        if (strncmp(sav_weights_at(b->model->weights, i)->name, name, strlen(name)) == 0) b->used[i] = true;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

sav_status sav_binder_end(sav_binder *b) {
    for (size_t i = 0; !b->status && i < sav_weights_count(b->model->weights); i++) {
        const sav_tensor *t = sav_weights_at(b->model->weights, i);
        /* buffers that older writers stored: recomputed here */
        if (b->used[i] || ends_with(t->name, ".inv_freq") || ends_with(t->name, ".position_ids")) continue;
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s is not part of this architecture (%s)",
                             sav_weights_file_of(b->model->weights, t), t->name, b->model->family->name);
    }
    sav_free(b->used);
    b->used = NULL;
    return b->status;
}
