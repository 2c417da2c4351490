/* run.c: `savs run`, the main job:
 *
 *   training list -> features -> heads -> DIR/sav.safetensors
 *   test list -> votes -> DIR/predictions.jsonl -> scores -> DIR/metrics.json
 *
 * Each sample goes through the model once; the test samples only as deep as the deepest head that votes.
 */
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "cli/fitting.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"
#include "io/json.h"
#include "lists/shots.h"

/* What a run holds, opened in this order. */
typedef struct job {
    sav_cli *cli;
    char *sav, *predictions, *metrics; /* paths of the results */
    sav_list *train, *test;
    sav_model *model;
    sav_session *session;
    sav_classifier *classifier;
    sav_predictions votes;
    size_t training; /* samples fitted on */
    double train_seconds, test_seconds;
} job;

/* ---- before the work ----------------------------------------------------------------------------------- */

static sav_status prepare_results(job *j, sav_error *err) {
    const char *folder = j->cli->out;
    j->sav = sav_path_join(folder, "sav.safetensors");
    j->predictions = sav_path_join(folder, "predictions.jsonl");
    j->metrics = sav_path_join(folder, "metrics.json");
    if (!j->sav || !j->predictions || !j->metrics)
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    sav_status status = sav_os_make_folder(folder, err);
    if (!status) status = sav_cli_try_file(j->sav, err);
    if (!status) status = sav_cli_try_file(j->predictions, err);
    return status ? status : sav_cli_try_file(j->metrics, err);
}

static sav_status read_lists(job *j, sav_error *err) {
    sav_cli *cli = j->cli;
    size_t few = 0;
    sav_status status = sav_cli_read_list(&j->train, cli, cli->train, LABELS_REQUIRED, err);
    if (!status) status = sav_cli_read_list(&j->test, cli, cli->test, LABELS_OPTIONAL, err);
    if (!status && cli->shots)
        status = sav_list_draw_shots(j->train, &few, (sav_shots){cli->shots, cli->seed}, err);
    sav_cli_warn_few(cli, few);
    return status;
}

/* ---- the work ------------------------------------------------------------------------------------------ */

static sav_status fit(job *j, const float *features, sav_error *err) {
    const sav_model_info *info = sav_model_describe(j->model);
    const sav_session_info *session = sav_session_describe(j->session);
    const char **labels = sav_alloc(j->train->count, sizeof *labels);
    if (!labels) return sav_fail(err, SAV_NO_MEMORY, "no memory for the labels");
    for (size_t i = 0; i < j->train->count; i++) labels[i] = j->train->samples[i].label;
    const sav_feature_set examples = {.N = j->train->count,
                                      .L = info->L,
                                      .H = info->H,
                                      .d = info->d,
                                      .dtype = session->dtype,
                                      .features = features,
                                      .labels = labels,
                                      .origin = {info->folder, info->sha256, session->engine}};
    sav_status status = sav_cli_fit(&j->classifier, j->cli, &examples, err);
    if (!status) status = sav_classifier_save(j->classifier, j->sav, &examples.origin, err);
    sav_free(labels);
    return status;
}

static sav_status train(job *j, sav_error *err) {
    float *features;
    const double started = sav_os_seconds();
    const size_t bad = j->train->bad.count;
    const sav_encoder encoder = sav_cli_encoder(j->cli, j->model, j->session, "training samples");
    sav_status status = sav_encode_list(&features, j->train, &encoder, err);
    if (status == SAV_STOPPED)
        sav_hint(err, "nothing is kept; savs encode with a store can be stopped and goes on");
    if (status) return status;
    sav_cli_warn_left_out(j->cli, j->train, bad);
    j->training = j->train->count;
    status = fit(j, features, err);
    sav_free(features);
    j->train_seconds = sav_os_seconds() - started;
    return status;
}

/* The heads are in their file; so are the predictions, if there are any. */
static void save_finished(const job *j, size_t total, sav_error *err) {
    const char *folder = j->cli->out;
    j->cli->out = j->predictions;
    sav_cli_save_finished(j->cli, &j->votes, &(sav_text){0}, total, err);
    j->cli->out = folder;
    const sav_error before = *err;
    sav_hint(err, "%s%ssavs predict --sav %s needs no new fit", before.hint, before.hint[0] ? "; " : "",
             j->sav);
}

static sav_status test(job *j, sav_error *err) {
    sav_cli *cli = j->cli;
    const double started = sav_os_seconds();
    const size_t bad = j->test->bad.count, total = j->test->count;
    const sav_prediction_options options = {total, cli->min_margin, j->test->protocol};
    sav_status status = sav_predictions_begin(&j->votes, j->classifier, &options, err);
    if (status) return status;
    sav_encoder encoder = sav_cli_encoder(cli, j->model, j->session, "test samples");
    encoder.depth = sav_cli_depth(sav_classifier_describe(j->classifier));
    status = sav_encode_each(j->test, &encoder, sav_predictions_add_sample, &j->votes, err);
    if (status) {
        save_finished(j, total, err);
        return status;
    }
    sav_cli_warn_left_out(cli, j->test, bad);
    sav_cli_warn_votes(cli, &j->votes);
    j->test_seconds = sav_os_seconds() - started;
    return sav_cli_write_file(j->predictions, &j->votes.lines, err);
}

/* ---- after the work ------------------------------------------------------------------------------------ */

static void put_left_out(sav_text *out, const sav_list *list, const char *comma) {
    for (size_t i = 0; i < list->bad.count; i++) {
        sav_text_string(out, i ? "," : comma);
        sav_json_put_string(out, list->bad.items[i].message, strlen(list->bad.items[i].message));
    }
}

/* Members of metrics.json about how the numbers came about. */
static void put_circumstances(sav_text *out, const job *j) {
    const sav_model_info *model = sav_model_describe(j->model);
    const sav_session_info *session = sav_session_describe(j->session);
    sav_text_printf(out, "\"n_train\":%zu,\"left_out\":[", j->training);
    put_left_out(out, j->train, "");
    put_left_out(out, j->test, j->train->bad.count ? "," : "");
    sav_text_string(out, "],\"model\":");
    sav_json_put_string(out, model->folder, strlen(model->folder));
    sav_text_printf(
        out, ",\"model_sha256\":\"%s\",\"engine\":\"%s\",\"isa\":\"%s\",\"dtype\":\"%s\",\"pillow\":%d",
        model->sha256, session->engine, session->isa, sav_storage_name(session->dtype), session->pillow);
    if (j->cli->min_pixels) sav_text_printf(out, ",\"min_pixels\":%zu", j->cli->min_pixels);
    if (j->cli->max_pixels) sav_text_printf(out, ",\"max_pixels\":%zu", j->cli->max_pixels);
    sav_text_printf(out, ",\"timings\":{\"train_seconds\":%.3f,\"test_seconds\":%.3f,\"threads\":%d}",
                    j->train_seconds, j->test_seconds, session->threads);
    sav_text_printf(out, ",\"versions\":{\"savs\":\"%s\",\"format\":1}", SAV_VERSION);
}

static sav_status finish(job *j, sav_error *err) {
    sav_text more = {0}, metrics = {0}, words = {0}, out = {0};
    put_circumstances(&more, j);
    sav_status status = more.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for metrics.json") : SAV_OK;
    if (!status) status = sav_predictions_score(&metrics, &words, &j->votes, more.bytes, err);
    if (!status) status = sav_cli_write_file(j->metrics, &metrics, err);
    if (!status) {
        sav_cli_warn_turned(j->cli, j->session);
        if (!j->cli->json) {
            if (words.bytes) sav_text_string(&out, words.bytes);
            sav_cli_put_heads(&out, j->votes.view);
            sav_text_printf(&out, "files: %s %s %s\n", j->sav, j->predictions, j->metrics);
        }
        status = sav_console_print(j->cli->json ? &metrics : &out, err);
    }
    sav_text_free(&metrics);
    sav_text_free(&words);
    sav_text_free(&more);
    sav_text_free(&out);
    return status;
}

static sav_status run_command(sav_cli *cli, sav_error *err) {
    job j = {.cli = cli};
    sav_status status = prepare_results(&j, err);
    if (!status) status = read_lists(&j, err);
    if (!status) status = sav_cli_open_session(&j.model, &j.session, cli, err);
    if (!status)
        status =
            sav_cli_check_heads(cli, sav_model_describe(j.model)->L, sav_model_describe(j.model)->H, err);
    if (!status) status = train(&j, err);
    if (!status) status = test(&j, err);
    if (!status) status = finish(&j, err);
    sav_predictions_free(&j.votes);
    sav_classifier_free(j.classifier);
    sav_cli_close_session(j.model, j.session);
    sav_list_free(j.train);
    sav_list_free(j.test);
    sav_free(j.sav);
    sav_free(j.predictions);
    sav_free(j.metrics);
    return status;
}

const sav_command sav_command_run = {
    .name = "run",
    .usage = "--model DIR --train LIST --test LIST --out DIR [options]",
    .summary = "encode, select heads, classify, score: the main job",
    .example = "savs run --model llava --train train.jsonl --test test.jsonl --out out/",
    .options = {NEEDS(MODEL), NEEDS(TRAIN), NEEDS(TEST), NEEDS(OUT), TAKES_FORWARD_OPTIONS,
                TAKES_LIST_OPTIONS, TAKES(HEADS), TAKES(VALIDATION), TAKES(SHOTS), TAKES(SEED),
                TAKES(MIN_MARGIN)},
    .run = run_command,
};
