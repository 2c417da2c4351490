/* info.c: `savs info`: what a model folder is, what a forward takes, and with --verify every byte of it. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/open_session.h"
#include "instruments/inspect.h"
#include "io/json.h"

typedef struct report {
    const sav_cli *cli;
    const sav_model_info *info;
    const sav_session_info *session;
    sav_memory_plan memory;
    sav_text files, tensors; /* of --verify, in words or as JSON members */
} report;

/* ---- verify -------------------------------------------------------------------------------------------- */

static void on_file(void *context, const char *path, uint64_t size, const char *sha256) {
    report *r = context;
    if (!r->cli->json) {
        sav_text_printf(&r->files, "%s  %s (%" PRIu64 " bytes)\n", sha256, path, size);
        return;
    }
    sav_text_printf(&r->files, "%s{\"file\":", r->files.length ? "," : "");
    sav_json_put_string(&r->files, path, strlen(path));
    sav_text_printf(&r->files, ",\"bytes\":%" PRIu64 ",\"sha256\":\"%s\"}", size, sha256);
}

static void on_tensor(void *context, const char *name, uint64_t not_finite, uint64_t count) {
    report *r = context;
    if (!r->cli->json) {
        sav_text_printf(&r->tensors, "tensor %s: %" PRIu64 " of %" PRIu64 " weights are infinite or NaN\n",
                        name, not_finite, count);
        return;
    }
    sav_text_printf(&r->tensors, "%s{\"tensor\":", r->tensors.length ? "," : "");
    sav_json_put_string(&r->tensors, name, strlen(name));
    sav_text_printf(&r->tensors, ",\"not_finite\":%" PRIu64 ",\"count\":%" PRIu64 "}", not_finite, count);
}

/* ---- in words ------------------------------------------------------------------------------------------ */

static void put_sizes(sav_text *out, const sav_model_info *i) {
    sav_text_printf(out, "%s\nfamily      %s, chat layout %s\nidentity    %s\n", i->folder, i->family,
                    i->layout, i->sha256);
    sav_text_printf(
        out,
        "decoder     %zu layers of %zu heads of size %zu (%zu key/value heads), width %zu, feed-forward %zu",
        i->L, i->H, i->d, i->G, i->D, i->F);
    sav_text_printf(out, ", vocabulary %zu\n", i->V);
    sav_text_printf(out, "context     %zu positions, ", i->max_positions);
    if (i->window)
        sav_text_printf(out, "sliding window of %zu\n", i->window);
    else
        sav_text_string(out, "no sliding window\n");
    if (i->vision_layers)
        sav_text_printf(out, "vision      %zu layers of %zu heads, width %zu", i->vision_layers,
                        i->vision_heads, i->vision_width);
    if (i->tile) sav_text_printf(out, ", tiles of %zu pixels", i->tile);
    if (i->vision_layers) sav_text_string(out, "\n");
    if (i->int8_group) sav_text_printf(out, "quantised   int8, %zu weights share a scale\n", i->int8_group);
    sav_text_printf(out, "weights     %zu parameters in %zu tensors of %zu file%s\n", i->parameters,
                    i->tensors, i->shards, sav_plural(i->shards));
}

/* What the weights take under the budget, or without one. */
static void put_budget(sav_text *out, const report *r) {
    const sav_session_info *s = r->session;
    if (!s->memory) {
        sav_text_printf(out,
                        "            without --memory weights stay mapped; samples go through in batches of "
                        "up to %zu rows\n",
                        s->batch_rows);
        return;
    }
    sav_text_printf(out,
                    "            --memory %.1f MiB: %.1f for the program, %.1f for weights (%s), the rest "
                    "for batches of up to %zu rows\n",
                    sav_mib(s->memory), sav_mib(s->fixed_bytes), sav_mib(s->held_bytes),
                    s->streams ? "a layer at a time, read ahead and dropped behind" : "all layers stay",
                    s->batch_rows);
}

static void put_memory(sav_text *out, const report *r) {
    const sav_memory_plan *m = &r->memory;
    sav_text_printf(out,
                    "memory      weights %.1f MiB, mapped and never copied whole; the largest layer %.1f "
                    "MiB; a sample's features %.1f KiB\n",
                    sav_mib(r->info->weight_bytes), sav_mib(r->session->layer_bytes),
                    (double)r->info->features * sizeof(float) / 1024.0);
    for (size_t i = 0; i < m->count; i++) {
        sav_text_printf(out, "            a forward %8.1f MiB for ", sav_mib(m->rows[i].bytes));
        if (m->rows[i].height)
            sav_text_printf(out, "a picture of %zu x %zu and %zu tokens of text: %zu tokens\n",
                            m->rows[i].width, m->rows[i].height, m->rows[i].text, m->rows[i].tokens);
        else
            sav_text_printf(out, "%zu token%s of text\n", m->rows[i].tokens, sav_plural(m->rows[i].tokens));
    }
    put_budget(out, r);
    sav_text_printf(out, "runs with   engine %s, %s, %d thread%s\n", r->session->engine, r->session->isa,
                    r->session->threads, sav_plural((size_t)r->session->threads));
}

static void put_words(sav_text *out, const report *r, bool verified) {
    put_sizes(out, r->info);
    put_memory(out, r);
    if (!r->cli->verify) return;
    if (r->files.bytes) sav_text_string(out, r->files.bytes);
    if (r->tensors.bytes) sav_text_string(out, r->tensors.bytes);
    if (verified)
        sav_text_printf(out, "verified: every weight of %zu tensors is a number; products are right\n",
                        r->info->tensors);
}

/* ---- as JSON ------------------------------------------------------------------------------------------- */

static void put_json(sav_text *out, const report *r, bool verified) {
    const sav_model_info *i = r->info;
    const sav_memory_plan *m = &r->memory;
    sav_text_string(out, "{\"folder\":");
    sav_json_put_string(out, i->folder, strlen(i->folder));
    sav_text_printf(out, ",\"family\":\"%s\",\"layout\":\"%s\",\"model_sha256\":\"%s\"", i->family, i->layout,
                    i->sha256);
    sav_text_printf(out, ",\"L\":%zu,\"H\":%zu,\"G\":%zu,\"d\":%zu,\"D\":%zu,\"F\":%zu,\"V\":%zu", i->L, i->H,
                    i->G, i->d, i->D, i->F, i->V);
    sav_text_printf(out, ",\"window\":%zu,\"max_positions\":%zu", i->window, i->max_positions);
    sav_text_printf(out, ",\"vision_layers\":%zu,\"vision_heads\":%zu,\"vision_width\":%zu,\"tile\":%zu",
                    i->vision_layers, i->vision_heads, i->vision_width, i->tile);
    if (i->int8_group) sav_text_printf(out, ",\"int8_group\":%zu", i->int8_group);
    sav_text_printf(out, ",\"parameters\":%zu,\"tensors\":%zu,\"shards\":%zu,\"weight_bytes\":%" PRIu64,
                    i->parameters, i->tensors, i->shards, i->weight_bytes);
    sav_text_printf(out, ",\"memory\":{\"features_bytes\":%zu,\"forwards\":[", i->features * sizeof(float));
    for (size_t n = 0; n < m->count; n++)
        sav_text_printf(out, "%s{\"text\":%zu,\"height\":%zu,\"width\":%zu,\"tokens\":%zu,\"bytes\":%zu}",
                        n ? "," : "", m->rows[n].text, m->rows[n].height, m->rows[n].width, m->rows[n].tokens,
                        m->rows[n].bytes);
    sav_text_printf(out, "],\"layer_bytes\":%" PRIu64 ",\"batch_rows\":%zu", r->session->layer_bytes,
                    r->session->batch_rows);
    if (r->session->memory)
        sav_text_printf(out,
                        ",\"budget\":%" PRIu64 ",\"fixed_bytes\":%" PRIu64 ",\"held_bytes\":%" PRIu64
                        ",\"streams\":%s",
                        r->session->memory, r->session->fixed_bytes, r->session->held_bytes,
                        r->session->streams ? "true" : "false");
    sav_text_string(out, "}");
    sav_text_printf(out, ",\"engine\":\"%s\",\"isa\":\"%s\",\"threads\":%d", r->session->engine,
                    r->session->isa, r->session->threads);
    if (r->cli->verify)
        sav_text_printf(out, ",\"verified\":%s,\"files\":[%s],\"not_finite\":[%s]",
                        verified ? "true" : "false", r->files.bytes ? r->files.bytes : "",
                        r->tensors.bytes ? r->tensors.bytes : "");
    sav_text_string(out, "}\n");
}

static sav_status info_command(sav_cli *cli, sav_error *err) {
    sav_model *model;
    sav_session *session;
    sav_text out = {0};
    sav_error problem;
    sav_status verified = SAV_OK;
    sav_status status = sav_cli_open_session(&model, &session, cli, err);
    if (status) return status;
    report r = {.cli = cli, .info = sav_model_describe(model), .session = sav_session_describe(session)};
    status = sav_inspect_memory(&r.memory, model, session, err);
    if (!status && cli->verify) {
        const sav_verify_hooks hooks = {&r, on_file, on_tensor, sav_console_check};
        verified = sav_inspect_verify(model, &hooks, &problem);
    }
    if (!status && verified != SAV_STOPPED) {
        if (cli->json)
            put_json(&out, &r, verified == SAV_OK);
        else
            put_words(&out, &r, verified == SAV_OK);
        if (r.files.failed || r.tensors.failed) out.failed = true;
        status = sav_console_print(&out, err);
    }
    if (!status && verified) {
        *err = problem;
        status = verified;
    }
    sav_text_free(&out);
    sav_text_free(&r.files);
    sav_text_free(&r.tensors);
    sav_cli_close_session(model, session);
    return status;
}

const sav_command sav_command_info = {
    .name = "info",
    .usage = "--model DIR [--verify] [options]",
    .summary = "family, sizes, tensors, memory; --verify reads every byte",
    .example = "savs info --model llava --verify",
    .options = {NEEDS(MODEL), TAKES(ENGINE), TAKES(DTYPE), TAKES(ISA), TAKES(THREADS), TAKES(MEMORY),
                TAKES(MIN_PIXELS), TAKES(MAX_PIXELS), TAKES(VERIFY)},
    .run = info_command,
};
