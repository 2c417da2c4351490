/* help.h: what the program says about itself: its commands, one command, its version; a command that it does
 * not have. */
#ifndef SAV_CLI_HELP_H
#define SAV_CLI_HELP_H

#include "cli/cli.h"

/* The table of commands. brief: as a usage error, at most 12 lines, however many commands there are. */
void sav_help_commands(sav_text *out, bool brief);
void sav_help_command(sav_text *out, const sav_command *command); /* or a group: its members */
void sav_help_version(sav_text *out);
/* What to say when no command has the name that `words` begin with. */
void sav_help_unknown(sav_text *out, int count, char **words);

/* The rows of the table in its order, groups last; NULL past the end. */
const sav_command *sav_command_at(size_t i);
/* "tokens" of "show tokens" in the group "show"; NULL: no member of it. */
const char *sav_command_member(const sav_command *command, const sav_command *group);
/* The row that the first words name, or NULL; how many words that took. */
const sav_command *sav_find_command(int *used, int count, char **words);

#endif
