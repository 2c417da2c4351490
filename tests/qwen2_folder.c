/* qwen2_folder.c: tokens by rank -> vocabulary and merges (see qwen2_folder.h; tools/qwen2_tokenizer.py says
 * why this works).
 *
 *     "base64 rank" lines -> bytes -> for each token: byte-pair encoding with the lower ranks
 *         -> its last two parts
 */
#include "qwen2_folder.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "io/json.h"
#include "text/bpe.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

enum { LONGEST = 256 }; /* bytes of a token; the file's longest has 128 */

static int base64_value(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static size_t base64_decode(char out[LONGEST], const char *text, size_t length) {
    size_t bytes = 0;
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < length && bytes < LONGEST; i++) {
        int value = base64_value(text[i]);
        if (value < 0) continue; /* = at the end */
        bits = (bits << 6 | (unsigned)value) & 0xFFFFFF;
        have += 6;
        if (have >= 8) out[bytes++] = (char)(bits >> (have -= 8) & 0xFF);
    }
    return bytes;
}

/* The vocabulary by raw bytes (a sav_bpe does not care what its strings are). */
static sav_status read_ranks(sav_bpe *ranks, const char *path, sav_error *err) {
    char *text;
    size_t length;
    sav_status status = sav_os_read_file(&text, &length, path, (size_t)16 << 20, err);
    if (status != SAV_OK) return status;
    for (char *line = text; *line && status == SAV_OK;) {
        char token[LONGEST], *space = strchr(line, ' '), *end = strchr(line, '\n');
        if (!space || !end) break;
        size_t bytes = base64_decode(token, line, (size_t)(space - line));
        status = sav_bpe_add_token(ranks, token, bytes, (uint32_t)strtoul(space + 1, NULL, 10), err);
        line = end + 1;
    }
    sav_free(text);
    return status;
}

/* Where the last two parts of a token meet: joins the neighbours of lowest rank below its own until two are
 * left. */
static size_t last_split(const sav_bpe *ranks, const char *token, size_t length, uint32_t rank) {
    size_t ends[LONGEST], parts = length;
    for (size_t i = 0; i < length; i++) ends[i] = i + 1;
    while (parts > 2) {
        uint32_t best = rank;
        size_t at = 0;
        for (size_t i = 0; i + 1 < parts; i++) {
            size_t start = i ? ends[i - 1] : 0;
            uint32_t id = sav_bpe_find(ranks, token + start, ends[i + 1] - start);
            if (id < best) best = id, at = i;
        }
        if (best == rank) return 0;
        memmove(ends + at, ends + at + 1, (parts - at - 1) * sizeof *ends);
        parts--;
    }
    return ends[0];
}

static void spell(sav_text *out, const char *bytes, size_t length) { /* in the byte alphabet */
    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)bytes[i];
        uint32_t point = byte;
        if (byte <= 0x20)
            point = 0x100 + byte;
        else if (byte >= 0x7F && byte <= 0xA0)
            point = 0x121 + byte - 0x7F;
        else if (byte == 0xAD)
            point = 0x143;
        char utf8[4];
        sav_text_bytes(out, utf8, sav_utf8_encode(utf8, point));
    }
}

sav_status qwen2_folder_file(const char *folder, const char *name, const void *bytes, size_t length,
                             sav_error *err) {
    sav_text path = {0};
    sav_os_file *file = NULL;
    sav_text_printf(&path, "%s/%s", folder, name);
    sav_status status = sav_os_make_folder(folder, err);
    if (status == SAV_OK) status = sav_os_create(&file, path.bytes, err);
    if (status == SAV_OK) status = sav_os_write(file, bytes, length, err);
    if (status == SAV_OK)
        status = sav_os_commit(file, err);
    else
        sav_os_abandon(file);
    sav_text_free(&path);
    return status;
}

sav_status qwen2_folder_write(const char *folder, char merges_sha256[65], sav_error *err) {
    sav_bpe ranks = {0};
    sav_text vocab = {0}, merges = {0}, word = {0};
    sav_status status = read_ranks(&ranks, "data/qwen2-tokenizer/qwen.tiktoken", err);
    sav_text_string(&merges, "#version: 0.2\n");
    for (uint32_t id = 0; id < ranks.id_end && status == SAV_OK; id++) {
        size_t length;
        const char *token = sav_bpe_string(&ranks, id, &length);
        word.length = 0;
        spell(&word, token, length);
        sav_text_string(&vocab, id ? ", " : "{");
        sav_json_put_string(&vocab, word.bytes, word.length);
        sav_text_printf(&vocab, ": %u", id);
        if (length < 2) continue;
        size_t split = last_split(&ranks, token, length, id);
        spell(&merges, token, split);
        sav_text_string(&merges, " ");
        spell(&merges, token + split, length - split);
        sav_text_string(&merges, "\n");
    }
    sav_text_string(&vocab, "}\n");
    sav_sha256 hash;
    sav_sha256_init(&hash);
    sav_sha256_update(&hash, merges.bytes, merges.length);
    sav_sha256_hex(&hash, merges_sha256);
    if (status == SAV_OK) status = qwen2_folder_file(folder, "vocab.json", vocab.bytes, vocab.length, err);
    if (status == SAV_OK) status = qwen2_folder_file(folder, "merges.txt", merges.bytes, merges.length, err);
    sav_bpe_free(&ranks);
    sav_text_free(&vocab);
    sav_text_free(&merges);
    sav_text_free(&word);
    return status;
}

/* ---- added tokens -------------------------------------------------------------------------------------- */

static const char chat[] = "<|endoftext|> <|im_start|> <|im_end|>";
static const char vision[] =
    "<|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> <|quad_start|> <|quad_end|> "
    "<|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>";
static const char tools[] =
    "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> "
    "<|repo_name|> <|file_sep|>";
static const char media[] = "<image> <video>";

/* As members "id": {…} of an object, or as elements {"id": id, …} of a list. */
static void put_words(sav_text *out, const char *words, bool special, bool list, uint32_t *id) {
    while (*words) {
        size_t length = strcspn(words, " ");
        sav_text_printf(out, list ? "%s{\"id\": %u, " : "%s\"%u\": {", *id == 151643 ? "" : ", ", *id);
        sav_text_printf(out,
                        "\"content\": \"%.*s\", \"lstrip\": false, \"normalized\": false, \"rstrip\": false, "
                        "\"single_word\": false, \"special\": %s}",
                        (int)length, words, special ? "true" : "false");
        *id += 1;
        words += length + strspn(words + length, " ");
    }
}

static void put_family(sav_text *out, const char *family, bool list) {
    uint32_t id = 151643;
    put_words(out, chat, true, list, &id);
    if (strncmp(family, "qwen2", 5) == 0) put_words(out, vision, true, list, &id);
    if (strcmp(family, "qwen2.5-vl") == 0) put_words(out, tools, false, list, &id);
    if (strcmp(family, "llava-onevision") == 0) put_words(out, media, true, list, &id);
}

sav_status qwen2_folder_config(const char *folder, const char *family, sav_error *err) {
    sav_text text = {0};
    sav_text_string(&text, "{\"added_tokens_decoder\": {");
    put_family(&text, family, false);
    sav_text_string(
        &text, "}, \"eos_token\": \"<|im_end|>\", \"pad_token\": \"<|endoftext|>\", \"unk_token\": null, "
               "\"tokenizer_class\": \"Qwen2Tokenizer\"}\n");
    sav_status status = qwen2_folder_file(folder, "tokenizer_config.json", text.bytes, text.length, err);
    sav_text_free(&text);
    return status;
}

/* merges.txt as a JSON list; the first line is its comment. */
static void put_merges(sav_text *out, const char *merges, bool pairs) {
    const char *line = strchr(merges, '\n') + 1;
    for (bool first = true; *line; first = false) {
        size_t length = strcspn(line, "\n"), left = strcspn(line, " ");
        sav_text_string(out, first ? "" : ",\n");
        if (pairs) {
            sav_text_string(out, "[");
            sav_json_put_string(out, line, left);
            sav_text_string(out, ", ");
            sav_json_put_string(out, line + left + 1, length - left - 1);
            sav_text_string(out, "]");
        } else {
            sav_json_put_string(out, line, length);
        }
        line += length + 1;
    }
}

sav_status qwen2_folder_json(const char *folder, const char *source, const char *family, bool pairs,
                             sav_error *err) {
    sav_text path = {0}, text = {0};
    char *vocab = NULL, *merges = NULL;
    size_t length;
    sav_text_printf(&path, "%s/vocab.json", source);
    sav_status status = sav_os_read_file(&vocab, &length, path.bytes, (size_t)16 << 20, err);
    path.length = 0;
    sav_text_printf(&path, "%s/merges.txt", source);
    if (status == SAV_OK) status = sav_os_read_file(&merges, &length, path.bytes, (size_t)16 << 20, err);
    if (status == SAV_OK) {
        sav_text_string(&text, "{\"version\": \"1.0\", \"added_tokens\": [");
        put_family(&text, family, true);
        sav_text_string(&text,
                        "], \"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": \"Sequence\", "
                        "\"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": ");
        sav_json_put_string(&text, sav_pretokenize_pattern, strlen(sav_pretokenize_pattern));
        sav_text_string(&text,
                        "}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", "
                        "\"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}]}, "
                        "\"post_processor\": null, \"decoder\": {\"type\": \"ByteLevel\"}, \"model\": "
                        "{\"type\": \"BPE\", \"ignore_merges\": false, \"vocab\": ");
        sav_text_string(&text, vocab);
        sav_text_string(&text, ", \"merges\": [");
        put_merges(&text, merges, pairs);
        sav_text_string(&text, "]}}\n");
        status = qwen2_folder_file(folder, "tokenizer.json", text.bytes, text.length, err);
    }
    sav_free(vocab);
    sav_free(merges);
    sav_text_free(&path);
    sav_text_free(&text);
    return status;
}
