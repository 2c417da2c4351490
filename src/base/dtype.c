/* dtype.c: storage types by size and name, rows of them to floats and back. See dtype.h. */
#include "base/dtype.h"

#include "base/round.h"

static const struct {
    const char *name, *option; /* option NULL: no run computes in it */
    size_t size;
} TYPES[SAV_DTYPES] = {
    [SAV_F32] = {"F32", "f32", 4}, [SAV_BF16] = {"BF16", "bf16", 2},     [SAV_F16] = {"F16", "f16", 2},
    [SAV_F64] = {"F64", NULL, 8},  [SAV_I64] = {"I64", NULL, 8},         [SAV_I32] = {"I32", NULL, 4},
    [SAV_U8] = {"U8", NULL, 1},    [SAV_BOOL] = {"BOOL", NULL, 1},       [SAV_I8] = {"I8", NULL, 1},
    [SAV_I16] = {"I16", NULL, 2},  [SAV_U16] = {"U16", NULL, 2},         [SAV_U32] = {"U32", NULL, 4},
    [SAV_U64] = {"U64", NULL, 8},  [SAV_F8_E4M3] = {"F8_E4M3", NULL, 1}, [SAV_F8_E5M2] = {"F8_E5M2", NULL, 1},
};

size_t sav_dtype_size(sav_dtype dtype) {
    return TYPES[dtype].size;
}

const char *sav_dtype_name(sav_dtype dtype) {
    return TYPES[dtype].name;
}

const char *sav_storage_name(sav_dtype dtype) {
    return TYPES[sav_is_storage(dtype) ? dtype : SAV_F32].option;
}

bool sav_storage_find(sav_dtype *out, const char *name) {
    for (int i = 0; name && i < SAV_DTYPES; i++)
        if (TYPES[i].option && strcmp(name, TYPES[i].option) == 0) {
            *out = (sav_dtype)i;
            return true;
        }
    return false;
}

void sav_widen(float *out, const void *stored, size_t n, sav_dtype dtype) {
    for (size_t i = 0; i < n; i++) out[i] = sav_widen_one(stored, i, dtype);
}

/* A NaN keeps the bits that it has: rounding could give it others. */
static uint16_t narrow_one(float x, sav_dtype dtype) {
    const float rounded = x != x ? x : sav_round((double)x, dtype);
    return dtype == SAV_BF16 ? sav_narrow_bf16(rounded) : sav_narrow_f16(rounded);
}

void sav_narrow(void *out, const float *values, size_t n, sav_dtype dtype) {
    if (dtype == SAV_F32) {
        memcpy(out, values, n * sizeof *values);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const uint16_t half = narrow_one(values[i], dtype);
        memcpy((char *)out + i * sizeof half, &half, sizeof half);
    }
}
