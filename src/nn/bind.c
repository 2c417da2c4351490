/* bind.c: tensors by name -> modules. See bind.h.
 *
 * A missing, misshapen or unasked tensor is an error that names it. Matrices stay where the file is mapped;
 * vectors (norms, biases) are widened to float once, since they are small and read by every row.
 */
#include "nn/bind.h"

#include <stdio.h>
#include <string.h>

#include "kernels/packed.h"

enum { NAME = 256, PATHS = 4096 };

/* ---- what lives with the model ------------------------------------------------------------------------- */

void *sav_own(sav_owned *owned, size_t count, size_t size) {
    if (!sav_grow(&owned->items, &owned->capacity, owned->count + 1, sizeof *owned->items)) return NULL;
    void *p = sav_alloc(count, size);
    if (p) owned->items[owned->count++] = p;
    return p;
}

void sav_owned_free(sav_owned *owned) {
    for (size_t i = 0; i < owned->count; i++) sav_free(owned->items[i]);
    sav_free(owned->items);
    *owned = (sav_owned){0};
}

void *sav_bind_own(sav_binder *b, size_t count, size_t size) {
    void *p = b->status ? NULL : sav_own(b->owned, count, size);
    if (!p && !b->status) b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", b->folder);
    return p;
}

void sav_register_free(sav_register *all) {
    sav_free(all->items);
    *all = (sav_register){0};
}

/* Sizes were checked when the matrix was bound. */
size_t sav_matrix_data_bytes(const sav_matrix *m) {
    size_t bytes = 0, scales;
    if (m->dtype != SAV_U8) return m->rows * m->cols * sav_dtype_size(m->dtype);
    (void)sav_packed_sizes(&bytes, &scales, m->rows, m->cols, m->group);
    return bytes;
}

size_t sav_matrix_scale_bytes(const sav_matrix *m) {
    size_t bytes, scales = 0;
    if (m->dtype == SAV_U8) (void)sav_packed_sizes(&bytes, &scales, m->rows, m->cols, m->group);
    return scales * sizeof *m->scales;
}

size_t sav_matrix_bytes(const sav_matrix *m) {
    return sav_matrix_data_bytes(m) + sav_matrix_scale_bytes(m);
}

/* ---- names --------------------------------------------------------------------------------------------- */

sav_status sav_binder_begin(sav_binder *b) {
    b->status = SAV_OK;
    b->used = sav_alloc(sav_weights_count(b->weights), sizeof *b->used);
    if (!b->used) b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", b->folder);
    return b->status;
}

static void set_scope(sav_binder *b, const char *format, va_list args) {
    vsnprintf(b->scope, sizeof b->scope, format, args);
}

void sav_bind_sizes(sav_binder *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(b->sizes, sizeof b->sizes, format, args);
    va_end(args);
}

void sav_bind_scope(sav_binder *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_scope(b, format, args);
    va_end(args);
}

void sav_bind_layer(sav_binder *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_scope(b, format, args);
    va_end(args);
    b->modules->layers++;
}

/* SCOPE NAME END, as the file calls it. */
static void file_name(char out[NAME], const sav_binder *b, const char *name, const char *end) {
    char full[NAME];
    snprintf(full, sizeof full, "%s%s%s", b->scope, name, end);
    snprintf(out, NAME, "%s", full);
    for (const sav_rename *r = b->renames; r && r->from; r++) {
        const size_t n = strlen(r->from);
        if (strncmp(full, r->from, n) != 0) continue;
        snprintf(out, NAME, "%s%s", r->to, full + n);
        return;
    }
}

/* Paths are short and many: they share blocks. */
const char *sav_bind_path(sav_binder *b, const char *name) {
    const size_t length = strlen(b->scope) + strlen(name) + 1;
    if (b->status) return NULL;
    if (length > b->paths_left) {
        b->paths_left = length > PATHS ? length : PATHS;
        b->paths = sav_bind_own(b, b->paths_left, 1);
        if (!b->paths) return NULL;
    }
    char *path = b->paths;
    snprintf(path, length, "%s%s", b->scope, name);
    b->paths += length;
    b->paths_left -= length;
    return path;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

typedef struct wanted {
    int rank;
    size_t shape[SAV_MAX_RANK];
} wanted;

static wanted vector(size_t n) {
    return (wanted){1, {n}};
}

static wanted table(size_t rows, size_t cols) {
    return (wanted){2, {rows, cols}};
}

static const sav_tensor *look_up(sav_binder *b, const char *name) {
    const size_t at = sav_weights_index(b->weights, name);
    if (at == sav_weights_count(b->weights)) return NULL;
    b->used[at] = true;
    return sav_weights_at(b->weights, at);
}

static bool has_shape(const sav_tensor *t, const wanted *w) {
    bool fits = t->rank == w->rank;
    for (int i = 0; i < w->rank && fits; i++) fits = t->shape[i] == w->shape[i];
    return fits;
}

static void put_shape(sav_text *out, int rank, const size_t *shape) {
    sav_text_string(out, "[");
    for (int i = 0; i < rank; i++) sav_text_printf(out, "%s%zu", i ? ", " : "", shape[i]);
    sav_text_string(out, "]");
}

/* What tools of training put into names. */
static const struct {
    const char *part, *what, *hint;
} WRAPPERS[] = {
    {".lora_", "an adapter that is not merged (PEFT)",
     "merge it: merge_and_unload(), then save_pretrained(DIR)"},
    {".base_layer.", "a model inside an adapter (PEFT)",
     "merge the adapter: merge_and_unload(), then save_pretrained(DIR)"},
    {"base_model.model.", "a model inside an adapter (PEFT)",
     "save the model itself: merge_and_unload(), then save_pretrained(DIR)"},
    {"_fsdp_wrapped_module.", "a model wrapped by FSDP",
     "save the module inside, or take this part out of the names"},
    {"_orig_mod.", "a model wrapped by torch.compile",
     "save the module inside (_orig_mod), or take this part out of the names"},
    {"module.", "a model wrapped by DistributedDataParallel or DeepSpeed",
     "save the module inside (.module), or take this part out of the names"},
};

/* A tensor is missing or unasked: perhaps names stand inside another's. */
static bool fail_wrapped(sav_binder *b) {
    for (size_t k = 0; k < sizeof WRAPPERS / sizeof WRAPPERS[0]; k++)
        for (size_t i = 0; i < sav_weights_count(b->weights); i++) {
            const sav_tensor *t = sav_weights_at(b->weights, i);
            const char *at = strstr(t->name, WRAPPERS[k].part);
            if (!at || (at != t->name && at[-1] != '.' && *at != '.')) continue;
            b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %.200s: found \"%s\" in its name: %s",
                                 sav_weights_file_of(b->weights, t), t->name, WRAPPERS[k].part,
                                 WRAPPERS[k].what);
            sav_hint(b->err, "%s", WRAPPERS[k].hint);
            return true;
        }
    return false;
}

/* t: what was found, NULL: nothing. */
static void fail_tensor(sav_binder *b, const sav_tensor *t, const char *name, const char *types,
                        const wanted *w) {
    sav_text want = {0}, found = {0};
    put_shape(&want, w->rank, w->shape);
    if (t) put_shape(&found, t->rank, t->shape);
    const char *expected = want.bytes ? want.bytes : "", *got = found.bytes ? found.bytes : "";
    if (t)
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s: found %s %s; expected %s %s",
                             sav_weights_file_of(b->weights, t), name, sav_dtype_name(t->dtype), got, types,
                             expected);
    if (t && b->sizes[0]) sav_hint(b->err, "The shape expected follows from %s.", b->sizes);
    if (!t && !fail_wrapped(b))
        b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s is missing; expected %s %s", b->folder,
                             name, types, expected);
    sav_text_free(&want);
    sav_text_free(&found);
}

/* The tensor of just this shape in floats of some kind; NULL: the status is set. */
static const sav_tensor *find(sav_binder *b, const char *name, const char *end, wanted w) {
    char in_file[NAME];
    if (b->status) return NULL;
    file_name(in_file, b, name, end);
    const sav_tensor *t = look_up(b, in_file);
    if (t && sav_is_storage(t->dtype) && has_shape(t, &w)) return t;
    fail_tensor(b, t, in_file, "F32, BF16 or F16", &w);
    return NULL;
}

static const float *widened(sav_binder *b, const char *name, const char *end, wanted w) {
    const sav_tensor *t = find(b, name, end, w);
    float *wide = t ? sav_bind_own(b, t->count, sizeof *wide) : NULL;
    for (size_t i = 0; wide && i < t->count; i++) wide[i] = sav_tensor_float(t, i);
    return wide;
}

const float *sav_bind_values(sav_binder *b, const char *name, size_t rows, size_t cols) {
    return widened(b, name, "", cols ? table(rows, cols) : vector(rows));
}

const sav_tensor *sav_bind_peek(sav_binder *b, const char *name) {
    char in_file[NAME];
    if (b->status) return NULL;
    file_name(in_file, b, name, "");
    return look_up(b, in_file);
}

void sav_bind_ignore(sav_binder *b, const char *prefix) {
    char in_file[NAME];
    if (b->status) return;
    file_name(in_file, b, prefix, "");
    for (size_t i = 0; i < sav_weights_count(b->weights); i++)
        if (strncmp(sav_weights_at(b->weights, i)->name, in_file, strlen(in_file)) == 0) b->used[i] = true;
}

static bool ends_with(const char *name, const char *end) {
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

sav_status sav_binder_end(sav_binder *b) {
    for (size_t i = 0; !b->status && i < sav_weights_count(b->weights); i++) {
        const sav_tensor *t = sav_weights_at(b->weights, i);
        /* buffers that older writers stored: recomputed here */
        if (b->used[i] || ends_with(t->name, ".inv_freq") || ends_with(t->name, ".position_ids")) continue;
        if (!fail_wrapped(b))
            b->status = sav_fail(b->err, SAV_BAD_INPUT, "%s: tensor %s is not part of this architecture (%s)",
                                 sav_weights_file_of(b->weights, t), t->name, b->family);
    }
    sav_free(b->used);
    b->used = NULL;
    return b->status;
}

/* ---- modules ------------------------------------------------------------------------------------------- */

static sav_matrix as_stored(const sav_tensor *t, size_t rows) {
    return t ? (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = rows, .cols = t->count / rows}
             : (sav_matrix){0};
}

/* A U8 tensor of a quantised folder with its scales, NAME_scale. */
static sav_matrix panels(sav_binder *b, const sav_tensor *t, size_t N, size_t K) {
    wanted bytes = {.rank = 4}, scale = {.rank = 3};
    char name[NAME + 8];
    sav_packed_shapes(bytes.shape, scale.shape, N, K, b->group);
    snprintf(name, sizeof name, "%s_scale", t->name);
    if (!has_shape(t, &bytes)) {
        fail_tensor(b, t, t->name, "U8", &bytes);
        return (sav_matrix){0};
    }
    const sav_tensor *scales = look_up(b, name);
    if (!scales || scales->dtype != SAV_F32 || !has_shape(scales, &scale)) {
        fail_tensor(b, scales, name, "F32", &scale);
        return (sav_matrix){0};
    }
    if ((uintptr_t)scales->data % sizeof(float)) {
        b->status = sav_fail(
            b->err, SAV_BAD_INPUT,
            "%s: tensor %s does not begin at a multiple of 4 bytes; expected a file of savs quantize",
            sav_weights_file_of(b->weights, scales), name);
        return (sav_matrix){0};
    }
    return (sav_matrix){
        .data = t->data, .dtype = SAV_U8, .rows = N, .cols = K, .scales = scales->data, .group = b->group};
}

/* The module in the register, in the layer that was begun last. */
static void enlist(sav_binder *b, sav_linear *m, const char *in_file) {
    sav_register *all = b->modules;
    if (b->status) return;
    if (!sav_grow(&all->items, &all->capacity, all->count + 1, sizeof *all->items)) {
        b->status = sav_fail(b->err, SAV_NO_MEMORY, "%s: no memory", b->folder);
        return;
    }
    if (!all->layers) { /* a family's file binds it before it says which layer it belongs to */
        b->status = sav_fail(b->err, SAV_UNSUPPORTED, "%s: %s is in no layer", b->folder, m->path);
        return;
    }
    m->layer = all->layers - 1;
    all->items[all->count++] = (sav_registered){m, sav_weights_index(b->weights, in_file)};
}

void sav_bind_matrix(sav_binder *b, sav_linear *out, const char *name, size_t N, size_t K, sav_role role) {
    char in_file[NAME];
    *out = (sav_linear){.role = role, .path = sav_bind_path(b, name)};
    if (b->status) return;
    file_name(in_file, b, name, ".weight");
    const sav_tensor *t = look_up(b, in_file);
    if (t && t->dtype == SAV_U8 && b->group)
        out->weight = panels(b, t, N, K);
    else
        out->weight = as_stored(find(b, name, ".weight", table(N, K)), N);
    enlist(b, out, in_file);
}

void sav_bind_linear(sav_binder *b, sav_linear *out, const char *name, size_t N, size_t K, sav_role role) {
    sav_bind_matrix(b, out, name, N, K, role);
    out->bias = widened(b, name, ".bias", vector(N));
}

void sav_bind_filters(sav_binder *b, sav_linear *out, const char *name, int rank, const size_t *shape) {
    char in_file[NAME];
    wanted w = {.rank = rank};
    memcpy(w.shape, shape, (size_t)rank * sizeof *shape);
    *out = (sav_linear){.role = SAV_ROLE_PATCHES, .path = sav_bind_path(b, name)};
    out->weight = as_stored(find(b, name, ".weight", w), shape[0]);
    file_name(in_file, b, name, ".weight");
    enlist(b, out, in_file);
}

void sav_bind_table(sav_binder *b, sav_matrix *out, const char *name, size_t V, size_t D) {
    *out = as_stored(find(b, name, ".weight", table(V, D)), V);
}

void sav_bind_layer_norm(sav_binder *b, sav_norm *out, const char *name, size_t D, double eps) {
    sav_bind_rms_norm(b, out, name, D, eps);
    out->bias = widened(b, name, ".bias", vector(D));
}

void sav_bind_rms_norm(sav_binder *b, sav_norm *out, const char *name, size_t D, double eps) {
    *out = (sav_norm){.D = D, .eps = eps, .path = sav_bind_path(b, name)};
    out->weight = widened(b, name, ".weight", vector(D));
}

void sav_bind_act(sav_binder *b, sav_act *out, const char *name, sav_activation f) {
    *out = (sav_act){f, sav_bind_path(b, name)};
}
