/* compare_names.c: the names that other programs give to the stages. See compare_names.h.
 *
 * A key is a module path of transformers 4.51.3's Qwen-VL classes: the decoder is `model.` and `lm_head`
 * in every family, the towers are `visual.` and `vision_tower.vision_model.`.
 */
#include "tasks/compare_names.h"

#include <string.h>

/* What wrappers put into a path: at any place, or in front alone. */
static const struct {
    const char *part;
    bool anywhere;
} WRAPPERS[] = {
    {"module.", false},                    /* DataParallel */
    {"base_model.model.", false},          /* peft */
    {"_orig_mod.", true},                  /* torch.compile */
    {"_fsdp_wrapped_module.", true},       /* FullyShardedDataParallel */
    {"_checkpoint_wrapped_module.", true}, /* activation checkpointing */
};

static const struct {
    const char *end, *instead;
} ENDS[] = {
    {".output", ".output"}, {".input", ".input"}, {".outputs", ".output"},  {".inputs", ".input"},
    {".out", ".output"},    {".in", ".input"},    {".output.0", ".output"}, {".input.0", ".input"},
};

/* The first row that fits is used. In groups: whole models of other versions and programs, then a part of a
 * model whose hooks were set on it alone. */
static const struct {
    const char *begin, *instead;
} BEGINS[] = {
    {"model.vision_tower.vision_tower.vision_model.", "vision_tower.vision_model."}, /* lmms-lab */
    {"model.vision_tower.vision_model.", "vision_tower.vision_model."},              /* transformers 4.52 */
    {"model.vision_tower.", "vision_tower.vision_model."},                           /* transformers 5 */
    {"model.mm_projector.0.", "multi_modal_projector.linear_1."},                    /* lmms-lab */
    {"model.mm_projector.1.", "multi_modal_projector.act."},
    {"model.mm_projector.2.", "multi_modal_projector.linear_2."},
    {"model.multi_modal_projector.", "multi_modal_projector."}, /* transformers 4.52 */
    {"model.language_model.", "model."},
    {"model.visual.", "visual."},
    {"language_model.model.", "model."}, /* transformers 4.51, LLaVA-OneVision; vLLM */
    {"language_model.lm_head.", "lm_head."},
    {"language_model.", "model."},
    {"vision_tower.embeddings.", "vision_tower.vision_model.embeddings."},
    {"vision_tower.encoder.", "vision_tower.vision_model.encoder."},
    {"vision_model.", "vision_tower.vision_model."},
    {"encoder.layers.", "vision_tower.vision_model.encoder.layers."},
    {"embeddings.", "vision_tower.vision_model.embeddings."},
    {"patch_embed.", "visual.patch_embed."},
    {"blocks.", "visual.blocks."},
    {"merger.", "visual.merger."},
    {"layers.", "model.layers."},
    {"norm.", "model.norm."},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Bits of `changes`: a row of BEGINS each, then these. */
enum { BIT_WRAPPED = COUNT(BEGINS), BIT_BARE, BIT_END };

static bool begins_with(const char *text, const char *begin) {
    return strncmp(text, begin, strlen(begin)) == 0;
}

/* Length of the wrapper that stands here; 0: none. */
static size_t wrapper_at(const char *at, bool front) {
    for (size_t i = 0; i < COUNT(WRAPPERS); i++)
        if ((front || WRAPPERS[i].anywhere) && begins_with(at, WRAPPERS[i].part))
            return strlen(WRAPPERS[i].part);
    return 0;
}

/* The name with .input or .output at its end. */
static void put_whole(sav_text *out, uint32_t *changes, const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < COUNT(ENDS); i++) {
        const size_t n = strlen(ENDS[i].end);
        if (length < n || strcmp(name + length - n, ENDS[i].end) != 0) continue;
        if (strcmp(ENDS[i].end, ENDS[i].instead) != 0) *changes |= 1u << BIT_END;
        sav_text_bytes(out, name, length - n);
        sav_text_string(out, ENDS[i].instead);
        return;
    }
    *changes |= 1u << BIT_BARE;
    sav_text_string(out, name);
    sav_text_string(out, ".output");
}

static void put_unwrapped(sav_text *out, uint32_t *changes, const char *path) {
    bool front = true, part = true; /* nothing was kept so far; a part of the path begins here */
    for (const char *at = path; *at;) {
        const size_t skipped = part ? wrapper_at(at, front) : 0;
        if (skipped && (!front || strchr(at + skipped, '.'))) { /* something must be left */
            *changes |= 1u << BIT_WRAPPED;
            at += skipped;
            continue;
        }
        part = *at == '.';
        front = false;
        sav_text_bytes(out, at++, 1);
    }
}

void sav_stage_key(sav_text *out, uint32_t *changes, const char *name) {
    sav_text whole = {0}, path = {0};
    put_whole(&whole, changes, name);
    if (!whole.failed) put_unwrapped(&path, changes, whole.bytes);
    out->failed = out->failed || whole.failed || path.failed;
    const char *rest = out->failed ? "" : path.bytes;
    for (size_t i = 0; i < COUNT(BEGINS); i++) {
        if (!begins_with(rest, BEGINS[i].begin)) continue;
        sav_text_string(out, BEGINS[i].instead);
        rest += strlen(BEGINS[i].begin);
        *changes |= 1u << i;
        break;
    }
    sav_text_string(out, rest);
    sav_text_free(&whole);
    sav_text_free(&path);
}

void sav_stage_changes(sav_text *out, uint32_t changes) {
    const char *between = "";
    for (size_t i = 0; i < COUNT(BEGINS); i++) {
        if (!(changes >> i & 1)) continue;
        sav_text_printf(out, "%s%s* as %s*", between, BEGINS[i].begin, BEGINS[i].instead);
        between = ", ";
    }
    static const char *const others[] = {"parts of wrappers left out", "names without .output",
                                         "other endings"};
    for (size_t i = 0; i < COUNT(others); i++) {
        if (!(changes >> (BIT_WRAPPED + i) & 1)) continue;
        sav_text_printf(out, "%s%s", between, others[i]);
        between = ", ";
    }
}
