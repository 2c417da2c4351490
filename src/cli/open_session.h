/* open_session.h: --model, --engine, --isa, … -> model, session, and the loop that runs samples through
 * them. */
#ifndef SAV_CLI_OPEN_SESSION_H
#define SAV_CLI_OPEN_SESSION_H

#include "classify/feature_set.h"
#include "cli/cli.h"
#include "tasks/encode.h"

/* The model and session that the options ask for, with the folder's notes as warnings. */
sav_status sav_cli_open_session(sav_model **model, sav_session **session, sav_cli *cli, sav_error *err);
void sav_cli_close_session(sav_model *model, sav_session *session);

/* A folder's notes (sav_model_info; NULL: none) as warnings. */
void sav_cli_warn_notes(const sav_cli *cli, const char *notes);

/* --pillow, --exif-rotate, --min-pixels, --max-pixels, --max-picture-pixels. */
sav_status sav_cli_picture_options(sav_options *out, sav_cli *cli, sav_error *err);
/* One warning each that counts the pictures with an orientation, the damaged ones, the unrefined ones. */
void sav_cli_warn_pictures(const sav_cli *cli, const sav_session *session);

/* The loop's settings: --skip-bad, an end at a signal, progress under `what`. */
sav_encoder sav_cli_encoder(sav_cli *cli, const sav_model *model, sav_session *session, const char *what);

/* A list into a store: sav_encode_store, with the pixel options of the command line. encoder: by
 * sav_cli_encoder. */
sav_status sav_cli_encode(sav_encode_report *report, const char *folder, sav_list *list,
                          const sav_encoder *encoder, sav_error *err);

/* The other way round: only the list's rows of a store, in its order, with its labels. The list has to
 * outlive the set. */
sav_status sav_cli_choose_rows(sav_feature_set *set, sav_cli *cli, sav_list *list, sav_error *err);

#endif
