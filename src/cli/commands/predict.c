/* predict.c: `savs predict`: heads that were fitted before vote on a list, on pictures, or on the rows of a
 * store. */
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"
#include "classify/classifier.h"
#include "classify/feature_set.h"
#include "cli/cli.h"
#include "cli/fitting.h"
#include "cli/inputs.h"
#include "cli/open_session.h"
#include "cli/outputs.h"

/* ---- do heads and features belong together? ------------------------------------------------------------ */

static sav_status check_shape(const sav_cli *cli, const sav_classifier_view *v, const size_t shape[3],
                              const char *what, sav_error *err) {
    if (v->L == shape[0] && v->H == shape[1] && v->d == shape[2]) return SAV_OK;
    return sav_fail(err, SAV_BAD_INPUT,
                    "%s: fitted on %zu layers of %zu heads of size %zu; %s has %zu of %zu of %zu", cli->sav,
                    v->L, v->H, v->d, what, shape[0], shape[1], shape[2]);
}

/* Another model's features of the same shape vote too, and mean nothing. */
static sav_status check_model(const sav_cli *cli, const sav_classifier_view *v, const sav_origin *features,
                              const char *what, sav_error *err) {
    const sav_kin kin = sav_origin_kin(&v->origin, features);
    if (kin == SAV_KIN_QUANTISED)
        sav_console_say(cli->console, "%s was fitted with %s: one is made of the other by quantize", cli->sav,
                        v->origin.model ? v->origin.model : "another folder");
    if (kin != SAV_KIN_NONE) return SAV_OK;
    if (cli->any_model) {
        sav_console_warn(cli->console, "%s was fitted with another model than %s", cli->sav, what);
        return SAV_OK;
    }
    sav_fail(err, SAV_BAD_INPUT, "%s: fitted with %s (%.12s…); expected the same model, found %s (%.12s…)",
             cli->sav, v->origin.model ? v->origin.model : "a model", v->origin.model_sha256, what,
             features->model_sha256);
    sav_hint(err, "Fit with this model, or vote all the same with --any-model.");
    return SAV_BAD_INPUT;
}

/* ---- words for people ---------------------------------------------------------------------------------- */

/* Predictions of a list, and a line for people each when the samples are pictures that nobody wrote a list
 * of. */
typedef struct job {
    sav_cli *cli;
    sav_list *list;
    sav_predictions votes;
    bool speaks;
    sav_text words;
} job;

/* "cat: 15 of 20 votes (dog 5)" */
static void put_words(sav_text *out, const sav_predictions *p) {
    const sav_classifier_view *v = p->view;
    const char *comma = " (", *winner = v->class_names[p->winner];
    if (p->no_number) {
        sav_text_string(out, "no answer: all cosines are NaN\n");
        return;
    }
    const bool answered = p->answers[p->count - 1].prediction != NULL;
    sav_text_string(out, answered ? "" : "no answer: ");
    sav_text_shown(out, winner);
    sav_text_printf(out, "%s%d of %zu votes", answered ? ": " : " has ", (int)p->votes[p->winner], v->K);
    for (int32_t votes = (int32_t)v->K; votes > 0; votes--)
        for (size_t c = 0; c < v->C; c++)
            if (p->votes[c] == votes && c != p->winner) {
                sav_text_string(out, comma), sav_text_shown(out, v->class_names[c]);
                sav_text_printf(out, " %d", (int)votes);
                comma = ", ";
            }
    sav_text_string(out, *comma == ',' ? ")\n" : "\n");
}

/* A sample's votes: a line of JSON, and "a.png: cat: 15 of 20 votes (dog 5)". */
static sav_status add_sample(void *context, const sav_sample *sample, const float *tap, sav_error *err) {
    job *j = context;
    sav_status status = sav_predictions_add_sample(&j->votes, sample, tap, err);
    if (status || !j->speaks) return status;
    if (sample->media_count == 1) {
        sav_text_shown(&j->words, sample->media[0]);
        sav_text_string(&j->words, ": ");
    }
    put_words(&j->words, &j->votes);
    return j->words.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for the predictions") : SAV_OK;
}

/* ---- the votes ----------------------------------------------------------------------------------------- */

static sav_status predict_list(job *j, sav_error *err) {
    sav_cli *cli = j->cli;
    sav_list *list = j->list;
    const sav_classifier_view *view = j->votes.view;
    sav_model *model;
    sav_session *session;
    sav_status status = sav_cli_open_session(&model, &session, cli, err);
    if (status) return status;
    const sav_model_info *info = sav_model_describe(model);
    const size_t shape[3] = {info->L, info->H, info->d}, bad = list->bad.count;
    status = check_shape(cli, view, shape, cli->model, err);
    const sav_origin origin = {.model_sha256 = info->sha256, .source_sha256 = info->source_sha256};
    if (!status) status = check_model(cli, view, &origin, cli->model, err);
    if (!status) status = sav_cli_check_keys(list, model, err);
    if (!status) {
        sav_encoder encoder = sav_cli_encoder(cli, model, session, cli->command->name);
        encoder.depth = sav_cli_depth(view);
        status = sav_encode_each(list, &encoder, add_sample, j, err);
    }
    if (!status) {
        sav_cli_warn_left_out(cli, list, bad);
        sav_cli_warn_pictures(cli, session);
    }
    sav_cli_close_session(model, session);
    return status;
}

static sav_status predict_store(job *j, const sav_feature_set *set, sav_error *err) {
    const size_t shape[3] = {set->L, set->H, set->d}, row = set->L * set->H * set->d;
    sav_cli *cli = j->cli;
    sav_status status = check_shape(cli, j->votes.view, shape, cli->store, err);
    if (!status) status = check_model(cli, j->votes.view, &set->origin, cli->store, err);
    for (size_t i = 0; i < set->N && !status; i++) {
        if (j->list) {
            status = add_sample(j, &j->list->samples[i], set->features + i * row, err);
            continue;
        }
        const sav_store_line *line = &sav_store_at(set->store, i)->line;
        const sav_answer who = {
            .index = i, .image = line->image, .question_id = line->question_id, .label = line->label};
        status = sav_predictions_add(&j->votes, who, set->features + i * row, err);
    }
    return status;
}

/* ---- what comes out ------------------------------------------------------------------------------------ */

static bool any_label(const sav_predictions *p) {
    for (size_t i = 0; i < p->count; i++)
        if (p->answers[i].label) return true;
    return false;
}

/* words: a line a prediction, for people; empty: those who want lines want JSON. */
static sav_status finish(sav_cli *cli, const sav_predictions *p, const sav_text *words, sav_error *err) {
    sav_text out = {0}, metrics = {0}, score = {0};
    sav_status status = sav_predictions_score(&metrics, &score, p, NULL, err);
    if (status) return status;
    if (!any_label(p)) sav_text_free(&score); /* nothing to score */
    if (cli->out) status = sav_cli_write_file(cli->out, &p->lines, err);
    const sav_text *shown = cli->out        ? (cli->json ? &metrics : &score)
                            : cli->json     ? &out
                            : words->length ? words
                                            : &p->lines;
    if (!cli->out && cli->json) sav_predictions_put_array(&out, p);
    if (!status) status = sav_console_print(shown, err);
    if (!status && !cli->out && score.bytes)
        sav_console_say(cli->console, "%.*s", (int)strcspn(score.bytes, "\n"), score.bytes);
    sav_text_free(&metrics);
    sav_text_free(&score);
    sav_text_free(&out);
    return status;
}

/* ---- what goes in -------------------------------------------------------------------------------------- */

/* What pictures without a list are asked: what all training examples were, unless --question says it. */
static void choose_question(sav_cli *cli, const char *fitted) {
    if (!cli->question && fitted) {
        cli->question = fitted;
        if (*fitted) sav_console_say(cli->console, "asked as in the fit: %s", fitted);
    } else if (!cli->question) {
        sav_console_warn(cli->console,
                         "no question given; the model sees the pictures alone, and %s does not say "
                         "what the training examples were asked",
                         cli->sav);
        cli->question = "";
    } else if (fitted && strcmp(cli->question, fitted) != 0) {
        sav_console_warn(cli->console, "the training examples were asked \"%.200s\"", fitted);
    }
}

/* --input LIST, or --image F… --question T. */
static sav_status read_samples(job *j, const char *fitted, sav_error *err) {
    sav_cli *cli = j->cli;
    j->speaks = !cli->json && (cli->image_count || sav_os_is_folder(cli->input));
    if (cli->image_count || sav_os_is_folder(cli->input)) choose_question(cli, fitted);
    if (!cli->image_count) return sav_cli_read_list(&j->list, cli, cli->input, LABELS_OPTIONAL, err);
    return sav_list_of_pictures(&j->list, cli->images, cli->image_count, cli->question, cli->together, err);
}

/* Who asks about a picture must not take null for an answer. */
static sav_status fail_no_number(const sav_cli *cli, const sav_predictions *p, sav_error *err) {
    sav_fail(err, SAV_BAD_INPUT,
             "%s: all cosines of %zu of %zu pictures are NaN: the model's features or the class "
             "means are no numbers",
             cli->sav, p->no_numbers, p->count);
    sav_hint(err, "savs info --model %.200s --verify looks for such weights", cli->model);
    return SAV_BAD_INPUT;
}

static sav_status from_list(sav_cli *cli, const sav_classifier *classifier, sav_error *err) {
    job j = {.cli = cli};
    sav_status status = read_samples(&j, sav_classifier_describe(classifier)->origin.question, err);
    if (!status) status = sav_cli_try_beside(cli->out, j.list, err);
    if (!status) status = sav_cli_check_pictures(cli, &j.list, 1, err);
    const size_t total = j.list ? j.list->count : 0;
    const sav_prediction_options options = {total, cli->min_margin, j.list ? j.list->protocol : NULL};
    if (!status) status = sav_predictions_begin(&j.votes, classifier, &options, err);
    if (!status) {
        status = predict_list(&j, err);
        if (status) sav_cli_save_finished(cli, &j.votes, &j.words, total, err);
    }
    if (!status && !(cli->image_count && j.votes.no_numbers)) sav_cli_warn_votes(cli, &j.votes);
    if (!status) status = finish(cli, &j.votes, &j.words, err);
    if (!status && cli->image_count && j.votes.no_numbers) status = fail_no_number(cli, &j.votes, err);
    sav_predictions_free(&j.votes);
    sav_text_free(&j.words);
    sav_list_free(j.list);
    return status;
}

/* All rows of a store, or those of a list. */
static sav_status from_store(sav_cli *cli, const sav_classifier *classifier, sav_error *err) {
    job j = {.cli = cli};
    sav_feature_set set = {0};
    sav_status status =
        cli->input ? read_samples(&j, sav_classifier_describe(classifier)->origin.question, err) : SAV_OK;
    if (!status && j.list) status = sav_cli_try_beside(cli->out, j.list, err);
    if (!status) status = sav_feature_set_open(&set, cli->store, err);
    if (!status && j.list) status = sav_cli_choose_rows(&set, cli, j.list, err);
    const sav_prediction_options options = {set.N, cli->min_margin, j.list ? j.list->protocol : NULL};
    if (!status) status = sav_predictions_begin(&j.votes, classifier, &options, err);
    if (!status) status = predict_store(&j, &set, err);
    if (!status) sav_cli_warn_votes(cli, &j.votes);
    if (!status) status = finish(cli, &j.votes, &j.words, err);
    sav_predictions_free(&j.votes);
    sav_text_free(&j.words);
    sav_feature_set_close(&set);
    sav_list_free(j.list);
    return status;
}

static sav_status predict_command(sav_cli *cli, sav_error *err) {
    sav_classifier *classifier;
    if (!cli->model == !cli->store)
        return sav_cli_misuse(cli, err, "expected either --model DIR or --store DIR");
    if (cli->store && cli->image_count)
        return sav_cli_misuse(cli, err, "--store has its own samples: expected no --image");
    if (cli->model && !cli->input == !cli->image_count)
        return sav_cli_misuse(cli, err, "expected either --input LIST or --image F… beside --model");
    if (cli->together && !cli->image_count)
        return sav_cli_misuse(cli, err,
                              "--together is about --image: in a list, \"image\" may be a list of paths");
    sav_status status = cli->out ? sav_cli_try_file(cli, cli->out, err) : SAV_OK;
    if (!status) status = sav_classifier_open(&classifier, cli->sav, err);
    if (status) return status;
    const sav_classifier_view *v = sav_classifier_describe(classifier);
    /* features as in the fit */
    if (!cli->dtype && v->dtype != SAV_F32) cli->dtype = sav_storage_name(v->dtype);
    status = cli->store ? from_store(cli, classifier, err) : from_list(cli, classifier, err);
    sav_classifier_free(classifier);
    return status;
}

const sav_command sav_command_predict = {
    .name = "predict",
    .usage = "--sav FILE (--model DIR (--input LIST | --image F… [--together] [--question T]) | --store DIR "
             "[--input LIST]) "
             "[options]",
    .summary = "vote; with a model it runs only as deep as the deepest selected head",
    .example =
        "savs predict --sav sav.safetensors --model llava --image cat.jpg --question 'What animal is this?'",
    .options = {NEEDS(SAV), TAKES_FORWARD_OPTIONS, TAKES_LIST_OPTIONS, TAKES(MODEL), TAKES(INPUT),
                TAKES(IMAGE), TAKES(TOGETHER), TAKES(STORE), TAKES(OUT), TAKES(MIN_MARGIN), TAKES(ANY_MODEL)},
    .run = predict_command,
};
