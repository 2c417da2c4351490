/* qwen2_text.c: the family that is a decoder and nothing else: a text model (Qwen2ForCausalLM).
 *
 * Source: transformers 4.51.3, models/qwen2/modeling_qwen2.py.
 */
#include "models/family.h"
#include "models/preprocessor.h"

static sav_status open_model(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    sav_binder b;
    sav_config in = {.object = config, .name = name, .err = err};
    model->decoder.kind->read(&model->decoder.config, &in, model->decoder.kind->absent);
    sav_status status = in.status ? in.status : sav_model_bind(&b, model, NULL, err);
    if (status) return status;
    model->decoder.kind->bind(&model->decoder, &b, "model.", "");
    return sav_binder_end(&b);
}

static const sav_key ROWS[] = {SAV_READ("architectures"),
                               SAV_OBJECT("quantization_config", &sav_quantised_keys),
                               SAV_ONLY("model_type", "\"qwen2\"|null", "the architecture is Qwen2's"),
                               {0}};
static const sav_keys CONFIG = {.file = "config.json", .rows = ROWS, .more = &sav_decoder_qwen2_keys};
static const sav_keys *const KEYS[] = {&CONFIG, &sav_generation_keys, NULL};

static const char *const ARCHITECTURES[] = {"Qwen2ForCausalLM", NULL};

const sav_family sav_family_qwen2 = {.name = "qwen2",
                                     .architectures = ARCHITECTURES,
                                     .fallback = SAV_LAYOUT_QWEN_1_5,
                                     .decoder = &sav_decoder_qwen2,
                                     .keys = KEYS,
                                     .open = open_model};
