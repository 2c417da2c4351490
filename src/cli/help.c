/* help.c: the table of commands in words. See help.h. */
#include "cli/help.h"

#include <string.h>

#include "base/nearest.h"
#include "cli/options.h"
#include "tasks/engine_list.h"

enum { USAGE_LINES = 12 };

#define COMMAND(name) extern const sav_command sav_command_##name;
#include "cli/commands.inc"
#undef COMMAND

static const sav_command *const COMMANDS[] = {
#define COMMAND(name) &sav_command_##name,
#include "cli/commands.inc"
#undef COMMAND
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

/* ---- names --------------------------------------------------------------------------------------------- */

/* The words of a command's name at the start of `words`: how many, or 0 when they are others. */
static int named(const sav_command *command, int count, char **words) {
    int used = 0;
    for (const char *at = command->name; *at; used++) {
        const size_t length = strcspn(at, " ");
        if (used == count || strlen(words[used]) != length || memcmp(words[used], at, length) != 0) return 0;
        at += length + strspn(at + length, " ");
    }
    return used;
}

const sav_command *sav_find_command(int *used, int count, char **words) {
    const sav_command *found = NULL;
    *used = 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const int length = named(COMMANDS[i], count, words);
        if (length > *used) {
            *used = length;
            found = COMMANDS[i];
        }
    }
    return found;
}

const sav_command *sav_command_at(size_t i) {
    return i < COMMAND_COUNT ? COMMANDS[i] : NULL;
}

const char *sav_command_member(const sav_command *command, const sav_command *group) {
    const size_t length = strlen(group->name);
    const bool inside = strncmp(command->name, group->name, length) == 0 && command->name[length] == ' ';
    return inside ? command->name + length + 1 : NULL;
}

/* The members of a group: "show tokens, show pixels", or without the group's name: "tokens|pixels". */
static void put_members(sav_text *out, const sav_command *group, bool whole) {
    const char *between = "";
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *member = sav_command_member(COMMANDS[i], group);
        if (!member) continue;
        sav_text_printf(out, "%s%s", between, whole ? COMMANDS[i]->name : member);
        between = whole ? ", " : "|";
    }
}

/* ---- help ---------------------------------------------------------------------------------------------- */

static bool is_member(const sav_command *command) {
    return strchr(command->name, ' ') != NULL;
}

static void put_row(sav_text *out, const sav_command *command) {
    if (command->run) {
        sav_text_printf(out, "  %-14s %s\n", command->name, command->summary);
        return;
    }
    const int pad = (int)(14 - strlen(command->name) - 4);
    sav_text_printf(out, "  %s ...%*s %s: ", command->name, pad, "", command->summary);
    put_members(out, command, true);
    sav_text_string(out, "\n");
}

void sav_help_commands(sav_text *out, bool brief) {
    size_t lines = 2;
    for (size_t i = 0; i < COMMAND_COUNT; i++) lines += !is_member(COMMANDS[i]);
    const bool names_alone = brief && lines > USAGE_LINES;
    sav_text_string(out, "usage: savs COMMAND [options]\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (is_member(COMMANDS[i])) continue;
        if (names_alone)
            sav_text_printf(out, " %s", COMMANDS[i]->name);
        else
            put_row(out, COMMANDS[i]);
    }
    if (names_alone) sav_text_string(out, "\nsavs --help: what each of them does\n");
    sav_text_string(out, "savs COMMAND --help: its options and an example; savs --version\n");
}

static void put_group(sav_text *out, const sav_command *group) {
    const sav_command *first = NULL;
    sav_text_printf(out, "usage: savs %s ", group->name);
    put_members(out, group, false);
    sav_text_printf(out, " [options]\n%s.\n\n", group->summary);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!sav_command_member(COMMANDS[i], group)) continue;
        if (!first) first = COMMANDS[i];
        put_row(out, COMMANDS[i]);
    }
    sav_text_printf(out, "savs %s --help: its options\n", first ? first->name : group->name);
    if (first) sav_text_printf(out, "\nexample: %s\n", first->example);
}

void sav_help_command(sav_text *out, const sav_command *command) {
    if (!command->run) {
        put_group(out, command);
        return;
    }
    sav_text_printf(out, "usage: savs %s %s\n%s.\n\n", command->name, command->usage, command->summary);
    sav_options_describe(out, command);
    sav_text_printf(out, "\nexample: %s\n", command->example);
}

void sav_help_version(sav_text *out) {
    sav_text_printf(out, "savs %s\n", SAV_VERSION);
    sav_engines_describe(out);
#if defined(SAV_LINKED)
    sav_text_string(out, "BLAS: OpenBLAS, linked\n");
#elif defined(SAV_BLAS)
    sav_text_string(out, "BLAS: OpenBLAS, loaded when --engine blas is chosen\n");
#else
    sav_text_string(out, "BLAS: none\n");
#endif
}

/* ---- no such command ----------------------------------------------------------------------------------- */

void sav_help_unknown(sav_text *out, int count, char **words) {
    int used;
    sav_error line; /* whose filling escapes what must not reach a terminal */
    const sav_command *group = sav_find_command(&used, count, words);
    if (group) {
        sav_text members = {0};
        put_members(&members, group, false);
        sav_fail(&line, SAV_BAD_INPUT, "%s%s%s: expected %s %s", words[0], count > 1 ? " " : "",
                 count > 1 ? words[1] : "", group->name, members.failed ? "" : members.bytes);
        sav_text_free(&members);
    } else {
        sav_nearest near = sav_nearest_to(words[0]);
        for (size_t i = 0; i < COMMAND_COUNT; i++)
            if (!is_member(COMMANDS[i])) sav_nearest_offer(&near, COMMANDS[i]->name);
        if (near.found)
            sav_fail(&line, SAV_BAD_INPUT, "unknown command %.60s; did you mean %s?", words[0], near.found);
        else
            sav_fail(&line, SAV_BAD_INPUT, "unknown command %.60s", words[0]);
    }
    sav_text_printf(out, "savs: %s\nsavs --help lists the commands\n", line.message);
}
