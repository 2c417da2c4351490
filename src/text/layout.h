/* layout.h: chat layouts: messages -> the one string that the tokenizer gets, and which layout a model folder
 * wants.
 *
 *     sav_prompt (roles, texts, pictures) -> sav_layout_render
 *         -> bytes with a placeholder for each picture -> tokenizer.h
 *
 * A folder says its layout as a Jinja template. No Jinja is run here: the texts that are in use are known by
 * their SHA-256 and mapped to one of four layouts. One user turn with one picture, in each (␊ is a line end):
 *
 *     qwen_1_5         <|im_start|>system␊You are a helpful assistant.<|im_end|>␊
 *                      <|im_start|>user␊<image>␊QUESTION<|im_end|>␊<|im_start|>assistant␊
 *     llava-hf         <|im_start|>user <image>␊QUESTION<|im_end|><|im_start|>assistant␊
 *     llava-converted  <|im_start|>user␊<image>␊QUESTION<|im_end|>␊<|im_start|>assistant␊
 *     qwen-vl          as qwen_1_5, with <|vision_start|><|image_pad|><|vision_end|>QUESTION
 */
#ifndef SAV_LAYOUT_H
#define SAV_LAYOUT_H

#include "base/base.h"

typedef enum sav_layout {
    /* LLaVA's own: parts in their order, each picture "<image>\n"; a system turn is added */
    SAV_LAYOUT_QWEN_1_5,
    /* llava-hf's hub template: pictures of a turn first, then "\n" + text each; no system turn */
    SAV_LAYOUT_LLAVA_HF,
    /* the conversion script's template: pictures first, "<image>\n" each, texts joined */
    SAV_LAYOUT_LLAVA_CONVERTED,
    /* Qwen2-VL, Qwen2.5-VL: parts in their order, nothing between; a system turn is added */
    SAV_LAYOUT_QWEN_VL
} sav_layout;

const char *sav_layout_name(sav_layout layout);
const char *sav_layout_placeholder(sav_layout layout); /* "<image>" or "<|image_pad|>" */

/* What the library's processor puts in place of the placeholders while it counts; NULL: nothing. */
const char *sav_layout_mark(sav_layout layout);

/* The layout that a folder's template asks for: chat_template.jinja, chat_template.json,
 * processor_config.json, tokenizer_config.json, the first that has one. No template, or one that is not
 * known: `fallback`; in the second case `warning` (may be NULL) gets one line, '\n' behind, that names the
 * file and shows the layout in use. */
sav_status sav_layout_choose(sav_layout *out, sav_text *warning, const char *folder, sav_layout fallback,
                             sav_error *err);

/* Appends the prompt's bytes, generation prompt included. prompt->literal is copied as it is. */
sav_status sav_layout_render(sav_text *out, sav_layout layout, const sav_prompt *prompt, sav_error *err);

/* The prompt's picture parts in the order in which their placeholders stand in the rendered bytes. Writes at
 * most `capacity` pointers, gives how many there are. (A placeholder typed in a text is none of them: compare
 * with what the tokenizer finds.) */
size_t sav_layout_pictures(const sav_part **out, size_t capacity, sav_layout layout,
                           const sav_prompt *prompt);

#endif
