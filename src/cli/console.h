/* console.h: the two streams of the program and the signals that stop it.
 *
 * stdout carries results alone and every byte of it must arrive; stderr carries progress and messages, which
 * --quiet silences, errors never.
 */
#ifndef SAV_CONSOLE_H
#define SAV_CONSOLE_H

#include "base/base.h"

typedef struct sav_console {
    bool quiet;
    bool terminal;         /* stderr is one: the progress line is rewritten */
    bool line_open;        /* a progress line stands there without its line end */
    size_t warnings;       /* so far */
    sav_text later;        /* warnings past the first three: written at the end, when all went well */
    double started, shown; /* seconds: of the work in progress, and when the line was last written */
} sav_console;

/* Makes sure that the three streams exist, so that no file opened later becomes one of them; reads stderr's
 * kind. */
void sav_console_open(sav_console *console);
void sav_console_close(sav_console *console, bool failed); /* writes the warnings held back */

/* A message for people: "savs: …". */
void sav_console_say(sav_console *console, const char *format, ...) SAV_PRINTF(2, 3);
/* "savs: warning: …"; what is past the third waits for the end, so that a failure has at most four lines. */
void sav_console_warn(sav_console *console, const char *format, ...) SAV_PRINTF(2, 3);
/* one line, with its hint; not silenced */
void sav_console_error(sav_console *console, const sav_error *err);

/* How far a work is: so much of total, tokens so far, seconds left: NaN: unknown, below 0: as many as the
 * time so far says. `begin` restarts the clock. */
typedef struct sav_console_work {
    const char *what;
    double done;
    size_t total;
    uint64_t tokens;
    double left;
    bool rough; /* left is a first guess */
} sav_console_work;
void sav_console_begin(sav_console *console);
void sav_console_progress(sav_console *console, const sav_console_work *work);
void sav_console_duration(char *out, size_t size, double seconds); /* "1h05m", "3m20s", "7s" */

/* Results: written, flushed, and an error if they did not get there. */
sav_status sav_console_print(const sav_text *text, sav_error *err);

/* ---- signals ------------------------------------------------------------------------------------------- */

/* SIGINT and SIGTERM from now on ask to stop; a second one ends the program at once */
void sav_console_catch(void);
int sav_console_stopped(void); /* the signal that asked, or 0 */
/* SAV_STOPPED with a message once a signal asked to stop. It fits the library's hooks; context is
 * not used. */
sav_status sav_console_check(void *context, sav_error *err);

#endif
