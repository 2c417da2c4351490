/* Vocabularies and merges whose entries were chosen to share a place in our tables: refused after a few of
 * them, where each would have walked past all others.
 */
#include <string.h>

#include "../check.h"
#include "../colliding.h"
#include "base/os.h"
#include "text/bpe.h"

static sav_error err;

static void test_tokens(void) {
    sav_bpe bpe = {0};
    sav_status status = SAV_OK;
    uint32_t added = 0;
    const double start = sav_os_cpu_seconds();
    for (; added < COLLIDING_WORDS && !status; added++) {
        sav_text word = {0};
        put_colliding(&word, added);
        status = sav_bpe_add_token(&bpe, word.bytes, word.length, added, &err);
        sav_text_free(&word);
    }
    CHECK_FAILS(status, &err, SAV_UNSUPPORTED, "more than 1024 tokens share a place");
    CHECK(added > 1000 && added < 5000);
    CHECK(sav_os_cpu_seconds() - start < 1);
    sav_bpe_free(&bpe);
}

/* The place of a merge is left * C + (right * C >> 32): 64 ids of left parts whose first term ends in 16 zero
 * bits, 64 of right parts whose second does, make 4,096 merges of one place. */
static void test_merges(void) {
    enum { PARTS = 64 };
    sav_bpe bpe = {0};
    sav_status status = SAV_OK;
    uint32_t id = 1, added = 0, right = 0;
    size_t unused;
    char text[] = "aaAA";
    for (uint32_t i = 0; i < PARTS && !status; i++, right++) {
        while ((((uint64_t)right * 0x9E3779B97F4A7C15u) >> 32 & 0xFFFF) || right % 65536 == 0) right++;
        text[0] = (char)('a' + i / 8), text[1] = (char)('a' + i % 8);
        text[2] = (char)('A' + i / 8), text[3] = (char)('A' + i % 8);
        status = sav_bpe_add_token(&bpe, text, 2, i << 16, &err);
        if (!status) status = sav_bpe_add_token(&bpe, text + 2, 2, right, &err);
    }
    CHECK_OK(status, &err);
    const double start = sav_os_cpu_seconds();
    for (uint32_t i = 0; i < PARTS * PARTS && !status; i++) {
        text[0] = (char)('a' + i / PARTS / 8), text[1] = (char)('a' + i / PARTS % 8);
        text[2] = (char)('A' + i % PARTS / 8), text[3] = (char)('A' + i % 8);
        while (sav_bpe_string(&bpe, id, &unused)) id++;
        status = sav_bpe_add_token(&bpe, text, 4, id, &err);
        if (!status) status = sav_bpe_add_merge(&bpe, text, 2, text + 2, 2, &err);
        added += !status;
    }
    CHECK_FAILS(status, &err, SAV_UNSUPPORTED, "more than 1024 merges share a place");
    CHECK(added >= 1024 && added < 2048);
    CHECK(sav_os_cpu_seconds() - start < 1);
    sav_bpe_free(&bpe);
}

/* Numbers in order, as many as a released vocabulary has. */
static void test_many(void) {
    sav_bpe bpe = {0};
    sav_status status = SAV_OK;
    for (uint32_t i = 0; i < 151643 && !status; i++) {
        sav_text word = {0};
        sav_text_printf(&word, "t%u", i);
        status = sav_bpe_add_token(&bpe, word.bytes, word.length, i, &err);
        sav_text_free(&word);
    }
    CHECK_OK(status, &err);
    CHECK_SIZE(sav_bpe_find(&bpe, "t151642", 7), 151642);
    sav_bpe_free(&bpe);
}

int main(void) {
    test_tokens();
    test_merges();
    test_many();
    return check_report("bpe tables");
}
