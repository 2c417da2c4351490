/* after.c: runs a program and kills it: the hand of `make chaos`.
 *
 *     after KILL TERM COMMAND…      microseconds from the start to SIGKILL and to SIGTERM; 0: never
 *
 * Standard output of the command goes nowhere. Exit code: the command's, or 128 and the signal that ended it.
 * With KILL 0 the microseconds that the command took are printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) { /* microseconds */
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Sleeps until `moment`, or until the child ends: a signal arrives then. */
static void wait_until(long long moment) {
    const long long left = moment - now();
    if (left <= 0) return;
    const struct timespec pause = {(time_t)(left / 1000000), (long)(left % 1000000 * 1000)};
    nanosleep(&pause, NULL);
}

static void on_child(int number) {
    (void)number;
}

/* Sends the signal when its time comes; whether the child had ended before. */
static int ended_before(int *status, pid_t child, long long moment, int number) {
    while (now() < moment) {
        if (waitpid(child, status, WNOHANG) == child) return 1;
        wait_until(moment);
    }
    kill(child, number);
    return 0;
}

static void run_child(char **command) {
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: after KILL TERM COMMAND…\n", stderr);
        return 2;
    }
    const long long to_kill = atoll(argv[1]), to_term = atoll(argv[2]), start = now();
    struct sigaction action = {.sa_handler = on_child};
    sigaction(SIGCHLD, &action, NULL);
    const pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) run_child(argv + 3);
    int status = 0, ended = 0;
    if (to_term) ended = ended_before(&status, child, start + to_term, SIGTERM);
    if (to_kill && !ended) ended = ended_before(&status, child, start + to_kill, SIGKILL);
    while (!ended && waitpid(child, &status, 0) != child)
        if (errno != EINTR) return 2;
    if (!to_kill) printf("%lld\n", now() - start);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
