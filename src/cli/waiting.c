/* waiting.c: how threads wait for work: a short spin, then sleep. See waiting.h.
 *
 *   loader -> lend_slot -> OpenMP's library starts and reads its environment -> main -> sav_cli_wait_briefly
 *
 * OpenMP's libraries wait by spinning: the fastest way on a machine with nothing else to do, and several
 * times slower than one thread where another process wants the core (tools/SPEED.md). Only their environment
 * can say otherwise. GNU's reads it as it is loaded, before main; LLVM's at the first parallel loop.
 *
 * glibc calls a program's .preinit_array before any library starts, and its setenv does not work yet. So one
 * pointer of the environment, to a variable that no library reads as it starts, shows the setting until main
 * puts it back. What the program passes on is what it was given. musl's loader calls nothing so early: there,
 * and in an environment without such a variable, threads spin as they did.
 */
#include "cli/waiting.h"

#include <stdlib.h>

/* Rounds of GNU's library, some ten microseconds: enough from one product of a layer to the next, and less
 * than a process waits for its turn. */
#define ROUNDS "1000"

#if defined(__linux__) && defined(__GLIBC__)
static char setting[] = "GOMP_SPINCOUNT=" ROUNDS;
static char **lent, *its_own; /* the slot that shows the setting, and what it showed before */

#define EARLY __attribute__((no_sanitize("address"))) /* which starts later */

EARLY static int begins(const char *variable, const char *name) {
    while (*name && *variable == *name) variable++, name++;
    return !*name;
}

EARLY static void lend_slot(int count, char **words, char **variables) {
    char **slot = NULL;
    (void)count, (void)words;
    for (; *variables; variables++) {
        if (begins(*variables, "OMP_WAIT_POLICY=") || begins(*variables, "GOMP_SPINCOUNT=")) return;
        if (begins(*variables, "PATH=") || begins(*variables, "PWD=") || begins(*variables, "HOME="))
            slot = variables;
    }
    if (!slot) return;
    lent = slot;
    its_own = *slot;
    *slot = setting;
}

__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **,
                                                                                       char **) = lend_slot;

static void give_back(void) {
    if (lent && *lent == setting) *lent = its_own;
}
#else
static void give_back(void) {}
#endif

void sav_cli_set_variable(const char *name, const char *value) {
#ifdef _WIN32
    (void)_putenv_s(name, value);
#else
    (void)setenv(name, value, 1);
#endif
}

void sav_cli_wait_briefly(void) {
    give_back();
    if (!getenv("OMP_WAIT_POLICY") && !getenv("KMP_BLOCKTIME"))
        sav_cli_set_variable("OMP_WAIT_POLICY", "passive");
}
