/* show.c: `savs show`, a group: each member is a file show_*.c and a row of its own. */
#include "cli/cli.h"

const sav_command sav_command_show = {.name = "show", .summary = "what a model sees"};
