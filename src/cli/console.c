/* console.c: stdout, stderr, signals. See console.h. */
#include "cli/console.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/utf8.h"

enum { SHOWN_WARNINGS = 3 };
static const double REWRITE_SECONDS = 0.2, LINE_SECONDS = 10;

/* A mutable global, since a signal handler can reach nothing else. */
static volatile sig_atomic_t stop_signal;

static void on_stop(int number) {
    stop_signal = number;
    signal(number, SIG_DFL); /* who asks twice does not want to wait */
}

void sav_console_catch(void) {
    static const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) /* nohup and background jobs stay so */
        if (signal(numbers[i], on_stop) == SIG_IGN) signal(numbers[i], SIG_IGN);
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_DFL); /* a reader that went away ends the program without a word */
#endif
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write, which says so */
#endif
}

int sav_console_stopped(void) {
    return (int)stop_signal;
}

sav_status sav_console_check(void *context, sav_error *err) {
    (void)context;
    if (!stop_signal) return SAV_OK;
    return sav_fail(err, SAV_STOPPED, "stopped by %s", stop_signal == SIGINT ? "Ctrl-C" : "SIGTERM");
}

/* ---- stderr -------------------------------------------------------------------------------------------- */

void sav_console_open(sav_console *console) {
    *console = (sav_console){0};
    sav_os_guard_streams();
    console->terminal = sav_os_is_terminal(2);
}

/* The progress line goes away before anything else is written. */
static void clear_line(sav_console *console) {
    if (console->line_open) fputs("\r\033[K", stderr);
    console->line_open = false;
}

static void put_line(sav_console *console, const char *kind, const char *format, va_list args) {
    sav_error line; /* whose filling escapes what must not reach a terminal */
    char raw[2 * sizeof line.message];
    vsnprintf(raw, sizeof raw, format, args);
    sav_fail(&line, SAV_OK, "%s", raw);
    clear_line(console);
    fprintf(stderr, "savs: %s%s\n", kind, line.message);
}

void sav_console_say(sav_console *console, const char *format, ...) {
    if (console->quiet) return;
    va_list args;
    va_start(args, format);
    put_line(console, "", format, args);
    va_end(args);
}

void sav_console_warn(sav_console *console, const char *format, ...) {
    if (console->quiet) return;
    va_list args;
    va_start(args, format);
    console->warnings++;
    if (console->warnings <= SHOWN_WARNINGS) {
        put_line(console, "warning: ", format, args);
    } else {
        sav_error line;
        char raw[2 * sizeof line.message];
        vsnprintf(raw, sizeof raw, format, args);
        sav_fail(&line, SAV_OK, "%s", raw);
        sav_text_printf(&console->later, "savs: warning: %s\n", line.message);
    }
    va_end(args);
}

void sav_console_error(sav_console *console, const sav_error *err) {
    clear_line(console);
    if (err->hint[0])
        fprintf(stderr, "savs: %s (%s)\n", err->message, err->hint);
    else
        fprintf(stderr, "savs: %s\n", err->message);
}

void sav_console_close(sav_console *console, bool failed) {
    clear_line(console);
    if (console->later.bytes && !failed) fputs(console->later.bytes, stderr);
    sav_text_free(&console->later);
}

/* ---- progress ------------------------------------------------------------------------------------------ */

void sav_console_begin(sav_console *console) {
    console->started = sav_os_seconds();
    console->shown = console->terminal ? 0 : console->started;
}

void sav_console_duration(char *out, size_t size, double seconds) {
    unsigned long s = seconds > 0 && seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(out, size, "%luh%02lum", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, size, "%lum%02lus", s / 60, s % 60);
    else
        snprintf(out, size, "%lus", s);
}

void sav_console_progress(sav_console *console, const sav_console_work *work) {
    if (console->quiet) return;
    const double now = sav_os_seconds(), spent = now - console->started;
    if (work->done >= (double)work->total && console->terminal) {
        clear_line(console);
        return;
    }
    if (now - console->shown < (console->terminal ? REWRITE_SECONDS : LINE_SECONDS)) return;
    console->shown = now;
    char left[32] = "?", speed[40] = "";
    double seconds = work->left;
    if (seconds < 0 && work->done > 0) seconds = spent / work->done * ((double)work->total - work->done);
    if (seconds >= 0) sav_console_duration(left, sizeof left, seconds);
    if (work->tokens && spent > 0)
        snprintf(speed, sizeof speed, "%.0f tokens/s  ", (double)work->tokens / spent);
    fprintf(stderr, "%ssavs: %s %zu/%zu  %s%s%s left%s", console->terminal ? "\r" : "", work->what,
            (size_t)work->done, work->total, speed, work->rough && seconds >= 0 ? "~" : "", left,
            console->terminal ? "\033[K" : "\n");
    console->line_open = console->terminal;
    fflush(stderr);
}

/* ---- stdout -------------------------------------------------------------------------------------------- */

/* Whatever a command left unescaped. JSON has nothing left here (io/json_write.c). */
static void escape_result(sav_text *out, const sav_text *text) {
    char shown[SAV_UTF8_SHOWN];
    for (size_t at = 0; at < text->length;) {
        const bool line_end = text->bytes[at] == '\n';
        if (line_end) at++;
        const size_t bytes = line_end ? 0 : sav_utf8_show(shown, text->bytes, text->length, &at);
        sav_text_bytes(out, line_end ? "\n" : shown, line_end ? 1 : bytes);
    }
}

sav_status sav_console_print(const sav_text *text, sav_error *err) {
    sav_text safe = {0};
    escape_result(&safe, text);
    const bool failed = text->failed || safe.failed;
    errno = 0;
    const bool written = !failed &&
                         (!safe.length || fwrite(safe.bytes, 1, safe.length, stdout) == safe.length) &&
                         fflush(stdout) == 0;
    const int code = errno;
    sav_text_free(&safe);
    if (failed) return sav_fail(err, SAV_NO_MEMORY, "no memory for the result");
    if (written) return SAV_OK;
    clearerr(stdout);
    return sav_fail(err, SAV_IO_ERROR, "standard output: cannot write: %s", strerror(code));
}
