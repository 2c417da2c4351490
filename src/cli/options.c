/* options.c: argv -> sav_cli. See options.h. */
#include "cli/options.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "lists/formats.h"
#include "tasks/engine_list.h"

/* ---- the table ----------------------------------------------------------------------------------------- */

/* What they are stands in cli.h, with their types. */
typedef enum kind {
    FLAG,
    TEXT,
    PLACE,
    CHOICE,
    ENGINE,
    ISA,
    FORMAT,
    COUNT,
    TEAM,
    NUMBER,
    SEED,
    SHARE,
    LIMIT,
    SIZE,
    FILES
} kind;

typedef struct option {
    const char *name;
    kind kind;
    size_t at;         /* offset of its value in sav_cli */
    const char *value; /* how the help shows the value */
    const char *help;
} option;

static const option OPTIONS[SAV_OPTION_COUNT] = {
#define OPTION(id, name, kind, field, value, help) {name, kind, offsetof(sav_cli, field), value, help},
#include "cli/options.inc"
#undef OPTION
};

static bool is_taken(const sav_command *command, size_t id) {
    return command->options[id] || id == SAV_OPTION_JSON || id == SAV_OPTION_QUIET || id == SAV_OPTION_HELP;
}

static sav_status unknown(sav_cli *cli, const char *word, size_t length, sav_error *err) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)sav_min(length, 60), word);
    sav_nearest near = sav_nearest_to(name);
    for (size_t i = 0; i < SAV_OPTION_COUNT; i++)
        if (is_taken(cli->command, i)) sav_nearest_offer(&near, OPTIONS[i].name);
    if (near.found)
        return sav_cli_misuse(cli, err, "unknown option --%s; did you mean --%s?", name, near.found);
    return sav_cli_misuse(cli, err, "unknown option --%s", name);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static bool read_whole(uint64_t *out, const char *text, uint64_t least, uint64_t most) {
    if (text[0] < '0' || text[0] > '9') return false; /* strtoull takes signs and blanks */
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*end || errno || v < least || v > most) return false;
    *out = v;
    return true;
}

static bool read_real(double *out, const char *text) {
    char *end;
    if ((text[0] < '0' || text[0] > '9') && text[0] != '.') return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

/* "1000000", "800M", "1.5G": the suffixes are powers of 1024, and may be spelled "MiB". */
static bool read_size(uint64_t *out, const char *text) {
    static const char suffixes[] = "KMGT";
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    double bytes = strtod(text, &end);
    const char *suffix = *end ? strchr(suffixes, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end) : NULL;
    if (*end && !suffix) return false;
    for (const char *s = suffixes; suffix && s <= suffix; s++) bytes *= 1024;
    if (suffix && strcmp(++end, "iB") == 0) end += 2;
    if (*end || !(bytes >= 1) || bytes > 9e18) return false;
    *out = (uint64_t)bytes;
    return true;
}

/* What a number of each kind is; NULL: the kind is no number. */
static const char *const NUMBERS[] = {
    [COUNT] = "a whole number from 1",
    [TEAM] = "a whole number from 1 to 256",
    [NUMBER] = "a whole number from 0",
    [SEED] = "a whole number from 0",
    [SHARE] = "a number between 0 and 1",
    [LIMIT] = "a number from 0",
    [SIZE] = "a number of bytes, or one with K, M, G or T: 800M, 4G",
    [FILES] = NULL,
};

/* false: the text is no such number. */
static bool set_number(void *place, kind wanted, const char *text) {
    uint64_t whole;
    double real;
    switch (wanted) {
    case SEED:
        return read_whole(place, text, 0, UINT64_MAX);
    case SIZE:
        return read_size(place, text);
    case SHARE:
    case LIMIT:
        if (!read_real(&real, text) || (wanted == SHARE && (real <= 0 || real >= 1))) return false;
        *(double *)place = real;
        return true;
    default:
        if (!read_whole(&whole, text, wanted != NUMBER, wanted == TEAM ? SAV_MAX_THREADS : INT_MAX))
            return false;
        *(size_t *)place = (size_t)whole;
        return true;
    }
}

/* Is word one of names (separated by |)? */
static bool is_among(const char *names, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = names; *at;) {
        const size_t n = strcspn(at, "|");
        if (n == length && memcmp(at, word, n) == 0) return true;
        at += n + (at[n] == '|');
    }
    return false;
}

/* The words that may stand there, as the help shows them. */
static void put_choices(sav_text *out, const option *o) {
    if (o->kind == ENGINE || o->kind == ISA)
        sav_engines_names(out, o->kind == ISA);
    else
        sav_text_string(out, o->value);
}

static bool is_choice(const option *o, const char *value, sav_text *expected) {
    if (o->kind == PLACE) { /* elsewhere "-" is a standard stream: nobody means a file of that name */
        sav_text_string(expected, "the name of a file or folder (./- where it is called so)");
        return strcmp(value, "-") != 0;
    }
    if (o->kind == FORMAT) {
        sav_text_string(expected, "one of ");
        sav_format_names(expected);
        return sav_format_find(value) != NULL;
    }
    put_choices(expected, o);
    return expected->failed || is_among(expected->bytes, value);
}

/* Stores one value where the table says. */
static sav_status set_value(sav_cli *cli, const option *o, const char *value, sav_error *err) {
    void *place = (char *)cli + o->at;
    sav_text expected = {0};
    bool right = true;
    if (NUMBERS[o->kind]) {
        right = set_number(place, o->kind, value);
        sav_text_string(&expected, NUMBERS[o->kind]);
    } else {
        if (o->kind != TEXT) right = is_choice(o, value, &expected);
        *(const char **)place = value;
    }
    if (!right)
        sav_cli_misuse(cli, err, "--%s %.80s: expected %s", o->name, value,
                       expected.failed ? "another" : expected.bytes);
    sav_text_free(&expected);
    return right ? SAV_OK : SAV_BAD_INPUT;
}

/* ---- argv ---------------------------------------------------------------------------------------------- */

typedef struct words {
    char **items; /* [count], of argv */
    int count, at;
} words;

static bool is_option(const char *word) {
    return word[0] == '-' && word[1] == '-' && word[2] != '\0';
}

/* The next word, when it is there and no option: a value. */
static const char *next_value(words *w) {
    if (w->at + 1 >= w->count || is_option(w->items[w->at + 1])) return NULL;
    w->at++;
    return w->items[w->at];
}

static const option *find_option(const sav_command *command, const char *name, size_t length) {
    for (size_t i = 0; i < SAV_OPTION_COUNT; i++)
        if (is_taken(command, i) && strlen(OPTIONS[i].name) == length &&
            memcmp(OPTIONS[i].name, name, length) == 0)
            return &OPTIONS[i];
    return NULL;
}

static void add_images(sav_cli *cli, const char *first, words *more) {
    for (const char *image = first; image; image = more ? next_value(more) : NULL) {
        cli->images[cli->image_count] = image;
        cli->image_count++;
    }
}

/* One option, whose word is the current one, and its values. */
static sav_status read_option(sav_cli *cli, words *w, bool *given, sav_error *err) {
    const char *name = w->items[w->at] + 2, *equals = strchr(name, '=');
    const size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const option *o = find_option(cli->command, name, length);
    if (!o) return unknown(cli, name, length, err);
    const bool again = given[o - OPTIONS];
    given[o - OPTIONS] = true;
    if (again && o->kind != FLAG && o->kind != FILES)
        return sav_cli_misuse(cli, err, "--%s is given twice", o->name);
    if (o->kind == FLAG) {
        if (equals) return sav_cli_misuse(cli, err, "--%s takes no value", o->name);
        *(bool *)((char *)cli + o->at) = true;
        return SAV_OK;
    }
    const char *value = equals ? equals + 1 : next_value(w);
    if (!value || !*value)
        return sav_cli_misuse(cli, err, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    if (o->kind != FILES) return set_value(cli, o, value, err);
    add_images(cli, value, equals ? NULL : w);
    return SAV_OK;
}

/* Every required option has to be there; the first that is not is named. */
static sav_status check_required(sav_cli *cli, const bool *given, sav_error *err) {
    const sav_command *command = cli->command;
    for (size_t i = 0; i < SAV_OPTION_COUNT; i++)
        if (command->options[i] == SAV_OPTION_REQUIRED && !given[i])
            return sav_cli_misuse(cli, err, "--%s %s is missing: %s", OPTIONS[i].name, OPTIONS[i].value,
                                  OPTIONS[i].help);
    if (cli->operand_count > command->operands)
        return sav_cli_misuse(cli, err, "found \"%.80s\"; expected an option or nothing",
                              cli->operands[command->operands]);
    if (cli->operand_count < command->operands)
        return sav_cli_misuse(cli, err, "found %zu file%s; expected %zu", cli->operand_count,
                              sav_plural(cli->operand_count), command->operands);
    return SAV_OK;
}

static void add_operand(sav_cli *cli, const char *word) {
    cli->operands[cli->operand_count] = word;
    cli->operand_count++;
}

sav_status sav_options_read(sav_cli *cli, int count, char **items, sav_error *err) {
    bool given[SAV_OPTION_COUNT] = {false};
    words w = {.items = items, .count = count};
    cli->max_rel_l2 = -1;
    cli->images = sav_alloc((size_t)count + 1, sizeof *cli->images);
    cli->operands = sav_alloc((size_t)count + 1, sizeof *cli->operands);
    if (!cli->images || !cli->operands) return sav_fail(err, SAV_NO_MEMORY, "no memory for the command line");
    for (; w.at < count; w.at++) {
        const char *word = items[w.at];
        sav_status status = SAV_OK;
        if (strcmp(word, "--") == 0) {
            while (++w.at < count) add_operand(cli, items[w.at]);
        } else if (strcmp(word, "-h") == 0) {
            cli->help = true;
        } else if (is_option(word)) {
            status = read_option(cli, &w, given, err);
        } else if (word[0] == '-' && word[1]) {
            status = sav_cli_misuse(cli, err, "unknown option %.60s; options begin with --", word);
        } else {
            add_operand(cli, word);
        }
        if (status || cli->help) return status;
    }
    return check_required(cli, given, err);
}

void sav_options_free(sav_cli *cli) {
    sav_free(cli->images);
    sav_free(cli->operands);
}

void sav_options_describe(sav_text *out, const sav_command *command) {
    enum { WIDE = 28 }; /* where the explanations stand */
    for (size_t i = 0; i < SAV_OPTION_COUNT; i++) {
        const option *o = &OPTIONS[i];
        if (!is_taken(command, i)) continue;
        const size_t start = out->length;
        sav_text_printf(out, "  --%s%s", o->name, o->value ? " " : "");
        if (o->value) put_choices(out, o);
        size_t used = 0; /* columns: a character of several bytes is one */
        for (size_t at = start; at < out->length; at++)
            used += ((unsigned char)out->bytes[at] & 0xc0) != 0x80;
        if (used >= WIDE) sav_text_string(out, "\n");
        sav_text_printf(out, "%*s %s\n", used < WIDE ? (int)(WIDE - used) : WIDE, "", o->help);
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

bool sav_options_taken(const sav_command *command, size_t id) {
    return is_taken(command, id);
}

void sav_options_put_value(sav_text *out, size_t id) {
    const option *o = &OPTIONS[id];
    if (o->kind != FORMAT) {
        if (o->value) put_choices(out, o);
        return;
    }
    for (size_t i = 0; sav_format_at(i); i++)
        sav_text_printf(out, "%s%s", i ? "|" : "", sav_format_at(i)->name);
}

static sav_option_wants wanted(const option *o) {
    static const char *const paths[] = {"DIR", "FILE", "LIST", "F", "F64"};
    switch (o->kind) {
    case FLAG:
        return SAV_WANTS_NOTHING;
    case CHOICE:
    case ENGINE:
    case ISA:
    case FORMAT:
        return SAV_WANTS_CHOICE;
    case PLACE:
    case FILES:
        return SAV_WANTS_PATH;
    default:
        for (size_t i = 0; o->kind == TEXT && i < sizeof paths / sizeof *paths; i++)
            if (strcmp(o->value, paths[i]) == 0) return SAV_WANTS_PATH;
        return SAV_WANTS_TEXT;
    }
}

sav_option_row sav_options_at(size_t id) {
    const option *o = &OPTIONS[id];
    return (sav_option_row){o->name, o->help, wanted(o), o->kind == FILES};
}
