/* outputs.h: the files that the command line names to be written. */
#ifndef SAV_CLI_OUTPUTS_H
#define SAV_CLI_OUTPUTS_H

#include "cli/cli.h"
#include "tasks/encode.h"
#include "tasks/predictions.h"

/* Can a file be written there, and is it none that the command reads: a file that an option names, one of the
 * model's, one in a feature store? Asked before the long work. */
sav_status sav_cli_try_file(const sav_cli *cli, const char *path, sav_error *err);
/* The same for the folder of a store, which is written to in its place. */
sav_status sav_cli_try_store(const sav_cli *cli, const char *folder, sav_error *err);
/* And none of the pictures. */
sav_status sav_cli_try_beside(const char *path, const sav_list *list, sav_error *err);
sav_status sav_cli_try_picture(const char *path, const char *picture, sav_error *err);
sav_status sav_cli_write_file(const char *path, const sav_text *text, sav_error *err);

/* Another sentence behind the hint that is there, if both fit. */
void sav_cli_add_hint(sav_error *err, const char *format, ...) SAV_PRINTF(2, 3);

/* After a failure of sav_cli_encode: what the store keeps, and how to go on. */
void sav_cli_explain_kept(const sav_cli *cli, const sav_encode_report *report, const char *store,
                          sav_error *err);

/* After a failure among `total` samples: the finished predictions go to OUT.partial, or without --out to
 * standard output, in words if there are any; the hint of err says where they are and how to go on. Nothing
 * happens when none is finished. */
void sav_cli_save_finished(const sav_cli *cli, const sav_predictions *p, const sav_text *words, size_t total,
                           sav_error *err);

#endif
