/* Every committed golden of a forward, stage by stage, with the exact engine: all bits.
 *
 * For each case the prompt is run whole and every stage compared with the oracle's: with the tensor where the
 * golden holds it, with its SHA-256 where it holds digests. A stage that either side lacks, or has in another
 * order or shape, fails. Then the short forward, which stops at the last layer's attention, must give the
 * same tap.
 *
 *   build/tests/models/test_golden [CASE [ISA]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "../golden_case.h"
#include "base/os.h"
#include "base/round.h"

typedef struct expectation {
    const char *name;
    sav_safetensors *golden;
    char *digests;    /* the .sha256 file's text, or NULL */
    const char *next; /* its next line */
    size_t stages, wrong;
    float *tap; /* the dump's own */
    size_t tap_count;
} expectation;

static const char *isa;

static size_t elements(const sav_snapshot *stage) {
    size_t count = 1;
    for (int i = 0; i < stage->rank; i++) count *= stage->shape[i];
    return count;
}

/* The stage's bytes as they stand in a safetensors file of its dtype. */
static void *stored_bytes(size_t *length, const sav_snapshot *stage) {
    size_t count = elements(stage);
    *length = count * sav_dtype_size(stage->dtype);
    char *bytes = malloc(*length ? *length : 1);
    if (stage->dtype == SAV_F32 || stage->dtype == SAV_I64) {
        memcpy(bytes, stage->data, *length);
        return bytes;
    }
    for (size_t i = 0; i < count; i++) {
        float x = ((const float *)stage->data)[i];
        uint16_t half = stage->dtype == SAV_BF16 ? sav_narrow_bf16(x) : sav_narrow_f16(x);
        memcpy(bytes + 2 * i, &half, 2);
    }
    return bytes;
}

static bool same_shape(const sav_tensor *t, const sav_snapshot *stage) {
    if (t->dtype != stage->dtype || t->rank != stage->rank) return false;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] != stage->shape[i]) return false;
    return true;
}

/* The next line of the digests must be "<64 hex>  <name>". */
static bool check_digest(expectation *want, const sav_snapshot *stage, const void *bytes, size_t length) {
    char hex[65], line[400];
    sav_sha256 hash;
    sav_sha256_init(&hash);
    sav_sha256_update(&hash, bytes, length);
    sav_sha256_hex(&hash, hex);
    snprintf(line, sizeof line, "%s  %s\n", hex, stage->name);
    bool ok = strncmp(want->next, line, strlen(line)) == 0;
    const char *end = strchr(want->next, '\n');
    want->next = end ? end + 1 : "";
    return ok;
}

static sav_status take(void *context, const sav_snapshot *stage, sav_error *err) {
    expectation *want = context;
    const sav_tensor *t = sav_safetensors_find(want->golden, stage->name);
    size_t length;
    void *bytes = stored_bytes(&length, stage);
    bool ok = true;
    (void)err;
    if (want->digests) ok = check_digest(want, stage, bytes, length);
    if (t)
        ok = same_shape(t, stage) && memcmp(t->data, bytes, length) == 0 && ok;
    else if (!want->digests)
        ok = false;
    if (!ok && want->wrong++ == 0) printf("%s: first stage that differs: %s\n", want->name, stage->name);
    want->stages++;
    free(bytes);
    if (strcmp(stage->name, "sav.tap") == 0) {
        want->tap_count = elements(stage);
        want->tap = malloc(want->tap_count * sizeof *want->tap);
        memcpy(want->tap, stage->data, want->tap_count * sizeof *want->tap);
    }
    return SAV_OK;
}

static void check_short_forward(golden_case *c, const expectation *want) {
    sav_error err;
    float *tap = malloc(want->tap_count * sizeof *tap);
    const sav_model_info *info = sav_model_describe(c->model);
    if (CHECK_OK(sav_forward(c->session, &c->prompt, tap, 0, &err), &err))
        check_bits(tap, want->tap, want->tap_count, want->name);
    if (CHECK_OK(sav_forward(c->session, &c->prompt, tap, 1, &err), &err)) /* one layer deep */
        check_bits(tap, want->tap, info->H * info->d, want->name);
    free(tap);
}

static void run_case(const sav_json *node) {
    golden_case c;
    size_t length;
    sav_error err;
    expectation want = {0};
    if (golden_case_open(&c, node, (sav_options){.engine = "exact", .isa = isa, .threads = 2}) &&
        CHECK_OK(sav_safetensors_open(&want.golden, golden_path(c.name, ".exact.safetensors"), &err), &err) &&
        (strcmp(c.stored, "sha256") != 0 ||
         CHECK_OK(
             sav_os_read_file(&want.digests, &length, golden_path(c.name, ".exact.sha256"), 1 << 22, &err),
             &err))) {
        const sav_sink sink = {take, &want};
        want.name = c.name;
        want.next = want.digests;
        CHECK_OK(sav_dump(c.session, &c.prompt, &sink, &err), &err);
        if (!CHECK(want.wrong == 0))
            printf("%s: %zu of %zu stages differ\n", want.name, want.wrong, want.stages);
        if (want.digests)
            CHECK(*want.next == '\0');
        else
            CHECK_SIZE(want.stages, sav_safetensors_count(want.golden));
        if (CHECK(want.tap != NULL)) check_short_forward(&c, &want);
    }
    golden_case_close(&c);
    sav_safetensors_close(want.golden);
    sav_free(want.digests);
    free(want.tap);
}

int main(int argc, char **argv) {
    isa = argc > 2 ? argv[2] : NULL;
    golden_cases(argc > 1 ? argv[1] : NULL, run_case);
    return check_report("golden");
}
