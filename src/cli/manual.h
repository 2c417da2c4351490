/* manual.h: the manual page and the completions of shells, written from the tables of commands and options.
 *
 *   savs help --man | --completion bash | --completion zsh      what make install puts in place
 */
#ifndef SAV_CLI_MANUAL_H
#define SAV_CLI_MANUAL_H

#include "cli/cli.h"

void sav_manual_page(sav_text *out); /* savs(1), in man macros */
void sav_manual_bash(sav_text *out); /* completion.c */
void sav_manual_zsh(sav_text *out);  /* completion.c */

#endif
