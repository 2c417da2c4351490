/* outputs.h: the files that the command line names to be written. */
#ifndef SAV_CLI_OUTPUTS_H
#define SAV_CLI_OUTPUTS_H

#include "cli/cli.h"
#include "tasks/predictions.h"

/* Can a file be written there? Asked before the long work. */
sav_status sav_cli_try_file(const char *path, sav_error *err);
sav_status sav_cli_write_file(const char *path, const sav_text *text, sav_error *err);

/* After a failure among `total` samples: the finished predictions go to --out, or without it to standard
 * output, in words if there are any; the hint of err says where they are and how to go on. Nothing happens
 * when none is finished. */
void sav_cli_save_finished(const sav_cli *cli, const sav_predictions *p, const sav_text *words, size_t total,
                           sav_error *err);

#endif
