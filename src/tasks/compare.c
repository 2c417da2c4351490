/* compare.c: two dumps stage by stage. See compare.h. */
#include "tasks/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/safetensors.h"

struct sav_comparison {
    sav_safetensors *a, *b, *truth;
    sav_json_doc *order_a, *order_b; /* their metadata; own the names */
    sav_compare_stage *stages;       /* [count] */
    size_t count;
};

/* ---- the order of the stages --------------------------------------------------------------------------- */

/* A stage's name with its position: `major` counts in the leading file's list; names that only the other file
 * has stand behind their predecessor there, in `minor` order. */
typedef struct position {
    const char *name;
    size_t major, minor;
} position;

static int by_name(const void *a, const void *b) {
    const position *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order) return order;
    if (x->major != y->major) return x->major < y->major ? -1 : 1;
    return (x->minor > y->minor) - (x->minor < y->minor);
}

static int by_position(const void *a, const void *b) {
    const position *x = a, *y = b;
    if (x->major != y->major) return x->major < y->major ? -1 : 1;
    return (x->minor > y->minor) - (x->minor < y->minor);
}

/* Sorted by name, of each name the earliest position stays. */
static size_t unique_names(position *positions, size_t count) {
    size_t kept = 0;
    if (count) qsort(positions, count, sizeof *positions, by_name);
    for (size_t i = 0; i < count; i++)
        if (!kept || strcmp(positions[kept - 1].name, positions[i].name) != 0)
            positions[kept++] = positions[i];
    return kept;
}

/* The list `stages` of a file's metadata; NULL where there is none, or none that can be read. */
static sav_status stage_list(const sav_json **list, sav_json_doc **doc, const sav_safetensors *file,
                             sav_error *err) {
    const char *text = sav_safetensors_metadata(file, "savs");
    const char *twice;
    *list = NULL;
    if (!text) return SAV_OK;
    sav_status status = sav_json_parse(doc, text, strlen(text), "metadata", 1, &twice, err);
    if (status) return status == SAV_NO_MEMORY ? status : SAV_OK; /* somebody else's `savs` */
    *list = sav_json_get(sav_json_root(*doc), "stages");
    if (*list && (*list)->kind != SAV_JSON_ARRAY) *list = NULL;
    return SAV_OK;
}

/* Names of one file in its order: what its metadata list, as far as the file has it, then the rest as it lies
 * there. */
static size_t file_order(const char **names, const sav_safetensors *file, const sav_json *list) {
    size_t n = 0;
    for (const sav_json *node = list ? list->child : NULL; node; node = node->next)
        if (node->kind == SAV_JSON_STRING && sav_safetensors_find(file, node->text)) names[n++] = node->text;
    for (size_t i = 0; i < sav_safetensors_count(file); i++) names[n++] = sav_safetensors_at(file, i)->name;
    return n;
}

static size_t names_of(const sav_safetensors *file, const sav_json *list) {
    return sav_safetensors_count(file) + (list ? list->count : 0);
}

/* names [lead_count] of the leading file, then [other_count] of the other one -> positions, unique and in
 * execution order. */
static size_t merge_orders(position *positions, const char *const *names, size_t lead_count,
                           size_t other_count) {
    for (size_t i = 0; i < lead_count; i++) positions[i] = (position){names[i], i + 1, 0};
    const size_t unique = unique_names(positions, lead_count);
    size_t count = unique, major = 0;
    for (size_t i = 0; i < other_count; i++) {
        position key = {names[lead_count + i], 0, 0};
        const position *found = NULL;
        for (size_t low = 0, high = unique; low < high && !found;) {
            size_t middle = low + (high - low) / 2;
            int order = strcmp(key.name, positions[middle].name);
            if (order == 0) found = &positions[middle];
            if (order < 0) high = middle;
            if (order > 0) low = middle + 1;
        }
        if (found)
            major = found->major;
        else
            positions[count++] = (position){key.name, major, i + 1};
    }
    count = unique_names(positions, count);
    if (count) qsort(positions, count, sizeof *positions, by_position);
    return count;
}

/* ---- one stage ----------------------------------------------------------------------------------------- */

static bool is_integer(sav_dtype dtype) {
    return dtype == SAV_I64 || dtype == SAV_I32 || dtype == SAV_U8;
}

static double number_at(const sav_tensor *t, size_t i) {
    double v;
    if (t->dtype == SAV_F64) {
        memcpy(&v, (const char *)t->data + 8 * i, 8);
        return v;
    }
    return is_integer(t->dtype) ? (double)sav_tensor_integer(t, i) : (double)sav_tensor_float(t, i);
}

static bool same_number(const sav_tensor *a, const sav_tensor *b, size_t i, double x, double y) {
    if (is_integer(a->dtype) && is_integer(b->dtype))
        return sav_tensor_integer(a, i) == sav_tensor_integer(b, i);
    return sav_same(x, y);
}

static bool same_shape(const sav_tensor *a, const sav_tensor *b) {
    return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* |a - t|_2 / |t|_2 over the elements; equal infinities and pairs of NaN count as no distance. */
static double relative_l2(const sav_tensor *a, const sav_tensor *t) {
    double distance = 0, norm = 0;
    for (size_t i = 0; i < t->count; i++) {
        double x = number_at(a, i), y = number_at(t, i);
        if (x != y && !(isnan(x) && isnan(y))) distance += (x - y) * (x - y);
        if (isfinite(y)) norm += y * y;
    }
    return distance == 0 ? 0 : sqrt(distance / norm);
}

static void compare_elements(sav_compare_stage *out, const sav_tensor *a, const sav_tensor *b) {
    if (a->dtype == b->dtype && memcmp(a->data, b->data, a->count * sav_dtype_size(a->dtype)) == 0) return;
    double distance = 0, norm = 0;
    for (size_t i = 0; i < a->count; i++) {
        double x = number_at(a, i), y = number_at(b, i);
        if (isfinite(x)) norm += x * x;
        if (same_number(a, b, i, x, y)) continue;
        if (out->differ == 0) {
            out->first = i;
            out->first_a = x;
            out->first_b = y;
        }
        out->differ++;
        double gap = fabs(x - y);
        if (isnan(x)) out->nan_a++;
        if (isnan(y)) out->nan_b++;
        if (!(gap <= out->max_abs)) out->max_abs = gap; /* a NaN gets in and stays */
        distance += gap * gap;
    }
    out->rel_l2 = distance == 0 ? 0 : sqrt(distance / norm);
    if (out->differ || a->dtype != b->dtype) out->kind = SAV_COMPARE_VALUES;
}

static void write_shape(char *out, size_t size, const sav_tensor *t) {
    size_t n = 0;
    n += (size_t)snprintf(out, size, "[");
    for (int r = 0; r < t->rank && n < size; r++)
        n += (size_t)snprintf(out + n, size - n, "%s%zu", r ? ", " : "", t->shape[r]);
    if (n < size) snprintf(out + n, size - n, "] %s", sav_dtype_name(t->dtype));
}

static void compare_stage(sav_compare_stage *out, const sav_comparison *c) {
    const sav_tensor *a = sav_safetensors_find(c->a, out->name), *b = sav_safetensors_find(c->b, out->name);
    const sav_tensor *truth = c->truth ? sav_safetensors_find(c->truth, out->name) : NULL;
    const sav_tensor *either = a ? a : b, *other = b ? b : a;
    char shape_a[72], shape_b[72];
    out->count = either->count;
    out->integers = is_integer(either->dtype);
    write_shape(shape_a, sizeof shape_a, either);
    write_shape(shape_b, sizeof shape_b, other);
    if (same_shape(either, other) && either->dtype != other->dtype)
        snprintf(out->shape, sizeof out->shape, "%s|%s", shape_a, sav_dtype_name(other->dtype));
    else if (strcmp(shape_a, shape_b) == 0)
        snprintf(out->shape, sizeof out->shape, "%s", shape_a);
    else
        snprintf(out->shape, sizeof out->shape, "%s against %s", shape_a, shape_b);
    if (!a || !b)
        out->kind = a ? SAV_COMPARE_ONLY_A : SAV_COMPARE_ONLY_B;
    else if (!same_shape(a, b))
        out->kind = SAV_COMPARE_SHAPES;
    else
        compare_elements(out, a, b);
    if (!a || !b || !truth || out->integers || !same_shape(a, truth) || !same_shape(b, truth)) return;
    out->has_truth = true;
    out->truth_a = relative_l2(a, truth);
    out->truth_b = relative_l2(b, truth);
}

/* ---- two files ----------------------------------------------------------------------------------------- */

static sav_status order_stages(sav_comparison *c, sav_error *err) {
    const sav_json *list_a, *list_b;
    sav_status status = stage_list(&list_a, &c->order_a, c->a, err);
    if (!status) status = stage_list(&list_b, &c->order_b, c->b, err);
    if (status) return status;
    const bool b_leads = !list_a && list_b;
    const size_t most = names_of(c->a, list_a) + names_of(c->b, list_b);
    const char **names = sav_alloc(most, sizeof *names);
    position *positions = sav_alloc(most, sizeof *positions);
    if (names && positions) {
        size_t lead = b_leads ? file_order(names, c->b, list_b) : file_order(names, c->a, list_a);
        size_t other = b_leads ? file_order(names + lead, c->a, list_a)
                               : file_order(names + lead, c->b, list_b);
        c->count = merge_orders(positions, names, lead, other);
        c->stages = sav_alloc(c->count, sizeof *c->stages);
    }
    if (!c->stages)
        status = sav_fail(err, SAV_NO_MEMORY, "no memory to compare %zu stages", most);
    else
        for (size_t i = 0; i < c->count; i++) c->stages[i].name = positions[i].name;
    sav_free(names);
    sav_free(positions);
    return status;
}

sav_status sav_compare_open(sav_comparison **out, const char *a, const char *b, const char *truth,
                            sav_error *err) {
    sav_comparison *c = sav_alloc(1, sizeof *c);
    if (!c) return sav_fail(err, SAV_NO_MEMORY, "no memory to compare files");
    sav_status status = sav_safetensors_open(&c->a, a, err);
    if (!status) status = sav_safetensors_open(&c->b, b, err);
    if (!status && truth) status = sav_safetensors_open(&c->truth, truth, err);
    if (!status) status = order_stages(c, err);
    if (status) {
        sav_compare_free(c);
        return status;
    }
    for (size_t i = 0; i < c->count; i++) compare_stage(&c->stages[i], c);
    *out = c;
    return SAV_OK;
}

void sav_compare_free(sav_comparison *c) {
    if (!c) return;
    sav_json_free(c->order_a);
    sav_json_free(c->order_b);
    sav_safetensors_close(c->a);
    sav_safetensors_close(c->b);
    sav_safetensors_close(c->truth);
    sav_free(c->stages);
    sav_free(c);
}

size_t sav_compare_count(const sav_comparison *c) {
    return c->count;
}

const sav_compare_stage *sav_compare_at(const sav_comparison *c, size_t i) {
    return &c->stages[i];
}

bool sav_compare_differs(const sav_compare_stage *stage, double limit) {
    if (stage->kind == SAV_COMPARE_EQUAL) return false;
    if (limit < 0 || stage->kind != SAV_COMPARE_VALUES) return true;
    if (stage->integers) return stage->differ > 0;
    return !(stage->rel_l2 <= limit); /* a NaN is not within anything */
}

bool sav_compare_is_classifier(const char *path) {
    sav_safetensors *file;
    if (sav_safetensors_open(&file, path, NULL)) return false;
    bool heads = sav_safetensors_find(file, "activations") && sav_safetensors_find(file, "top_heads") &&
                 sav_safetensors_find(file, "head_scores");
    sav_safetensors_close(file);
    return heads;
}
