/* savfile.c: a fitted classifier <-> `sav.safetensors` (docs/CLI.md §7).
 *
 *   activations F32 [C, K, d]   top_heads I32 [K, 2]   head_scores F32 [L, H]   class_counts I32 [C]
 *   metadata: int_to_str {"0": label, …}, dtype, format_version, and of where the taps came from what is
 *       known: model, model_sha256, engine, family, source_sha256, question
 *
 * Reading checks all of it: a file from elsewhere must not index outside a tap.
 */
#include <stdio.h>
#include <string.h>

#include "classify/classifier.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "kernels/float_mode.h"

#define FORMAT_VERSION "1"

/* ---- writing ------------------------------------------------------------------------------------------- */

static void put_labels(sav_text *out, const sav_labels *labels) {
    sav_text_string(out, "{");
    for (size_t c = 0; c < labels->count; c++) {
        sav_text_printf(out, "%s\"%zu\":", c ? "," : "", c);
        sav_json_put_string(out, labels->names[c], strlen(labels->names[c]));
    }
    sav_text_string(out, "}");
}

sav_status sav_classifier_save(const sav_classifier *classifier, const char *path, const sav_origin *origin,
                               sav_error *err) {
    static const char *const keys[] = {"int_to_str",     "model",  "model_sha256",  "engine",  "dtype",
                                       "format_version", "family", "source_sha256", "question"};
    const sav_classifier_view *v = &classifier->view;
    const size_t C = v->C, K = v->K, d = v->d, L = v->L, H = v->H;
    const sav_tensor tensors[] = {
        {"activations", SAV_F32, 3, {C, K, d}, C * K * d, v->activations},
        {"top_heads", SAV_I32, 2, {K, 2}, K * 2, v->top_heads},
        {"head_scores", SAV_F32, 2, {L, H}, L * H, v->head_scores},
        {"class_counts", SAV_I32, 1, {C}, C, v->class_counts},
    };
    const char *dtype = sav_storage_name(v->dtype);
    if (!origin) origin = &v->origin;
    sav_text labels = {0};
    put_labels(&labels, &classifier->labels);
    if (labels.failed) {
        sav_text_free(&labels);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to write it", path);
    }
    const char *const values[] = {
        labels.bytes,   origin->model,  origin->model_sha256,  origin->engine,  dtype,
        FORMAT_VERSION, origin->family, origin->source_sha256, origin->question};
    sav_status status = sav_safetensors_write(path, tensors, 4, &(sav_metadata){9, keys, values}, err);
    sav_text_free(&labels);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static sav_status find(const sav_tensor **out, const sav_safetensors *file, const char *name, sav_dtype dtype,
                       int rank, sav_error *err) {
    const char *path = sav_safetensors_path(file);
    const sav_tensor *t = sav_safetensors_find(file, name);
    if (!t)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found no tensor %s; expected a file that savs fit or run wrote", path, name);
    if (t->dtype != dtype || t->rank != rank)
        return sav_fail(err, SAV_BAD_INPUT, "%s, tensor %s: found %s of %d dimensions; expected %s of %d",
                        path, name, sav_dtype_name(t->dtype), t->rank, sav_dtype_name(dtype), rank);
    if (!t->count) return sav_fail(err, SAV_BAD_INPUT, "%s, tensor %s: found no elements", path, name);
    *out = t;
    return SAV_OK;
}

typedef struct parts {
    const sav_tensor *activations, *top_heads, *head_scores, *class_counts;
} parts;

static sav_status find_parts(parts *p, const sav_safetensors *file, sav_error *err) {
    sav_status status = find(&p->activations, file, "activations", SAV_F32, 3, err);
    if (!status) status = find(&p->top_heads, file, "top_heads", SAV_I32, 2, err);
    if (!status) status = find(&p->head_scores, file, "head_scores", SAV_F32, 2, err);
    if (!status) status = find(&p->class_counts, file, "class_counts", SAV_I32, 1, err);
    if (status) return status;
    const size_t *a = p->activations->shape;
    if (p->top_heads->shape[0] != a[1] || p->top_heads->shape[1] != 2 || p->class_counts->shape[0] != a[0] ||
        p->head_scores->count > INT32_MAX)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: found shapes that do not fit: activations [%zu, %zu, %zu], top_heads [%zu, "
                        "%zu], class_counts [%zu]",
                        sav_safetensors_path(file), a[0], a[1], a[2], p->top_heads->shape[0],
                        p->top_heads->shape[1], p->class_counts->shape[0]);
    return SAV_OK;
}

static sav_status read_arrays(sav_classifier *classifier, const parts *p, const char *path, sav_error *err) {
    const sav_classifier_view *v = &classifier->view;
    for (size_t i = 0; i < p->activations->count; i++)
        classifier->activations[i] = sav_tensor_float(p->activations, i);
    for (size_t i = 0; i < p->head_scores->count; i++)
        classifier->head_scores[i] = sav_tensor_float(p->head_scores, i);
    for (size_t c = 0; c < v->C; c++) {
        classifier->class_counts[c] = (int32_t)sav_tensor_integer(p->class_counts, c);
        if (classifier->class_counts[c] < 1)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s, tensor class_counts: found %d for class %zu; expected at least 1", path,
                            (int)classifier->class_counts[c], c);
    }
    for (size_t r = 0; r < v->K; r++) {
        const int64_t layer = sav_tensor_integer(p->top_heads, 2 * r),
                      head = sav_tensor_integer(p->top_heads, 2 * r + 1);
        if (layer < 0 || head < 0 || (uint64_t)layer >= v->L || (uint64_t)head >= v->H)
            return sav_fail(
                err, SAV_BAD_INPUT,
                "%s, tensor top_heads: found layer %lld, head %lld; expected %zu layers of %zu heads", path,
                (long long)layer, (long long)head, v->L, v->H);
        classifier->top_heads[2 * r] = (int32_t)layer;
        classifier->top_heads[2 * r + 1] = (int32_t)head;
    }
    return SAV_OK;
}

/* The class that a key of int_to_str names, as it was written: "0", "1", …; SIZE_MAX for any other. */
static size_t class_of(const sav_json *node) {
    char written[24];
    size_t c = 0;
    for (size_t i = 0; i < node->key_length && i < sizeof written - 1; i++)
        c = c * 10 + (size_t)(node->key[i] - '0');
    snprintf(written, sizeof written, "%zu", c);
    return strlen(written) == node->key_length && memcmp(written, node->key, node->key_length) == 0
               ? c
               : SIZE_MAX;
}

/* {"0": label, "1": label, …} in any order, each id once: texts [C], NULL where there is none. */
static void collect_labels(const char **texts, const sav_json *object, size_t classes) {
    for (const sav_json *label = object->child; label; label = label->next) {
        const size_t c = class_of(label);
        if (c < classes && label->kind == SAV_JSON_STRING && !memchr(label->text, '\0', label->length))
            texts[c] = label->text;
    }
}

static sav_status read_labels(sav_classifier *classifier, const sav_json *object, const char *path,
                              sav_error *err) {
    const size_t classes = classifier->view.C;
    const char **texts = sav_alloc(classes, sizeof *texts);
    if (!texts) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to read it", path);
    sav_status status = SAV_OK;
    collect_labels(texts, object, classes);
    for (size_t c = 0, id; c < classes && !status; c++) {
        if (!texts[c])
            status = sav_fail(err, SAV_BAD_INPUT, "%s: int_to_str has no string for class %zu", path, c);
        if (!status) status = sav_labels_add(&id, &classifier->labels, texts[c], err);
        if (!status && id != c)
            status =
                sav_fail(err, SAV_BAD_INPUT, "%s: int_to_str names class %zu like class %zu", path, c, id);
    }
    if (!status && object->count != classes)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: int_to_str has %u labels for %zu classes", path,
                          object->count, classes);
    sav_free(texts);
    return status;
}

static sav_status read_metadata(sav_classifier *classifier, const sav_safetensors *file, sav_error *err) {
    const char *path = sav_safetensors_path(file);
    const char *labels = sav_safetensors_metadata(file, "int_to_str"),
               *dtype = sav_safetensors_metadata(file, "dtype");
    const char *version = sav_safetensors_metadata(file, "format_version");
    if (!labels) return sav_fail(err, SAV_BAD_INPUT, "%s: found no int_to_str in its metadata", path);
    if (version && strcmp(version, FORMAT_VERSION) != 0)
        return sav_fail(err, SAV_UNSUPPORTED, "%s: found format_version %s; expected %s", path, version,
                        FORMAT_VERSION);
    if (dtype && !sav_storage_find(&classifier->view.dtype, dtype)) /* absent: f32 */
        return sav_fail(err, SAV_BAD_INPUT, "%s: found dtype %s; expected f32, bf16 or f16", path, dtype);
    static const char *const keys[] = {"model",  "model_sha256",  "engine",
                                       "family", "source_sha256", "question"}; /* as in sav_origin */
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = sav_safetensors_metadata(file, keys[i]);
        classifier->origin[i] = sav_strdup(value);
        if (value && !classifier->origin[i])
            return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to read it", path);
    }
    sav_json_doc *doc;
    sav_status status = sav_json_parse(&doc, labels, strlen(labels), path, 1, NULL, err);
    if (status) return status;
    if (sav_json_root(doc)->kind != SAV_JSON_OBJECT)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: int_to_str is no JSON object", path);
    if (!status) status = read_labels(classifier, sav_json_root(doc), path, err);
    sav_json_free(doc);
    return status;
}

static sav_status read_file(sav_classifier *classifier, const sav_safetensors *file, sav_error *err) {
    parts p = {0};
    sav_status status = find_parts(&p, file, err);
    if (status) return status;
    sav_classifier_view *v = &classifier->view;
    *v = (sav_classifier_view){.L = p.head_scores->shape[0],
                               .H = p.head_scores->shape[1],
                               .d = p.activations->shape[2],
                               .C = p.activations->shape[0],
                               .K = p.activations->shape[1],
                               .dtype = SAV_F32};
    status = sav_classifier_make(classifier, err);
    if (!status) status = read_arrays(classifier, &p, sav_safetensors_path(file), err);
    if (!status) status = read_metadata(classifier, file, err);
    if (!status) sav_classifier_finish(classifier);
    return status;
}

sav_status sav_classifier_open(sav_classifier **out, const char *path, sav_error *err) {
    sav_safetensors *file;
    *out = NULL;
    sav_status status = sav_float_mode_check(err); /* units are made of the means */
    if (!status) status = sav_safetensors_open(&file, path, err);
    if (status) return status;
    sav_classifier *classifier = sav_alloc(1, sizeof *classifier);
    status = classifier ? read_file(classifier, file, err)
                        : sav_fail(err, SAV_NO_MEMORY, "%s: no memory to read it", path);
    sav_safetensors_close(file);
    if (status)
        sav_classifier_free(classifier);
    else
        *out = classifier;
    return status;
}
