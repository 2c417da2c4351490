/* completion.c: what bash and zsh offer behind "savs", from the tables. See manual.h.
 *
 *   savs <command> | savs show <member> | --option | its value: one of its words, a path, or nothing
 */
#include <string.h>

#include "cli/help.h"
#include "cli/manual.h"
#include "cli/options.h"

/* The words "a|b|c" of an option, with a blank in place of |. */
static void put_choices(sav_text *out, size_t id) {
    const size_t start = out->length;
    sav_options_put_value(out, id);
    for (size_t at = start; !out->failed && at < out->length; at++)
        if (out->bytes[at] == '|') out->bytes[at] = ' ';
}

/* A command's name at its level: of a member what stands behind its group's name; NULL: another level. */
static const char *name_in(const sav_command *command, const sav_command *group) {
    if (group) return sav_command_member(command, group);
    return strchr(command->name, ' ') ? NULL : command->name;
}

/* ---- bash ---------------------------------------------------------------------------------------------- */

static const char BASH_BEGIN[] =
    "# bash completion for savs; written by savs help --completion bash\n"
    "_savs() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words= paths=\n"
    "    if [ \"$word\" = = ]; then word=; fi # --name=value comes as three words\n"
    "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
    "    COMPREPLY=()\n"
    "    case $before in\n";
static const char BASH_COMMANDS[] = "    *)\n"
                                    "        case $COMP_CWORD:${COMP_WORDS[1]}:${COMP_WORDS[2]} in\n";
static const char BASH_END[] =
    "        esac\n"
    "        ;;\n"
    "    esac\n"
    "    local IFS=$'\\n'\n"
    "    COMPREPLY=($(compgen -W \"${words// /$IFS}\" -- \"$word\"))\n"
    "    case $paths$word in -*) return ;; esac\n"
    "    if [ ${#COMPREPLY[@]} -eq 0 ]; then\n"
    "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "        if type compopt >/dev/null 2>&1; then compopt -o filenames 2>/dev/null; fi\n"
    "    fi\n"
    "}\n"
    "complete -F _savs savs\n";

/* "    --a | --b) what ;;": the options that want this. */
static void put_bash_wants(sav_text *out, sav_option_wants wants, const char *what) {
    const char *between = "    ";
    for (size_t id = 0; id < SAV_OPTION_COUNT; id++) {
        if (sav_options_at(id).wants != wants) continue;
        sav_text_printf(out, "%s--%s", between, sav_options_at(id).name);
        between = " | ";
    }
    sav_text_printf(out, ") %s ;;\n", what);
}

static void put_bash_names(sav_text *out, const sav_command *group) {
    for (size_t i = 0; sav_command_at(i); i++) {
        const char *name = name_in(sav_command_at(i), group);
        if (name) sav_text_printf(out, "%s ", name);
    }
}

/* COMP_CWORD:first word:second word -> the words to offer. */
static void put_bash_command(sav_text *out, const sav_command *command) {
    const char *blank = strchr(command->name, ' ');
    const int length = blank ? (int)(blank - command->name) : (int)strlen(command->name);
    sav_text_printf(out, "        *:%.*s:%s) words='", length, command->name, blank ? blank + 1 : "*");
    for (size_t id = 0; id < SAV_OPTION_COUNT; id++)
        if (sav_options_taken(command, id)) sav_text_printf(out, "--%s ", sav_options_at(id).name);
    sav_text_string(out, "' ;;\n");
}

void sav_manual_bash(sav_text *out) {
    sav_text_string(out, BASH_BEGIN);
    for (size_t id = 0; id < SAV_OPTION_COUNT; id++) {
        if (sav_options_at(id).wants != SAV_WANTS_CHOICE) continue;
        sav_text_printf(out, "    --%s) words='", sav_options_at(id).name);
        put_choices(out, id);
        sav_text_string(out, "' ;;\n");
    }
    put_bash_wants(out, SAV_WANTS_PATH, "paths=1");
    put_bash_wants(out, SAV_WANTS_TEXT, "return");
    sav_text_string(out, BASH_COMMANDS);
    sav_text_string(out, "        1:*) words='");
    put_bash_names(out, NULL);
    sav_text_string(out, "help --help --version' ;;\n        2:help:*) words='");
    put_bash_names(out, NULL);
    sav_text_string(out, "' ;;\n");
    for (size_t i = 0; sav_command_at(i); i++) {
        const sav_command *command = sav_command_at(i);
        if (command->run) {
            put_bash_command(out, command);
            continue;
        }
        sav_text_printf(out, "        2:%s:* | 3:help:%s) words='", command->name, command->name);
        put_bash_names(out, command);
        sav_text_string(out, "--help' ;;\n");
    }
    sav_text_string(out, BASH_END);
}

/* ---- zsh ----------------------------------------------------------------------------------------------- */

/* Text inside single quotes and brackets. */
static void put_zsh(sav_text *out, const char *text) {
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            sav_text_string(out, "'\\''");
        else if (strchr("[]\\:", *p))
            sav_text_printf(out, "\\%c", *p);
        else
            sav_text_printf(out, "%c", *p);
    }
}

/* '--name=[what it does]:VALUE:action' */
static void put_zsh_option(sav_text *out, size_t id) {
    const sav_option_row row = sav_options_at(id);
    sav_text_printf(out, " \\\n            '%s--%s%s[", row.many ? "*" : "", row.name,
                    row.wants == SAV_WANTS_NOTHING ? "" : "=");
    put_zsh(out, row.help);
    sav_text_string(out, "]");
    if (row.wants == SAV_WANTS_CHOICE) {
        sav_text_string(out, ":value:(");
        put_choices(out, id);
        sav_text_string(out, ")");
    }
    if (row.wants == SAV_WANTS_PATH) sav_text_string(out, ":path:_files");
    if (row.wants == SAV_WANTS_TEXT) sav_text_string(out, ":value: ");
    sav_text_string(out, "'");
}

/* "        names=('run:what it does' …)" */
static void put_zsh_names(sav_text *out, const sav_command *group, const char *indent) {
    sav_text_printf(out, "%sif (( CURRENT == 2 )); then\n%s    names=(", indent, indent);
    for (size_t i = 0; sav_command_at(i); i++) {
        const char *name = name_in(sav_command_at(i), group);
        if (!name) continue;
        sav_text_printf(out, "\n%s        '%s:", indent, name);
        put_zsh(out, sav_command_at(i)->summary);
        sav_text_string(out, "'");
    }
    if (!group) sav_text_printf(out, "\n%s        'help:what a command does' --help --version", indent);
    sav_text_printf(out, ")\n%s    _describe command names\n%s    return\n%sfi\n", indent, indent, indent);
}

static void put_zsh_commands(sav_text *out, const sav_command *group) {
    for (size_t i = 0; sav_command_at(i); i++) {
        const sav_command *command = sav_command_at(i);
        const char *name = name_in(command, group);
        if (!name || !command->run) continue;
        sav_text_printf(out, "    %s)\n        _arguments '*:path:_files'", name);
        for (size_t id = 0; id < SAV_OPTION_COUNT; id++)
            if (sav_options_taken(command, id)) put_zsh_option(out, id);
        sav_text_string(out, "\n        ;;\n");
    }
}

void sav_manual_zsh(sav_text *out) {
    sav_text_string(out, "#compdef savs\n# zsh completion for savs; written by savs help --completion zsh\n");
    for (size_t i = 0; sav_command_at(i); i++) {
        const sav_command *group = sav_command_at(i);
        if (group->run) continue;
        sav_text_printf(out, "_savs_%s() {\n    local -a names\n", group->name);
        put_zsh_names(out, group, "    ");
        sav_text_string(out, "    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
        put_zsh_commands(out, group);
        sav_text_string(out, "    esac\n}\n");
    }
    sav_text_string(out, "_savs() {\n    local -a names\n");
    put_zsh_names(out, NULL, "    ");
    sav_text_string(out, "    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
    put_zsh_commands(out, NULL);
    for (size_t i = 0; sav_command_at(i); i++)
        if (!sav_command_at(i)->run)
            sav_text_printf(out, "    %s) _savs_%s ;;\n", sav_command_at(i)->name, sav_command_at(i)->name);
    sav_text_string(out, "    help) _savs ;;\n    esac\n}\n_savs \"$@\"\n");
}
