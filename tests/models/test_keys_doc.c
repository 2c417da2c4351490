/* docs/KEYS.md says what the tables of keys say: it is written from them.
 *
 *   build/tests/models/test_keys_doc          compares
 *   build/tests/models/test_keys_doc --write  writes it anew (make keys)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "base/os.h"
#include "lists/formats.h"
#include "lists/messages.h"
#include "models/family.h"
#include "text/tokenizer_parts.h"

enum { MOST = 32 };

static const char HEAD[] =
    "# Keys of files from outside\n"
    "\n"
    "What each key of a model folder's files, of messages and of lists is to savs. Written from the tables "
    "in the source by\n"
    "`make keys`; a test compares. Versions: transformers 4.45 to 5.x, lmms-lab's code.\n"
    "\n"
    "| word | meaning |\n"
    "|---|---|\n"
    "| read | its value is used, or checked |\n"
    "| harmless | no value of it changes a number here |\n"
    "| only | with the values shown it is harmless; any other is an error that names the key |\n"
    "| refused | an error that names the key |\n"
    "\n"
    "A key that is in no table: inside an object of which every member counts (marked \"no others\") it is "
    "refused. Elsewhere\n"
    "it is refused when its name contains rope, norm, eps, act, scale, image, pixel, patch, resize, crop or "
    "token_id;\n"
    "the rest stand in one warning a file. `a*` is every key that begins with a. In messages and lists "
    "every\n"
    "unknown key is named in a warning.\n"
    "\n"
    "Files that are not read: `adapter_config.json`, `adapter_model.*` beside a model are refused: "
    "merge them with PEFT first.\n";

/* Tables that others share: written once, behind the rest. */
typedef struct shared {
    const sav_keys *tables[MOST];
    size_t count;
} shared;

static void remember(shared *kept, const sav_keys *table) {
    for (size_t i = 0; i < kept->count; i++)
        if (kept->tables[i] == table) return;
    if (!CHECK(kept->count < MOST)) exit(1);
    kept->tables[kept->count++] = table;
}

/* "true|null" -> `true` or `null`. */
static void put_values(sav_text *out, const char *values) {
    for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        sav_text_printf(out, "%s`%.*s`", at == values ? "" : " or ", (int)strcspn(at, "|"), at);
}

static bool alike(const sav_key *a, const sav_key *b) {
    const char *why = a->why ? a->why : "", *other = b->why ? b->why : "";
    return b->name && a->use == b->use && strcmp(why, other) == 0 && !a->values && !b->values &&
           !a->members && !b->members;
}

/* Rows that follow each other and say the same are one line. */
static void put_rows(sav_text *out, const sav_key *rows) {
    static const char *const words[] = {"read", "harmless", "only ", "refused"};
    for (const sav_key *row = rows; row && row->name; row++) {
        const sav_key *first = row;
        sav_text_printf(out, "| `%s`", row->name);
        for (; alike(first, row + 1); row++) sav_text_printf(out, ", `%s`", row[1].name);
        sav_text_printf(out, " | %s", words[first->use]);
        if (first->values) put_values(out, first->values);
        sav_text_printf(out, " | %s |\n",
                        first->members ? "its members: below"
                        : first->why   ? first->why
                                       : "");
    }
}

static void put_table(sav_text *out, const sav_keys *table, const char *title, const char *level,
                      shared *kept) {
    char inner[300];
    const sav_keys *t = table;
    sav_text_printf(out, "\n%s %s%s%s%s%s\n\n| key | | why |\n|---|---|---|\n", *level ? "###" : "##", title,
                    *level ? ": `" : "", level, *level ? "`" : "",
                    table->others == SAV_OTHERS_REFUSED ? " (no others)" : "");
    do {
        put_rows(out, t->rows);
        t = t->more;
    } while (t && !t->file);
    if (t) sav_text_printf(out, "\nAnd the keys of %s, below.\n", t->file);
    if (t) remember(kept, t);
    for (const sav_keys *s = table; s != t; s = s->more)
        for (const sav_key *row = s->rows; row && row->name; row++) {
            if (!row->members) continue;
            snprintf(inner, sizeof inner, "%s%s%s", level, *level ? "." : "", row->name);
            put_table(out, row->members, title, inner, kept);
        }
}

static void put_families(sav_text *out, shared *kept) {
    const sav_keys *done[4 * MOST];
    size_t count = 0;
    for (size_t f = 0; sav_family_at(f); f++)
        for (const sav_keys *const *t = sav_family_at(f)->keys; t && *t; t++) {
            char title[300];
            bool seen = false;
            for (size_t i = 0; i < count; i++) seen |= done[i] == *t;
            if (seen) continue;
            if (!CHECK(count < sizeof done / sizeof *done)) exit(1);
            done[count++] = *t;
            if ((*t)->architecture)
                snprintf(title, sizeof title, "%s of %s", (*t)->file, (*t)->architecture);
            else
                snprintf(title, sizeof title, "%s, %s", (*t)->file, sav_family_at(f)->name);
            put_table(out, *t, title, (*t)->level ? (*t)->level : "", kept);
        }
}

static void put_document(sav_text *out) {
    shared kept = {{NULL}, 0};
    char title[200];
    sav_text_string(out, HEAD);
    put_families(out, &kept);
    put_table(out, &sav_tokenizer_json_keys, "tokenizer.json", "", &kept);
    put_table(out, &sav_tokenizer_config_keys, "tokenizer_config.json", "", &kept);
    put_table(out, &sav_special_map_keys, "special_tokens_map.json", "", &kept);
    for (size_t i = 0; sav_message_keys[i]; i++)
        put_table(out, sav_message_keys[i], "messages", sav_message_keys[i]->level, &kept);
    for (size_t i = 0; sav_format_at(i); i++) {
        snprintf(title, sizeof title, "a list's record, --data %s", sav_format_at(i)->name);
        put_table(out, sav_format_at(i)->keys, title, "", &kept);
    }
    for (size_t i = 0; i < kept.count; i++) put_table(out, kept.tables[i], kept.tables[i]->file, "", &kept);
}

static void write_document(const sav_text *text) {
    sav_error err;
    sav_os_file *file;
    if (!CHECK_OK(sav_os_create(&file, "docs/KEYS.md", &err), &err) ||
        !CHECK_OK(sav_os_write(file, text->bytes, text->length, &err), &err))
        exit(1);
    CHECK_OK(sav_os_commit(file, &err), &err);
}

int main(int argc, char **argv) {
    sav_text want = {0};
    sav_error err;
    char *found = NULL;
    size_t length = 0;
    put_document(&want);
    if (argc > 1 && strcmp(argv[1], "--write") == 0) write_document(&want);
    if (CHECK_OK(sav_os_read_file(&found, &length, "docs/KEYS.md", (size_t)1 << 22, &err), &err) &&
        !CHECK(length == want.length && memcmp(found, want.bytes, length) == 0))
        printf("  docs/KEYS.md is not what the tables say; make keys writes it\n");
    sav_free(found);
    sav_text_free(&want);
    return check_report("keys doc");
}
