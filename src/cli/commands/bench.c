/* bench.c: `savs bench`: where a forward's time goes, stage by stage. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "cli/open_session.h"
#include "instruments/bench.h"
#include "io/json.h"

typedef struct report {
    sav_cli *cli;
    const sav_model_info *info;
    const sav_session_info *session;
    sav_bench bench;
    size_t height, width; /* of the picture; 0: none */
    char picture[512];    /* the file that it stands in until it has been read; "": none */
} report;

/* ---- the picture --------------------------------------------------------------------------------------- */

static sav_status read_size(report *r, sav_error *err) {
    char end;
    const char *text = r->cli->image_size;
    if (text && (sscanf(text, "%5zux%5zu%c", &r->height, &r->width, &end) != 2 || text[0] == '-' ||
                 !r->height || !r->width))
        return sav_cli_misuse(r->cli, err, "--image-size %.40s: expected HxW, pixels, such as 480x640", text);
    return SAV_OK;
}

/* Noise as a PPM file beside other temporary files. */
static sav_status write_picture(report *r, sav_error *err) {
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) folder = getenv("TEMP"); /* Windows */
    char head[64];
    uint32_t state = 1;
    snprintf(r->picture, sizeof r->picture, "%s/savs-bench-%.0f.ppm", folder && *folder ? folder : "/tmp",
             sav_os_seconds() * 1e9);
    const size_t length = (size_t)snprintf(head, sizeof head, "P6\n%zu %zu\n255\n", r->width, r->height);
    const size_t bytes = length + r->height * r->width * 3;
    unsigned char *file = sav_alloc(bytes, 1);
    if (!file)
        return sav_fail(err, SAV_NO_MEMORY, "no memory for a picture of %zu x %zu", r->height, r->width);
    memcpy(file, head, length);
    for (size_t i = length; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        file[i] = (unsigned char)(state >> 24);
    }
    sav_status status = sav_os_save(r->picture, file, bytes, err);
    sav_free(file);
    return status;
}

static void picture_read(void *context) {
    report *r = context;
    if (r->picture[0]) sav_os_remove(r->picture);
}

/* ---- in words ------------------------------------------------------------------------------------------ */

static void put_row(sav_text *out, const char *name, const sav_bench_row *row, double whole) {
    if (!(row->cpu_seconds > 0)) return;
    sav_text_printf(out, "%-20s %6zu %10.4f %5.1f %%", name, row->calls, row->cpu_seconds,
                    100 * row->cpu_seconds / whole);
    if (row->gflop > 0) sav_text_printf(out, " %10.2f %8.1f %6.2f", row->gflop, row->gflops, row->share);
    sav_text_string(out, "\n");
}

static void put_words(sav_text *out, const report *r) {
    const sav_bench *b = &r->bench;
    sav_text_printf(out, "%s\n%s, %s, %d thread%s; %zu token%s", r->info->folder, r->session->engine,
                    r->session->isa, r->session->threads, sav_plural((size_t)r->session->threads), b->tokens,
                    sav_plural(b->tokens));
    if (r->height) sav_text_printf(out, ", a picture of %zu x %zu among them", r->height, r->width);
    sav_text_printf(out, "; medians of %zu forward%s\n", b->rounds, sav_plural(b->rounds));
    sav_text_printf(
        out, "peak of a core: %.1f Gflop/s float32, %.1f double; shares are of the first, in CPU seconds\n\n",
        b->peak, b->peak_double);
    sav_text_printf(out, "%-20s %6s %10s %7s %10s %8s %6s\n", "stage", "calls", "CPU s", "time", "Gflop",
                    "Gflop/s", "share");
    for (int p = 0; p < SAV_BENCH_PLACES; p++)
        put_row(out, sav_bench_names[p], &b->places[p], b->all.cpu_seconds);
    sav_text_string(out, "\n");
    put_row(out, "vision tower", &b->tower, b->all.cpu_seconds);
    put_row(out, "whole layers", &b->decoder, b->all.cpu_seconds);
    put_row(out, "forward", &b->all, b->all.cpu_seconds);
    if (b->in_double)
        sav_text_printf(out, "of the double peak: whole layers %.2f, forward %.2f\n",
                        b->decoder.share * b->peak / b->peak_double, b->all.share * b->peak / b->peak_double);
    sav_text_printf(out,
                    "\n%.3f s on the wall, %.1f tokens/s; weights read %.1f MiB a forward; scratch %.1f MiB; "
                    "resident at most %.1f MiB\n",
                    b->seconds, (double)b->tokens / b->seconds, sav_mib(b->all.weight_bytes),
                    sav_mib(r->session->scratch_bytes), sav_mib(sav_os_peak_bytes()));
}

/* ---- as JSON ------------------------------------------------------------------------------------------- */

static void put_members(sav_text *out, const sav_bench_row *row) {
    sav_text_printf(out,
                    "\"calls\":%zu,\"cpu_seconds\":%.6f,\"gflop\":%.6f,\"gflops\":%.3f,\"share\":%.4f,"
                    "\"weight_bytes\":%" PRIu64,
                    row->calls, row->cpu_seconds, row->gflop, row->gflops, row->share, row->weight_bytes);
}

static void put_json(sav_text *out, const report *r) {
    const sav_bench *b = &r->bench;
    const char *between = "";
    sav_text_string(out, "{\"model\":");
    sav_json_put_string(out, r->info->folder, strlen(r->info->folder));
    sav_text_printf(out, ",\"family\":\"%s\",\"engine\":\"%s\",\"isa\":\"%s\",\"threads\":%d",
                    r->info->family, r->session->engine, r->session->isa, r->session->threads);
    sav_text_printf(out, ",\"tokens\":%zu,\"height\":%zu,\"width\":%zu,\"rounds\":%zu,\"whole_layers\":%zu",
                    b->tokens, r->height, r->width, b->rounds, b->layers);
    sav_text_printf(out, ",\"peak_gflops\":%.2f,\"peak_double_gflops\":%.2f", b->peak, b->peak_double);
    sav_text_printf(out, ",\"seconds\":%.6f,\"tokens_per_second\":%.2f", b->seconds,
                    (double)b->tokens / b->seconds);
    sav_text_printf(out, ",\"scratch_bytes\":%zu,\"resident_peak_bytes\":%" PRIu64 ",\"stages\":[",
                    r->session->scratch_bytes, sav_os_peak_bytes());
    for (int p = 0; p < SAV_BENCH_PLACES; p++) {
        if (!(b->places[p].cpu_seconds > 0)) continue;
        sav_text_printf(out, "%s{\"stage\":\"%s\",", between, sav_bench_names[p]);
        put_members(out, &b->places[p]);
        sav_text_string(out, "}");
        between = ",";
    }
    sav_text_string(out, "],\"vision_tower\":{");
    put_members(out, &b->tower);
    sav_text_string(out, "},\"decoder_layers\":{");
    put_members(out, &b->decoder);
    sav_text_string(out, "},\"forward\":{");
    put_members(out, &b->all);
    sav_text_string(out, "}}\n");
}

/* ---- the command --------------------------------------------------------------------------------------- */

static sav_status measure(report *r, const sav_model *model, sav_session *session, sav_error *err) {
    sav_text out = {0};
    const sav_bench_shape shape = {.tokens = r->cli->tokens ? r->cli->tokens : 256,
                                   .picture = r->height ? r->picture : NULL,
                                   .rounds = r->cli->rounds ? r->cli->rounds : 3,
                                   .check = sav_console_check,
                                   .read = picture_read,
                                   .context = r};
    sav_status status = r->height ? write_picture(r, err) : SAV_OK;
    if (!status) status = sav_bench_run(&r->bench, model, session, &shape, err);
    picture_read(r);
    if (status) return status;
    if (r->cli->json)
        put_json(&out, r);
    else
        put_words(&out, r);
    status = sav_console_print(&out, err);
    sav_text_free(&out);
    return status;
}

static sav_status bench_command(sav_cli *cli, sav_error *err) {
    sav_model *model;
    sav_session *session;
    report r = {.cli = cli};
    sav_status status = read_size(&r, err);
    if (!status && cli->rounds > SAV_BENCH_ROUNDS)
        status = sav_cli_misuse(cli, err, "--rounds %zu: expected at most %d", cli->rounds, SAV_BENCH_ROUNDS);
    if (!status) status = sav_cli_open_session(&model, &session, cli, err);
    if (status) return status;
    r.info = sav_model_describe(model);
    r.session = sav_session_describe(session);
    status = measure(&r, model, session, err);
    sav_cli_close_session(model, session);
    return status;
}

const sav_command sav_command_bench = {
    .name = "bench",
    .usage = "--model DIR [--tokens N] [--image-size HxW] [options]",
    .summary = "where a forward's time goes: seconds, Gflop/s, share of the measured peak, stage by stage",
    .example = "savs bench --model llava --tokens 64 --image-size 480x640 --threads 1",
    .options = {NEEDS(MODEL), TAKES(ENGINE), TAKES(ISA), TAKES(THREADS), TAKES(TOKENS), TAKES(IMAGE_SIZE),
                TAKES(ROUNDS), TAKES(MIN_PIXELS), TAKES(MAX_PIXELS)},
    .run = bench_command,
};
