/* untrained.c: the weights of a model as they are before any training, for the demo to compare with.
 *
 *     untrained FOLDER OUT.safetensors SEED [KEPT …]  KEPT: tensors whose names start so stay as FOLDER has
 *         them
 *
 *     names and shapes of FOLDER -> random numbers -> bf16
 *
 * The rule of tools/tiny/model.py's first_weights, with other numbers: biases 0, norms 1, all else random
 * with the standard deviation 1 ÷ sqrt(inputs), half of that where a layer adds to the residual stream. A
 * random number is the sum of twelve uniform ones (Irwin and Hall), which needs no logarithm and so is the
 * same on every system.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/round.h"
#include "classify/random.h"
#include "io/safetensors.h"

static bool has(const char *name, const char *part) {
    return strstr(name, part) != NULL;
}

/* Mean 0, standard deviation 1. */
static double normal(sav_random *random) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += sav_random_word(random) * 0x1p-32;
    return sum;
}

static double deviation(const sav_tensor *t) {
    static const char *const adding[] = {"o_proj", "down_proj", "out_proj", "attn.proj", "fc2"};
    if (has(t->name, "embed_tokens")) return 1 / sqrt((double)t->shape[t->rank - 1]);
    const size_t inputs = t->count / t->shape[0];
    const double std = 1 / sqrt((double)inputs);
    for (size_t i = 0; i < sizeof adding / sizeof adding[0]; i++)
        if (has(t->name, adding[i])) return std / 2;
    return std;
}

static bool is_bias(const char *name) {
    const size_t length = strlen(name);
    return length >= 4 && strcmp(name + length - 4, "bias") == 0;
}

static void fill(uint16_t *out, const sav_tensor *t, sav_random *random) {
    if (is_bias(t->name)) {
        memset(out, 0, t->count * sizeof *out);
    } else if (has(t->name, "norm") || has(t->name, "ln_q.weight")) {
        for (size_t i = 0; i < t->count; i++) out[i] = sav_narrow_bf16(1.0f);
    } else {
        const double std = deviation(t);
        for (size_t i = 0; i < t->count; i++) out[i] = sav_narrow_bf16((float)(normal(random) * std));
    }
}

static bool kept(const char *name, char *const *prefixes, int count) {
    for (int i = 0; i < count; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

static sav_status write(const char *path, const sav_weights *weights, sav_random *random,
                        char *const *prefixes, int prefix_count, sav_error *err) {
    static const char *const keys[] = {"format"}, *const values[] = {"pt"}; /* transformers asks for it */
    const size_t count = sav_weights_count(weights);
    size_t all = 0;
    for (size_t i = 0; i < count; i++) all += sav_weights_at(weights, i)->count;
    sav_tensor *tensors = sav_alloc(count, sizeof *tensors);
    uint16_t *numbers = sav_alloc(all, sizeof *numbers), *next = numbers;
    sav_status status = tensors && numbers ? SAV_OK
                                           : sav_fail(err, SAV_NO_MEMORY, "no memory for %zu weights", all);
    for (size_t i = 0; i < count && !status; i++) {
        tensors[i] = *sav_weights_at(weights, i);
        if (kept(tensors[i].name, prefixes, prefix_count)) continue;
        fill(next, &tensors[i], random);
        tensors[i].data = next;
        tensors[i].dtype = SAV_BF16;
        next += tensors[i].count;
    }
    if (!status) status = sav_safetensors_write(path, tensors, count, &(sav_metadata){1, keys, values}, err);
    sav_free(tensors);
    sav_free(numbers);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: untrained FOLDER OUT.safetensors SEED [KEPT ...]\n", stderr);
        return 2;
    }
    sav_error err = {0};
    sav_weights *weights = NULL;
    sav_random random;
    sav_random_seed(&random, strtoul(argv[3], NULL, 10));
    sav_status status = sav_weights_open(&weights, argv[1], &err);
    if (!status) status = write(argv[2], weights, &random, argv + 4, argc - 4, &err);
    if (status) fprintf(stderr, "untrained: %s\n", err.message);
    sav_weights_close(weights);
    return status ? 1 : 0;
}
