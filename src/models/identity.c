/* identity.c: model_sha256, a model's name that is cheap at 15 GB.
 *
 * SHA-256 over config.json, the preprocessor and tokenizer files that are there, then for each shard in order
 * of name its size, its header and the first 4 KiB of every tensor. Names and lengths stand in front of what
 * they describe, so that no two folders give the same bytes.
 */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "models/model.h"

static const char *const FILES[] = {
    "config.json",         "preprocessor_config.json", "processor_config.json",  "chat_template.json",
    "chat_template.jinja", "tokenizer.json",           "tokenizer_config.json",  "vocab.json",
    "merges.txt",          "added_tokens.json",        "special_tokens_map.json"};

enum { HEAD_BYTES = 4096 };

static void add_section(sav_sha256 *hash, const char *name, size_t length) {
    char line[400];
    snprintf(line, sizeof line, "%s %zu\n", name, length);
    sav_sha256_update(hash, line, strlen(line));
}

static sav_status add_file(sav_sha256 *hash, const char *folder, const char *name, sav_error *err) {
    sav_map map = {0};
    char *path = sav_path_join(folder, name);
    if (!path) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
    const bool there = sav_os_exists(path);
    sav_status status = there ? sav_os_map(&map, path, err) : SAV_OK;
    if (there && !status) {
        add_section(hash, name, map.size);
        sav_sha256_update(hash, map.bytes, map.size);
    }
    sav_os_unmap(&map);
    sav_free(path);
    return status;
}

sav_status sav_model_identity(char hex[65], const char *folder, const sav_weights *weights, sav_error *err) {
    sav_sha256 hash;
    sav_sha256_init(&hash);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        sav_status status = add_file(&hash, folder, FILES[i], err);
        if (status) return status;
    }
    for (size_t i = 0; i < sav_weights_shards(weights); i++) {
        const sav_safetensors *shard = sav_weights_shard(weights, i);
        size_t header, size;
        const unsigned char *bytes = sav_safetensors_header(shard, &header, &size);
        add_section(&hash, sav_os_path_name(sav_safetensors_path(shard)), size);
        sav_sha256_update(&hash, bytes, header);
        for (size_t t = 0; t < sav_safetensors_count(shard); t++) {
            const sav_tensor *tensor = sav_safetensors_at(shard, t);
            size_t length = tensor->count * sav_dtype_size(tensor->dtype);
            sav_sha256_update(&hash, tensor->data, length < HEAD_BYTES ? length : HEAD_BYTES);
        }
    }
    sav_sha256_hex(&hash, hex);
    return SAV_OK;
}
