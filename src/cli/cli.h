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
#include "tasks/pace.h"

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
#define TAKES_FORWARD_OPTIONS                                                                          \
    TAKES(ENGINE), TAKES(DTYPE), TAKES(ISA), TAKES(THREADS), TAKES(MEMORY), TAKES(MAX_PICTURE_PIXELS), \
        TAKES_PIXEL_OPTIONS
#define TAKES_PIXEL_OPTIONS TAKES(PILLOW), TAKES(MIN_PIXELS), TAKES(MAX_PIXELS), TAKES(EXIF_ROTATE)
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

/* The type of an option's value, by its kind in options.inc. */
#define SAV_VALUE_FLAG bool
#define SAV_VALUE_TEXT const char *   /* not empty */
#define SAV_VALUE_PLACE const char *  /* what is written: not "-" */
#define SAV_VALUE_CHOICE const char * /* one of the words that its row shows */
#define SAV_VALUE_ENGINE const char * /* one of the engines built into this program */
#define SAV_VALUE_ISA const char *    /* one of their ISAs */
#define SAV_VALUE_FORMAT const char * /* a list format */
#define SAV_VALUE_COUNT size_t        /* from 1 */
#define SAV_VALUE_TEAM size_t         /* from 1 to SAV_MAX_THREADS */
#define SAV_VALUE_NUMBER size_t       /* from 0 */
#define SAV_VALUE_SEED uint64_t
#define SAV_VALUE_SHARE double        /* in (0, 1) */
#define SAV_VALUE_LIMIT double        /* from 0 */
#define SAV_VALUE_SIZE uint64_t       /* bytes; K, M, G or T may stand behind the number */
#define SAV_VALUE_FILES const char ** /* one or more words, into argv */

/* Options as the user gave them: NULL, 0 and false where not given, unless options.inc says otherwise. */
struct sav_cli {
    const sav_command *command;
    sav_console *console;
    const char *work;   /* what the progress line says */
    sav_pace pace;      /* how fast the samples go by */
    int code;           /* exit code of success: diff puts 1 there */
    bool warned_of_nan; /* features that are no numbers: said once */
    bool misuse;        /* the failure is about the command line: exit 2 and a pointer to --help */

    /* the options' values, a field each: model, engine, … */
#define OPTION(id, name, kind, field, value, help) SAV_VALUE_##kind field;
#include "cli/options.inc"
#undef OPTION
    size_t image_count; /* of images */
    char *model_found;  /* owned: the folder that --model means, when it is not that word itself */

    const char **operands; /* [operand_count] into argv */
    size_t operand_count;
};

/* Fills err and marks the failure as a wrong command line. */
sav_status sav_cli_misuse(sav_cli *cli, sav_error *err, const char *format, ...) SAV_PRINTF(3, 4);

#endif
