/* attention.h: how both engines cut attention into tasks for threads: a block of query rows of one head of
 * one segment.
 */
#ifndef SAV_ATTENTION_H
#define SAV_ATTENTION_H

#include "kernels/kernels.h"

typedef struct sav_attention_block {
    size_t head, kv;        /* query head and the key/value head it reads */
    size_t row, rows;       /* query rows row .. row + rows - 1 */
    size_t first_key, keys; /* the keys that any of them may see, masked ones among them */
    size_t ahead;           /* query row r of the block stands at key ahead + r, counted from first_key */
} sav_attention_block;

static inline size_t sav_attention_longest(const sav_attention *at) {
    size_t most = 0;
    if (!at->segments) return at->queries;
    for (size_t i = 0; i < at->segment_count; i++)
        if (at->segments[i + 1] - at->segments[i] > most) most = at->segments[i + 1] - at->segments[i];
    return most;
}

/* The most keys that a query sees: what a thread's scratch is laid out for. Of segments the longest, however
 * many there are together. */
static inline size_t sav_attention_reach(const sav_attention *at) {
    return at->segments ? sav_attention_longest(at) : at->keys;
}

/* Tasks of blocks of `block` rows; in short segments some of them are empty. */
static inline size_t sav_attention_tasks(const sav_attention *at, size_t block) {
    size_t segments = at->segments ? at->segment_count : 1;
    return (sav_attention_longest(at) + block - 1) / block * segments * at->H;
}

/* Multiply-adds, for the choice of a team. */
static inline size_t sav_attention_work(const sav_attention *at) {
    return at->queries * sav_attention_reach(at) * at->H * at->d * 2;
}

/* Pairs of a query and a key that it sees. */
static inline double sav_attention_pairs(const sav_attention *a) {
    double n = 0;
    for (size_t i = 0; i < a->segment_count && a->segments; i++) {
        const double rows = (double)(a->segments[i + 1] - a->segments[i]);
        n += rows * rows;
    }
    for (size_t i = 0; i < a->queries && !a->segments; i++) {
        const size_t seen = a->causal ? a->keys - a->queries + i + 1 : a->keys;
        n += (double)(a->window && a->window < seen ? a->window : seen);
    }
    return n;
}

/* The task-th block; false: it is empty. The last rows come first: with a causal mask they see most keys, and
 * threads end together. */
static inline bool sav_attention_block_at(sav_attention_block *b, const sav_attention *at, size_t task,
                                          size_t block) {
    const size_t segments = at->segments ? at->segment_count : 1, rest = task / at->H,
                 segment = rest % segments;
    const size_t blocks = (sav_attention_longest(at) + block - 1) / block,
                 in = (blocks - 1 - rest / segments) * block;
    const size_t first = at->segments ? at->segments[segment] : 0;
    const size_t queries = at->segments ? at->segments[segment + 1] - first : at->queries;
    const size_t keys = at->segments ? queries : at->keys;
    if (in >= queries) return false;
    b->head = task % at->H;
    b->kv = b->head / (at->H / at->G);
    b->row = first + in;
    b->rows = queries - in < block ? queries - in : block;
    b->first_key = first;
    b->ahead = keys - queries + in;
    b->keys = at->causal && !at->inf_to_zero ? b->ahead + b->rows : keys;
    return true;
}

/* Keys [begin, end) of the block that its query row r sees. */
static inline void sav_attention_visible(size_t *begin, size_t *end, const sav_attention *at,
                                         const sav_attention_block *b, size_t r) {
    const size_t here = b->ahead + r;
    *end = at->causal ? here + 1 : b->keys;
    *begin = at->causal && at->window && here >= at->window ? here - at->window + 1 : 0;
}

#endif
