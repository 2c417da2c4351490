/* inputs.h: what the command line names to be read: lists, messages, prompts, texts. */
#ifndef SAV_CLI_INPUTS_H
#define SAV_CLI_INPUTS_H

#include "cli/cli.h"
#include "lists/list.h"
#include "lists/messages.h"

/* Who must have a label: nobody, every picture of a folder, every record too. */
typedef enum sav_cli_labels { LABELS_OPTIONAL, LABELS_IN_FOLDERS, LABELS_REQUIRED } sav_cli_labels;

/* Reads a list with the options given; passes its warnings on and names what --skip-bad left out. */
sav_status sav_cli_read_list(sav_list **out, sav_cli *cli, const char *path, sav_cli_labels labels,
                             sav_error *err);
/* Before the first forward of a model that sees: keys that nobody reads may have meant pictures. */
sav_status sav_cli_check_keys(const sav_list *list, const sav_model *model, sav_error *err);
/* What --skip-bad left out since the list had `from` bad records. */
void sav_cli_warn_left_out(sav_cli *cli, const sav_list *list, size_t from);

/* Looks at every picture of the lists before the long work: is it there, of a type that is read, within the
 * limits? What is not ends the run with all that fits on a few lines, or with --skip-bad leaves its list. */
sav_status sav_cli_check_pictures(sav_cli *cli, sav_list *const *lists, size_t count, sav_error *err);

/* --messages and --prompt, either or both: the literal prompt replaces the text of the messages. To be freed
 * after a failure too. */
typedef struct sav_cli_prompt {
    sav_prompt prompt;
    sav_chat *chat; /* of --messages, or NULL */
    char *literal;  /* of --prompt, or NULL */
} sav_cli_prompt;

sav_status sav_cli_read_prompt(sav_cli_prompt *out, const sav_cli *cli, sav_error *err);
void sav_cli_free_prompt(sav_cli_prompt *prompt);

/* A file's bytes, by sav_free; NULL after a failure. */
sav_status sav_cli_read_text(char **out, size_t *length, const char *path, sav_error *err);

#endif
