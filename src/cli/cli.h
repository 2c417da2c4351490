/* cli.h: what the commands of the program share: the options as values, the table of commands, how they end.
 *
 *   argv -> options.c -> sav_cli -> one of the commands -> stdout (results), stderr (messages), exit code
 *
 * A command is a function that fills an error or succeeds; main.c turns that into exit codes and the one line
 * on stderr.
 */
#ifndef SAV_CLI_H
#define SAV_CLI_H

#include "base/base.h"
#include "cli/console.h"
#include "lists/list.h"
#include "tasks/encode.h"
#include "tasks/predictions.h"

typedef struct sav_cli sav_cli;

/* ---- a command ----------------------------------------------------------------------------------------- */

/* The options by name: SAV_OPTION_MODEL, … */
typedef enum sav_option {
#define OPTION(id, name, kind, field, value, help) SAV_OPTION_##id,
#include "cli/options.inc"
#undef OPTION
    SAV_OPTION_COUNT
} sav_option;

typedef enum sav_option_use { SAV_OPTION_ABSENT, SAV_OPTION_TAKEN, SAV_OPTION_REQUIRED } sav_option_use;

/* What a command does with its options, as members of its row: {NEEDS(STORE), TAKES(HEADS)}. A misspelt name
 * does not compile. --json, --quiet and --help are everywhere. */
#define TAKES(id) [SAV_OPTION_##id] = SAV_OPTION_TAKEN
#define NEEDS(id) [SAV_OPTION_##id] = SAV_OPTION_REQUIRED
/* How a forward is computed and a picture read; how a list is read. */
#define TAKES_FORWARD_OPTIONS                                                              \
    TAKES(ENGINE), TAKES(DTYPE), TAKES(ISA), TAKES(THREADS), TAKES(MEMORY), TAKES(PILLOW), \
        TAKES(MIN_PIXELS), TAKES(MAX_PIXELS), TAKES(EXIF_ROTATE)
#define TAKES_LIST_OPTIONS TAKES(DATA), TAKES(IMAGE_ROOT), TAKES(QUESTION), TAKES(SKIP_BAD)

/* One a file of commands/; the table of all is commands.inc. */
typedef struct sav_command {
    const char *name;                                /* "fit"; of a member of a group "show tokens" */
    const char *usage;                               /* what follows the name */
    const char *summary;                             /* one line */
    const char *example;                             /* one line */
    unsigned char options[SAV_OPTION_COUNT];         /* sav_option_use of each */
    size_t operands;                                 /* how many words without an option it wants */
    int failure;                                     /* exit code of a failure; 0: the usual 1 */
    sav_status (*run)(sav_cli *cli, sav_error *err); /* NULL: a group, whose members have rows of their own */
} sav_command;

/* ---- a command line ------------------------------------------------------------------------------------ */

/* Options as the user gave them: NULL, 0 and false where not given, unless a comment says otherwise. */
struct sav_cli {
    const sav_command *command;
    sav_console *console;
    const char *work; /* what the progress line says */
    int code;         /* exit code of success: diff puts 1 there */
    bool misuse;      /* the failure is about the command line: exit 2 and a pointer to --help */

    const char *model, *engine, *isa, *dtype, *pillow;
    const char *train, *test, *input, *data, *image_root, *question;
    const char *store, *sav, *out;
    const char *vision, *group;
    const char *messages, *prompt, *text, *stages, *truth, *image_size;
    const char **images; /* [image_count] into argv */
    size_t image_count;
    size_t threads, tokens, rounds, heads, shots, min_margin, min_pixels, max_pixels;
    uint64_t seed, memory;
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
/* --pillow, --exif-rotate, --min-pixels, --max-pixels. */
sav_status sav_cli_picture_options(sav_options *out, sav_cli *cli, sav_error *err);
sav_dtype sav_cli_dtype(const sav_cli *cli);
/* One warning that counts the pictures with an EXIF orientation. */
void sav_cli_tell_turned(const sav_cli *cli, const sav_session *session);
/* Can a file be written there? Asked before the long work. */
sav_status sav_cli_try_file(const char *path, sav_error *err);
/* Messages and, when given, the literal prompt that replaces their text; free both in any case. */
sav_status sav_cli_read_prompt(sav_chat **chat, char **literal, const char *messages, const char *prompt,
                               sav_error *err);

/* ---- heads.c, loop.c ---- */

/* Fits with the options given, tells what a user should know of the examples and of the choice. */
sav_status sav_cli_fit_heads(sav_classifier **out, sav_cli *cli, const float *features,
                             const char *const *labels, const size_t shape[4], sav_dtype dtype,
                             sav_error *err);
/* --heads against L*H */
sav_status sav_cli_check_heads(const sav_cli *cli, size_t L, size_t H, sav_error *err);
void sav_cli_put_heads(sav_text *out, const sav_classifier_view *heads); /* a table for people */
/* layers up to the deepest head that votes */
size_t sav_cli_depth(const sav_classifier_view *heads);
/* Labels of test samples that no training example has. */
void sav_cli_tell_unseen(sav_cli *cli, const sav_predictions *p);

/* After a failure among `total` samples: what is finished goes to the file, or without one (NULL) to standard
 * output; the hint of err says where it is and how to go on. Nothing happens when nothing is finished. */
void sav_cli_keep_predictions(const sav_cli *cli, const sav_predictions *p, const char *path, size_t total,
                              sav_error *err);

/* The loop's settings for these options: skip_bad, stop at a signal, progress under `what`. */
sav_encoder sav_cli_encoder(sav_cli *cli, const sav_model *model, sav_session *session, const char *what);
/* What --skip-bad left out since `from`. */
void sav_cli_tell_left_out(sav_cli *cli, const sav_list *list, size_t from);
sav_status sav_cli_write_file(const char *path, const sav_text *text, sav_error *err);

#endif
