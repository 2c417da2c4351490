/* layout.c: chat layouts (see layout.h).
 *
 * Sources: LLaVA-NeXT's conversation "qwen_1_5"; the chat templates of llava-hf and Qwen on the Hugging Face
 * hub, as transformers 4.51.3 renders them.
 */
#include "text/layout.h"

#include <string.h>

#include "base/os.h"
#include "io/json.h"

enum { TEMPLATE_LIMIT = 1 << 20 }; /* bytes */
#define SYSTEM_TEXT "You are a helpful assistant."

/* How a layout differs from the others; all of them write <|im_start|>ROLE … <|im_end|>. */
typedef struct layout_rule {
    const char *name;
    const char *placeholder;
    const char *mark;           /* the processor's own; NULL: it has none */
    const char *behind_role;    /* after ROLE */
    const char *picture;        /* a picture beside the text */
    const char *inline_picture; /* a picture inside a question */
    const char *before_text;    /* before each text of a turn */
    const char *behind_turn;    /* after <|im_end|> */
    bool pictures_first;        /* the pictures of a turn before its texts */
    bool default_system;        /* a system turn where the prompt has none */
} layout_rule;

#define VISION "<|vision_start|><|image_pad|><|vision_end|>"
static const layout_rule rules[] = {
    [SAV_LAYOUT_QWEN_1_5] = {"qwen_1_5", "<image>", NULL, "\n", "<image>\n", "<image>", "", "\n", false,
                             true},
    /* PARITY: a space behind the role, no line end behind a turn, and no system turn; a turn of text alone
     * keeps the space: "user \n". Guarded by test_layout. */
    [SAV_LAYOUT_LLAVA_HF] = {"llava-hf", "<image>", "<placeholder>", " ", "<image>", "<image>", "\n", "",
                             true, false},
    [SAV_LAYOUT_LLAVA_CONVERTED] = {"llava-converted", "<image>", "<placeholder>", "\n", "<image>\n",
                                    "<image>", "", "\n", true, false},
    [SAV_LAYOUT_QWEN_VL] = {"qwen-vl", "<|image_pad|>", "<|placeholder|>", "\n", VISION, VISION, "", "\n",
                            false, true},
};

const char *sav_layout_name(sav_layout layout) {
    return rules[layout].name;
}

const char *sav_layout_placeholder(sav_layout layout) {
    return rules[layout].placeholder;
}

const char *sav_layout_mark(sav_layout layout) {
    return rules[layout].mark;
}

/* ---- rendering ----------------------------------------------------------------------------------------- */

static const char *or_empty(const char *text) {
    return text ? text : "";
}

/* A question with pictures inside reaches us as text, picture, text: one text of the layout. So the parts
 * that follow an inline picture, and the picture itself behind a text, begin no new text. */
static void put_texts(sav_text *out, const layout_rule *rule, const sav_message *message, bool pictures_too) {
    const sav_part *last = NULL; /* the text or inline picture before */
    for (size_t i = 0; i < message->count; i++) {
        const sav_part *part = &message->parts[i];
        if (part->kind == SAV_IMAGE) {
            if (pictures_too) sav_text_string(out, rule->picture);
            continue;
        }
        bool goes_on = last && (last->kind == SAV_IMAGE_INLINE || part->kind == SAV_IMAGE_INLINE);
        if (!goes_on) sav_text_string(out, rule->before_text);
        sav_text_string(out, part->kind == SAV_IMAGE_INLINE ? rule->inline_picture : or_empty(part->text));
        last = part;
    }
}

static void put_turn(sav_text *out, const layout_rule *rule, const sav_message *message) {
    sav_text_printf(out, "<|im_start|>%s%s", or_empty(message->role), rule->behind_role);
    for (size_t i = 0; rule->pictures_first && i < message->count; i++)
        if (message->parts[i].kind == SAV_IMAGE) sav_text_string(out, rule->picture);
    put_texts(out, rule, message, !rule->pictures_first);
    sav_text_printf(out, "<|im_end|>%s", rule->behind_turn);
}

sav_status sav_layout_render(sav_text *out, sav_layout layout, const sav_prompt *prompt, sav_error *err) {
    const layout_rule *rule = &rules[layout];
    if (prompt->literal) {
        sav_text_string(out, prompt->literal);
    } else {
        bool system = prompt->count && strcmp(or_empty(prompt->messages[0].role), "system") == 0;
        if (rule->default_system && !system)
            sav_text_printf(out, "<|im_start|>system%s" SYSTEM_TEXT "<|im_end|>%s", rule->behind_role,
                            rule->behind_turn);
        for (size_t i = 0; i < prompt->count; i++) put_turn(out, rule, &prompt->messages[i]);
        sav_text_string(out, "<|im_start|>assistant\n"); /* a line end in every layout, llava-hf too */
    }
    return out->failed ? sav_fail(err, SAV_NO_MEMORY, "prompt: out of memory") : SAV_OK;
}

size_t sav_layout_pictures(const sav_part **out, size_t capacity, sav_layout layout,
                           const sav_prompt *prompt) {
    size_t count = 0;
    bool regroup = rules[layout].pictures_first && !prompt->literal;
    for (size_t m = 0; m < prompt->count; m++) {
        const sav_message *message = &prompt->messages[m];
        for (int pass = 0; pass < (regroup ? 2 : 1); pass++) { /* beside the text first, inside it then */
            for (size_t i = 0; i < message->count; i++) {
                const sav_part *part = &message->parts[i];
                if (part->kind == SAV_TEXT) continue;
                if (regroup && (part->kind == SAV_IMAGE_INLINE) != (pass == 1)) continue;
                if (count < capacity) out[count] = part;
                count++;
            }
        }
    }
    return count;
}

/* ---- templates ----------------------------------------------------------------------------------------- */

typedef struct known_template {
    const char *sha256; /* of the template's text, UTF-8 */
    sav_layout layout;
} known_template;

/* Published texts, each with its line ends as such and, where it stands inside Jinja strings, as \n. */
static const known_template known[] = {
    /* llava-hf/llava-onevision-*: chat_template.json */
    {"fbf77862dcdda46840b6da02767d651eadad3582310e40fed04dc7594a0a80dd", SAV_LAYOUT_LLAVA_HF},
    {"5ac9bd4e60a2be4f9df039e4d9328b91c2a957be3cb08686b9702ad77d9965ed", SAV_LAYOUT_LLAVA_HF},
    /* transformers: convert_llava_onevision_weights_to_hf.py */
    {"f741044c80eb2fb78a62fe765fe9564e0170cf359becbac1298b5c1ce2e25b41", SAV_LAYOUT_LLAVA_CONVERTED},
    {"c4c649e6a9be146f169b1391fb85e3fdc4f42b61cd4e023d0acee3bda39dd266", SAV_LAYOUT_LLAVA_CONVERTED},
    /* Qwen/Qwen2-VL-*-Instruct, Qwen/Qwen2.5-VL-*-Instruct */
    {"a0bc6f6fc7a29a80017a433e8f03a1cc1236e838a944a2d034295a60c4f2fddb", SAV_LAYOUT_QWEN_VL},
    /* Qwen/Qwen2-*-Instruct, text alone; lmms-lab's folders carry it */
    {"793202280c0910ab26bc6eb57c8212c2417324c6d8c4efd0d10d59092ab3e3eb", SAV_LAYOUT_QWEN_1_5},
    {"f0206845c9ebc3abb4735d44f286eb81ce99238ad2accc710c6fc60e6cb8ccc8", SAV_LAYOUT_QWEN_1_5},
    /* this project's: tools/qwen2_tokenizer.py */
    {"e8a2c60706572118b0892753dbfc5a7ae9db3eb9957608fa54d863808c7fb055", SAV_LAYOUT_LLAVA_HF},
    {"725c254b4fe1b7aa4e02b7d33b4771eb6c972ffe708e36acac22dc03c820317f", SAV_LAYOUT_LLAVA_CONVERTED},
    {"d45b53cd8c20882bf8ddba9ff5586f3e819160e03e358e18943a01c8b1d224ca", SAV_LAYOUT_QWEN_1_5},
    {"0723139cbe5e06c4d2ad91166e430b59ab7b1b4d3720af88c10811119dd3f3b6", SAV_LAYOUT_QWEN_VL},
};

static bool find_known(sav_layout *out, const char *text, size_t length) {
    char hex[65];
    sav_sha256 hash;
    sav_sha256_init(&hash);
    sav_sha256_update(&hash, text, length);
    sav_sha256_hex(&hash, hex);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(hex, known[i].sha256) != 0) continue;
        *out = known[i].layout;
        return true;
    }
    return false;
}

/* PARITY: Jinja reads every line end as \n. It drops one at the end of the text and, as transformers sets it,
 * one behind a block, with which all known texts end. So texts that differ in these mean the same; a third
 * line end would be printed (test: test_layout.c). */
static bool recognise(bool *found, sav_layout *out, const char *text, size_t length) {
    char *plain = sav_alloc(length + 2, 1);
    size_t n = 0;
    if (!plain) return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' && i + 1 < length && text[i + 1] == '\n') continue;
        plain[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    for (int i = 0; i < 2 && n && plain[n - 1] == '\n'; i++) n--;
    *found = find_known(out, plain, n);
    plain[n++] = '\n';
    *found = *found || find_known(out, plain, n);
    sav_free(plain);
    return true;
}

/* One line that names the file and shows the layout in use, line ends as \n. */
static void warn(sav_text *warning, const char *path, sav_layout layout, bool known_text) {
    if (!warning) return;
    sav_part parts[] = {{.kind = SAV_IMAGE, .text = ""}, {.kind = SAV_TEXT, .text = "QUESTION"}};
    sav_message turn = {"user", parts, 2};
    sav_prompt prompt = {&turn, 1, NULL};
    sav_text example = {0};
    if (sav_layout_render(&example, layout, &prompt, NULL)) warning->failed = true;
    sav_text_printf(warning, "%s: %s; using layout %s: ", path,
                    known_text ? "chat_template is that of another family"
                               : "chat_template is not one of those known",
                    rules[layout].name);
    for (const char *c = or_empty(example.bytes); *c; c++) {
        if (*c == '\n')
            sav_text_string(warning, "\\n");
        else
            sav_text_bytes(warning, c, 1);
    }
    sav_text_string(warning, "\n");
    sav_text_free(&example);
}

typedef struct choice {
    sav_layout layout, fallback;
    sav_text *warning; /* may be NULL */
    bool failed;       /* no memory */
} choice;

/* A known text of a layout with other placeholders does not suit the model: as good as unknown. */
static void decide(choice *c, const char *path, const char *text, size_t length) {
    sav_layout found = c->fallback;
    bool known_text = false;
    if (!recognise(&known_text, &found, text, length)) {
        c->failed = true;
        return;
    }
    if (known_text && strcmp(rules[found].placeholder, rules[c->fallback].placeholder) == 0)
        c->layout = found;
    else
        warn(c->warning, path, c->fallback, known_text);
}

/* "chat_template" of a JSON file: a string, or a list of named ones of which "default" counts. */
static const sav_json *template_of(const sav_json *root) {
    const sav_json *node = sav_json_get(root, "chat_template");
    if (node && node->kind == SAV_JSON_ARRAY) {
        const sav_json *named = node->child;
        while (named && !sav_json_is(sav_json_get(named, "name"), "default")) named = named->next;
        node = sav_json_get(named, "template");
    }
    return node && node->kind == SAV_JSON_STRING ? node : NULL;
}

/* One file that may hold a template; *found when it does. */
static sav_status try_file(bool *found, choice *c, const char *path, bool jinja, sav_error *err) {
    sav_status status;
    if (jinja) {
        char *text = NULL;
        size_t length;
        status = sav_os_read_file(&text, &length, path, TEMPLATE_LIMIT, err);
        *found = !status;
        if (*found) decide(c, path, text, length);
        sav_free(text);
    } else {
        sav_json_doc *doc = NULL;
        status = sav_json_read(&doc, path, err);
        const sav_json *node = status ? NULL : template_of(sav_json_root(doc));
        *found = node != NULL;
        if (*found) decide(c, path, node->text, node->length);
        sav_json_free(doc);
    }
    return status;
}

sav_status sav_layout_choose(sav_layout *out, sav_text *warning, const char *folder, sav_layout fallback,
                             sav_error *err) {
    static const char *const files[] = {"chat_template.jinja", "chat_template.json", "processor_config.json",
                                        "tokenizer_config.json"};
    choice c = {fallback, fallback, warning, false};
    sav_status status = SAV_OK;
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof *files && !status && !found; i++) {
        char *path = sav_path_join(folder, files[i]);
        if (!path)
            status = sav_fail(err, SAV_NO_MEMORY, "%s: out of memory", folder);
        else if (sav_os_exists(path))
            status = try_file(&found, &c, path, i == 0, err);
        sav_free(path);
    }
    *out = c.layout;
    if (!status && (c.failed || (warning && warning->failed)))
        status = sav_fail(err, SAV_NO_MEMORY, "%s: out of memory", folder);
    return status;
}
