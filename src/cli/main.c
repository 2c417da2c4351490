/* main.c: the program `savs`: a table of commands, help, version, exit codes.
 *
 *   savs COMMAND options -> command -> 0 success | 1 failure | 2 wrong command line | 130,
 *       143 stopped by a signal
 *
 * diff ends as cmp(1) does: 0 equal, 1 different, 2 trouble.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "tasks/engines.h"

#ifdef SAV_BLAS
/* cblas.h has these in some distributions only. */
void openblas_set_num_threads(int threads);
char *openblas_get_config(void);
#endif

#define MODEL_OPTIONS "model engine dtype isa threads memory pillow min-pixels max-pixels exif-rotate"
#define LIST_OPTIONS "data image-root question skip-bad"

static const sav_command COMMANDS[] = {
    {"run", "--model DIR --train LIST --test LIST --out DIR [options]",
     "encode, select heads, classify, score: the main job",
     "savs run --model llava --train train.jsonl --test test.jsonl --out out/",
     MODEL_OPTIONS " " LIST_OPTIONS " train test out heads validation shots seed min-margin",
     "model train test out", 0, 1, sav_cli_run},
    {"encode", "--model DIR --input LIST --store DIR [options]",
     "one forward a sample, appended to a feature store; resumes",
     "savs encode --model llava --input train.jsonl --store train.store",
     MODEL_OPTIONS " " LIST_OPTIONS " input store", "model input store", 0, 1, sav_cli_encode},
    {"fit", "--store DIR --out FILE [options]",
     "class means, head scores, selection from a store; no model needed",
     "savs fit --store train.store --out sav.safetensors", "store out heads validation shots seed threads",
     "store out", 0, 1, sav_cli_fit},
    {"predict", "--sav FILE (--model DIR (--input LIST | --image F… [--question T]) | --store DIR) [options]",
     "vote; with a model it runs only as deep as the deepest selected head",
     "savs predict --sav sav.safetensors --model llava --image cat.jpg --question 'What animal is this?'",
     MODEL_OPTIONS " " LIST_OPTIONS " sav input image store out min-margin", "sav", 0, 1, sav_cli_predict},
    {"info", "--model DIR [--verify] [options]", "family, sizes, tensors, memory; --verify reads every byte",
     "savs info --model llava --verify", "model engine dtype isa threads memory min-pixels max-pixels verify",
     "model", 0, 1, sav_cli_info},
    {"show tokens", "--model DIR (--text F | --messages F | --prompt F) [options]", "ids with their pieces",
     "savs show tokens --model llava --text question.txt", "model text messages prompt", "model", 0, 1,
     sav_cli_show_tokens},
    {"show pixels", "--model DIR (--image F… | --messages F) [--out DIR] [options]",
     "sizes, grids, token counts; with --out the tiles or the resized picture as PNG",
     "savs show pixels --model llava --image cat.jpg --out tiles/",
     "model image messages out pillow min-pixels max-pixels exif-rotate", "model", 0, 1, sav_cli_show_pixels},
    {"show samples", "--input LIST [options]", "what a list says, one JSON line a sample",
     "savs show samples --input test.jsonl", "input " LIST_OPTIONS, "input", 0, 1, sav_cli_show_samples},
    {"dump", "--model DIR --messages F --out F [options]",
     "every stage of one forward, under the names of PyTorch's modules",
     "savs dump --model llava --messages chat.json --out mine.safetensors --engine exact",
     MODEL_OPTIONS " messages prompt out stages", "model messages out", 0, 1, sav_cli_dump},
    {"quantize", "--model DIR --out DIR [options]",
     "int8 weights: a model folder a bit over half its size, for the int8 engine",
     "savs quantize --model llava --out llava-int8", "model out vision group threads", "model out", 0, 1,
     sav_cli_quantize},
    {"diff", "A B [options]",
     "two dumps stage by stage, the first that differs; two sav.safetensors or stores: heads, votes",
     "savs diff golden.safetensors mine.safetensors --max-rel-l2 1e-5", "truth max-rel-l2 heads", "", 2, 2,
     sav_cli_diff},
    {"bench", "--model DIR [--tokens N] [--image-size HxW] [options]",
     "where a forward's time goes: seconds, Gflop/s, share of the measured peak, stage by stage",
     "savs bench --model llava --tokens 64 --image-size 480x640 --threads 1",
     "model engine isa threads tokens image-size rounds min-pixels max-pixels", "model", 0, 1, sav_cli_bench},
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS, USAGE = 2 };

/* ---- help ---------------------------------------------------------------------------------------------- */

static void put_commands(sav_text *out) {
    sav_text_string(out, "usage: savs COMMAND [options]\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strncmp(COMMANDS[i].name, "show ", 5) != 0)
            sav_text_printf(out, "  %-14s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    /* one line: 12 in all */
    sav_text_string(out, "  show ...       what a model sees: show tokens, show pixels, show samples\n");
    sav_text_string(out, "savs COMMAND --help: its options and an example; savs --version\n");
}

static void put_help(sav_text *out, const sav_command *command) {
    sav_text_printf(out, "usage: savs %s %s\n%s.\n\n", command->name, command->usage, command->summary);
    sav_options_describe(out, command);
    sav_text_printf(out, "\nexample: %s\n", command->example);
}

static sav_status print_version(sav_error *err) {
    sav_text out = {0};
    sav_text_printf(&out, "savs %s\n", SAV_VERSION);
    sav_engines_describe(&out);
#ifdef SAV_BLAS
    sav_text_printf(&out, "BLAS: %s\n", openblas_get_config());
#else
    sav_text_string(&out, "BLAS: none\n");
#endif
    sav_status status = sav_console_print(&out, err);
    sav_text_free(&out);
    return status;
}

static sav_status print_help(const sav_command *command, sav_error *err) {
    sav_text out = {0};
    if (command)
        put_help(&out, command);
    else
        put_commands(&out);
    sav_status status = sav_console_print(&out, err);
    sav_text_free(&out);
    return status;
}

/* ---- which command ------------------------------------------------------------------------------------- */

/* The command that the first words name, and how many words that took. */
static const sav_command *find_command(int *used, int count, char **words) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *name = COMMANDS[i].name, *second = strchr(name, ' ');
        const size_t length = second ? (size_t)(second - name) : strlen(name);
        if (strlen(words[0]) != length || memcmp(words[0], name, length) != 0) continue;
        if (second && (count < 2 || strcmp(words[1], second + 1) != 0)) continue;
        *used = second ? 2 : 1;
        return &COMMANDS[i];
    }
    return NULL;
}

/* What to say when no command has that name: the nearest one, or the second words that the first one
 * takes. */
static void put_unknown(const char *const *words, int count) {
    sav_text names = {0}, kinds = {0};
    char room[64];
    const size_t length = strlen(words[0]);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *name = COMMANDS[i].name, *second = strchr(name, ' ');
        const size_t first = second ? (size_t)(second - name) : strlen(name);
        sav_text_printf(&names, "%.*s ", (int)first, name);
        if (second && first == length && memcmp(name, words[0], first) == 0)
            sav_text_printf(&kinds, "%s%s", kinds.length ? "|" : "", second + 1);
    }
    const char *near = names.bytes ? sav_options_nearest(room, sizeof room, words[0], names.bytes) : NULL;
    sav_error line;
    if (kinds.length)
        sav_fail(&line, SAV_BAD_INPUT, "%s%s%s: expected %s %s", words[0], count > 1 ? " " : "",
                 count > 1 ? words[1] : "", words[0], kinds.bytes);
    else if (near)
        sav_fail(&line, SAV_BAD_INPUT, "unknown command %.60s; did you mean %s?", words[0], near);
    else
        sav_fail(&line, SAV_BAD_INPUT, "unknown command %.60s", words[0]);
    fprintf(stderr, "savs: %s\n", line.message);
    fputs("savs --help lists the commands\n", stderr);
    sav_text_free(&names);
    sav_text_free(&kinds);
}

/* ---- one command --------------------------------------------------------------------------------------- */

sav_status sav_cli_misuse(sav_cli *cli, sav_error *err, const char *format, ...) {
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli->misuse = true;
    return sav_fail(err, SAV_BAD_INPUT, "%s: %s", cli->command->name, text);
}

static int exit_code(const sav_cli *cli, sav_status status) {
    if (!status) return cli->code;
    if (cli->misuse) return USAGE;
    if (status == SAV_STOPPED && sav_console_stopped()) return 128 + sav_console_stopped();
    return cli->command->trouble;
}

static int run_command(const sav_command *command, int count, char **words) {
    sav_console console;
    sav_error err = {0};
    sav_console_open(&console);
    sav_cli cli = {.command = command, .console = &console};
    sav_status status = sav_options_read(&cli, count, words, &err);
    console.quiet = cli.quiet;
    if (!status && cli.help)
        status = print_help(command, &err);
    else if (!status)
        status = command->run(&cli, &err);
    if (status) sav_console_error(&console, &err);
    if (cli.misuse)
        fprintf(stderr, "usage: savs %s %s\nsavs %s --help: its options and an example\n", command->name,
                command->usage, command->name);
    sav_console_close(&console, status != SAV_OK);
    sav_options_free(&cli);
    return exit_code(&cli, status);
}

int main(int argc, char **argv) {
    sav_console console;
    sav_error err = {0};
    sav_status status;
    argv = sav_os_arguments(&argc, argv);
    sav_console_open(&console);
    sav_console_catch();
#ifdef SAV_BLAS
    openblas_set_num_threads(1); /* the library calls it from its own threads, one tile each */
#endif
    if (argc < 2) {
        sav_text text = {0};
        put_commands(&text);
        fputs(text.failed ? "usage: savs COMMAND [options]\n" : text.bytes, stderr);
        sav_text_free(&text);
        return USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help") == 0) {
        status = argv[1][2] == 'v' ? print_version(&err) : print_help(NULL, &err);
        if (status) sav_console_error(&console, &err);
        return status ? 1 : 0;
    }
    int used = 0;
    const sav_command *command = find_command(&used, argc - 1, argv + 1);
    if (!command) {
        put_unknown((const char *const *)(argv + 1), argc - 1);
        return USAGE;
    }
    return run_command(command, argc - 1 - used, argv + 1 + used);
}
