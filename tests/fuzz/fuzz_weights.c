/* fuzz_weights.c: bytes -> the index of two shards, or the first shard's header -> all tensors by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INFO(begin, end) "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" begin "," end "]}"

static void put_shard(const char *path, const void *header, size_t length) {
    unsigned char bytes[1 << 13] = {(unsigned char)length, (unsigned char)(length >> 8)};
    if (length > sizeof bytes - 24) length = sizeof bytes - 24;
    if (length) memcpy(bytes + 8, header, length);
    memory_put(path, bytes, 8 + length + 16);
}

static void load(void) {
    static const char first[] = "{\"a\":" INFO("0", "8") ",\"b\":" INFO("8", "16") "}";
    static const char second[] = "{\"c\":" INFO("0", "8") ",\"d\":" INFO("8", "16") "}";
    static const char index[] = "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":"
                                "\"2.safetensors\",\"d\":\"2.safetensors\"}}";
    put_shard("w/1.safetensors", first, sizeof first - 1);
    put_shard("w/2.safetensors", second, sizeof second - 1);
    memory_put("w/model.safetensors.index.json", index, sizeof index - 1);
    memory_mark();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool loaded;
    sav_weights *weights;
    sav_error err;
    if (!loaded) load();
    loaded = true;
    if (!size) return 0;
    if (data[0] & 1)
        put_shard("w/1.safetensors", data + 1, size - 1);
    else
        memory_put("w/model.safetensors.index.json", data + 1, size - 1);
    if (sav_weights_open(&weights, "w", &err) == SAV_OK) {
        double sum = 0;
        for (size_t i = 0; i < sav_weights_count(weights); i++) {
            const sav_tensor *t = sav_weights_at(weights, i);
            if (sav_weights_find(weights, t->name) != t || !*sav_weights_file_of(weights, t)) abort();
            for (size_t n = 0; n < t->count; n++)
                sum += sav_tensor_float(t, n) + (double)sav_tensor_integer(t, n);
        }
        if (sum > 1e300) abort();
        if (sav_weights_check(weights, &err)) abort();
        sav_weights_close(weights);
    } else if (!err.message[0]) {
        abort();
    }
    memory_reset();
    return 0;
}
