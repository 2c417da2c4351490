/* lost_page.h: a mapped file that is cut or unreadable under the program ends it with one line. */
#ifndef SAV_CLI_LOST_PAGE_H
#define SAV_CLI_LOST_PAGE_H

/* From now on such a file is named on standard error and ends the program with this exit code. Nothing on
 * Windows. */
void sav_cli_catch_lost_page(int code);

#endif
