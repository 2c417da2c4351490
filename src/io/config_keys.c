/* config_keys.c: keys of any config of the library, behind the rows of its class. See keys.h.
 *
 * Source: transformers 4.51.3 and 5.24, configuration_utils.py (PretrainedConfig), and what published folders
 * still hold of older versions.
 */
#include "io/config.h"

#define NAMES "names things for Python"
#define TRAINING "concerns training"
#define TYPE "weights are read in the type in which they are stored"
#define RETURNS "what Python's call returns; every stage is at hand here"
#define GENERATION "a prompt gives taps; the tokens of --max-new-tokens are the likeliest, without a stop"

static const sav_key ROWS[] = {
    SAV_HARMLESS("architectures", "config.json names the family at its top"),
    SAV_ONLY("quantization_config", "null", "a folder says it at the top of config.json"),
    SAV_REFUSED("compression_config",
                "weights are read as they were trained, or as savs quantize wrote them"),
    SAV_ONLY("pruned_heads", "{}|null", "all heads are there"),
    SAV_ONLY("is_encoder_decoder", "false|null", "the model is a decoder"),
    SAV_ONLY("add_cross_attention", "false|null", "the model is a decoder"),
    SAV_HARMLESS("is_decoder", "the model is a decoder"),
    SAV_ONLY("cross_attention_hidden_size", "null", "the model is a decoder"),
    SAV_ONLY("chunk_size_feed_forward", "0|null", "no module of these families cuts its MLP"),
    SAV_ONLY("partial_rotary_factor", "1|null", "every component of a head is rotated"),
    SAV_HARMLESS("model_type", "architectures names the class"),
    SAV_HARMLESS("torch_dtype", TYPE),
    SAV_HARMLESS("dtype", TYPE),
    SAV_HARMLESS("use_bfloat16", "for TensorFlow"),
    SAV_HARMLESS("tf_legacy_loss", "for TensorFlow"),
    SAV_HARMLESS("torchscript", "for export"),
    SAV_HARMLESS("_name_or_path", NAMES),
    SAV_HARMLESS("_commit_hash", NAMES),
    SAV_HARMLESS("auto_map", NAMES),
    SAV_HARMLESS("transformers_version", NAMES),
    SAV_HARMLESS("tokenizer_class", "the tokenizer's own files say what it is"),
    SAV_HARMLESS("prefix", NAMES),
    SAV_HARMLESS("finetuning_task", NAMES),
    SAV_HARMLESS("task_specific_params", GENERATION),
    SAV_HARMLESS("problem_type", TRAINING),
    SAV_HARMLESS("id2label", "for classifier heads"),
    SAV_HARMLESS("label2id", "for classifier heads"),
    SAV_HARMLESS("num_labels", "for classifier heads"),
    SAV_HARMLESS("initializer_range", TRAINING),
    SAV_HARMLESS("initializer_factor", TRAINING),
    SAV_HARMLESS("attention_dropout", TRAINING),
    SAV_HARMLESS("gradient_checkpointing", TRAINING),
    SAV_HARMLESS("unsloth_*", "names the tool of a fine-tuning"),
    SAV_HARMLESS("_attn_implementation*", "attention is computed as the eager module does"),
    SAV_HARMLESS("attn_implementation", "attention is computed as the eager module does"),
    SAV_HARMLESS("use_cache", "whether Python keeps keys and values"),
    SAV_HARMLESS("cache_implementation", "whether Python keeps keys and values"),
    SAV_HARMLESS("return_dict", RETURNS),
    SAV_HARMLESS("output_*", RETURNS),
    SAV_HARMLESS("tie_encoder_decoder", "there is no encoder of text"),
    SAV_HARMLESS("bos_token_id", "no token is added to a prompt"),
    SAV_HARMLESS("eos_token_id", GENERATION),
    SAV_HARMLESS("pad_token_id", "nothing is padded"),
    SAV_HARMLESS("sep_token_id", "no token is added to a prompt"),
    SAV_HARMLESS("decoder_start_token_id", "there is no encoder of text"),
    SAV_HARMLESS("bad_words_ids", GENERATION),
    SAV_HARMLESS("begin_suppress_tokens", GENERATION),
    SAV_HARMLESS("diversity_penalty", GENERATION),
    SAV_HARMLESS("do_sample", GENERATION),
    SAV_HARMLESS("early_stopping", GENERATION),
    SAV_HARMLESS("encoder_no_repeat_ngram_size", GENERATION),
    SAV_HARMLESS("exponential_decay_length_penalty", GENERATION),
    SAV_HARMLESS("forced_bos_token_id", GENERATION),
    SAV_HARMLESS("forced_eos_token_id", GENERATION),
    SAV_HARMLESS("length_penalty", GENERATION),
    SAV_HARMLESS("max_length", GENERATION),
    SAV_HARMLESS("min_length", GENERATION),
    SAV_HARMLESS("no_repeat_ngram_size", GENERATION),
    SAV_HARMLESS("num_beam_groups", GENERATION),
    SAV_HARMLESS("num_beams", GENERATION),
    SAV_HARMLESS("num_return_sequences", GENERATION),
    SAV_HARMLESS("remove_invalid_values", GENERATION),
    SAV_HARMLESS("repetition_penalty", GENERATION),
    SAV_HARMLESS("return_dict_in_generate", GENERATION),
    SAV_HARMLESS("suppress_tokens", GENERATION),
    SAV_HARMLESS("temperature", GENERATION),
    SAV_HARMLESS("top_k", GENERATION),
    SAV_HARMLESS("top_p", GENERATION),
    SAV_HARMLESS("typical_p", GENERATION),
    {0}};

const sav_keys sav_config_keys = {.file = "every config", .rows = ROWS};
