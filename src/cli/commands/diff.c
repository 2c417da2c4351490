/* diff.c: `savs diff A B`: the verdict, and the stages behind it. */
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "io/json.h"
#include "tasks/compare.h"
#include "tasks/compare_fits.h"
#include "tasks/compare_names.h"

typedef struct verdict {
    double limit; /* rel-L2; below 0: every bit */
    bool common;  /* what only one file has does not count */
    size_t stages;
    /* stages that differ, and the first of them, one that both files have where there is one */
    size_t different, first;
    size_t missing; /* that only one file has */
    size_t widest;  /* stage with the largest rel-L2 among those compared */
    double rel_l2;
    size_t noise, real; /* stages that differ by float noise, and by more; both files have them */
    size_t first_real;
    size_t loudest; /* stage with the largest rel-L2 of the noise in front of the first real one */
} verdict;

static bool is_missing(const sav_compare_stage *s) {
    return s->kind >= SAV_COMPARE_ONLY_A;
}

/* --common, and no stage is: neither equal nor different. */
static bool has_nothing(const verdict *v) {
    return v->common && v->missing == v->stages;
}

static void judge_noise(verdict *v, const sav_comparison *c, size_t i) {
    const sav_compare_stage *s = sav_compare_at(c, i);
    if (s->kind == SAV_COMPARE_EQUAL || is_missing(s)) return;
    if (!s->noise) {
        if (!v->real++) v->first_real = i;
    } else if (!v->real) {
        if (!v->noise++ || s->rel_l2 > sav_compare_at(c, v->loudest)->rel_l2) v->loudest = i;
    }
}

static verdict judge(const sav_comparison *c, double limit, bool common) {
    verdict v = {.limit = limit, .common = common, .stages = sav_compare_count(c)};
    for (size_t i = 0; i < v.stages; i++) {
        const sav_compare_stage *s = sav_compare_at(c, i);
        judge_noise(&v, c, i);
        if (s->rel_l2 > v.rel_l2) {
            v.rel_l2 = s->rel_l2;
            v.widest = i;
        }
        v.missing += is_missing(s);
        if (!sav_compare_differs(s, limit) || (common && is_missing(s))) continue;
        const bool compared_before = v.different && !is_missing(sav_compare_at(c, v.first));
        if (!v.different || (!compared_before && !is_missing(s))) v.first = i;
        v.different++;
    }
    return v;
}

/* ---- for people ---------------------------------------------------------------------------------------- */

static void put_stage(sav_text *out, const sav_compare_stage *s, const verdict *v, bool truth) {
    sav_text_printf(out, "%-58s %-22s ", s->name, s->shape);
    if (s->kind == SAV_COMPARE_SHAPES)
        sav_text_printf(out, "%-45s", "other shape");
    else
        sav_text_printf(out, "%9zu of %-9zu %10.3g %10.3g", s->differ, s->count, s->max_abs, s->rel_l2);
    if (v->limit >= 0)
        sav_text_printf(out, "  %-6s", sav_compare_differs(s, v->limit) ? "OUT" : "within");
    else
        sav_text_printf(out, "  %-6s", s->kind == SAV_COMPARE_EQUAL ? "" : s->noise ? "noise" : "OUT");
    if (truth && s->has_truth) sav_text_printf(out, " %10.3g %10.3g", s->truth_a, s->truth_b);
    if (s->nan_a || s->nan_b) sav_text_printf(out, "  NaN: %zu in A, %zu in B", s->nan_a, s->nan_b);
    while (out->length && out->bytes[out->length - 1] == ' ') out->bytes[--out->length] = 0;
    sav_text_string(out, "\n");
}

static void put_table(sav_text *out, const sav_comparison *c, const verdict *v, bool truth) {
    bool header = false;
    for (size_t i = 0; i < v->stages; i++) {
        const sav_compare_stage *s = sav_compare_at(c, i);
        if (is_missing(s) || (s->kind == SAV_COMPARE_EQUAL && !(truth && s->has_truth))) continue;
        if (!header)
            sav_text_printf(out, "%-58s %-22s %-22s %10s %10s%s\n", "stage", "shape", "elements that differ",
                            "max |A-B|", "rel-L2", truth ? "           A to truth B to truth" : "");
        header = true;
        put_stage(out, s, v, truth);
    }
}

/* "only in B: 81 stages: pixel_values, … and 78 more" */
static void put_missing(sav_text *out, const sav_comparison *c, sav_compare_kind kind) {
    enum { NAMED = 3 };
    size_t count = 0;
    for (size_t i = 0; i < sav_compare_count(c); i++) count += sav_compare_at(c, i)->kind == kind;
    if (!count) return;
    sav_text_printf(out, "only in %s: %zu stage%s: ", kind == SAV_COMPARE_ONLY_A ? "A" : "B", count,
                    sav_plural(count));
    size_t named = 0;
    for (size_t i = 0; i < sav_compare_count(c) && named < NAMED; i++)
        if (sav_compare_at(c, i)->kind == kind)
            sav_text_printf(out, "%s%s", named++ ? ", " : "", sav_compare_at(c, i)->name);
    if (count > named) sav_text_printf(out, " and %zu more", count - named);
    sav_text_string(out, "\n");
}

/* Which stages were paired although the files name them differently, and that there is none to pair. */
static void put_names(sav_text *out, const sav_comparison *c, const verdict *v) {
    uint32_t changes[2];
    const size_t renamed = sav_compare_renamed(&changes[0], &changes[1], c);
    if (renamed) sav_text_printf(out, "names: %zu stage%s matched, reading", renamed, sav_plural(renamed));
    for (int i = 0; i < 2 && renamed; i++) {
        if (!changes[i]) continue;
        sav_text_printf(out, "%s %s's ", i && changes[0] ? ";" : "", i ? "B" : "A");
        sav_stage_changes(out, changes[i]);
    }
    if (renamed) sav_text_string(out, "\n");
    if (v->stages && v->missing == v->stages)
        sav_text_string(out,
                        "names: no stage stands in both files; expected module paths of transformers, as "
                        "model.layers.0.output (golden/STAGES.md)\n");
}

static void put_element(sav_text *out, const char *what, const sav_compare_element *e) {
    sav_text_printf(out, ", %s %zu: A has %.9g, B has %.9g", what, e->index, e->a, e->b);
}

/* Of bits the first element that differs, of distances the one that is most out. */
static void put_first(sav_text *out, const sav_compare_stage *s, const verdict *v) {
    sav_text_printf(out, "first that differs: %s", s->name);
    if (s->kind == SAV_COMPARE_VALUES && s->differ && v->limit < 0)
        put_element(out, "element", &s->first);
    else if (s->kind == SAV_COMPARE_VALUES && s->differ)
        put_element(out, "most at element", &s->farthest);
    sav_text_string(out, "\n");
}

static void put_noise(sav_text *out, const sav_comparison *c, const verdict *v) {
    const sav_compare_stage *real = sav_compare_at(c, v->first_real), *loud = sav_compare_at(c, v->loudest);
    if (!v->real && !v->noise) return;
    if (!v->real)
        sav_text_string(out, "float noise only");
    else if (v->noise)
        sav_text_printf(out, "all differences before %s are float noise", real->name);
    else
        sav_text_string(out, "no float noise before it");
    if (v->noise) sav_text_printf(out, " (largest rel-L2 %.3g at %s)", loud->rel_l2, loud->name);
    if (v->real) sav_text_printf(out, "; first real one: %s", real->name);
    if (v->real && real->kind == SAV_COMPARE_SHAPES) sav_text_printf(out, ", %s", real->shape);
    if (v->real && real->kind == SAV_COMPARE_VALUES) {
        if (real->integers)
            sav_text_printf(out, ", %zu of %zu", real->differ, real->count);
        else
            sav_text_printf(out, ", rel-L2 %.3g", real->rel_l2);
        put_element(out, "most at element", &real->farthest);
    }
    sav_text_string(out, "\n");
}

/* Positions are a usual cause of what shows first behind the attention. */
static void put_advice(sav_text *out, const sav_comparison *c, const verdict *v) {
    for (size_t i = 0; i < v->stages && v->real; i++) {
        const sav_compare_stage *s = sav_compare_at(c, i);
        if (is_missing(s) && strcmp(s->name, "position_ids") == 0)
            sav_text_printf(
                out, "position_ids stands in %s only: with it in both, wrong positions would be named\n",
                s->kind == SAV_COMPARE_ONLY_A ? "A" : "B");
    }
}

static void put_verdict(sav_text *out, const sav_comparison *c, const verdict *v) {
    const size_t count = v->common ? v->stages - v->missing : v->stages;
    const char *what = v->common ? "common stage" : "stage";
    put_missing(out, c, SAV_COMPARE_ONLY_A);
    put_missing(out, c, SAV_COMPARE_ONLY_B);
    put_names(out, c, v);
    if (v->different) {
        put_first(out, sav_compare_at(c, v->first), v);
        if (v->limit < 0) put_noise(out, c, v);
        put_advice(out, c, v);
        sav_text_printf(out, "different: %zu of %zu %ss", v->different, count, what);
        if (v->missing && !v->common)
            sav_text_printf(out, ", of which %zu stand in one file only", v->missing);
        if (v->limit >= 0) sav_text_printf(out, " beyond rel-L2 %g", v->limit);
        sav_text_string(out, "\n");
    } else if (v->limit >= 0 && v->rel_l2 > 0) {
        sav_text_printf(out, "within rel-L2 %g: %zu %s%s; largest %.3g at %s\n", v->limit, count, what,
                        sav_plural(count), v->rel_l2, sav_compare_at(c, v->widest)->name);
    } else if (!has_nothing(v)) {
        sav_text_printf(out, "equal: %zu %s%s, every bit\n", count, what, sav_plural(count));
    }
}

/* ---- for programs -------------------------------------------------------------------------------------- */

static void put_json_element(sav_text *out, const char *key, const sav_compare_element *e) {
    sav_text_printf(out, ",\"%s\":{\"element\":%zu,\"a\":", key, e->index);
    sav_json_put_double(out, e->a);
    sav_text_string(out, ",\"b\":");
    sav_json_put_double(out, e->b);
    sav_text_string(out, "}");
}

static void put_json_stage(sav_text *out, const sav_compare_stage *s, double limit) {
    static const char *const kinds[] = {"equal", "values", "shapes", "only_a", "only_b"};
    sav_text_string(out, "{\"name\":");
    sav_json_put_string(out, s->name, strlen(s->name));
    sav_text_printf(
        out, ",\"kind\":\"%s\",\"within\":%s,\"noise\":%s,\"shape\":\"%s\",\"elements\":%zu,\"differ\":%zu",
        kinds[s->kind], sav_compare_differs(s, limit) ? "false" : "true", s->noise ? "true" : "false",
        s->shape, s->count, s->differ);
    sav_text_string(out, ",\"max_abs\":");
    sav_json_put_double(out, s->max_abs);
    sav_text_string(out, ",\"rel_l2\":");
    sav_json_put_double(out, s->rel_l2);
    if (s->differ) put_json_element(out, "farthest", &s->farthest);
    if (s->has_truth) {
        sav_text_string(out, ",\"rel_l2_a_truth\":");
        sav_json_put_double(out, s->truth_a);
        sav_text_string(out, ",\"rel_l2_b_truth\":");
        sav_json_put_double(out, s->truth_b);
    }
    sav_text_string(out, "}");
}

static void put_json_name(sav_text *out, const char *key, const sav_compare_stage *s) {
    sav_text_printf(out, ",\"%s\":", key);
    if (s)
        sav_json_put_string(out, s->name, strlen(s->name));
    else
        sav_text_string(out, "null");
}

static void put_json(sav_text *out, const sav_comparison *c, const verdict *v) {
    uint32_t changes[2];
    sav_text_printf(out, "{\"equal\":%s,\"stages_different\":%zu",
                    v->different || has_nothing(v) ? "false" : "true", v->different);
    put_json_name(out, "first", v->different ? sav_compare_at(c, v->first) : NULL);
    put_json_name(out, "first_real", v->real ? sav_compare_at(c, v->first_real) : NULL);
    sav_text_printf(out, ",\"common\":%zu,\"renamed\":%zu,\"stages\":[", v->stages - v->missing,
                    sav_compare_renamed(&changes[0], &changes[1], c));
    for (size_t i = 0; i < v->stages; i++) {
        sav_text_string(out, i ? ",\n" : "\n");
        put_json_stage(out, sav_compare_at(c, i), v->limit);
    }
    sav_text_string(out, "]}\n");
}

static sav_status diff_dumps(sav_cli *cli, sav_error *err) {
    sav_comparison *c;
    sav_text out = {0};
    sav_status status = sav_compare_open(&c, cli->operands[0], cli->operands[1], cli->truth, err);
    if (status) return status;
    const verdict v = judge(c, cli->max_rel_l2, cli->common);
    if (cli->json) {
        put_json(&out, c, &v);
    } else {
        put_table(&out, c, &v, cli->truth != NULL);
        put_verdict(&out, c, &v);
    }
    status = sav_console_print(&out, err);
    if (!status && has_nothing(&v)) {
        status = sav_fail(err, SAV_BAD_INPUT, "--common: %s and %s have no stage in common", cli->operands[0],
                          cli->operands[1]);
        sav_hint(err, "docs/BACKENDS.md says how stages are named");
    }
    cli->code = v.different ? 1 : 0;
    sav_text_free(&out);
    sav_compare_free(c);
    return status;
}

/* ---- two classifiers -------------------------------------------------------------------------------- */

static void put_classifiers(sav_text *out, const sav_classifier_difference *d) {
    sav_text_printf(out, "classes: %s\n",
                    d->same_classes ? "the same" : "different names, order or numbers of examples");
    sav_text_printf(out, "heads that vote: %zu in A, %zu in B, %zu in both%s\n", d->K_a, d->K_b, d->common,
                    d->same_order ? ", in the same order" : "");
    sav_text_printf(out, "head scores: %zu of %zu differ\n", d->scores_differ, d->scores);
    sav_text_printf(out, "class means of the common heads: %zu of %zu elements differ, rel-L2 %.3g\n",
                    d->means_differ, d->means, d->means_rel_l2);
}

static void put_classifiers_json(sav_text *out, const sav_classifier_difference *d) {
    sav_text_printf(out,
                    "{\"equal\":%s,\"same_classes\":%s,\"heads_a\":%zu,\"heads_b\":%zu,\"heads_common\":%zu,"
                    "\"same_order\":%s",
                    d->equal ? "true" : "false", d->same_classes ? "true" : "false", d->K_a, d->K_b,
                    d->common, d->same_order ? "true" : "false");
    sav_text_printf(
        out, ",\"scores\":%zu,\"scores_differ\":%zu,\"means\":%zu,\"means_differ\":%zu,\"means_rel_l2\":",
        d->scores, d->scores_differ, d->means, d->means_differ);
    sav_json_put_double(out, d->means_rel_l2);
    sav_text_string(out, "}");
}

static sav_status print(sav_cli *cli, sav_text *out, bool equal, sav_error *err) {
    sav_text_string(out, cli->json ? "\n" : equal ? "equal: every bit\n" : "different\n");
    sav_status status = sav_console_print(out, err);
    cli->code = equal ? 0 : 1;
    sav_text_free(out);
    return status;
}

static sav_status diff_classifiers(sav_cli *cli, sav_error *err) {
    sav_classifier *a = NULL, *b = NULL;
    sav_classifier_difference d;
    sav_text out = {0};
    sav_status status = sav_classifier_open(&a, cli->operands[0], err);
    if (!status) status = sav_classifier_open(&b, cli->operands[1], err);
    if (!status) {
        sav_compare_classifiers(&d, a, b);
        if (cli->json)
            put_classifiers_json(&out, &d);
        else
            put_classifiers(&out, &d);
        status = print(cli, &out, d.equal, err);
    }
    sav_classifier_free(a);
    sav_classifier_free(b);
    return status;
}

/* ---- two stores ------------------------------------------------------------------------------------- */

static void put_stores(sav_text *out, const sav_stores_difference *d) {
    sav_text_printf(out, "rows: %zu in A, %zu in B; %zu differ, rel-L2 %.3g", d->rows_a, d->rows_b,
                    d->rows_differ, d->rel_l2);
    if (d->samples_differ)
        sav_text_printf(out, "; %zu are of another sample, model, engine or type", d->samples_differ);
    sav_text_string(out, "\n");
    if (!d->fitted) {
        sav_text_string(out, "no labels: no heads, no votes\n");
        return;
    }
    sav_text_printf(out, "each fitted with %zu head%s on its own rows:\n", d->K, sav_plural(d->K));
    put_classifiers(out, &d->classifiers);
    sav_text_printf(out, "votes of equal heads: %zu of %zu differ\npredictions of these rows: %zu flipped\n",
                    d->votes_differ, d->votes, d->flipped);
}

static void put_stores_json(sav_text *out, const sav_stores_difference *d) {
    sav_text_printf(
        out,
        "{\"equal\":%s,\"rows_a\":%zu,\"rows_b\":%zu,\"rows_differ\":%zu,\"samples_differ\":%zu,\"rel_l2\":",
        d->equal ? "true" : "false", d->rows_a, d->rows_b, d->rows_differ, d->samples_differ);
    sav_json_put_double(out, d->rel_l2);
    if (d->fitted) {
        sav_text_string(out, ",\"heads\":");
        put_classifiers_json(out, &d->classifiers);
        sav_text_printf(out, ",\"votes\":%zu,\"votes_differ\":%zu,\"flipped\":%zu", d->votes, d->votes_differ,
                        d->flipped);
    }
    sav_text_string(out, "}");
}

static sav_status diff_stores(sav_cli *cli, sav_error *err) {
    sav_stores_difference d;
    sav_text out = {0};
    sav_status status = sav_compare_stores(&d, cli->operands[0], cli->operands[1], cli->heads, err);
    if (status) return status;
    if (cli->json)
        put_stores_json(&out, &d);
    else
        put_stores(&out, &d);
    return print(cli, &out, d.equal, err);
}

/* ---- the command ---- */

/* What the two are decides how they are compared: folders are stores; a fitted classifier is known by its
 * tensors. */
static sav_status diff_command(sav_cli *cli, sav_error *err) {
    const char *a = cli->operands[0], *b = cli->operands[1];
    const bool stores = sav_os_is_folder(a) && sav_os_is_folder(b);
    const bool heads = !stores && sav_compare_is_classifier(a) && sav_compare_is_classifier(b);
    if ((stores || heads) && (cli->truth || cli->common || cli->max_rel_l2 >= 0))
        return sav_cli_misuse(cli, err, "--truth, --common and --max-rel-l2 are for dumps");
    if (stores) return diff_stores(cli, err);
    return heads ? diff_classifiers(cli, err) : diff_dumps(cli, err);
}

const sav_command sav_command_diff = {
    .name = "diff",
    .usage = "A B [options]",
    .summary =
        "two dumps stage by stage, the first that differs; two sav.safetensors or stores: heads, votes",
    .example = "savs diff golden.safetensors mine.safetensors --max-rel-l2 1e-5",
    .options = {TAKES(TRUTH), TAKES(MAX_REL_L2), TAKES(COMMON), TAKES(HEADS)},
    .operands = 2,
    .failure = 2,
    .run = diff_command,
};
