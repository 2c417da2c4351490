/* test_compare.c: dumps written and compared: names by glob, narrow types, the order of stages, -0, NaN,
 * shapes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "instruments/dump_file.h"
#include "io/safetensors.h"
#include "tasks/compare.h"
#include "tasks/compare_names.h"
#include "tasks/compare_stage.h"

static char path_a[600], path_b[600];

static void test_globs(void) {
    static const struct {
        const char *glob, *name;
        bool matches;
    } cases[] = {{"*", "", true},
                 {"a*c", "abc", true},
                 {"a*c", "abcb", false},
                 {"a?c", "abc", true},
                 {"a?c", "ac", false},
                 {"*b*", "abc", true},
                 {"", "", true},
                 {"", "a", false},
                 {"a", "ab", false},
                 {"**a", "ba", true},
                 {"*.1.*o", "l.1.x.o", true},
                 {"a*b*c", "aXbYbc", true},
                 {"a*b*c", "aXcY", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(sav_glob_matches(cases[i].glob, strlen(cases[i].glob), cases[i].name) == cases[i].matches);
}

/* A dump of the stages whose names are in `names` ("a b c"), each [2, 2] with its values times its place in
 * the list. */
static void write_dump(const char *path, const char *names, sav_dtype dtype, const float values[4],
                       const char *globs) {
    static const sav_dump_origin origin = {"exact", "f32", "11", NULL};
    sav_dump_file *file;
    sav_error err;
    if (!CHECK_OK(sav_dump_file_new(&file, globs, &err), &err)) return;
    const sav_sink sink = sav_dump_file_sink(file);
    for (const char *at = names; *at; at += strspn(at, " ")) {
        char name[64] = "";
        const size_t n = strcspn(at, " ");
        memcpy(name, at, n);
        const sav_snapshot stage = {name, dtype, 2, {2, 2}, values};
        CHECK_OK(sink.receive(sink.context, &stage, &err), &err);
        at += n;
    }
    CHECK_OK(sav_dump_file_write(file, path, &origin, &err), &err);
    sav_dump_file_free(file);
}

/* The files' stages as "name=kind:differ …". */
static void check_stages(const char *want) {
    static const char *const kinds[] = {"equal", "values", "shapes", "a", "b"};
    sav_comparison *c;
    sav_error err;
    sav_text got = {0};
    if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) return;
    for (size_t i = 0; i < sav_compare_count(c); i++) {
        const sav_compare_stage *s = sav_compare_at(c, i);
        sav_text_printf(&got, "%s%s=%s:%zu", i ? " " : "", s->name, kinds[s->kind], s->differ);
    }
    CHECK_STR(got.bytes, want);
    sav_text_free(&got);
    sav_compare_free(c);
}

static const float plain[4] = {1, -2, 0.5f, 0};

/* Names sort in another order than they run; what B alone has stands behind its predecessor there. */
static void test_order(void) {
    write_dump(path_a, "z m a", SAV_F32, plain, NULL);
    write_dump(path_b, "y z m n o a", SAV_F32, plain, NULL);
    check_stages("y=b:0 z=equal:0 m=equal:0 n=b:0 o=b:0 a=equal:0");
    write_dump(path_b, "z m n o a", SAV_F32, plain, "z,?");
    check_stages("z=equal:0 m=equal:0 n=b:0 o=b:0 a=equal:0");
    write_dump(path_b, "z m n o a", SAV_F32, plain, "m*,a");
    check_stages("z=a:0 m=equal:0 a=equal:0");
    /* no metadata */
    const sav_tensor bare[] = {{"a", SAV_F32, 2, {2, 2}, 4, plain}, {"z", SAV_F32, 1, {4}, 4, plain}};
    sav_error err;
    CHECK_OK(sav_safetensors_write(path_b, bare, 2, NULL, &err), &err);
    check_stages("z=shapes:0 m=a:0 a=equal:0");
}

static void test_values(void) {
    const float other[4] = {1, -2, 0.5f, -0.0f}, nan[4] = {1, NAN, 0.5f, 0}, far[4] = {1, -2, 0.75f, 0};
    write_dump(path_a, "s", SAV_F32, plain, NULL);
    write_dump(path_b, "s", SAV_F32, other, NULL);
    check_stages("s=values:1"); /* -0 is not +0 */
    write_dump(path_b, "s", SAV_F32, nan, NULL);
    check_stages("s=values:1");
    write_dump(path_a, "s", SAV_F32, nan, NULL);
    check_stages("s=equal:0");
    write_dump(path_a, "s", SAV_BF16, plain, NULL);
    write_dump(path_b, "s", SAV_F16, plain, NULL);
    check_stages("s=values:0"); /* equal numbers of other types */
    write_dump(path_b, "s", SAV_BF16, plain, NULL);
    check_stages("s=equal:0");
    write_dump(path_b, "s", SAV_BF16, far, NULL);
    check_stages("s=values:1");
}

static void test_limits(void) {
    const float far[4] = {1, -2, 0.75f, 0};
    sav_comparison *c;
    sav_error err;
    write_dump(path_a, "s", SAV_F32, plain, NULL);
    write_dump(path_b, "s", SAV_F32, far, NULL);
    if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, path_a, &err), &err)) return;
    const sav_compare_stage *s = sav_compare_at(c, 0);
    CHECK(s->first.index == 2 && s->first.a == 0.5 && s->first.b == 0.75 && s->max_abs == 0.25);
    CHECK(fabs(s->rel_l2 - 0.25 / sqrt(5.25)) < 1e-15);
    CHECK(s->has_truth && s->truth_a == 0 && s->truth_b == s->rel_l2);
    CHECK(sav_compare_differs(s, -1) && sav_compare_differs(s, 0.1) && !sav_compare_differs(s, 0.11));
    sav_compare_free(c);
    CHECK(!sav_compare_is_classifier(path_a));
    CHECK_FAILS(sav_compare_open(&c, path_a, "none", NULL, &err), &err, SAV_BAD_INPUT, "none");
}

/* ---- shapes ---- */

typedef struct shaped {
    int rank;
    size_t shape[4];
} shaped;

/* The first `count` of a row of numbers under `name`, in a file. */
static void write_shaped(const char *path, const char *name, const shaped *s) {
    static float numbers[24];
    sav_tensor t = {name, SAV_F32, s->rank, {0}, 1, numbers};
    sav_error err;
    for (size_t i = 0; i < 24; i++) numbers[i] = 0.1f * (float)(i + 1);
    for (int r = 0; r < s->rank; r++) {
        t.shape[r] = s->shape[r];
        t.count *= s->shape[r];
    }
    if (t.count == 4) t.data = numbers + 8; /* the last of three rows of four */
    CHECK_OK(sav_safetensors_write(path, &t, 1, NULL, &err), &err);
}

/* Dimensions of one do not count; the last row stands for itself in lm_head and the final norm alone. */
static void test_shapes(void) {
    static const struct {
        const char *name;
        shaped a, b;
        const char *want, *shape;
    } rows[] = {
        {"x.output", {2, {3, 4}}, {3, {1, 3, 4}}, "equal", "[3, 4] F32"},
        {"x.output", {3, {3, 1, 4}}, {2, {3, 4}}, "equal", "[3, 1, 4] F32"},
        {"x.output", {1, {12}}, {2, {3, 4}}, "shapes", "[12] F32 against [3, 4] F32"},
        {"x.output", {2, {4, 3}}, {2, {3, 4}}, "shapes", "[4, 3] F32 against [3, 4] F32"},
        {"x.output", {2, {1, 4}}, {2, {3, 4}}, "shapes", "[1, 4] F32 against [3, 4] F32"},
        {"lm_head.output", {2, {1, 4}}, {2, {3, 4}}, "equal", "[1, 4] F32, last row of [3, 4] F32"},
        {"lm_head.output", {3, {1, 3, 4}}, {1, {4}}, "equal", "[4] F32, last row of [1, 3, 4] F32"},
        {"language_model.lm_head", {1, {4}}, {3, {1, 3, 4}}, "equal", "[4] F32, last row of [1, 3, 4] F32"},
        {"model.norm.output", {2, {3, 4}}, {2, {1, 4}}, "equal", "[1, 4] F32, last row of [3, 4] F32"},
        {"lm_head.output", {2, {1, 4}}, {2, {4, 3}}, "shapes", "[1, 4] F32 against [4, 3] F32"},
        {"lm_head.output", {2, {2, 4}}, {2, {3, 4}}, "shapes", "[2, 4] F32 against [3, 4] F32"},
        {"visual.blocks.0.norm.output", {2, {1, 4}}, {2, {3, 4}}, "shapes", "[1, 4] F32 against [3, 4] F32"},
    };
    static const char *const kinds[] = {"equal", "values", "shapes", "a", "b"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_comparison *c;
        sav_error err;
        write_shaped(path_a, rows[i].name, &rows[i].a);
        write_shaped(path_b, rows[i].name, &rows[i].b);
        if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, path_b, &err), &err)) continue;
        CHECK_STR(kinds[sav_compare_at(c, 0)->kind], rows[i].want);
        CHECK_STR(sav_compare_at(c, 0)->shape, rows[i].shape);
        CHECK(sav_compare_at(c, 0)->has_truth == (sav_compare_at(c, 0)->kind == SAV_COMPARE_EQUAL));
        sav_compare_free(c);
    }
}

/* ---- names ---- */

static void test_names(void) {
    static const char *const rows[][2] = {
        {"model.layers.3.self_attn.o_proj.input", "model.layers.3.self_attn.o_proj.input"},
        {"language_model.model.layers.3.output", "model.layers.3.output"},
        {"model.language_model.layers.3.output", "model.layers.3.output"},
        {"language_model.layers.3.output", "model.layers.3.output"},
        {"layers.3.output", "model.layers.3.output"},
        {"model.layers.3", "model.layers.3.output"},
        {"model.layers.3.out", "model.layers.3.output"},
        {"model.layers.3.output.0", "model.layers.3.output"},
        {"model.layers.3.outputs", "model.layers.3.output"},
        {"model.layers.3.self_attn.o_proj.in", "model.layers.3.self_attn.o_proj.input"},
        {"module.model.layers.3", "model.layers.3.output"},
        {"_orig_mod.model.layers.3", "model.layers.3.output"},
        {"module._orig_mod.model.layers.3", "model.layers.3.output"},
        {"base_model.model.model.layers.3.output", "model.layers.3.output"},
        {"model.layers.3._orig_mod.mlp.output", "model.layers.3.mlp.output"},
        {"_fsdp_wrapped_module.model.layers.3._fsdp_wrapped_module.mlp", "model.layers.3.mlp.output"},
        {"model.layers.3._checkpoint_wrapped_module.output", "model.layers.3.output"},
        {"language_model.lm_head.output", "lm_head.output"},
        {"lm_head", "lm_head.output"},
        {"language_model.model.norm.output", "model.norm.output"},
        {"norm.output", "model.norm.output"},
        {"model.visual.blocks.0.output", "visual.blocks.0.output"},
        {"blocks.0", "visual.blocks.0.output"},
        {"visual", "visual.output"},
        {"merger.mlp.0", "visual.merger.mlp.0.output"},
        {"patch_embed", "visual.patch_embed.output"},
        {"model.vision_tower.vision_model.encoder.layers.0.output",
         "vision_tower.vision_model.encoder.layers.0.output"},
        {"model.vision_tower.encoder.layers.0.output", "vision_tower.vision_model.encoder.layers.0.output"},
        {"model.vision_tower.vision_tower.vision_model.encoder.layers.0.output",
         "vision_tower.vision_model.encoder.layers.0.output"},
        {"vision_tower.encoder.layers.0", "vision_tower.vision_model.encoder.layers.0.output"},
        {"vision_model.embeddings.output", "vision_tower.vision_model.embeddings.output"},
        {"model.mm_projector.0", "multi_modal_projector.linear_1.output"},
        {"model.mm_projector.1.output", "multi_modal_projector.act.output"},
        {"model.mm_projector.2", "multi_modal_projector.linear_2.output"},
        {"model.multi_modal_projector.act.output", "multi_modal_projector.act.output"},
        {"model.modules.0.output", "model.modules.0.output"},
        {"my_module.x.output", "my_module.x.output"},
        {"module.", ".output"},
        {"", ".output"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_text key = {0}, again = {0};
        uint32_t changes = 0, none = 0;
        sav_stage_key(&key, &changes, rows[i][0]);
        CHECK_STR(key.bytes, rows[i][1]);
        CHECK((changes != 0) == (strcmp(rows[i][0], rows[i][1]) != 0));
        sav_stage_key(&again, &none, rows[i][1]);
        CHECK_STR(again.bytes, rows[i][1]); /* a key is its own key */
        CHECK(none == 0);
        sav_text_free(&key);
        sav_text_free(&again);
    }
}

/* The names of two files matched; an equal name goes first, and what then has no partner keeps its own. */
static void test_matching(void) {
    uint32_t changes[2];
    sav_comparison *c;
    sav_error err;
    sav_text words = {0};
    write_dump(path_a, "visual.output model.layers.0.output lm_head.output", SAV_F32, plain, NULL);
    write_dump(path_b, "module.visual model.language_model.layers.0 lm_head.output", SAV_F32, plain, NULL);
    check_stages("visual.output=equal:0 model.layers.0.output=equal:0 lm_head.output=equal:0");
    if (CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) {
        CHECK_SIZE(sav_compare_renamed(&changes[0], &changes[1], c), 2);
        sav_stage_changes(&words, changes[1]);
        CHECK(changes[0] == 0);
        CHECK_STR(words.bytes,
                  "model.language_model.* as model.*, parts of wrappers left out, names without .output");
        sav_text_free(&words);
        sav_compare_free(c);
    }
    write_dump(path_b, "visual visual.output visual.out", SAV_F32, plain, NULL);
    check_stages(
        "visual=b:0 visual.output=equal:0 visual.out=b:0 model.layers.0.output=a:0 lm_head.output=a:0");
    write_dump(path_a, "x y", SAV_F32, plain, NULL);
    write_dump(path_b, "y.output x.input", SAV_F32, plain, NULL);
    check_stages("x=a:0 y=equal:0 x.input=b:0");
}

/* ---- noise ---- */

static void test_noise(void) {
    static const struct {
        sav_dtype precision;
        double rel_l2[6]; /* below 0: the end */
        const char *want; /* n noise, R real */
    } rows[] = {
        {SAV_F32, {1e-5, -1}, "n"},
        {SAV_F32, {1.01e-5, -1}, "R"},
        {SAV_F32, {1e-6, 1e-5, 3.9e-5, 1.5e-4, -1}, "nnnn"}, /* grows by less than 4 */
        {SAV_F32, {1e-6, 4.1e-5, 1e-6, -1}, "nRn"},          /* the real one is no level */
        {SAV_F32, {1e-6, 1, 2e-5, -1}, "nRR"},
        {SAV_F32, {9e-6, 3.5e-5, 1.3e-4, 5e-4, 1.1e-3, -1}, "nnnnR"},
        {SAV_BF16, {1e-2, 3.9e-2, -1}, "nn"},
        {SAV_BF16, {1e-6, 1.1e-2, -1}, "nR"},
        {SAV_F16, {1e-3, 4.1e-3, -1}, "nR"},
        {SAV_F64, {1e-14, 1e-12, -1}, "nR"},
        {SAV_F32, {NAN, INFINITY, 0, -1}, "RRn"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_compare_stage stages[6];
        char got[8] = "";
        size_t n = 0;
        for (; !(rows[i].rel_l2[n] < 0); n++)
            stages[n] = (sav_compare_stage){.kind = SAV_COMPARE_VALUES,
                                            .differ = 1,
                                            .precision = rows[i].precision,
                                            .rel_l2 = rows[i].rel_l2[n]};
        sav_mark_noise(stages, n);
        for (size_t k = 0; k < n; k++) got[k] = stages[k].noise ? 'n' : 'R';
        CHECK_STR(got, rows[i].want);
    }
    sav_compare_stage others[4] = {
        {.kind = SAV_COMPARE_EQUAL},
        {.kind = SAV_COMPARE_VALUES, .integers = true, .differ = 1},
        {.kind = SAV_COMPARE_SHAPES},
        {.kind = SAV_COMPARE_VALUES, .differ = 0}, /* equal numbers of another type */
    };
    sav_mark_noise(others, 4);
    CHECK(others[0].noise && !others[1].noise && !others[2].noise && others[3].noise);
}

/* The type by its values: bf16 and f16 that were written as F32, F32 as F64. */
static void test_precision(void) {
    static const float f32[4] = {0.1f, -2, 0.5f, 0}, f16[4] = {1.0009765625f, -2, 0.5f, 0},
                       bf16[4] = {1.0078125f, -2, 0.5f, 0}, close[4] = {0.1f, -2, 0.50000006f, 0};
    static const struct {
        const float *a, *b;
        sav_dtype want;
    } rows[] = {{f32, close, SAV_F32}, {close, f16, SAV_F16}, {bf16, close, SAV_BF16}, {f16, bf16, SAV_BF16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_comparison *c;
        sav_error err;
        write_dump(path_a, "s", SAV_F32, rows[i].a, NULL);
        write_dump(path_b, "s", SAV_F32, rows[i].b, NULL);
        if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) continue;
        CHECK_SIZE(sav_compare_at(c, 0)->precision, rows[i].want);
        sav_compare_free(c);
    }
    const double doubles[2][4] = {{0.1, -2, 0.5, 0}, {0.1 + 1e-15, -2, 0.5, 0}};
    sav_comparison *c;
    sav_error err;
    for (int f = 0; f < 2; f++) {
        const sav_tensor t = {"s", SAV_F64, 2, {2, 2}, 4, doubles[f]};
        CHECK_OK(sav_safetensors_write(f ? path_b : path_a, &t, 1, NULL, &err), &err);
    }
    if (!CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) return;
    CHECK(sav_compare_at(c, 0)->precision == SAV_F64 && sav_compare_at(c, 0)->noise);
    sav_compare_free(c);
}

/* The first element that differs is seldom the one that is most out; the first NaN is. */
static void test_farthest(void) {
    const float near[4] = {1.5f, -2, 4.5f, 3}, nan[4] = {9, -2, NAN, NAN};
    sav_comparison *c;
    sav_error err;
    write_dump(path_a, "s", SAV_F32, plain, NULL);
    write_dump(path_b, "s", SAV_F32, near, NULL);
    if (CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) {
        const sav_compare_stage *s = sav_compare_at(c, 0);
        CHECK(s->first.index == 0 && s->farthest.index == 2 && s->farthest.a == 0.5 && s->farthest.b == 4.5);
        CHECK(!s->noise);
        sav_compare_free(c);
    }
    write_dump(path_b, "s", SAV_F32, nan, NULL);
    if (CHECK_OK(sav_compare_open(&c, path_a, path_b, NULL, &err), &err)) {
        const sav_compare_stage *s = sav_compare_at(c, 0);
        CHECK(s->farthest.index == 2 && isnan(s->farthest.b) && isnan(s->max_abs) && s->nan_b == 2 &&
              !s->noise);
        sav_compare_free(c);
    }
}

int main(void) {
    snprintf(path_a, sizeof path_a, "%s/a.safetensors", check_folder());
    snprintf(path_b, sizeof path_b, "%s/b.safetensors", check_folder());
    test_globs();
    test_order();
    test_values();
    test_limits();
    test_shapes();
    test_names();
    test_matching();
    test_noise();
    test_precision();
    test_farthest();
    return check_report("compare");
}
