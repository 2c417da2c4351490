/* inspect_verify.c: every byte of a model folder read: digests, weights that are no numbers, the BLAS. See
 * inspect.h. */
#include <string.h>

#include "base/os.h"
#include "instruments/inspect.h"
#include "kernels/kernels.h"
#include "models/model.h"

/* Exponent bits all set: infinity or NaN. Counted on the stored bits. */
static uint64_t count_not_finite(const sav_tensor *t) {
    uint64_t found = 0;
    uint32_t word;
    uint16_t half;
    const char *at = t->data;
    switch (t->dtype) {
    case SAV_F32:
        for (size_t i = 0; i < t->count; i++) {
            memcpy(&word, at + 4 * i, 4);
            found += (word & 0x7f800000u) == 0x7f800000u;
        }
        return found;
    case SAV_BF16:
    case SAV_F16:
        for (size_t i = 0; i < t->count; i++) {
            const unsigned mask = t->dtype == SAV_BF16 ? 0x7f80u : 0x7c00u;
            memcpy(&half, at + 2 * i, 2);
            found += (half & mask) == mask;
        }
        return found;
    default:
        return 0;
    }
}

static sav_status verify_weights(const sav_model *model, const sav_verify_hooks *hooks, sav_error *err) {
    const char *first = NULL;
    size_t tensors = 0;
    for (size_t i = 0; i < sav_weights_count(model->weights); i++) {
        const sav_tensor *t = sav_weights_at(model->weights, i);
        sav_status status = hooks->check ? hooks->check(hooks->context, err) : SAV_OK;
        if (status) return status;
        uint64_t found = count_not_finite(t);
        if (!found) continue;
        hooks->tensor(hooks->context, t->name, found, t->count);
        tensors++;
        if (!first) first = t->name;
    }
    if (!first) return SAV_OK;
    return sav_fail(
        err, SAV_BAD_INPUT,
        "%s, tensor %s: found weights that are infinite or NaN; expected numbers (%zu such tensors)",
        sav_weights_file_of(model->weights, sav_weights_find(model->weights, first)), first, tensors);
}

static sav_status digest_file(const char *path, const sav_verify_hooks *hooks, sav_error *err) {
    enum { STEP = 1 << 24 }; /* bytes between two looks at the stop flag */
    sav_map map;
    sav_sha256 hash;
    char hex[65];
    sav_status status = sav_os_map(&map, path, err);
    if (status) return status;
    sav_sha256_init(&hash);
    for (size_t at = 0; at < map.size && !status; at += STEP) {
        status = hooks->check ? hooks->check(hooks->context, err) : SAV_OK;
        if (!status) sav_sha256_update(&hash, map.bytes + at, map.size - at < STEP ? map.size - at : STEP);
    }
    sav_sha256_hex(&hash, hex);
    if (!status) hooks->file(hooks->context, path, map.size, hex);
    sav_os_unmap(&map);
    return status;
}

static sav_status digest_folder(const char *folder, const sav_verify_hooks *hooks, sav_error *err) {
    char **names;
    size_t count;
    sav_status status = sav_os_list(&names, &count, folder, err);
    if (status) return status;
    for (size_t i = 0; i < count && !status; i++) {
        char *path = sav_path_join(folder, names[i]);
        if (!path)
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder);
        else if (names[i][0] != '.' && !sav_os_is_folder(path))
            status = digest_file(path, hooks, err);
        sav_free(path);
    }
    sav_os_names_free(names, count);
    return status;
}

sav_status sav_inspect_verify(const sav_model *model, const sav_verify_hooks *hooks, sav_error *err) {
    sav_status status = digest_folder(model->folder, hooks, err);
    for (size_t i = 0; !status && sav_kernels_at(i); i++) {
        const sav_kernels *kernels = sav_kernels_at(i);
        sav_run run = {.R = SAV_F32, .threads = 1};
        sav_error why;
        /* a library that is not there cannot be wrong */
        if (!kernels->start || kernels->start(&run, &why) != SAV_UNSUPPORTED) continue;
        *err = why;
        status = SAV_UNSUPPORTED;
    }
    return status ? status : verify_weights(model, hooks, err);
}
