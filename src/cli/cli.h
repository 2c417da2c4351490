/* cli.h: what the commands of the program share: the options as values, the table of commands, how they end.
 *
 *   argv -> options.c -> sav_cli -> one of the commands -> stdout (results), stderr (messages), exit code
 *
 * A command is a function that fills an error or succeeds; main.c turns that into exit codes and the one line on stderr.
 */
#ifndef SAV_CLI_H
#define SAV_CLI_H

#include "base/base.h"
#include "cli/console.h"
#include "tasks/list.h"

typedef struct sav_cli sav_cli;

typedef struct sav_command {
    const char *name;     /* "fit", "show tokens" */
    const char *usage;    /* what follows the name */
    const char *summary;  /* one line */
    const char *example;  /* one line */
    const char *options;  /* names of its options, a space between */
    const char *required; /* of them, those that must be given */
    size_t operands;      /* how many words without an option it wants */
    int trouble;          /* exit code of a failure */
    sav_status (*run)(sav_cli *cli, sav_error *err);
} sav_command;

/* Options as the user gave them: NULL, 0 and false where not given, unless a comment says otherwise. */
struct sav_cli {
    const sav_command *command;
    sav_console *console;
    int code;    /* exit code of success: diff puts 1 there */
    bool misuse; /* the failure is about the command line: exit 2 and a pointer to --help */

    const char *model, *engine, *isa, *dtype, *pillow;
    const char *train, *test, *input, *data, *image_root, *question;
    const char *store, *test_store, *shard, *sav, *out;
    const char *messages, *prompt, *text, *stages, *truth;
    const char **images; /* [image_count] into argv */
    size_t image_count;
    size_t threads, heads, shots, min_margin;
    uint64_t seed;
    double validation;
    double max_rel_l2; /* below 0: not given */
    bool skip_bad, exif_rotate, verify, quiet, json, help;

    const char **operands; /* [operand_count] into argv */
    size_t operand_count;
};

/* Fills err and marks the failure as a wrong command line. */
sav_status sav_cli_misuse(sav_cli *cli, sav_error *err, const char *format, ...) SAV_PRINTF(3, 4);

/* Reads a list with the options given; tells its warnings and what --skip-bad left out. */
sav_status sav_cli_read_list(sav_list **out, sav_cli *cli, const char *path, bool training, sav_error *err);

/* The model and session that the options ask for; a chat layout that had to be guessed is told. */
sav_status sav_cli_open_session(sav_model **model, sav_session **session, sav_cli *cli, sav_error *err);
void sav_cli_close_session(sav_model *model, sav_session *session);
sav_dtype sav_cli_dtype(const sav_cli *cli);
const char *sav_cli_dtype_name(sav_dtype dtype);
/* One warning that counts the pictures with an EXIF orientation. */
void sav_cli_tell_turned(const sav_cli *cli, const sav_session *session);
/* Can a file be written there? Asked before the long work. */
sav_status sav_cli_try_file(const char *path, sav_error *err);
/* Messages and, when given, the literal prompt that replaces their text; free both in any case. */
sav_status sav_cli_read_prompt(sav_chat **chat, char **literal, const char *messages, const char *prompt, sav_error *err);

sav_status sav_cli_dump(sav_cli *cli, sav_error *err);
sav_status sav_cli_show_samples(sav_cli *cli, sav_error *err);
sav_status sav_cli_diff(sav_cli *cli, sav_error *err);

#endif
