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

/* One option of the table, for what is written from it. */
typedef enum sav_option_wants {
    SAV_WANTS_NOTHING,
    SAV_WANTS_CHOICE,
    SAV_WANTS_PATH,
    SAV_WANTS_TEXT
} sav_option_wants;
typedef struct sav_option_row {
    const char *name, *help;
    sav_option_wants wants;
    bool many; /* it takes several values, or may be given again */
} sav_option_row;
sav_option_row sav_options_at(size_t id);
/* The words to choose from, separated by |; of others what the help shows for the value. */
void sav_options_put_value(sav_text *out, size_t id);
bool sav_options_taken(const sav_command *command, size_t id);

#endif
