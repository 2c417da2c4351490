/* quantised.c: what says that a folder is savs quantize's, and in which version.
 *
 *   config.json   "quantization_config": {"quant_method": "savs_int8", "version": 1, "group_size": 64,
 *                  "source_sha256": identity of the folder it was made of}
 *   each shard    metadata "savs_int8": "1"
 *   a matrix      NAME U8 [ceil(N/16), ceil(K/4), 16, 4], NAME_scale F32 [ceil(N/16), ceil(K/group), 16]
 *
 * Everything else in the folder is as it was. A matrix may also stand there unquantised
 * (instruments/quantize.h says when).
 */
#include <stdio.h>
#include <string.h>

#include "io/config.h"
#include "kernels/packed.h"
#include "models/model.h"

static const sav_key ROWS[] = {SAV_READ("quant_method"),
                               SAV_READ("version"),
                               SAV_READ("group_size"),
                               SAV_HARMLESS("source_sha256", "names the model that was quantised"),
                               {0}};
const sav_keys sav_quantised_keys = {.others = SAV_OTHERS_REFUSED, .rows = ROWS};

static sav_status wrong_version(const char *where, const char *found, sav_error *err) {
    sav_fail(err, SAV_UNSUPPORTED, "%s: found version %.20s of the savs_int8 format; expected %d", where,
             found, SAV_PACKED_VERSION);
    sav_hint(
        err,
        "quantise the original folder again with this program: savs quantize --model ORIGINAL --out NEW");
    return SAV_UNSUPPORTED;
}

sav_status sav_quantised_read(sav_model *model, const sav_json *config, const char *name, sav_error *err) {
    const sav_json *node = sav_json_get(config, "quantization_config");
    char text[24];
    if (!node || node->kind == SAV_JSON_NULL) return SAV_OK;
    const sav_json *method = sav_json_get(node, "quant_method");
    if (!sav_json_is(method, "savs_int8"))
        return sav_fail(err, SAV_UNSUPPORTED,
                        "%s:%u: \"quantization_config\": found method %.40s; expected weights as they were "
                        "trained, or savs_int8",
                        name, node->line,
                        method && method->kind == SAV_JSON_STRING ? method->text : "(none)");
    sav_config in = {.object = node, .name = name, .err = err};
    const size_t version = sav_config_size(&in, "version", 0), group = sav_config_size(&in, "group_size", 0);
    const char *source = sav_config_string(&in, "source_sha256", "");
    if (*source && (strlen(source) != 64 || strspn(source, "0123456789abcdef") != 64))
        sav_config_fail(&in, SAV_BAD_INPUT, sav_config_find(&in, "source_sha256"), "source_sha256",
                        "expected 64 digits of a SHA-256");
    if (in.status) return in.status;
    memcpy(model->info.source_sha256, source, strlen(source) + 1);
    snprintf(text, sizeof text, "%zu", version);
    if (version != SAV_PACKED_VERSION) return wrong_version(name, text, err);
    if (group != 32 && group != 64 && group != 128)
        return sav_fail(err, SAV_BAD_INPUT, "%s:%u: \"group_size\": found %zu; expected 32, 64 or 128", name,
                        node->line, group);
    model->group = group;
    return SAV_OK;
}

sav_status sav_quantised_check(const sav_model *model, sav_error *err) {
    char expected[24];
    snprintf(expected, sizeof expected, "%d", SAV_PACKED_VERSION);
    for (size_t i = 0; i < sav_weights_shards(model->weights); i++) {
        const sav_safetensors *shard = sav_weights_shard(model->weights, i);
        const char *found = sav_safetensors_metadata(shard, "savs_int8"), *path = sav_safetensors_path(shard);
        if (model->group && !found)
            return sav_fail(err, SAV_BAD_INPUT,
                            "%s: found no metadata savs_int8; expected version %s, as config.json says", path,
                            expected);
        if (!model->group && found)
            return sav_fail(
                err, SAV_BAD_INPUT,
                "%s: found savs_int8 weights; expected \"quantization_config\" in config.json to say so",
                path);
        if (found && strcmp(found, expected) != 0) return wrong_version(path, found, err);
    }
    return SAV_OK;
}
