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

#endif
