/* test_layout.c: chat layouts against Jinja's rendering of the templates they stand for
 * (golden/text/chat.json, written by tools/golden/text_golden.py), pictures inside a question, and which
 * layout a folder gets.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../qwen2_folder.h"
#include "io/json.h"
#include "text/layout.h"

static sav_error err;

static const struct {
    const char *golden; /* name in chat.json */
    sav_layout layout;
} names[] = {{"hf", SAV_LAYOUT_LLAVA_HF},
             {"converted", SAV_LAYOUT_LLAVA_CONVERTED},
             {"qwen_1_5", SAV_LAYOUT_QWEN_1_5},
             {"qwen", SAV_LAYOUT_QWEN_VL}};

/* ---- rendering ----------------------------------------------------------------------------------------- */

enum { MOST = 16 };

static void check_chat(const sav_json *chat, size_t number) {
    const sav_json *layout = chat->child, *messages = layout->next, *want = messages->next;
    sav_message list[MOST];
    sav_part parts[MOST][MOST];
    size_t count = 0;
    for (const sav_json *m = messages->child; m; m = m->next, count++) {
        size_t n = 0;
        for (const sav_json *p = sav_json_get(m, "content")->child; p; p = p->next, n++) {
            const sav_json *text = sav_json_get(p, "text");
            parts[count][n] =
                (sav_part){.kind = text ? SAV_TEXT : SAV_IMAGE, .text = text ? text->text : "a.png"};
        }
        list[count] = (sav_message){sav_json_get(m, "role")->text, parts[count], n};
    }
    sav_prompt prompt = {list, count, NULL};
    sav_text out = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sav_json_is(layout, names[i].golden))
            CHECK_OK(sav_layout_render(&out, names[i].layout, &prompt, &err), &err);
    if (!CHECK_STR(out.bytes, want->text)) printf("  chat %zu, %s\n", number, layout->text);
    sav_text_free(&out);
}

static void test_golden(const sav_json *root) {
    size_t number = 0;
    for (const sav_json *chat = sav_json_get(root, "chats")->child; chat; chat = chat->next)
        check_chat(chat, number++);
    CHECK(number >= 40);
}

static void renders(sav_layout layout, const sav_prompt *prompt, const char *want) {
    sav_text out = {0};
    CHECK_OK(sav_layout_render(&out, layout, prompt, &err), &err);
    CHECK_STR(out.bytes, want);
    sav_text_free(&out);
}

#define QWEN_SYSTEM "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
#define QWEN_END "<|im_end|>\n<|im_start|>assistant\n"
#define QWEN_IMAGE "<|vision_start|><|image_pad|><|vision_end|>"

/* "Is <image> like <image>?" with one more picture that has no place in the question. */
static void test_inline(void) {
    sav_part parts[] = {{.kind = SAV_TEXT, .text = "Is "},    {.kind = SAV_IMAGE_INLINE, .text = "1.png"},
                        {.kind = SAV_TEXT, .text = " like "}, {.kind = SAV_IMAGE_INLINE, .text = "2.png"},
                        {.kind = SAV_TEXT, .text = "?"},      {.kind = SAV_IMAGE, .text = "0.png"}};
    sav_message turn = {"user", parts, 6};
    sav_prompt prompt = {&turn, 1, NULL};
    renders(SAV_LAYOUT_QWEN_1_5, &prompt,
            QWEN_SYSTEM "<|im_start|>user\nIs <image> like <image>?<image>\n" QWEN_END);
    renders(SAV_LAYOUT_LLAVA_HF, &prompt,
            "<|im_start|>user <image>\nIs <image> like <image>?<|im_end|><|im_start|>assistant\n");
    renders(SAV_LAYOUT_LLAVA_CONVERTED, &prompt,
            "<|im_start|>user\n<image>\nIs <image> like <image>?" QWEN_END);
    renders(SAV_LAYOUT_QWEN_VL, &prompt,
            QWEN_SYSTEM "<|im_start|>user\nIs " QWEN_IMAGE " like " QWEN_IMAGE "?" QWEN_IMAGE QWEN_END);
    const sav_part *order[8];
    CHECK_SIZE(sav_layout_pictures(order, 8, SAV_LAYOUT_LLAVA_HF, &prompt), 3);
    CHECK(order[0] == &parts[5] && order[1] == &parts[1] && order[2] == &parts[3]);
    CHECK_SIZE(sav_layout_pictures(order, 8, SAV_LAYOUT_QWEN_1_5, &prompt), 3);
    CHECK(order[0] == &parts[1] && order[1] == &parts[3] && order[2] == &parts[5]);
    CHECK_SIZE(sav_layout_pictures(order, 1, SAV_LAYOUT_QWEN_1_5, &prompt), 3);

    sav_part leading[] = {{.kind = SAV_IMAGE_INLINE, .text = "1.png"},
                          {.kind = SAV_TEXT, .text = "\nWhat?"},
                          {.kind = SAV_TEXT, .text = "Now?"}};
    sav_message second = {"user", leading, 3};
    sav_prompt other = {&second, 1, NULL};
    renders(SAV_LAYOUT_QWEN_1_5, &other, QWEN_SYSTEM "<|im_start|>user\n<image>\nWhat?Now?" QWEN_END);
    renders(SAV_LAYOUT_LLAVA_HF, &other,
            "<|im_start|>user \n<image>\nWhat?\nNow?<|im_end|><|im_start|>assistant\n");

    sav_prompt literal = {&turn, 1, "as <image> it is"};
    renders(SAV_LAYOUT_LLAVA_HF, &literal, "as <image> it is");
    CHECK_SIZE(sav_layout_pictures(order, 8, SAV_LAYOUT_LLAVA_HF, &literal), 3);
    CHECK(order[0] == &parts[1]); /* literal: in the order in which the messages bring them */
}

/* ---- which layout -------------------------------------------------------------------------------------- */

static int folders;

/* One file with a template in a new folder: the layout chosen, and part of the warning ("" for none). */
static void chooses(const char *file, const char *bytes, sav_layout fallback, sav_layout want,
                    const char *part) {
    char folder[512];
    sav_text warning = {0};
    sav_layout got = SAV_LAYOUT_QWEN_VL;
    snprintf(folder, sizeof folder, "%s/layout%d", check_folder(), folders++);
    CHECK_OK(qwen2_folder_file(folder, file, bytes, strlen(bytes), &err), &err);
    CHECK_OK(sav_layout_choose(&got, &warning, folder, fallback, &err), &err);
    CHECK_STR(sav_layout_name(got), sav_layout_name(want));
    const char *text = warning.bytes ? warning.bytes : "";
    if (!CHECK(*part ? strstr(text, part) != NULL : *text == '\0'))
        printf("  warning \"%s\", expected \"%s\"\n", text, part);
    sav_text_free(&warning);
}

/* The same template with other line ends: transformers 4.51.3 renders the same bytes, up to two at the
 * end. */
static void test_line_ends(const char *text, sav_layout fallback, sav_layout layout) {
    static const char *const ends[] = {"\n", "\r\n", "\n\n", "\r\n\r\n", "\n\n\n"};
    sav_text crlf = {0}, mac = {0};
    for (const char *c = text; *c; c++) {
        sav_text_string(&crlf, *c == '\n' ? "\r" : "");
        sav_text_bytes(&crlf, c, 1);
        sav_text_bytes(&mac, *c == '\n' ? "\r" : c, 1);
    }
    chooses("chat_template.jinja", crlf.bytes, fallback, layout, "");
    chooses("chat_template.jinja", mac.bytes, fallback, layout, "");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        sav_text longer = {0};
        const bool printed = strcmp(ends[i], "\n\n\n") == 0;
        sav_text_printf(&longer, "%s%s", text, ends[i]);
        chooses("chat_template.jinja", longer.bytes, fallback, printed ? fallback : layout,
                printed ? "not one of those known" : "");
        sav_text_free(&longer);
    }
    sav_text before = {0};
    sav_text_printf(&before, "\n%s", text);
    chooses("chat_template.jinja", before.bytes, fallback, fallback, "not one of those known");
    sav_text_free(&before);
    sav_text_free(&crlf);
    sav_text_free(&mac);
}

static void test_choose(const sav_json *templates) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const sav_json *text = sav_json_get(templates, names[i].golden);
        sav_layout layout = names[i].layout;
        sav_layout fallback = layout == SAV_LAYOUT_QWEN_VL ? layout : SAV_LAYOUT_QWEN_1_5;
        sav_text json = {0}, list = {0};
        sav_text_string(&json, "{\"chat_template\": ");
        sav_json_put_string(&json, text->text, text->length);
        sav_text_string(&json, "}");
        sav_text_string(
            &list,
            "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"x\"}, {\"name\": \"default\", "
            "\"template\": ");
        sav_json_put_string(&list, text->text, text->length);
        sav_text_string(&list, "}]}");
        chooses("chat_template.jinja", text->text, fallback, layout, "");
        chooses("chat_template.json", json.bytes, fallback, layout, "");
        chooses("processor_config.json", json.bytes, fallback, layout, "");
        chooses("tokenizer_config.json", json.bytes, fallback, layout, "");
        chooses("tokenizer_config.json", list.bytes, fallback, layout, "");
        test_line_ends(text->text, fallback, layout);
        sav_text_free(&json);
        sav_text_free(&list);
    }
    const char *qwen = sav_json_get(templates, "qwen")->text;
    chooses("chat_template.jinja", qwen, SAV_LAYOUT_QWEN_1_5, SAV_LAYOUT_QWEN_1_5, "that of another family");
    chooses("tokenizer_config.json", "{}", SAV_LAYOUT_LLAVA_HF, SAV_LAYOUT_LLAVA_HF, "");
    chooses("tokenizer_config.json", "{\"chat_template\": null}", SAV_LAYOUT_QWEN_VL, SAV_LAYOUT_QWEN_VL, "");
    chooses("chat_template.json", "{\"chat_template\": \"{{ messages }}\"}", SAV_LAYOUT_QWEN_1_5,
            SAV_LAYOUT_QWEN_1_5,
            "chat_template.json: chat_template is not one of those known; using layout qwen_1_5: "
            "<|im_start|>system\\nYou are a helpful "
            "assistant.<|im_end|>\\n<|im_start|>user\\n<image>\\nQUESTION<|im_end|>"
            "\\n<|im_start|>assistant\\n");
    sav_layout got;
    char folder[512];
    snprintf(folder, sizeof folder, "%s/broken", check_folder());
    CHECK_OK(qwen2_folder_file(folder, "chat_template.json", "{\"chat", 6, &err), &err);
    CHECK_FAILS(sav_layout_choose(&got, NULL, folder, SAV_LAYOUT_QWEN_1_5, &err), &err, SAV_BAD_INPUT,
                "chat_template.json");
}

int main(void) {
    sav_json_doc *golden;
    if (CHECK_OK(sav_json_read(&golden, "golden/text/chat.json", &err), &err)) {
        test_golden(sav_json_root(golden));
        test_choose(sav_json_get(sav_json_root(golden), "templates"));
        sav_json_free(golden);
    }
    test_inline();
    return check_report("text/test_layout");
}
