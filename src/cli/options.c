/* options.c: argv -> sav_cli. See options.h. */
#include "cli/options.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/formats.h"
#include "tasks/engines.h"

/* ---- the table ----------------------------------------------------------------------------------------- */

typedef enum kind {
    FLAG,   /* bool, no value */
    TEXT,   /* const char *, not empty */
    CHOICE, /* const char *, one of the words that the table shows */
    ENGINE, /* const char *, one of the engines built into this program */
    ISA,    /* const char *, one of their ISAs */
    FORMAT, /* const char *, a list format */
    COUNT,  /* size_t, from 1 */
    NUMBER, /* size_t, from 0 */
    SEED,   /* uint64_t */
    SHARE,  /* double in (0, 1) */
    LIMIT,  /* double from 0 */
    SIZE,   /* uint64_t of bytes, with K, M, G or T */
    FILES   /* images: one or more words */
} kind;

typedef struct option {
    const char *name;
    kind kind;
    size_t at;         /* offset of its value in sav_cli */
    const char *value; /* how the help shows the value */
    const char *help;
} option;

#define AT(field) offsetof(sav_cli, field)

static const option OPTIONS[] = {
    {"model", TEXT, AT(model), "DIR", "a Hugging Face model folder, as downloaded"},
    {"engine", ENGINE, AT(engine), "NAME",
     "how numbers are computed; the first is the default, int8 for its folders"},
    {"dtype", CHOICE, AT(dtype), "f32|bf16|f16", "storage type of the exact engine"},
    {"isa", ISA, AT(isa), "NAME", "force a kernel variant"},
    {"threads", COUNT, AT(threads), "N", "default: the cores this process may use"},
    {"memory", SIZE, AT(memory), "SIZE",
     "most memory to use, 800M or 4G; weights are streamed when they exceed it"},
    {"pillow", CHOICE, AT(pillow), "11|13", "order of the two resize passes, as that Pillow does it"},
    {"min-pixels", COUNT, AT(min_pixels), "N", "least pixels of a resized picture (Qwen-VL families)"},
    {"max-pixels", COUNT, AT(max_pixels), "N", "most pixels of a resized picture (Qwen-VL families)"},
    {"train", TEXT, AT(train), "LIST", "labelled examples"},
    {"test", TEXT, AT(test), "LIST", "what to classify"},
    {"input", TEXT, AT(input), "LIST", "JSON Lines, a JSON array, - or a folder of class folders"},
    {"data", FORMAT, AT(data), "NAME", "the list's format; default: general"},
    {"image-root", TEXT, AT(image_root), "DIR", "where the list's picture paths start"},
    {"question", TEXT, AT(question), "TEXT", "asked of every picture (--image, folder lists)"},
    {"shots", COUNT, AT(shots), "K", "use K examples of each class"},
    {"seed", SEED, AT(seed), "S", "of every draw; default 0"},
    {"skip-bad", FLAG, AT(skip_bad), NULL, "leave out bad lines and unreadable pictures, and list them"},
    {"exif-rotate", FLAG, AT(exif_rotate), NULL, "turn pictures as their EXIF orientation says"},
    {"heads", COUNT, AT(heads), "K", "how many heads vote; default 20"},
    {"validation", SHARE, AT(validation), "FRACTION",
     "score heads on this share of each class, means from the rest"},
    {"min-margin", NUMBER, AT(min_margin), "M", "predict null below this margin of votes"},
    {"image", FILES, AT(images), "F…", "pictures of one question"},
    {"store", TEXT, AT(store), "DIR", "a feature store"},
    {"sav", TEXT, AT(sav), "FILE", "a fitted sav.safetensors"},
    {"out", TEXT, AT(out), "PATH", "where results go"},
    {"vision", CHOICE, AT(vision), "bf16|int8", "bf16: the vision tower stays as it is; default int8"},
    {"group", CHOICE, AT(group), "32|64|128",
     "weights that share a scale; default 128, fewer are closer and slower"},
    {"messages", TEXT, AT(messages), "F", "Hugging Face chat JSON"},
    {"prompt", TEXT, AT(prompt), "F", "a literal prompt, placeholders included"},
    {"text", TEXT, AT(text), "F", "a file's bytes alone, no chat layout"},
    {"stages", TEXT, AT(stages), "GLOB[,GLOB]", "only stages whose names match"},
    {"truth", TEXT, AT(truth), "F64", "adds both files' distances from this one"},
    {"max-rel-l2", LIMIT, AT(max_rel_l2), "X", "equal means: every stage within X"},
    {"tokens", COUNT, AT(tokens), "N", "of text in the prompt; default 256"},
    {"image-size", TEXT, AT(image_size), "HxW",
     "a picture of noise, height x width, stands in front of the text"},
    {"rounds", COUNT, AT(rounds), "N",
     "forwards to take the median of, behind one to warm up; at most 64; default 3"},
    {"verify", FLAG, AT(verify), NULL, "read every byte, digest whole files, test the kernels"},
    {"json", FLAG, AT(json), NULL, "one JSON document on standard output"},
    {"quiet", FLAG, AT(quiet), NULL, "no progress, no messages"},
    {"help", FLAG, AT(help), NULL, "this text"},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

/* ---- names --------------------------------------------------------------------------------------------- */

/* Is word one of names (separated by `between`)? */
static bool listed(const char *names, const char *word, size_t length, char between) {
    for (const char *at = names; *at;) {
        const char *end = strchr(at, between);
        size_t n = end ? (size_t)(end - at) : strlen(at);
        if (n == length && memcmp(at, word, n) == 0) return true;
        at += n + (end ? 1 : 0);
    }
    return false;
}

static bool offered(const sav_command *command, const char *name) {
    static const char everywhere[] = "json quiet help";
    return listed(command->options, name, strlen(name), ' ') || listed(everywhere, name, strlen(name), ' ');
}

/* Letters inserted, deleted, changed or swapped with their neighbour on the way from a to b (restricted
 * Damerau distance). */
static size_t distance(const char *a, size_t n, const char *b, size_t m) {
    enum { MOST = 31 };
    size_t rows[3][MOST + 1];
    if (n > MOST || m > MOST) return MOST;
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *sav_options_nearest(char *out, size_t size, const char *word, const char *names) {
    const size_t length = strlen(word);
    size_t best = length / 3 + 2; /* further away than this is another word */
    const char *found = NULL;
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, " ");
        size_t far = distance(word, length, at, n);
        if (far < best && n < size) {
            best = far;
            memcpy(out, at, n);
            out[n] = '\0';
            found = out;
        }
        at += n + strspn(at + n, " ");
    }
    return found;
}

static sav_status unknown(sav_cli *cli, const char *word, size_t length, sav_error *err) {
    char name[64], room[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), word);
    sav_text names = {0};
    sav_text_printf(&names, "%s json quiet help", cli->command->options);
    const char *near = names.failed ? NULL : sav_options_nearest(room, sizeof room, name, names.bytes);
    if (near)
        sav_cli_misuse(cli, err, "unknown option --%s; did you mean --%s?", name, near);
    else
        sav_cli_misuse(cli, err, "unknown option --%s", name);
    sav_text_free(&names);
    return SAV_BAD_INPUT;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static sav_status bad_value(sav_cli *cli, const option *o, const char *value, const char *expected,
                            sav_error *err) {
    return sav_cli_misuse(cli, err, "--%s %.80s: expected %s", o->name, value, expected);
}

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

static sav_status set_format(sav_cli *cli, const option *o, const char *value, const char **place,
                             sav_error *err) {
    if (!sav_format_find(value)) {
        sav_text names = {0};
        sav_format_names(&names);
        sav_cli_misuse(cli, err, "--%s %.80s: expected one of %s", o->name, value,
                       names.failed ? "its names" : names.bytes);
        sav_text_free(&names);
        return SAV_BAD_INPUT;
    }
    *place = value;
    return SAV_OK;
}

static sav_status set_kernels(sav_cli *cli, const option *o, const char *value, const char **place,
                              sav_error *err) {
    sav_text names = {0};
    sav_status status = SAV_OK;
    sav_engines_names(&names, o->kind == ISA);
    if (names.failed || !listed(names.bytes, value, strlen(value), '|'))
        status = bad_value(cli, o, value, names.failed ? "its names" : names.bytes, err);
    sav_text_free(&names);
    if (!status) *place = value;
    return status;
}

/* Stores one value where the table says. */
static sav_status set_value(sav_cli *cli, const option *o, const char *value, sav_error *err) {
    void *place = (char *)cli + o->at;
    uint64_t whole;
    double real;
    switch (o->kind) {
    case FORMAT:
        return set_format(cli, o, value, place, err);
    case ENGINE:
    case ISA:
        return set_kernels(cli, o, value, place, err);
    case CHOICE:
        if (!listed(o->value, value, strlen(value), '|')) return bad_value(cli, o, value, o->value, err);
        *(const char **)place = value;
        return SAV_OK;
    case COUNT:
    case NUMBER:
        if (!read_whole(&whole, value, o->kind == COUNT, INT_MAX))
            return bad_value(cli, o, value,
                             o->kind == COUNT ? "a whole number from 1" : "a whole number from 0", err);
        *(size_t *)place = (size_t)whole;
        return SAV_OK;
    case SEED:
        if (!read_whole(place, value, 0, UINT64_MAX))
            return bad_value(cli, o, value, "a whole number from 0", err);
        return SAV_OK;
    case SHARE:
        if (!read_real(&real, value) || real <= 0 || real >= 1)
            return bad_value(cli, o, value, "a number between 0 and 1", err);
        *(double *)place = real;
        return SAV_OK;
    case SIZE:
        if (!read_size(place, value))
            return bad_value(cli, o, value, "a number of bytes, or one with K, M, G or T: 800M, 4G", err);
        return SAV_OK;
    case LIMIT:
        if (!read_real(&real, value)) return bad_value(cli, o, value, "a number from 0", err);
        *(double *)place = real;
        return SAV_OK;
    default:
        *(const char **)place = value;
        return SAV_OK;
    }
}

/* ---- argv ---------------------------------------------------------------------------------------------- */

static bool is_option(const char *word) {
    return word[0] == '-' && word[1] == '-' && word[2] != '\0';
}

/* One option, whose word is words[*at]; *at moves to the last word it used. */
static sav_status read_option(sav_cli *cli, int *at, int count, char **words, uint64_t *given,
                              sav_error *err) {
    const char *name = words[*at] + 2, *equals = strchr(name, '=');
    const size_t length = equals ? (size_t)(equals - name) : strlen(name);
    size_t i = 0;
    while (i < OPTION_COUNT &&
           (strlen(OPTIONS[i].name) != length || memcmp(OPTIONS[i].name, name, length) != 0))
        i++;
    if (i == OPTION_COUNT || !offered(cli->command, OPTIONS[i].name)) return unknown(cli, name, length, err);
    const option *o = &OPTIONS[i];
    const bool again = *given >> i & 1;
    *given |= UINT64_C(1) << i;
    if (again && o->kind != FLAG && o->kind != FILES)
        return sav_cli_misuse(cli, err, "--%s is given twice", o->name);
    if (o->kind == FLAG) {
        if (equals) return sav_cli_misuse(cli, err, "--%s takes no value", o->name);
        *(bool *)((char *)cli + o->at) = true;
        return SAV_OK;
    }
    const char *value = equals                                          ? equals + 1
                        : *at + 1 < count && !is_option(words[*at + 1]) ? words[++*at]
                                                                        : "";
    if (!*value) return sav_cli_misuse(cli, err, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    if (o->kind != FILES) return set_value(cli, o, value, err);
    cli->images[cli->image_count++] = value;
    while (!equals && *at + 1 < count && !is_option(words[*at + 1]))
        cli->images[cli->image_count++] = words[++*at];
    return SAV_OK;
}

/* Every required option has to be there; the first that is not is named. */
static sav_status check_required(sav_cli *cli, uint64_t given, sav_error *err) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const option *o = &OPTIONS[i];
        if (!(given >> i & 1) && listed(cli->command->required, o->name, strlen(o->name), ' '))
            return sav_cli_misuse(cli, err, "--%s %s is missing: %s", o->name, o->value, o->help);
    }
    if (cli->operand_count > cli->command->operands)
        return sav_cli_misuse(cli, err, "found \"%.80s\"; expected an option or nothing",
                              cli->operands[cli->command->operands]);
    if (cli->operand_count < cli->command->operands)
        return sav_cli_misuse(cli, err, "found %zu files; expected %zu", cli->operand_count,
                              cli->command->operands);
    return SAV_OK;
}

sav_status sav_options_read(sav_cli *cli, int count, char **words, sav_error *err) {
    cli->max_rel_l2 = -1;
    cli->images = sav_alloc((size_t)count + 1, sizeof *cli->images);
    cli->operands = sav_alloc((size_t)count + 1, sizeof *cli->operands);
    if (!cli->images || !cli->operands) return sav_fail(err, SAV_NO_MEMORY, "no memory for the command line");
    uint64_t given = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--") == 0) {
            while (++i < count) cli->operands[cli->operand_count++] = words[i];
        } else if (is_option(words[i])) {
            sav_status status = read_option(cli, &i, count, words, &given, err);
            if (status) return status;
            if (cli->help) return SAV_OK;
        } else if (words[i][0] == '-' && words[i][1]) {
            return sav_cli_misuse(cli, err, "unknown option %.60s; options begin with --", words[i]);
        } else {
            cli->operands[cli->operand_count++] = words[i];
        }
    }
    return check_required(cli, given, err);
}

void sav_options_free(sav_cli *cli) {
    sav_free(cli->images);
    sav_free(cli->operands);
}

void sav_options_describe(sav_text *out, const sav_command *command) {
    enum { WIDE = 28 }; /* where the explanations stand */
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const option *o = &OPTIONS[i];
        if (!offered(command, o->name)) continue;
        const size_t start = out->length;
        sav_text_printf(out, "  --%s%s", o->name, o->value ? " " : "");
        if (o->kind == ENGINE || o->kind == ISA)
            sav_engines_names(out, o->kind == ISA);
        else if (o->value)
            sav_text_string(out, o->value);
        const size_t used = out->length - start;
        if (used >= WIDE) sav_text_string(out, "\n");
        sav_text_printf(out, "%*s %s\n", used < WIDE ? (int)(WIDE - used) : WIDE, "", o->help);
    }
}
