/* bpe.c: byte-pair encoding over a linked list with a heap of candidate merges (see bpe.h).
 *
 * The rule: among the neighbouring pairs that are in the merge list take the one of lowest rank, the leftmost
 * of several; join it; again, until none is left. A pre-token may be as long as the prompt (a line of "===="
 * is one), so candidates wait in a heap and the parts in a linked list: O(n log n), where the loop that looks
 * for the best pair anew is O(n²).
 */
#include "text/bpe.h"

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

/* ---- growing things ------------------------------------------------------------------------------------ */

bool sav_ids_push(sav_ids *list, uint32_t id) {
    if (!sav_grow(&list->ids, &list->capacity, list->count + 1, sizeof *list->ids)) return false;
    list->ids[list->count++] = id;
    return true;
}

void sav_ids_free(sav_ids *list) {
    sav_free(list->ids);
    memset(list, 0, sizeof *list);
}

static sav_status no_memory(sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "tokenizer: out of memory");
}

/* ---- the byte alphabet --------------------------------------------------------------------------------- */

/* Bytes that print stand for themselves; the other 68, in increasing order, for U+0100, U+0101, … */
static uint32_t alphabet_point(unsigned byte) {
    if (byte <= 0x20) return 0x100 + byte;
    if (byte >= 0x7F && byte <= 0xA0) return 0x121 + (byte - 0x7F);
    return byte == 0xAD ? 0x143 : byte;
}

static int alphabet_byte(uint32_t point) { /* -1: not in the alphabet */
    if (point >= 0x100 && point <= 0x120) return (int)(point - 0x100);
    if (point >= 0x121 && point <= 0x142) return (int)(point - 0x121 + 0x7F);
    if (point == 0x143) return 0xAD;
    return point < 0x100 && alphabet_point(point) == point ? (int)point : -1;
}

/* PARITY: one character outside the alphabet makes the whole token literal, and é inside it is a byte of the
 * alphabet when all others are too: an added token "café!" decodes to "caf\xE9!". Guarded by
 * test_tokenizer. */
void sav_bpe_bytes(sav_text *out, const char *string, size_t length) {
    size_t at = 0, start = out->length;
    uint32_t point;
    while (sav_utf8_decode(&point, string, length, &at)) {
        int byte = alphabet_byte(point);
        if (byte < 0) break;
        unsigned char one = (unsigned char)byte;
        sav_text_bytes(out, &one, 1);
        if (at == length) return;
    }
    if (length == 0 || out->failed) return;
    out->length = start;
    sav_text_bytes(out, string, length);
}

/* ---- the vocabulary ------------------------------------------------------------------------------------ */

static bool has_token(const sav_bpe *bpe, uint32_t id) {
    return id < bpe->id_end && bpe->strings[id].start != SAV_BPE_NONE;
}

/* Both tables are at most half full, so a search takes a few steps, and tens in a million. A file made so
 * that its entries share a place is refused: each entry, and each look-up in a text, would walk past all
 * others. */
enum { MOST_STEPS = 1024 };

static sav_status check_steps(size_t at, size_t start, size_t slots, const char *what, sav_error *err) {
    if (((at - start) & (slots - 1)) <= MOST_STEPS) return SAV_OK;
    return sav_fail(err, SAV_UNSUPPORTED, "more than %d %s share a place in the table of this program",
                    MOST_STEPS, what);
}

/* The slot that holds the string, or the free one where it would go. There is always a free one. */
static uint32_t *find_slot(const sav_bpe *bpe, const char *string, size_t length) {
    size_t mask = bpe->slot_count - 1, i = sav_hash(string, length) & mask;
    for (;; i = (i + 1) & mask) {
        uint32_t id = bpe->slots[i];
        if (id == SAV_BPE_NONE) break;
        if (bpe->strings[id].length == length &&
            memcmp(bpe->pool.bytes + bpe->strings[id].start, string, length) == 0)
            break;
    }
    return &bpe->slots[i];
}

uint32_t sav_bpe_find(const sav_bpe *bpe, const char *string, size_t length) {
    return bpe->slot_count ? *find_slot(bpe, string, length) : SAV_BPE_NONE;
}

const char *sav_bpe_string(const sav_bpe *bpe, uint32_t id, size_t *length) {
    if (!has_token(bpe, id)) return NULL;
    *length = bpe->strings[id].length;
    return bpe->pool.bytes + bpe->strings[id].start;
}

static bool grow_slots(sav_bpe *bpe) {
    if (bpe->slot_count && bpe->count < bpe->slot_count / 2) return true;
    size_t count = bpe->slot_count ? bpe->slot_count * 2 : 1024;
    uint32_t *slots = sav_alloc(count, sizeof *slots);
    if (!slots) return false;
    memset(slots, 0xFF, count * sizeof *slots); /* SAV_BPE_NONE */
    sav_free(bpe->slots);
    bpe->slots = slots;
    bpe->slot_count = count;
    for (uint32_t id = 0; id < bpe->id_end; id++)
        if (has_token(bpe, id))
            *find_slot(bpe, bpe->pool.bytes + bpe->strings[id].start, bpe->strings[id].length) = id;
    return true;
}

static bool grow_ids(sav_bpe *bpe, uint32_t id) {
    if (!sav_grow(&bpe->strings, &bpe->id_capacity, (size_t)id + 1, sizeof *bpe->strings)) return false;
    while (bpe->id_end <= id) bpe->strings[bpe->id_end++] = (sav_bpe_span){SAV_BPE_NONE, 0};
    return true;
}

sav_status sav_bpe_add_token(sav_bpe *bpe, const char *string, size_t length, uint32_t id, sav_error *err) {
    if (id >= SAV_BPE_MOST_IDS)
        return sav_fail(err, SAV_BAD_INPUT, "token \"%.*s\" has id %u; expected less than %u",
                        (int)sav_min(length, 200), string, id, SAV_BPE_MOST_IDS);
    if (has_token(bpe, id))
        return sav_fail(err, SAV_BAD_INPUT,
                        "id %u belongs to \"%.*s\" and to \"%.*s\"; expected one token an id", id,
                        (int)sav_min(bpe->strings[id].length, 100), bpe->pool.bytes + bpe->strings[id].start,
                        (int)sav_min(length, 100), string);
    if (!grow_ids(bpe, id) || !grow_slots(bpe)) return no_memory(err);
    uint32_t *slot = find_slot(bpe, string, length);
    if (*slot != SAV_BPE_NONE)
        return sav_fail(err, SAV_BAD_INPUT, "token \"%.*s\" stands twice, with ids %u and %u",
                        (int)sav_min(length, 200), string, *slot, id);
    sav_status status =
        check_steps((size_t)(slot - bpe->slots), sav_hash(string, length), bpe->slot_count, "tokens", err);
    if (status) return status;
    if (bpe->pool.length + length >= SAV_BPE_NONE)
        return sav_fail(err, SAV_UNSUPPORTED, "more than 4 GiB of token strings");
    size_t start = bpe->pool.length;
    sav_text_bytes(&bpe->pool, string, length);
    if (bpe->pool.failed) return no_memory(err);
    bpe->strings[id] = (sav_bpe_span){(uint32_t)start, (uint32_t)length};
    *slot = id;
    bpe->count++;
    return SAV_OK;
}

void sav_bpe_finish(sav_bpe *bpe) {
    for (unsigned byte = 0; byte < 256; byte++) {
        char bytes[4];
        bpe->byte_id[byte] = sav_bpe_find(bpe, bytes, sav_utf8_encode(bytes, alphabet_point(byte)));
    }
}

void sav_bpe_free(sav_bpe *bpe) {
    sav_text_free(&bpe->pool);
    sav_free(bpe->strings);
    sav_free(bpe->slots);
    sav_free(bpe->merges);
    memset(bpe, 0, sizeof *bpe);
}

/* ---- the merge list ------------------------------------------------------------------------------------ */

static size_t merge_place(uint32_t left, uint32_t right) {
    return (size_t)((((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u) >> 32);
}

/* NULL only while there are none */
static sav_bpe_merge *find_merge(const sav_bpe *bpe, uint32_t left, uint32_t right) {
    if (!bpe->merge_slots) return NULL;
    size_t mask = bpe->merge_slots - 1, i = merge_place(left, right) & mask;
    while (bpe->merges[i].joined != SAV_BPE_NONE &&
           (bpe->merges[i].left != left || bpe->merges[i].right != right))
        i = (i + 1) & mask;
    return &bpe->merges[i];
}

static bool grow_merges(sav_bpe *bpe) {
    if (bpe->merge_slots && bpe->merge_count < bpe->merge_slots / 2) return true;
    size_t old_count = bpe->merge_slots, count = old_count ? old_count * 2 : 1024;
    sav_bpe_merge *old = bpe->merges, *merges = sav_alloc(count, sizeof *merges);
    if (!merges) return false;
    for (size_t i = 0; i < count; i++) merges[i].joined = SAV_BPE_NONE;
    bpe->merges = merges;
    bpe->merge_slots = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].joined != SAV_BPE_NONE) *find_merge(bpe, old[i].left, old[i].right) = old[i];
    sav_free(old);
    return true;
}

static sav_status not_a_token(const char *string, size_t length, const char *what, sav_error *err) {
    char quoted[SAV_QUOTED];
    return sav_fail(err, SAV_BAD_INPUT, "the merge's %s \"%s\" is not in the vocabulary", what,
                    sav_quote(quoted, string, length));
}

sav_status sav_bpe_add_merge(sav_bpe *bpe, const char *left, size_t left_length, const char *right,
                             size_t right_length, sav_error *err) {
    enum { USUAL = 256 }; /* bytes: no merge of Qwen2's is longer, so no allocation for each of 150,000 */
    uint32_t a = sav_bpe_find(bpe, left, left_length);
    if (a == SAV_BPE_NONE) return not_a_token(left, left_length, "left part", err);
    uint32_t b = sav_bpe_find(bpe, right, right_length);
    if (b == SAV_BPE_NONE) return not_a_token(right, right_length, "right part", err);
    size_t length = left_length + right_length; /* both are strings in memory: no overflow */
    char usual[USUAL], *whole = length <= USUAL ? usual : sav_alloc(length, 1);
    if (!whole || !grow_merges(bpe)) {
        if (whole != usual) sav_free(whole);
        return no_memory(err);
    }
    memcpy(whole, left, left_length);
    memcpy(whole + left_length, right, right_length);
    uint32_t joined = sav_bpe_find(bpe, whole, length);
    sav_bpe_merge *slot = find_merge(bpe, a, b);
    sav_status status;
    if (joined == SAV_BPE_NONE)
        status = not_a_token(whole, length, "result", err);
    else if (slot->joined != SAV_BPE_NONE)
        status = sav_fail(err, SAV_BAD_INPUT,
                          "this merge is number %u of the list already; expected each once", slot->rank + 1);
    else
        status =
            check_steps((size_t)(slot - bpe->merges), merge_place(a, b), bpe->merge_slots, "merges", err);
    if (!status) *slot = (sav_bpe_merge){a, b, bpe->merge_count++, joined};
    if (whole != usual) sav_free(whole);
    return status;
}

/* ---- encoding ------------------------------------------------------------------------------------------ */

typedef struct part { /* a token so far; parts[0..] in a doubly linked list, SAV_BPE_NONE at its ends */
    uint32_t id;      /* SAV_BPE_NONE: joined to its left neighbour, no longer in the list */
    uint32_t before, behind;
} part;

typedef struct candidate {
    /* rank << 32 | place of the left part: the heap's key, so that ties go to the left */
    uint64_t order;
    uint32_t left, right; /* the ids it was made for: stale when they no longer stand there */
    uint32_t joined;
} candidate;

struct sav_bpe_work {
    part *parts;
    size_t part_capacity;
    candidate *heap;
    size_t heap_count, heap_capacity;
};

sav_bpe_work *sav_bpe_work_make(void) {
    return sav_alloc(1, sizeof(sav_bpe_work));
}

void sav_bpe_work_free(sav_bpe_work *work) {
    if (!work) return;
    sav_free(work->parts);
    sav_free(work->heap);
    sav_free(work);
}

/* Enough for a pre-token of n bytes: n parts. Candidates: n - 1 at the start; a merge takes one out and puts
 * at most two in, and there are at most n - 1 merges, so 2n hold them all. */
static bool work_reserve(sav_bpe_work *work, size_t n) {
    size_t twice;
    return sav_mul(&twice, n, 2) && sav_grow(&work->parts, &work->part_capacity, n, sizeof *work->parts) &&
           sav_grow(&work->heap, &work->heap_capacity, twice, sizeof *work->heap);
}

static void heap_push(sav_bpe_work *work, candidate new) {
    size_t i = work->heap_count++;
    for (; i > 0 && work->heap[(i - 1) / 2].order > new.order; i = (i - 1) / 2)
        work->heap[i] = work->heap[(i - 1) / 2];
    work->heap[i] = new;
}

static candidate heap_pop(sav_bpe_work *work) {
    work->heap_count--;
    candidate top = work->heap[0], last = work->heap[work->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= work->heap_count) break;
        if (child + 1 < work->heap_count && work->heap[child + 1].order < work->heap[child].order) child++;
        if (work->heap[child].order >= last.order) break;
        work->heap[i] = work->heap[child];
        i = child;
    }
    work->heap[i] = last;
    return top;
}

/* Puts the pair (parts[at], the one behind it) on the heap if it can merge. */
static void offer(sav_bpe_work *work, const sav_bpe *bpe, uint32_t at) {
    uint32_t behind = work->parts[at].behind;
    if (behind == SAV_BPE_NONE) return;
    uint32_t left = work->parts[at].id, right = work->parts[behind].id;
    const sav_bpe_merge *merge = find_merge(bpe, left, right);
    if (!merge || merge->joined == SAV_BPE_NONE) return;
    heap_push(work, (candidate){(uint64_t)merge->rank << 32 | at, left, right, merge->joined});
}

/* Bytes to single-byte parts; gives how many. PARITY: a byte that is no token is dropped without a word and
 * its neighbours stand side by side. Guarded by test_tokenizer (a vocabulary without z). */
static uint32_t split_bytes(sav_bpe_work *work, const sav_bpe *bpe, const char *text, size_t length) {
    uint32_t n = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t id = bpe->byte_id[(unsigned char)text[i]];
        if (id == SAV_BPE_NONE) continue;
        work->parts[n] = (part){id, n ? n - 1 : SAV_BPE_NONE, n + 1};
        n++;
    }
    if (n) work->parts[n - 1].behind = SAV_BPE_NONE;
    return n;
}

static void merge_all(sav_bpe_work *work, const sav_bpe *bpe, uint32_t n) {
    work->heap_count = 0;
    for (uint32_t i = 0; i + 1 < n; i++) offer(work, bpe, i);
    while (work->heap_count) {
        candidate best = heap_pop(work);
        uint32_t at = (uint32_t)best.order, behind = work->parts[at].behind;
        if (work->parts[at].id != best.left || behind == SAV_BPE_NONE || work->parts[behind].id != best.right)
            continue;
        uint32_t after = work->parts[behind].behind;
        work->parts[at].id = best.joined;
        work->parts[at].behind = after;
        work->parts[behind].id = SAV_BPE_NONE;
        if (after != SAV_BPE_NONE) work->parts[after].before = at;
        if (work->parts[at].before != SAV_BPE_NONE) offer(work, bpe, work->parts[at].before);
        offer(work, bpe, at);
    }
}

/* With ignore_merges a pre-token that is a token as a whole is that token. */
static uint32_t find_whole(const sav_bpe *bpe, const char *text, size_t length, sav_text *spelled) {
    for (size_t i = 0; i < length; i++) {
        char bytes[4];
        sav_text_bytes(spelled, bytes, sav_utf8_encode(bytes, alphabet_point((unsigned char)text[i])));
    }
    return spelled->failed ? SAV_BPE_NONE : sav_bpe_find(bpe, spelled->bytes, spelled->length);
}

sav_status sav_bpe_encode(sav_ids *out, const sav_bpe *bpe, sav_bpe_work *work, const char *text,
                          size_t length, sav_error *err) {
    if (length == 0) return SAV_OK;
    if (length >= UINT32_MAX / 4)
        return sav_fail(err, SAV_UNSUPPORTED, "text: a single word of %zu bytes", length);
    if (bpe->ignore_merges) {
        sav_text spelled = {0};
        uint32_t id = find_whole(bpe, text, length, &spelled);
        bool failed = spelled.failed;
        sav_text_free(&spelled);
        if (failed) return no_memory(err);
        if (id != SAV_BPE_NONE) return sav_ids_push(out, id) ? SAV_OK : no_memory(err);
    }
    if (!work_reserve(work, length)) return no_memory(err);
    uint32_t n = split_bytes(work, bpe, text, length);
    merge_all(work, bpe, n);
    for (uint32_t i = n ? 0 : SAV_BPE_NONE; i != SAV_BPE_NONE; i = work->parts[i].behind)
        if (!sav_ids_push(out, work->parts[i].id)) return no_memory(err);
    return SAV_OK;
}
