/* open_session.c: the model and session that the options ask for. See open_session.h. */
#include "cli/open_session.h"

#include <string.h>

#include "base/os.h"
#include "cli/inputs.h"
#include "tasks/engine_list.h"

static sav_dtype storage_type(const sav_cli *cli) {
    sav_dtype dtype = SAV_F32;
    (void)sav_storage_find(&dtype, cli->dtype);
    return dtype;
}

/* What the command line alone tells to be impossible. */
static sav_status check_choice(sav_cli *cli, sav_error *err) {
    sav_error why;
    const sav_dtype R = storage_type(cli);
    const char *instead = cli->engine ? sav_engines_instead(cli->engine, R) : NULL;
    if (instead)
        return sav_cli_misuse(cli, err, "--dtype %s: expected --engine %s; %s computes in f32", cli->dtype,
                              instead, cli->engine);
    if (sav_engines_check(cli->engine, cli->isa, R, &why))
        return sav_cli_misuse(cli, err, "--isa %s: %s", cli->isa ? cli->isa : "", why.message);
    return SAV_OK;
}

static int pillow_of(const sav_cli *cli) {
    return cli->pillow && strcmp(cli->pillow, "13") == 0 ? 13 : 11;
}

sav_status sav_cli_picture_options(sav_options *out, sav_cli *cli, sav_error *err) {
    out->pillow = pillow_of(cli);
    out->exif_rotate = cli->exif_rotate;
    out->min_pixels = cli->min_pixels;
    out->max_pixels = cli->max_pixels;
    out->max_picture_pixels = cli->max_picture_pixels;
    if (cli->max_picture_pixels > SAV_MAX_PICTURE_PIXELS)
        return sav_cli_misuse(cli, err, "--max-picture-pixels %zu: expected at most %d, as in Pillow",
                              cli->max_picture_pixels, SAV_MAX_PICTURE_PIXELS);
    if (cli->max_pixels && cli->min_pixels > cli->max_pixels)
        return sav_cli_misuse(cli, err, "--min-pixels %zu: expected at most --max-pixels, %zu",
                              cli->min_pixels, cli->max_pixels);
    return SAV_OK;
}

void sav_cli_warn_notes(const sav_cli *cli, const char *notes) {
    const char *end, *line = notes;
    for (; line && (end = strchr(line, '\n')) != NULL; line = end + 1)
        sav_console_warn(cli->console, "%.*s", (int)(end - line), line);
}

sav_status sav_cli_open_session(sav_model **model, sav_session **session, sav_cli *cli, sav_error *err) {
    sav_options options = {.engine = cli->engine,
                           .isa = cli->isa,
                           .dtype = storage_type(cli),
                           .threads = (int)cli->threads,
                           .memory = cli->memory};
    *model = NULL;
    *session = NULL;
    sav_status status = check_choice(cli, err);
    if (!status) status = sav_cli_picture_options(&options, cli, err);
    if (!status) status = sav_model_open(model, cli->model, err);
    if (!status) status = sav_session_open(session, *model, &options, err);
    if (status) {
        sav_model_close(*model);
        *model = NULL;
        return status;
    }
    sav_cli_warn_notes(cli, sav_model_describe(*model)->notes);
    return SAV_OK;
}

void sav_cli_close_session(sav_model *model, sav_session *session) {
    sav_session_close(session);
    sav_model_close(model);
}

void sav_cli_warn_pictures(const sav_cli *cli, const sav_session *session) {
    const sav_session_info *info = sav_session_describe(session);
    if (info->turned && !cli->exif_rotate)
        sav_console_warn(cli->console,
                         "%zu of %zu pictures have an EXIF or XMP orientation and are used as stored "
                         "(--exif-rotate turns them)",
                         info->turned, info->pictures);
    if (info->damaged)
        sav_console_warn(
            cli->console,
            "%zu of %zu pictures are damaged (end marker, checksum, pixel data or EXIF) and are used "
            "as far as they can be read, as Pillow does%s%s",
            info->damaged, info->pictures, info->first_damaged ? "; the first: " : "",
            info->first_damaged ? info->first_damaged : "");
    if (info->unrefined)
        sav_console_warn(cli->console,
                         "%zu of %zu pictures are progressive JPEGs without their last refinements: libjpeg "
                         "smooths them, and another version of it may give other pixels%s%s",
                         info->unrefined, info->pictures, info->first_unrefined ? "; the first: " : "",
                         info->first_unrefined ? info->first_unrefined : "");
}

/* ---- the loop over samples ----------------------------------------------------------------------------- */

enum { SHORT_JOB = 10 /* seconds that need no forecast */ };

static void progress(void *context, const sav_encode_progress *how_far) {
    sav_cli *cli = context;
    const double left = sav_pace_left(&cli->pace, how_far, sav_os_seconds());
    const size_t samples = how_far->total + cli->pace.later - how_far->finished;
    char words[32];
    const bool through = cli->pace.first_samples > 0;
    if (left >= SHORT_JOB && through && !cli->pace.told) {
        sav_console_duration(words, sizeof words, left);
        sav_console_say(cli->console, "about %s for %zu more sample%s", words, samples, sav_plural(samples));
    }
    if (through) cli->pace.told = true; /* short ones too */
    sav_console_progress(cli->console, &(sav_console_work){.what = cli->work,
                                                           .done = how_far->done,
                                                           .total = how_far->total,
                                                           .tokens = how_far->rows,
                                                           .left = left,
                                                           .rough = !through});
}

static void not_finite(void *context, const char *place, size_t layer, size_t count, size_t computed) {
    sav_cli *cli = context;
    if (!cli->warned_of_nan)
        sav_console_warn(
            cli->console,
            "%s: %zu of %zu features are infinite or NaN, from layer %zu on: \"savs info --model %s "
            "--verify\" looks for such weights",
            place, count, computed, layer, cli->model);
    cli->warned_of_nan = true;
}

sav_encoder sav_cli_encoder(sav_cli *cli, const sav_model *model, sav_session *session, const char *what) {
    cli->work = what;
    sav_console_begin(cli->console);
    sav_pace_begin(&cli->pace, sav_os_seconds());
    return (sav_encoder){.model = model,
                         .session = session,
                         .skip_bad = cli->skip_bad,
                         .context = cli,
                         .check = sav_console_check,
                         .progress = progress,
                         .not_finite = not_finite};
}

/* What decides the pixels, in words: part of a sample's name in a store. */
static void put_pixel_options(sav_text *out, const sav_cli *cli) {
    sav_text_printf(out, "pillow %d%s", pillow_of(cli), cli->exif_rotate ? ", turned by EXIF" : "");
    if (cli->min_pixels) sav_text_printf(out, ", at least %zu", cli->min_pixels);
    if (cli->max_pixels) sav_text_printf(out, ", at most %zu", cli->max_pixels);
}

sav_status sav_cli_encode(sav_encode_report *report, const char *folder, sav_list *list,
                          const sav_encoder *encoder, sav_error *err) {
    sav_cli *cli = encoder->context;
    sav_text pixels = {0};
    put_pixel_options(&pixels, cli);
    sav_status status = pixels.failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for the options")
                                      : sav_encode_store(report, folder, list, pixels.bytes, encoder, err);
    sav_text_free(&pixels);
    if (!status && report->damaged)
        sav_console_warn(cli->console, "%s: %zu damaged row%s at its end: computed again", folder,
                         report->damaged, sav_plural(report->damaged));
    return status;
}

sav_status sav_cli_choose_rows(sav_feature_set *set, sav_cli *cli, sav_list *list, sav_error *err) {
    const size_t bad = list->bad.count;
    sav_text pixels = {0};
    size_t *rows = sav_alloc(list->count, sizeof *rows);
    put_pixel_options(&pixels, cli);
    sav_status status = rows && !pixels.failed
                            ? sav_encode_find(rows, set->store, list, pixels.bytes, cli->skip_bad, err)
                            : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    if (!status) status = sav_feature_set_choose(set, rows, list->count, err);
    for (size_t i = 0; i < list->count && !status; i++) {
        set->labels[i] = list->samples[i].label;
        set->questions[i] = list->samples[i].question;
    }
    if (!status) sav_cli_warn_left_out(cli, list, bad);
    sav_text_free(&pixels);
    sav_free(rows);
    return status;
}
