/* fuzz_safetensors.c: any bytes -> the safetensors reader; of what it accepts every element is read, so that
 * a tensor that reaches past the bytes is seen by the sanitizer. */
#include <stdlib.h>

#include "io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sav_safetensors *file;
    sav_error err;
    if (sav_safetensors_parse(&file, data, size, "fuzz.safetensors", &err)) return 0;
    float sum = 0;
    int64_t whole = 0;
    for (size_t i = 0; i < sav_safetensors_count(file); i++) {
        const sav_tensor *tensor = sav_safetensors_at(file, i);
        if (sav_safetensors_find(file, tensor->name) == NULL) abort();
        for (size_t k = 0; k < tensor->count; k++) {
            sum += sav_tensor_float(tensor, k);
            whole ^= sav_tensor_integer(tensor, k);
        }
    }
    (void)sav_safetensors_metadata(file, "savs");
    static volatile float kept; /* so that the reads are not optimised away */
    kept = sum + (float)whole;
    (void)kept;
    sav_safetensors_close(file);
    return 0;
}
