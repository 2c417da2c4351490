/* run.c: `savs run`, the main job:
 *
 *   both lists: every picture looked at, before the first forward
 *   training list -> DIR/train.store -> features -> heads -> DIR/sav.safetensors
 *   test list -> DIR/test.store -> votes -> DIR/predictions.jsonl -> scores -> DIR/metrics.json
 *
 * Each sample goes through the model once. What is in the stores is not computed again: a run that was
 * stopped goes on, and ends with the bytes of one that was not.
 */
#include <string.h>

#include "base/os.h"
#include "classify/labels.h"
#include "classify/store_header.h"
#include "cli/cli.h"
#include "cli/fitting.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"
#include "io/json.h"
#include "lists/shots.h"

/* A list, and its features in a store of --out. */
typedef struct side {
    const char *name; /* "training samples", "test samples" */
    char *folder;     /* of the store */
    sav_list *list;
    size_t *rows; /* [list->count] where the features of its samples stand in the store */
    double seconds;
} side;

/* What a run holds, opened in this order. */
typedef struct job {
    sav_cli *cli;
    char *sav, *predictions, *metrics; /* paths of the results */
    side train, test;
    sav_model *model;
    sav_session *session;
    sav_classifier *classifier;
    sav_labels trained; /* names of the training samples, as in the store */
    sav_predictions votes;
} job;

/* ---- before the work ----------------------------------------------------------------------------------- */

static sav_status prepare_results(job *j, sav_error *err) {
    const char *folder = j->cli->out;
    j->sav = sav_path_join(folder, "sav.safetensors");
    j->predictions = sav_path_join(folder, "predictions.jsonl");
    j->metrics = sav_path_join(folder, "metrics.json");
    j->train.folder = sav_path_join(folder, "train.store");
    j->test.folder = sav_path_join(folder, "test.store");
    if (!j->sav || !j->predictions || !j->metrics || !j->train.folder || !j->test.folder)
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    sav_status status = sav_os_make_folder(folder, err);
    if (!status) status = sav_cli_try_store(j->cli, j->train.folder, err);
    if (!status) status = sav_cli_try_store(j->cli, j->test.folder, err);
    if (!status) status = sav_cli_try_file(j->cli, j->sav, err);
    if (!status) status = sav_cli_try_file(j->cli, j->predictions, err);
    return status ? status : sav_cli_try_file(j->cli, j->metrics, err);
}

static sav_status read_lists(job *j, sav_error *err) {
    sav_cli *cli = j->cli;
    size_t few = 0;
    sav_status status = sav_cli_read_list(&j->train.list, cli, cli->train, LABELS_REQUIRED, err);
    if (!status) status = sav_cli_read_list(&j->test.list, cli, cli->test, LABELS_OPTIONAL, err);
    if (!status && cli->shots)
        status = sav_list_draw_shots(j->train.list, &few, (sav_shots){cli->shots, cli->seed}, err);
    if (status) return status;
    sav_cli_warn_few(cli, few);
    return sav_cli_check_pictures(cli, (sav_list *const[]){j->train.list, j->test.list}, 2, err);
}

/* Rows that an earlier run left in a store, which must be of this model and engine. */
static sav_status look_into(size_t *rows, const job *j, const side *s, sav_error *err) {
    const sav_encoder encoder = {.model = j->model, .session = j->session};
    const sav_store_info info = sav_encode_store_info(&encoder);
    sav_store *store;
    if (!sav_os_is_folder(s->folder)) return SAV_OK;
    sav_status status = sav_store_open(&store, s->folder, err);
    if (status) return SAV_OK; /* whoever opens it to go on says what is wrong, or mends it */
    status = sav_store_header_check(sav_store_describe(store), &info, s->folder, err);
    *rows += sav_store_count(store);
    sav_store_close(store);
    return status;
}

static sav_status say_plan(job *j, sav_error *err) {
    const size_t train = j->train.list->count, test = j->test.list->count;
    size_t rows = 0;
    sav_status status = look_into(&rows, j, &j->train, err);
    if (!status) status = look_into(&rows, j, &j->test, err);
    if (status) return status;
    if (rows)
        sav_console_say(j->cli->console,
                        "%zu sample%s: %zu to train, %zu to test; what is among the %zu in %s already is not "
                        "computed again",
                        train + test, sav_plural(train + test), train, test, rows, j->cli->out);
    else
        sav_console_say(j->cli->console, "%zu sample%s to compute: %zu to train, %zu to test", train + test,
                        sav_plural(train + test), train, test);
    return SAV_OK;
}

/* ---- features ------------------------------------------------------------------------------------------ */

/* The list's features into its store, as far as they are not there. reserve: bytes of the memory budget for
 * what comes next. */
static sav_status encode(job *j, side *s, uint64_t reserve, sav_error *err) {
    const size_t bad = s->list->bad.count;
    sav_encode_report report = {0};
    sav_encoder encoder = sav_cli_encoder(j->cli, j->model, j->session, s->name);
    encoder.reserve = reserve;
    sav_status status = sav_cli_encode(&report, s->folder, s->list, &encoder, err);
    if (status) {
        sav_cli_explain_kept(j->cli, &report, s->folder, err);
        return status;
    }
    s->rows = report.rows;
    sav_cli_warn_left_out(j->cli, s->list, bad);
    if (report.unlisted)
        sav_console_say(j->cli->console, "%s: %zu %s of other lists and not used", s->folder, report.unlisted,
                        report.unlisted == 1 ? "row is" : "rows are");
    return SAV_OK;
}

/* ---- the work ------------------------------------------------------------------------------------------ */

/* The classifier's file; predictions and scores that an earlier run made with another one go first. */
static sav_status fit(job *j, sav_feature_set *set, sav_error *err) {
    size_t id;
    sav_status status = sav_feature_set_open(set, j->train.folder, err);
    for (size_t i = 0; i < j->train.list->count && !status; i++)
        status = sav_labels_add(&id, &j->trained, sav_store_at(set->store, j->train.rows[i])->sample, err);
    if (!status) status = sav_feature_set_choose(set, j->train.rows, j->train.list->count, err);
    if (!status) status = sav_cli_fit(&j->classifier, j->cli, set, err);
    if (status) return status;
    set->origin.question = sav_feature_set_question(set);
    sav_os_remove(j->metrics);
    sav_os_remove(j->predictions);
    return sav_classifier_save(j->classifier, j->sav, &set->origin, err);
}

static sav_status train(job *j, sav_error *err) {
    const double started = sav_os_seconds();
    const size_t row = sav_model_describe(j->model)->features * sizeof(float);
    sav_feature_set set = {0};
    j->cli->pace.later = j->test.list->count;
    sav_status status = encode(j, &j->train, (uint64_t)j->train.list->count * row, err);
    if (!status) status = fit(j, &set, err);
    sav_feature_set_close(&set);
    j->train.seconds = sav_os_seconds() - started;
    return status;
}

/* Samples of which the classifier has seen the very pictures and question. */
static void warn_overlap(job *j, const sav_store *store) {
    size_t id, shared = 0;
    for (size_t i = 0; i < j->test.list->count; i++)
        shared += sav_labels_find(&id, &j->trained, sav_store_at(store, j->test.rows[i])->sample);
    if (shared)
        sav_console_warn(j->cli->console,
                         "%zu of %zu test samples are training samples too, picture and question", shared,
                         j->test.list->count);
}

/* A row at a time, so that the budget holds for any number of them. */
static sav_status predict(job *j, const sav_store *store, sav_error *err) {
    const sav_list *list = j->test.list;
    const sav_prediction_options options = {list->count, j->cli->min_margin, list->protocol};
    const float *tap;
    sav_status status = sav_predictions_begin(&j->votes, j->classifier, &options, err);
    for (size_t i = 0; i < list->count && !status; i++) {
        status = sav_store_read(&tap, store, j->test.rows[i], err);
        if (!status) status = sav_predictions_add_sample(&j->votes, &list->samples[i], tap, err);
        if (j->cli->memory) sav_store_drop(store, j->test.rows[i]);
    }
    return status;
}

static sav_status test(job *j, sav_error *err) {
    const double started = sav_os_seconds();
    sav_store *store = NULL;
    j->cli->pace.later = 0;
    sav_status status = encode(j, &j->test, 0, err);
    if (!status) status = sav_store_open(&store, j->test.folder, err);
    if (!status) warn_overlap(j, store);
    if (!status) status = predict(j, store, err);
    sav_store_close(store);
    j->test.seconds = sav_os_seconds() - started;
    if (status) return status;
    sav_cli_warn_votes(j->cli, &j->votes);
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
    sav_text_printf(out, "\"n_train\":%zu,\"left_out\":[", j->train.list->count);
    put_left_out(out, j->train.list, "");
    put_left_out(out, j->test.list, j->train.list->bad.count ? "," : "");
    sav_text_string(out, "],\"model\":");
    sav_json_put_string(out, model->folder, strlen(model->folder));
    sav_text_printf(
        out, ",\"model_sha256\":\"%s\",\"engine\":\"%s\",\"isa\":\"%s\",\"dtype\":\"%s\",\"pillow\":%d",
        model->sha256, session->engine, session->isa, sav_storage_name(session->dtype), session->pillow);
    if (j->cli->min_pixels) sav_text_printf(out, ",\"min_pixels\":%zu", j->cli->min_pixels);
    if (j->cli->max_pixels) sav_text_printf(out, ",\"max_pixels\":%zu", j->cli->max_pixels);
    sav_text_printf(out, ",\"timings\":{\"train_seconds\":%.3f,\"test_seconds\":%.3f,\"threads\":%d}",
                    j->train.seconds, j->test.seconds, session->threads);
    sav_text_printf(out, ",\"versions\":{\"savs\":\"%s\",\"format\":1}", SAV_VERSION);
}

static sav_status finish(job *j, sav_error *err) {
    sav_text more = {0}, metrics = {0}, words = {0}, out = {0};
    put_circumstances(&more, j);
    sav_status status = more.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for metrics.json") : SAV_OK;
    if (!status) status = sav_predictions_score(&metrics, &words, &j->votes, more.bytes, err);
    if (!status) status = sav_cli_write_file(j->metrics, &metrics, err);
    if (!status) {
        sav_cli_warn_pictures(j->cli, j->session);
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

static void side_free(side *s) {
    sav_list_free(s->list);
    sav_free(s->rows);
    sav_free(s->folder);
}

static sav_status run_command(sav_cli *cli, sav_error *err) {
    job j = {.cli = cli, .train = {.name = "training samples"}, .test = {.name = "test samples"}};
    sav_status status = prepare_results(&j, err);
    if (!status) status = read_lists(&j, err);
    const char *const results[] = {j.sav, j.predictions, j.metrics};
    for (size_t i = 0; i < 6 && !status; i++)
        status = sav_cli_try_beside(results[i % 3], i < 3 ? j.train.list : j.test.list, err);
    if (!status) status = sav_cli_open_session(&j.model, &j.session, cli, err);
    if (!status)
        status =
            sav_cli_check_heads(cli, sav_model_describe(j.model)->L, sav_model_describe(j.model)->H, err);
    if (!status) status = sav_cli_check_keys(j.train.list, j.model, err);
    if (!status) status = sav_cli_check_keys(j.test.list, j.model, err);
    if (!status) status = say_plan(&j, err);
    if (!status) status = train(&j, err);
    if (!status) status = test(&j, err);
    if (!status) status = finish(&j, err);
    sav_predictions_free(&j.votes);
    sav_labels_free(&j.trained);
    sav_classifier_free(j.classifier);
    sav_cli_close_session(j.model, j.session);
    side_free(&j.train);
    side_free(&j.test);
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
