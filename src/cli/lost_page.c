/* lost_page.c: SIGBUS in words. See lost_page.h.
 *
 *   a weight is read -> its page is not there any more -> handler: address -> /proc/self/maps -> path -> exit
 *
 * Models, stores and lists are mapped. If someone cuts such a file meanwhile, or its disk fails, the system
 * can only signal. A handler may call few functions: none of stdio, none that takes memory.
 */
#include "cli/lost_page.h"

#ifdef _WIN32
void sav_cli_catch_lost_page(int code) {
    (void)code;
}
#else
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* A file that is read byte by byte. */
typedef struct reader {
    int file;
    size_t at, used;
    char bytes[4096];
} reader;

/* The next byte, -1 at the end. */
static int next_byte(reader *r) {
    if (r->at == r->used) {
        const ssize_t got = read(r->file, r->bytes, sizeof r->bytes);
        if (got <= 0) return -1;
        r->at = 0;
        r->used = (size_t)got;
    }
    return (unsigned char)r->bytes[r->at++];
}

/* A number of hexadecimal digits; *end is the byte behind it. */
static uintptr_t read_hex(int *end, reader *r) {
    uintptr_t value = 0;
    for (;;) {
        const int c = next_byte(r), digit = c >= '0' && c <= '9'   ? c - '0'
                                            : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                                   : -1;
        *end = c;
        if (digit < 0) return value;
        value = value * 16 + (uintptr_t)digit;
    }
}

/* The rest of a line of maps, "r--p 00000000 fe:00 123   /path": the path, control characters as ?. */
static void read_path(char *out, size_t size, int c, reader *r) {
    size_t length = 0, blanks = 0;
    for (; c >= 0 && c != '\n'; c = next_byte(r)) {
        blanks += blanks < 4 && c == ' ';
        if (blanks == 4 && length == 0 && c != '/') continue; /* the column is padded */
        if (blanks == 4 && length + 1 < size) out[length++] = c < 0x20 || c == 0x7F ? '?' : (char)c;
    }
    out[length] = '\0';
}

/* The path of the file that is mapped at an address; "": unknown. */
static void find_path(char *out, size_t size, uintptr_t address) {
    reader r = {.file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    out[0] = '\0';
    for (int c = 0; r.file >= 0 && c >= 0;) {
        const uintptr_t from = read_hex(&c, &r), to = c == '-' ? read_hex(&c, &r) : 0;
        if (c != ' ') break;
        read_path(out, size, c = next_byte(&r), &r);
        if (from <= address && address < to) return;
    }
    out[0] = '\0';
}

static int exit_code; /* set before the handler is */

static void put(const char *text) {
    const ssize_t done = write(STDERR_FILENO, text, strlen(text));
    (void)done; /* there is nobody left to tell */
}

static void on_lost_page(int number, siginfo_t *about, void *context) {
    static bool told; /* several threads may read the same file */
    char path[4096];
    (void)context;
    if (about->si_code != BUS_ADRERR) { /* no page of a file: a fault of ours, with its core */
        signal(number, SIG_DFL);
        return;
    }
    while (__atomic_exchange_n(&told, true, __ATOMIC_SEQ_CST)) pause();
    find_path(path, sizeof path, (uintptr_t)about->si_addr);
    if (isatty(STDERR_FILENO) == 1) put("\r\033[K"); /* the progress line */
    put("savs: ");
    put(path[0] ? path : "a file");
    put(": cut short or unreadable while it was being read; expected a file that stays as it is (restore it, "
        "then "
        "give the same command again)\n");
    _exit(exit_code);
}

void sav_cli_catch_lost_page(int code) {
    struct sigaction action = {.sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO};
    exit_code = code;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
#endif
