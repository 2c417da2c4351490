/* tokenizer_keys.c: what each key of a folder's tokenizer files is (io/keys.h).
 *
 * Source: tokenizers 0.21.4 (tokenizer.json) and transformers 4.51.3 run on folders with one key changed: a
 * key is harmless when no id changed (tests/text/test_tokenizer_keys.c). Where a newer version gives an old
 * key a meaning, only the value that means nothing is taken.
 */
#include "text/tokenizer_parts.h"

#define CALL "of calls; a prompt is never cut or padded"
#define DECODING "of decoding alone"
#define NAMES "names a token; it adds none"

static const sav_key ADDED_ROWS[] = {SAV_READ("content"),
                                     SAV_READ("id"),
                                     SAV_READ("special"),
                                     SAV_READ("normalized"),
                                     SAV_READ("lstrip"),
                                     SAV_READ("rstrip"),
                                     SAV_READ("single_word"),
                                     SAV_HARMLESS("__type", "says that it is an added token"),
                                     {0}};
static const sav_keys ADDED = {.rows = ADDED_ROWS};
static const sav_key BY_ID[] = {SAV_OBJECT("*", &ADDED), {0}};
static const sav_keys ADDED_BY_ID = {.rows = BY_ID};

/* ---- tokenizer.json ------------------------------------------------------------------------------------ */

static const sav_key NORMALIZER_ROWS[] = {SAV_READ("type"), {0}};
static const sav_keys NORMALIZER = {.rows = NORMALIZER_ROWS};

static const sav_key STEP_ROWS[] = {SAV_READ("type"),
                                    SAV_READ("pattern"),
                                    SAV_READ("behavior"),
                                    SAV_READ("invert"),
                                    SAV_READ("add_prefix_space"),
                                    SAV_READ("use_regex"),
                                    SAV_HARMLESS("trim_offsets", "of offsets, not ids"),
                                    {0}};
static const sav_keys STEP = {.rows = STEP_ROWS};
static const sav_key SEQUENCE_ROWS[] = {SAV_READ("type"), SAV_OBJECT("pretokenizers", &STEP), {0}};
static const sav_keys SEQUENCE = {.rows = SEQUENCE_ROWS};

static const sav_key BYTE_LEVEL_ROWS[] = {SAV_READ("type"),
                                          SAV_HARMLESS("add_prefix_space", "does nothing here"),
                                          SAV_HARMLESS("use_regex", "does nothing here"),
                                          SAV_HARMLESS("trim_offsets", "of offsets, not ids"),
                                          {0}};
static const sav_keys BYTE_LEVEL = {.rows = BYTE_LEVEL_ROWS};

static const sav_key MODEL_ROWS[] = {SAV_READ("type"),
                                     SAV_READ("vocab"),
                                     SAV_READ("merges"),
                                     SAV_READ("dropout"),
                                     SAV_READ("unk_token"),
                                     SAV_READ("continuing_subword_prefix"),
                                     SAV_READ("end_of_word_suffix"),
                                     SAV_READ("byte_fallback"),
                                     SAV_READ("ignore_merges"),
                                     SAV_HARMLESS("fuse_unk", "nothing is ever unknown"),
                                     {0}};
static const sav_keys MODEL = {.rows = MODEL_ROWS};

static const sav_key TOKENIZER_ROWS[] = {SAV_ONLY("version", "\"1.0\"|null", "the library reads no other"),
                                         SAV_HARMLESS("truncation", "the library sets it at each call"),
                                         SAV_HARMLESS("padding", "the library sets it at each call"),
                                         SAV_OBJECT("added_tokens", &ADDED),
                                         SAV_OBJECT("normalizer", &NORMALIZER),
                                         SAV_OBJECT("pre_tokenizer", &SEQUENCE),
                                         SAV_OBJECT("post_processor", &BYTE_LEVEL),
                                         SAV_OBJECT("decoder", &BYTE_LEVEL),
                                         SAV_OBJECT("model", &MODEL),
                                         {0}};
const sav_keys sav_tokenizer_json_keys = {
    .file = "tokenizer.json", .level = "", .others = SAV_OTHERS_REFUSED, .rows = TOKENIZER_ROWS};

/* ---- tokenizer_config.json, special_tokens_map.json ---------------------------------------------------- */

static const sav_key SPECIAL_ROWS[] = {
    SAV_OBJECT("bos_token", &ADDED),
    SAV_OBJECT("eos_token", &ADDED),
    SAV_OBJECT("unk_token", &ADDED),
    SAV_OBJECT("sep_token", &ADDED),
    SAV_OBJECT("pad_token", &ADDED),
    SAV_OBJECT("cls_token", &ADDED),
    SAV_OBJECT("mask_token", &ADDED),
    SAV_OBJECT("additional_special_tokens", &ADDED),
    SAV_ONLY("split_special_tokens", "false|null", "special tokens are never split"),
    SAV_HARMLESS("image_token", NAMES),
    SAV_HARMLESS("video_token", NAMES),
    SAV_HARMLESS("audio_token", NAMES),
    SAV_HARMLESS("vision_bos_token", NAMES),
    SAV_HARMLESS("vision_eos_token", NAMES),
    {0}};
static const sav_keys SPECIAL = {.rows = SPECIAL_ROWS};

static const sav_key MAP_ROWS[] = {
    SAV_ONLY("extra_special_tokens", "null|{}|[]", "the library reads it in tokenizer_config.json alone"),
    {0}};
const sav_keys sav_special_map_keys = {
    .file = "special_tokens_map.json", .level = "", .rows = MAP_ROWS, .more = &SPECIAL};

static const sav_key CONFIG_ROWS[] = {
    SAV_READ("chat_template"),
    SAV_OBJECT("added_tokens_decoder", &ADDED_BY_ID),
    SAV_READ("extra_special_tokens"),
    SAV_ONLY("model_specific_special_tokens", "null|{}|[]", "write them as extra_special_tokens"),
    SAV_ONLY(
        "tokenizer_class",
        "\"Qwen2Tokenizer\"|\"Qwen2TokenizerFast\"|\"PreTrainedTokenizerFast\"|\"TokenizersBackend\"|null",
        "another class may add tokens"),
    SAV_ONLY("add_bos_token", "false|null", "Qwen2 adds none"),
    SAV_ONLY("add_eos_token", "false|null", "Qwen2 adds none"),
    SAV_ONLY("add_prefix_space", "false|null", "Qwen2 adds none"),
    SAV_ONLY("do_lower_case", "false|null", "letters keep their case"),
    SAV_ONLY("tokenizer_file", "null", "the folder's own tokenizer.json is read"),
    SAV_ONLY("vocab_file", "null", "the folder's own files are read"),
    SAV_ONLY("merges_file", "null", "the folder's own files are read"),
    SAV_REFUSED("add_special_tokens", "the library itself refuses it; take it out"),
    SAV_REFUSED("from_slow", "the library itself refuses it; take it out"),
    SAV_HARMLESS("clean_up_tokenization_spaces", DECODING),
    SAV_HARMLESS("errors", DECODING),
    SAV_HARMLESS("model_max_length", "a prompt is never cut"),
    SAV_HARMLESS("max_len", CALL),
    SAV_HARMLESS("max_length", CALL),
    SAV_HARMLESS("padding", CALL),
    SAV_HARMLESS("padding_side", CALL),
    SAV_HARMLESS("pad_to_multiple_of", CALL),
    SAV_HARMLESS("pad_token_type_id", CALL),
    SAV_HARMLESS("truncation", CALL),
    SAV_HARMLESS("truncation_side", CALL),
    SAV_HARMLESS("truncation_strategy", CALL),
    SAV_HARMLESS("stride", CALL),
    SAV_HARMLESS("return_tensors", CALL),
    SAV_HARMLESS("return_token_type_ids", CALL),
    SAV_HARMLESS("model_input_names", CALL),
    SAV_HARMLESS("processor_class", "names a class of Python"),
    SAV_HARMLESS("auto_map", "names classes of Python"),
    SAV_HARMLESS("name_or_path", "where it came from"),
    SAV_HARMLESS("special_tokens_map_file", "where it came from"),
    SAV_HARMLESS("use_fast", "the fast tokenizer is the one followed"),
    SAV_HARMLESS("backend", "the fast tokenizer is the one followed"),
    SAV_HARMLESS("is_local", "where it came from"),
    SAV_HARMLESS("local_files_only", "where it came from"),
    SAV_HARMLESS("legacy", "of other classes"),
    SAV_HARMLESS("device_map", "where tensors go"),
    {0}};
const sav_keys sav_tokenizer_config_keys = {
    .file = "tokenizer_config.json", .level = "", .rows = CONFIG_ROWS, .more = &SPECIAL};
