/* quantize.c: `savs quantize`: a model folder's big matrices as int8 panels, in a folder of their own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "instruments/quantize.h"
#include "io/json.h"

typedef struct work {
    sav_cli *cli;
    sav_text kept; /* matrices that stay as they are, in words or as JSON members */
} work;

static void on_matrix(void *context, const char *name, double error, bool kept) {
    work *t = context;
    if (!kept) return;
    if (!t->cli->json) {
        sav_text_printf(&t->kept, "kept as it is: %s (int8 would be off by %.4f of its length)\n", name,
                        error);
        return;
    }
    sav_text_string(&t->kept, t->kept.length ? "," : "");
    sav_json_put_string(&t->kept, name, strlen(name));
}

static sav_status check(void *context, uint64_t bytes, uint64_t total, sav_error *err) {
    work *t = context;
    sav_console_progress(t->cli->console, &(sav_console_work){.what = "quantize, MiB",
                                                              .done = (double)(bytes >> 20),
                                                              .total = (size_t)(total >> 20),
                                                              .left = -1});
    return sav_console_check(NULL, err);
}

static void put(sav_text *out, const sav_quantize_report *r, const work *t) {
    if (t->cli->json) {
        sav_text_string(out, "{\"out\":");
        sav_json_put_string(out, t->cli->out, strlen(t->cli->out));
        sav_text_printf(out, ",\"group\":%zu,\"matrices\":%zu,\"mean_error\":", r->group, r->matrices);
        sav_json_put_double(out, r->mean_error);
        sav_text_string(out, ",\"worst_error\":");
        sav_json_put_double(out, r->worst_error);
        sav_text_printf(out, ",\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64 ",\"kept\":[%s]}\n",
                        r->bytes_before, r->bytes_after, t->kept.bytes ? t->kept.bytes : "");
        return;
    }
    sav_text_printf(out,
                    "%s: %zu %s in groups of %zu, %.1f MiB of %.1f; relative error %.4f in the mean, "
                    "%.4f at most\n",
                    t->cli->out, r->matrices, r->matrices == 1 ? "matrix" : "matrices", r->group,
                    sav_mib(r->bytes_after), sav_mib(r->bytes_before), r->mean_error, r->worst_error);
    if (t->kept.bytes) sav_text_string(out, t->kept.bytes);
}

static sav_status quantize_command(sav_cli *cli, sav_error *err) {
    work t = {.cli = cli};
    const sav_quantize_hooks hooks = {&t, on_matrix, check};
    const sav_quantize_options options = {.group = cli->group ? (size_t)atoi(cli->group) : 0,
                                          .keep_vision = cli->vision && strcmp(cli->vision, "bf16") == 0,
                                          .threads = (int)cli->threads};
    sav_quantize_report report;
    sav_text out = {0};
    sav_console_begin(cli->console);
    sav_status status = sav_quantize(&report, cli->model, cli->out, &options, &hooks, err);
    if (status == SAV_STOPPED)
        sav_hint(err, "%.100s is not complete: the same command starts again", cli->out);
    if (!status) {
        put(&out, &report, &t);
        if (t.kept.failed) out.failed = true;
        status = sav_console_print(&out, err);
    }
    sav_text_free(&out);
    sav_text_free(&t.kept);
    return status;
}

const sav_command sav_command_quantize = {
    .name = "quantize",
    .usage = "--model DIR --out DIR [options]",
    .summary = "int8 weights: a model folder a bit over half its size, for the int8 engine",
    .example = "savs quantize --model llava --out llava-int8",
    .options = {NEEDS(MODEL), NEEDS(OUT), TAKES(VISION), TAKES(GROUP), TAKES(THREADS)},
    .run = quantize_command,
};
