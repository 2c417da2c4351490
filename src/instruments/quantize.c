/* quantize.c: a model folder -> its int8 folder. See quantize.h; the format: models/quantised.c,
 * kernels/int8/int8.h. */
#include "instruments/quantize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "kernels/int8/int8.h"
#include "kernels/parallel.h"
#include "models/model.h"

enum { PANELS = 64, COPY_BYTES = 1 << 22 }; /* quantised together; written at once */

/* Copied when they are there. config.json is written, last. */
static const char *const FILES[] = {"preprocessor_config.json",
                                    "video_preprocessor_config.json",
                                    "processor_config.json",
                                    "chat_template.json",
                                    "chat_template.jinja",
                                    "tokenizer.json",
                                    "tokenizer_config.json",
                                    "vocab.json",
                                    "merges.txt",
                                    "added_tokens.json",
                                    "special_tokens_map.json",
                                    "generation_config.json",
                                    "LICENSE",
                                    "LICENSE.txt",
                                    "NOTICE"};

typedef struct work {
    const sav_model *model;
    const char *folder, *to;
    sav_quantize_options options;
    const sav_quantize_hooks *hooks;
    sav_quantize_report *report;
    const sav_linear **modules; /* [tensors] whose weight it is; NULL: it stays as it is */
    bool *chosen;               /* [tensors] becomes panels */
    unsigned char *panels;      /* [PANELS, bytes of the largest panel] */
    float *scales;              /* those of the largest matrix */
    double (*errors)[2];        /* [PANELS] */
    size_t most_panel, most_scales;
    uint64_t seen;
} work;

static sav_matrix matrix_of(const sav_tensor *t) {
    return (sav_matrix){.data = t->data, .dtype = t->dtype, .rows = t->shape[0], .cols = t->shape[1]};
}

static size_t tensor_bytes(const sav_tensor *t) {
    return t->count * sav_dtype_size(t->dtype);
}

static sav_status tell(work *w, uint64_t bytes, sav_error *err) {
    w->seen += bytes;
    return w->hooks->check(w->hooks->context, w->seen, 2 * w->report->bytes_before, err);
}

/* ---- one matrix ---------------------------------------------------------------------------------------- */

/* Panels first … first + n - 1 of W (n <= PANELS) and their scales, in w. False: a weight is no number. */
static bool pack(work *w, const sav_matrix *W, size_t first, size_t n) {
    size_t bytes, floats; /* of one panel, which fit: allocate asked */
    int bad = !sav_packed_sizes(&bytes, &floats, SAV_INT8_COLS, W->cols, w->options.group);
#pragma omp parallel for schedule(dynamic) num_threads(w->options.threads) reduction(+ : bad)
    for (size_t i = 0; i < n; i++)
        bad += !sav_int8_pack(w->panels + i * bytes, w->scales + (first + i) * floats, w->errors[i], W,
                              (first + i) * SAV_INT8_COLS, w->options.group);
    return bad == 0;
}

/* The relative error of a matrix, infinity when it cannot be quantised. */
static sav_status measure(double *out, work *w, const sav_tensor *t, sav_error *err) {
    const sav_matrix W = matrix_of(t);
    const size_t panels = (W.rows + SAV_INT8_COLS - 1) / SAV_INT8_COLS;
    double off = 0, all = 0;
    bool finite = true;
    sav_status status = SAV_OK;
    for (size_t first = 0; first < panels && finite && !status; first += PANELS) {
        const size_t n = sav_min(panels - first, PANELS);
        finite = pack(w, &W, first, n);
        for (size_t i = 0; i < n; i++) off += w->errors[i][0], all += w->errors[i][1];
        status = tell(w, 0, err);
    }
    *out = !finite ? (double)INFINITY : all > 0 ? sqrt(off / all) : 0;
    return status;
}

/* Its panels to the file; the scales stay in w. */
static sav_status write_panels(work *w, sav_os_file *file, const sav_tensor *t, sav_error *err) {
    const sav_matrix W = matrix_of(t);
    const size_t panels = (W.rows + SAV_INT8_COLS - 1) / SAV_INT8_COLS;
    const size_t bytes = sav_round_up(W.cols, SAV_INT8_DEPTH) * SAV_INT8_COLS;
    sav_status status = SAV_OK;
    for (size_t first = 0; first < panels && !status; first += PANELS) {
        const size_t n = sav_min(panels - first, PANELS);
        (void)pack(w, &W, first, n);
        status = sav_os_write(file, w->panels, n * bytes, err);
        if (!status) status = tell(w, 0, err);
    }
    return status;
}

/* ---- which --------------------------------------------------------------------------------------------- */

/* The modules whose weights may become panels, by tensor: all but a tower's patch embedding. */
static void enlist(work *w) {
    const sav_register *all = &w->model->modules;
    for (size_t i = 0; i < all->count; i++) {
        const sav_linear *m = all->items[i].module;
        const bool tower = m->layer < w->model->decoder.first_layer;
        if (m->role != SAV_ROLE_PATCHES && !(tower && w->options.keep_vision))
            w->modules[all->items[i].tensor] = m;
    }
}

static bool large(const sav_linear *m) {
    for (size_t n = 0; m->bias && n < m->weight.rows; n++)
        if (fabsf(m->bias[n]) >= SAV_QUANTIZE_BIAS) return true;
    return false;
}

/* A decoder's q_proj or k_proj beside a k bias in the hundreds: scores are q . (k + bias), so that q's error
 * is multiplied by the bias in front of the softmax (src/MODEL.md §10). */
static bool large_bias(const work *w, const sav_linear *m) {
    const sav_register *all = &w->model->modules;
    if (m->layer < w->model->decoder.first_layer || (m->role != SAV_ROLE_Q && m->role != SAV_ROLE_K))
        return false;
    for (size_t i = 0; i < all->count; i++) {
        const sav_linear *k = all->items[i].module;
        if (k->layer == m->layer && k->role == SAV_ROLE_K) return large(k);
    }
    return false;
}

/* Room for the largest matrix's scales and for PANELS of the longest panels. */
static sav_status allocate(work *w, sav_error *err) {
    const size_t count = sav_weights_count(w->model->weights);
    size_t bytes, scales, all = 0;
    bool fits = true;
    w->modules = sav_alloc(count, sizeof *w->modules);
    if (!w->modules) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to quantise it", w->folder);
    enlist(w);
    for (size_t i = 0; i < count; i++) {
        const sav_tensor *t = sav_weights_at(w->model->weights, i);
        w->report->bytes_before += tensor_bytes(t);
        if (!w->modules[i]) continue;
        fits = fits && sav_packed_sizes(&bytes, &scales, sav_min(t->shape[0], SAV_INT8_COLS), t->shape[1],
                                        w->options.group);
        if (fits && bytes > w->most_panel) w->most_panel = bytes;
        fits = fits && sav_packed_sizes(&bytes, &scales, t->shape[0], t->shape[1], w->options.group);
        if (fits && scales > w->most_scales) w->most_scales = scales;
    }
    fits = fits && sav_mul(&all, w->most_panel, PANELS);
    w->chosen = sav_alloc(count, sizeof *w->chosen);
    w->panels = fits ? sav_alloc(all, 1) : NULL;
    w->scales = sav_alloc(w->most_scales, sizeof *w->scales);
    w->errors = sav_alloc(PANELS, sizeof *w->errors);
    if (!w->chosen || !w->panels || !w->scales || !w->errors)
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to quantise it", w->folder);
    return SAV_OK;
}

static sav_status choose(work *w, sav_error *err) {
    sav_status status = SAV_OK;
    double sum = 0;
    for (size_t i = 0; i < sav_weights_count(w->model->weights) && !status; i++) {
        const sav_tensor *t = sav_weights_at(w->model->weights, i);
        double error;
        if (w->modules[i]) {
            status = measure(&error, w, t, err);
            if (status) break;
            w->chosen[i] = error <= SAV_QUANTIZE_WORST && !large_bias(w, w->modules[i]);
            if (w->chosen[i]) {
                w->report->matrices++;
                sum += error;
                if (error > w->report->worst_error) w->report->worst_error = error;
            } else {
                w->report->kept++;
            }
            w->hooks->matrix(w->hooks->context, t->name, error, !w->chosen[i]);
        }
        status = tell(w, tensor_bytes(t), err);
    }
    if (w->report->matrices) w->report->mean_error = sum / (double)w->report->matrices;
    return status;
}

/* ---- shards -------------------------------------------------------------------------------------------- */

/* What one output shard will hold. */
typedef struct shard_plan {
    sav_tensor *tensors;     /* [count] as they will be: panels, their scales, …; behind them what stays */
    const sav_tensor **from; /* [count] as they are; for scales the matrix again */
    char **names;            /* [count] of scales, else NULL */
    size_t count, capacity;
} shard_plan;

static void free_plan(shard_plan *p) {
    for (size_t i = 0; p->names && i < p->count; i++) sav_free(p->names[i]);
    sav_free(p->names);
    sav_free(p->from);
    sav_free(p->tensors);
}

static void add_matrix(shard_plan *p, const sav_tensor *t, char *scale_name, size_t group) {
    size_t panels[4], scales[3];
    sav_packed_shapes(panels, scales, t->shape[0], t->shape[1], group);
    sav_tensor *a = &p->tensors[p->count], *b = a + 1;
    *a = (sav_tensor){
        .name = t->name, .dtype = SAV_U8, .rank = 4, .count = panels[0] * panels[1] * panels[2] * panels[3]};
    *b = (sav_tensor){
        .name = scale_name, .dtype = SAV_F32, .rank = 3, .count = scales[0] * scales[1] * scales[2]};
    memcpy(a->shape, panels, sizeof panels);
    memcpy(b->shape, scales, sizeof scales);
    p->from[p->count] = p->from[p->count + 1] = t;
    p->names[p->count + 1] = scale_name;
    p->count += 2;
}

/* Panels and scales come first: their sizes are multiples of 64, so that each begins at one. */
static sav_status plan_shard(shard_plan *p, const work *w, const sav_safetensors *shard, sav_error *err) {
    const size_t count = sav_safetensors_count(shard);
    *p = (shard_plan){.tensors = sav_alloc(2 * count + 1, sizeof *p->tensors),
                      .from = sav_alloc(2 * count + 1, sizeof *p->from),
                      .names = sav_alloc(2 * count + 1, sizeof *p->names)};
    if (!p->tensors || !p->from || !p->names) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->folder);
    for (int panels = 1; panels >= 0; panels--)
        for (size_t i = 0; i < count; i++) {
            const sav_tensor *t = sav_safetensors_at(shard, i);
            const bool chosen = w->chosen[sav_weights_index(w->model->weights, t->name)];
            if (chosen != (panels != 0)) continue;
            if (!chosen) {
                p->tensors[p->count] = *t;
                p->from[p->count++] = t;
                continue;
            }
            sav_text name = {0};
            sav_text_printf(&name, "%s_scale", t->name);
            if (name.failed) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->folder);
            add_matrix(p, t, name.bytes, w->options.group);
        }
    return SAV_OK;
}

static sav_status write_plain(work *w, sav_os_file *file, const sav_tensor *t, sav_error *err) {
    const size_t size = tensor_bytes(t);
    sav_status status = SAV_OK;
    for (size_t at = 0; at < size && !status; at += COPY_BYTES) {
        status = sav_os_write(file, (const char *)t->data + at, sav_min(size - at, COPY_BYTES), err);
        if (!status) status = tell(w, 0, err);
    }
    return status;
}

static sav_status write_shard(work *w, const shard_plan *p, const char *path, sav_error *err) {
    static const char *const keys[] = {"format", "savs_int8"};
    char version[24];
    const char *const values[] = {"pt", version};
    const sav_metadata metadata = {2, keys, values};
    sav_os_file *file;
    snprintf(version, sizeof version, "%d", SAV_PACKED_VERSION);
    sav_status status = sav_safetensors_start(&file, path, p->tensors, p->count, &metadata, err);
    if (status) return status;
    for (size_t i = 0; i < p->count && !status; i++) {
        if (p->names[i]) { /* its panels have just been written */
            status = sav_os_write(file, w->scales, p->tensors[i].count * sizeof(float), err);
        } else {
            status = p->from[i]->dtype == p->tensors[i].dtype ? write_plain(w, file, p->from[i], err)
                                                              : write_panels(w, file, p->from[i], err);
            if (!status) status = tell(w, tensor_bytes(p->from[i]), err);
        }
        w->report->bytes_after += tensor_bytes(&p->tensors[i]);
    }
    if (!status) return sav_os_commit(file, err);
    sav_os_abandon(file);
    return status;
}

/* Every shard under its own name; map: the members of the index's weight_map. */
static sav_status write_shards(work *w, sav_text *map, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t s = 0; s < sav_weights_shards(w->model->weights) && !status; s++) {
        const sav_safetensors *shard = sav_weights_shard(w->model->weights, s);
        const char *name = sav_os_path_name(sav_safetensors_path(shard));
        shard_plan p;
        char *to = sav_path_join(w->to, name);
        status = plan_shard(&p, w, shard, err);
        if (!status && !to) status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->to);
        if (!status) status = write_shard(w, &p, to, err);
        for (size_t i = 0; i < p.count && !status; i++) {
            sav_text_string(map, map->length ? ",\n" : "");
            sav_json_put_string(map, p.tensors[i].name, strlen(p.tensors[i].name));
            sav_text_string(map, ": ");
            sav_json_put_string(map, name, strlen(name));
        }
        free_plan(&p);
        sav_free(to);
    }
    return status;
}

/* ---- other files --------------------------------------------------------------------------------------- */

static sav_status write_file(const work *w, const char *name, const void *bytes, size_t length,
                             sav_error *err) {
    char *path = sav_path_join(w->to, name);
    if (!path) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->to);
    sav_status status = sav_os_save(path, bytes, length, err);
    sav_free(path);
    return status;
}

static sav_status copy_files(const work *w, sav_error *err) {
    sav_status status = SAV_OK;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0] && !status; i++) {
        sav_map map = {0};
        char *path = sav_path_join(w->folder, FILES[i]);
        const bool there = path && sav_os_exists(path);
        if (!path) status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->folder);
        if (there) status = sav_os_map(&map, path, err);
        if (there && !status) status = write_file(w, FILES[i], map.bytes, map.size, err);
        sav_os_unmap(&map);
        sav_free(path);
    }
    return status;
}

static sav_status write_index(const work *w, const sav_text *map, sav_error *err) {
    sav_text index = {0};
    sav_text_printf(&index, "{\"metadata\": {\"total_size\": %llu},\n\"weight_map\": {\n%s}}\n",
                    (unsigned long long)w->report->bytes_after, map->bytes);
    sav_status status = index.failed || map->failed
                            ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->to)
                            : write_file(w, "model.safetensors.index.json", index.bytes, index.length, err);
    sav_text_free(&index);
    return status;
}

/* The config's own members as they are, and what kernels must know. */
static sav_status write_config(const work *w, sav_error *err) {
    sav_json_doc *config = NULL;
    sav_text out = {0};
    char *path = sav_path_join(w->folder, "config.json");
    sav_status status = path ? sav_json_read(&config, path, err)
                             : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->folder);
    if (!status) {
        sav_text_string(&out, "{\n");
        for (const sav_json *node = sav_json_root(config)->child; node; node = node->next) {
            /* null, or the folder would not have opened */
            if (strcmp(node->key, "quantization_config") == 0) continue;
            sav_text_string(&out, "  ");
            sav_json_put_string(&out, node->key, node->key_length);
            sav_text_string(&out, ": ");
            sav_json_put(&out, node);
            sav_text_string(&out, ",\n");
        }
        sav_text_printf(&out,
                        "  \"quantization_config\": {\"quant_method\": \"savs_int8\", \"version\": %d, "
                        "\"group_size\": %zu, \"source_sha256\": \"%s\"}\n}\n",
                        SAV_PACKED_VERSION, w->options.group, sav_model_describe(w->model)->sha256);
        status = out.failed ? sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->to)
                            : write_file(w, "config.json", out.bytes, out.length, err);
    }
    sav_json_free(config);
    sav_free(path);
    sav_text_free(&out);
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

/* Stands in the folder from the first byte to the last: a folder with it is not complete, and may be written
 * again. */
static const char UNFINISHED[] = "savs-quantize.unfinished";

/* A file of a run that did not get to its end. */
static bool is_own(const char *name) {
    static const char shard[] = ".safetensors";
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++)
        if (strcmp(name, FILES[i]) == 0) return true;
    return strcmp(name, UNFINISHED) == 0 || strcmp(name, "config.json") == 0 ||
           strcmp(name, "model.safetensors.index.json") == 0 ||
           (length >= sizeof shard && strcmp(name + length - (sizeof shard - 1), shard) == 0);
}

/* A new or empty folder, so that nothing of another model stays beside, or one that a killed run left. */
static sav_status open_target(const work *w, sav_error *err) {
    char **names = NULL, *path = sav_path_join(w->to, UNFINISHED);
    size_t count = 0;
    if (!path) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->to);
    sav_status status = sav_os_make_folder(w->to, err);
    if (!status) sav_os_remove_remains(w->to);
    if (!status) status = sav_os_list(&names, &count, w->to, err);
    const bool unfinished = !status && sav_os_exists(path);
    sav_free(path);
    for (size_t i = 0; i < count && !status; i++) {
        if (unfinished && is_own(names[i])) continue;
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found %.100s in it; expected a new or an empty folder",
                          w->to, names[i]);
        sav_hint(err, "choose another --out");
    }
    for (size_t i = 0; i < count && !status; i++) {
        if (strcmp(names[i], UNFINISHED) == 0) continue;
        path = sav_path_join(w->to, names[i]);
        if (path) sav_os_remove(path);
        sav_free(path);
    }
    sav_os_names_free(names, count);
    return status ? status : write_file(w, UNFINISHED, "", 0, err);
}

static sav_status close_target(const work *w, sav_error *err) {
    char *path = sav_path_join(w->to, UNFINISHED);
    if (!path) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", w->to);
    sav_os_remove(path);
    sav_free(path);
    return SAV_OK;
}

static sav_status run(work *w, sav_error *err) {
    sav_text map = {0};
    sav_status status;
    if (w->model->group)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found int8 weights already; expected weights as they were trained", w->folder);
    status = open_target(w, err);
    if (!status) status = allocate(w, err);
    if (!status) status = choose(w, err);
    if (!status) status = write_shards(w, &map, err);
    if (!status) status = copy_files(w, err);
    if (!status && sav_weights_shards(w->model->weights) > 1) status = write_index(w, &map, err);
    if (!status) status = write_config(w, err);
    if (!status) status = close_target(w, err);
    sav_text_free(&map);
    return status;
}

sav_status sav_quantize(sav_quantize_report *out, const char *folder, const char *to,
                        const sav_quantize_options *options, const sav_quantize_hooks *hooks,
                        sav_error *err) {
    sav_model *model;
    *out = (sav_quantize_report){.group = options->group ? options->group : 128};
    sav_status status = sav_threads_check(options->threads, err);
    if (!status) status = sav_model_open(&model, folder, err);
    if (status) return status;
    work w = {.model = model, .folder = folder, .to = to, .options = *options, .hooks = hooks, .report = out};
    w.options.group = out->group;
    w.options.threads = sav_threads(options->threads > 0 ? options->threads : sav_os_cores());
    status = run(&w, err);
    sav_free(w.modules);
    sav_free(w.chosen);
    sav_free(w.panels);
    sav_free(w.scales);
    sav_free(w.errors);
    sav_model_close(model);
    return status;
}
