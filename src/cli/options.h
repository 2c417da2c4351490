/* options.h: argv -> sav_cli, by a table of options: name, kind, where its value goes. */
#ifndef SAV_CLI_OPTIONS_H
#define SAV_CLI_OPTIONS_H

#include "cli/cli.h"

/* Reads the words behind the command's name. Errors are misuse; an unknown option gets the nearest known
 * one. */
sav_status sav_options_read(sav_cli *cli, int count, char **words, sav_error *err);
void sav_options_free(sav_cli *cli);

/* The command's options, one a line. */
void sav_options_describe(sav_text *out, const sav_command *command);

#endif
