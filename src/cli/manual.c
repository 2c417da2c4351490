/* manual.c: savs(1) from the tables. See manual.h. */
#include "cli/manual.h"

#include <string.h>

#include "cli/help.h"
#include "cli/options.h"

/* Text for roff: its own signs escaped, characters outside ASCII by their numbers, which every roff knows. */
static void put_text(sav_text *out, const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '\\')
            sav_text_string(out, "\\e");
        else if (*p == '-')
            sav_text_string(out, "\\-");
        else if (*p == '\'' || *p == '.')
            sav_text_printf(out, "\\&%c", *p); /* at the start of a line they would be a request */
        else if (*p < 0x80)
            sav_text_printf(out, "%c", *p);
        else if (*p >= 0xE0 && p[1] && p[2]) { /* the tables have no longer ones */
            sav_text_printf(out, "\\[u%04X]", (*p & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu));
            p += 2;
        } else if (p[1]) {
            sav_text_printf(out, "\\[u%04X]", (*p & 0x1Fu) << 6 | (p[1] & 0x3Fu));
            p++;
        }
    }
}

static void put_line(sav_text *out, const char *before, const char *text, const char *after) {
    sav_text_string(out, before);
    put_text(out, text);
    sav_text_string(out, after);
}

static void put_command(sav_text *out, const sav_command *command) {
    put_line(out, ".SS savs ", command->name, "\n.B savs ");
    put_line(out, "", command->name, "\n");
    put_line(out, "", command->usage, "\n.PP\n");
    put_line(out, "", command->summary, ".\n.PP\nOptions:");
    for (size_t id = 0; id < SAV_OPTION_COUNT; id++)
        if (sav_options_taken(command, id)) put_line(out, "\n\\fB\\-\\-", sav_options_at(id).name, "\\fR");
    put_line(out, "\n.PP\nExample:\n.PP\n.nf\n", command->example, "\n.fi\n");
}

/* An option once for all commands. */
static void put_option(sav_text *out, size_t id) {
    const sav_option_row row = sav_options_at(id);
    sav_text value = {0};
    sav_options_put_value(&value, id);
    put_line(out, ".TP\n\\fB\\-\\-", row.name, "\\fR");
    if (value.length) put_line(out, " ", value.bytes, "");
    put_line(out, "\n", row.help, "\n");
    out->failed |= value.failed;
    sav_text_free(&value);
}

void sav_manual_page(sav_text *out) {
    sav_text_printf(
        out,
        ".\\\" Written by savs help --man from its tables.\n.TH SAVS 1 \"\" \"savs %s\" \"User Commands\"\n",
        SAV_VERSION);
    sav_text_string(
        out,
        ".SH NAME\nsavs \\- few\\-shot classifiers from the attention heads of vision\\-language models\n"
        ".SH SYNOPSIS\n.B savs\nCOMMAND [options]\n.br\n.B savs help\n[COMMAND]\n.br\n.B savs \\-\\-version\n"
        ".SH DESCRIPTION\nSparse Attention Vectors: a Hugging Face model folder and a few labelled examples "
        "become a classifier of 20 attention heads, on a plain CPU.\n.SH COMMANDS\n");
    for (size_t i = 0; sav_command_at(i); i++)
        if (sav_command_at(i)->run) put_command(out, sav_command_at(i));
    sav_text_string(out, ".SH OPTIONS\nA value stands behind its option or after an equals sign.\n");
    for (size_t id = 0; id < SAV_OPTION_COUNT; id++) put_option(out, id);
    sav_text_string(
        out,
        ".SH EXIT STATUS\n.TP\n.B 0\nsuccess; of diff: equal\n.TP\n.B 1\nfailure, one line on standard "
        "error; of diff: different\n.TP\n.B 2\nwrong command line; of diff also: a file that cannot be "
        "compared\n.TP\n.B 130, 143\nstopped by Ctrl\\-C or SIGTERM\n"
        ".SH ENVIRONMENT\n.TP\n.B OMP_WAIT_POLICY, GOMP_SPINCOUNT, KMP_BLOCKTIME\nhow idle threads wait; "
        "without them they sleep soon\n.TP\n.B HF_HUB_CACHE, HF_HOME\nwhere \\-\\-model looks for the name "
        "of a downloaded model\n.TP\n.B OPENBLAS_CORETYPE\nthe kernels of \\-\\-engine blas\n");
}
