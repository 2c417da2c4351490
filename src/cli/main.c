/* main.c: the program `savs`: which command, and how it ends.
 *
 *   savs COMMAND options -> options.c -> a file of commands/
 *       -> 0 success | 1 failure | 2 wrong command line | 130, 143 stopped by a signal
 *
 * diff ends as cmp(1) does: 0 equal, 1 different, 2 trouble.
 */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/hub.h"
#include "cli/lost_page.h"
#include "cli/manual.h"
#include "cli/options.h"
#include "cli/waiting.h"

#ifdef SAV_LINKED
void openblas_set_num_threads(int threads); /* cblas.h has it in some distributions only */
#endif

enum { FAILURE = 1, USAGE = 2 };

/* ---- what the program says about itself ---------------------------------------------------------------- */

/* On standard output; the exit code. */
static int print(sav_console *console, sav_text *text) {
    sav_error err = {0};
    sav_status status = sav_console_print(text, &err);
    if (status) sav_console_error(console, &err);
    sav_text_free(text);
    return status ? FAILURE : 0;
}

static int print_commands(sav_console *console) {
    sav_text text = {0};
    sav_help_commands(&text, false);
    return print(console, &text);
}

static int print_command(sav_console *console, const sav_command *command) {
    sav_text text = {0};
    sav_help_command(&text, command);
    return print(console, &text);
}

static int print_version(sav_console *console) {
    sav_text text = {0};
    sav_help_version(&text);
    return print(console, &text);
}

/* help --man, help --completion SHELL: what make install writes into files. */
static int print_generated(sav_console *console, int count, char **words) {
    sav_text text = {0};
    const char *shell = count == 2 && strcmp(words[0], "--completion") == 0 ? words[1] : "";
    if (count == 1 && strcmp(words[0], "--man") == 0)
        sav_manual_page(&text);
    else if (strcmp(shell, "bash") == 0)
        sav_manual_bash(&text);
    else if (strcmp(shell, "zsh") == 0)
        sav_manual_zsh(&text);
    else {
        fputs("usage: savs help --man | --completion bash | --completion zsh\n", stderr);
        return USAGE;
    }
    return print(console, &text);
}

/* No command, or none of this name: on standard error. */
static int print_usage(int count, char **words) {
    sav_text text = {0};
    if (count)
        sav_help_unknown(&text, count, words);
    else
        sav_help_commands(&text, true);
    fputs(text.failed ? "usage: savs COMMAND [options]\n" : text.bytes, stderr);
    sav_text_free(&text);
    return USAGE;
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

static int failure_of(const sav_command *command) {
    return command->failure ? command->failure : FAILURE;
}

static int exit_code(const sav_cli *cli, sav_status status) {
    if (!status) return cli->code;
    if (cli->misuse) return USAGE;
    if (status == SAV_STOPPED && sav_console_stopped()) return 128 + sav_console_stopped();
    return failure_of(cli->command);
}

static int run_command(sav_console *console, const sav_command *command, int count, char **words) {
    sav_error err = {0};
    sav_cli cli = {.command = command, .console = console};
    sav_status status = sav_options_read(&cli, count, words, &err);
    console->quiet = cli.quiet;
    sav_cli_catch_lost_page(failure_of(command));
    if (!status && cli.help)
        cli.code = print_command(console, command);
    else if (!status && cli.model)
        status = sav_cli_find_model(&cli, &err);
    if (!status && !cli.help) status = command->run(&cli, &err);
    if (status) sav_console_error(console, &err);
    if (cli.misuse)
        fprintf(stderr, "usage: savs %s %s\nsavs %s --help: its options and an example\n", command->name,
                command->usage, command->name);
    sav_console_close(console, status != SAV_OK);
    sav_free(cli.model_found);
    sav_options_free(&cli);
    return exit_code(&cli, status);
}

static bool asks_for_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* words: COMMAND options | help COMMAND | help | --help | -h | --version | help --man, --completion SHELL */
static int run(sav_console *console, int count, char **words) {
    const bool help = count > 0 && strcmp(words[0], "help") == 0;
    if (help) {
        count--;
        words++;
    }
    if (count == 0) return help ? print_commands(console) : print_usage(0, NULL);
    if (asks_for_help(words[0])) return print_commands(console);
    if (help && words[0][0] == '-') return print_generated(console, count, words);
    if (strcmp(words[0], "--version") == 0) return print_version(console);
    int used;
    const sav_command *command = sav_find_command(&used, count, words);
    const bool group = command && !command->run;
    if (command && (help || (group && used < count && asks_for_help(words[used]))))
        return print_command(console, command);
    if (!command || group) return print_usage(count, words);
    return run_command(console, command, count - used, words + used);
}

int main(int argc, char **argv) {
    sav_console console;
    argv = sav_os_arguments(&argc, argv);
    sav_cli_wait_briefly();
    sav_console_open(&console);
    sav_console_catch();
    /* the blas engine calls it from its own threads, one tile each */
    sav_cli_set_variable("OPENBLAS_NUM_THREADS", "1");
#ifdef SAV_LINKED
    openblas_set_num_threads(1); /* it has read its environment before */
#endif
    return run(&console, argc > 1 ? argc - 1 : 0, argv + 1);
}
