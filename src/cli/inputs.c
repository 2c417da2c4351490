/* inputs.c: lists, messages, prompts, texts that the command line names. See inputs.h. */
#include "cli/inputs.h"

#include <string.h>

#include "base/os.h"
#include "classify/labels.h"
#include "cli/open_session.h"
#include "cli/outputs.h"
#include "lists/media_path.h"

enum { NOTES_SHOWN = 10, TEXT_LIMIT = 1 << 28 /* bytes of a text */ };

/* ---- lists --------------------------------------------------------------------------------------------- */

/* Notes from the one numbered `from`; beyond the first few they are counted. */
static void warn_notes(sav_cli *cli, const sav_notes *notes, size_t from, const char *what) {
    const size_t count = notes->count - from;
    for (size_t i = 0; i < count && i < NOTES_SHOWN; i++)
        sav_console_warn(cli->console, "%s%s", what, notes->items[from + i].message);
    if (count > NOTES_SHOWN) sav_console_warn(cli->console, "%sand %zu more", what, count - NOTES_SHOWN);
}

sav_status sav_cli_read_list(sav_list **out, sav_cli *cli, const char *path, sav_cli_labels labels,
                             sav_error *err) {
    const sav_list_options options = {.format = cli->data,
                                      .image_root = cli->image_root,
                                      .question = cli->question,
                                      .training = labels == LABELS_REQUIRED,
                                      .classes = labels != LABELS_OPTIONAL,
                                      .skip_bad = cli->skip_bad};
    sav_status status = sav_list_read(out, path, &options, err);
    if (status) return status;
    const sav_list *list = *out;
    warn_notes(cli, &list->warnings, 0, "");
    if (list->bad.count)
        sav_console_warn(cli->console, "%s: %zu bad record%s left out", list->name, list->bad.count,
                         sav_plural(list->bad.count));
    warn_notes(cli, &list->bad, 0, "left out: ");
    return SAV_OK;
}

sav_status sav_cli_check_keys(const sav_list *list, const sav_model *model, sav_error *err) {
    return sav_model_describe(model)->vision_layers ? sav_list_check_pictures(list, err) : SAV_OK;
}

void sav_cli_warn_left_out(sav_cli *cli, const sav_list *list, size_t from) {
    const size_t count = list->bad.count - from;
    if (!count) return;
    sav_console_warn(cli->console, "%s: %zu sample%s left out", list->name, count, sav_plural(count));
    warn_notes(cli, &list->bad, from, "left out: ");
}

/* ---- pictures, before the long work -------------------------------------------------------------------- */

typedef struct pictures {
    sav_labels good; /* paths that were looked at: many questions may be about one picture */
    sav_notes bad;   /* of the list at hand */
    sav_error first; /* of all lists */
    size_t bad_count, samples;
    size_t most; /* pixels of a picture */
} pictures;

static sav_status check_sample(pictures *p, const sav_sample *sample, sav_error *err) {
    sav_status status = SAV_OK;
    size_t id;
    for (size_t i = 0; i < sample->media_count && !status; i++) {
        if (sav_labels_find(&id, &p->good, sample->media[i])) continue;
        status = sav_media_check(sample->media[i], p->most, err);
        if (!status) status = sav_labels_add(&id, &p->good, sample->media[i], err);
    }
    return status;
}

/* A bad sample becomes a note and keep[i] = false. */
static sav_status check_samples(pictures *p, bool *keep, const sav_list *list, sav_error *err) {
    for (size_t i = 0; i < list->count; i++) {
        sav_error why;
        sav_status status = sav_console_check(NULL, err);
        if (status) return status;
        status = check_sample(p, &list->samples[i], &why);
        keep[i] = !status;
        if (!status) continue;
        sav_sample_place(&why, list, &list->samples[i]);
        if (status == SAV_NO_MEMORY || !sav_notes_add(&p->bad, list->samples[i].line, why.message))
            return sav_fail(err, SAV_NO_MEMORY, "%s: no memory to look at its pictures", list->name);
        if (!p->bad_count) p->first = why;
        p->bad_count++;
    }
    p->samples += list->count;
    return SAV_OK;
}

/* With --skip-bad: what is bad leaves the list. */
static sav_status leave_out(sav_cli *cli, pictures *p, const bool *keep, sav_list *list, sav_error *err) {
    const size_t from = list->bad.count;
    for (size_t i = 0; i < p->bad.count; i++)
        if (!sav_notes_add(&list->bad, p->bad.items[i].line, p->bad.items[i].message))
            return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for what is left out", list->name);
    sav_list_keep(list, keep);
    if (list->count == 0)
        return sav_fail(err, SAV_BAD_INPUT, "%s: none of its %zu samples can be used; the first: %s",
                        list->name, list->bad.count, list->bad.items[from].message);
    sav_cli_warn_left_out(cli, list, from);
    return SAV_OK;
}

static sav_status check_list(sav_cli *cli, pictures *p, sav_list *list, sav_error *err) {
    bool *keep = sav_alloc(list->count, sizeof *keep);
    sav_status status = keep ? check_samples(p, keep, list, err)
                             : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", list->name);
    if (!status && p->bad.count && cli->skip_bad) status = leave_out(cli, p, keep, list, err);
    for (size_t i = 0; i < p->bad.count && !status && !cli->skip_bad; i++)
        if (p->bad_count > 1) sav_console_warn(cli->console, "%s", p->bad.items[i].message);
    sav_notes_free(&p->bad);
    sav_free(keep);
    return status;
}

sav_status sav_cli_check_pictures(sav_cli *cli, sav_list *const *lists, size_t count, sav_error *err) {
    pictures p = {.most = cli->max_picture_pixels};
    sav_status status = SAV_OK;
    for (size_t i = 0; i < count && !status; i++) status = check_list(cli, &p, lists[i], err);
    sav_labels_free(&p.good);
    if (status || !p.bad_count || cli->skip_bad) return status;
    *err = p.first;
    if (p.bad_count > 1)
        sav_error_prefix(err, "%zu of %zu samples cannot be used; the first", p.bad_count, p.samples);
    sav_cli_add_hint(err, "Mend the list, or leave out what is bad with --skip-bad, which names it all.");
    return err->status;
}

/* ---- prompts ------------------------------------------------------------------------------------------- */

sav_status sav_cli_read_text(char **out, size_t *length, const char *path, sav_error *err) {
    *out = NULL;
    return sav_os_read_file(out, length, path, TEXT_LIMIT, err);
}

sav_status sav_cli_read_prompt(sav_cli_prompt *out, const sav_cli *cli, sav_error *err) {
    size_t length;
    *out = (sav_cli_prompt){0};
    sav_status status = cli->messages ? sav_messages_read(&out->chat, cli->messages, err) : SAV_OK;
    if (status) return status;
    if (out->chat) {
        out->prompt = out->chat->prompt;
        sav_cli_warn_notes(cli, out->chat->notes.bytes);
    }
    if (!cli->prompt) return SAV_OK;
    status = sav_cli_read_text(&out->literal, &length, cli->prompt, err);
    if (!status && strlen(out->literal) != length)
        status = sav_fail(err, SAV_BAD_INPUT, "%s: found a NUL byte; expected text", cli->prompt);
    if (!status) out->prompt.literal = out->literal;
    return status;
}

void sav_cli_free_prompt(sav_cli_prompt *prompt) {
    sav_chat_free(prompt->chat);
    sav_free(prompt->literal);
    *prompt = (sav_cli_prompt){0};
}
