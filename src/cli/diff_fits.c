/* diff_fits.c: `savs diff` of two sav.safetensors, or of two stores. */
#include "cli/cli.h"
#include "io/json.h"
#include "tasks/compare_fits.h"

/* ---- heads --------------------------------------------------------------------------------------------- */

static void put_heads(sav_text *out, const sav_classifier_difference *d) {
    sav_text_printf(out, "classes: %s\n",
                    d->same_classes ? "the same" : "different names, order or numbers of examples");
    sav_text_printf(out, "heads that vote: %zu in A, %zu in B, %zu in both%s\n", d->selected_a, d->selected_b,
                    d->common, d->same_order ? ", in the same order" : "");
    sav_text_printf(out, "head scores: %zu of %zu differ\n", d->scores_differ, d->scores);
    sav_text_printf(out, "class means of the common heads: %zu of %zu elements differ, rel-L2 %.3g\n",
                    d->means_differ, d->means, d->means_rel_l2);
}

static void put_heads_json(sav_text *out, const sav_classifier_difference *d) {
    sav_text_printf(out,
                    "{\"equal\":%s,\"same_classes\":%s,\"heads_a\":%zu,\"heads_b\":%zu,\"heads_common\":%zu,"
                    "\"same_order\":%s",
                    d->equal ? "true" : "false", d->same_classes ? "true" : "false", d->selected_a,
                    d->selected_b, d->common, d->same_order ? "true" : "false");
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

sav_status sav_cli_diff_heads(sav_cli *cli, sav_error *err) {
    sav_classifier *a = NULL, *b = NULL;
    sav_classifier_difference d;
    sav_text out = {0};
    sav_status status = sav_classifier_open(&a, cli->operands[0], err);
    if (!status) status = sav_classifier_open(&b, cli->operands[1], err);
    if (!status) {
        sav_compare_heads(&d, a, b);
        if (cli->json)
            put_heads_json(&out, &d);
        else
            put_heads(&out, &d);
        status = print(cli, &out, d.equal, err);
    }
    sav_classifier_free(a);
    sav_classifier_free(b);
    return status;
}

/* ---- stores -------------------------------------------------------------------------------------------- */

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
    sav_text_printf(out, "each fitted with %zu heads on its own rows:\n", d->heads_asked);
    put_heads(out, &d->heads);
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
        put_heads_json(out, &d->heads);
        sav_text_printf(out, ",\"votes\":%zu,\"votes_differ\":%zu,\"flipped\":%zu", d->votes, d->votes_differ,
                        d->flipped);
    }
    sav_text_string(out, "}");
}

sav_status sav_cli_diff_stores(sav_cli *cli, sav_error *err) {
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
