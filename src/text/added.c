/* added.c: added tokens (see added.h).
 *
 * Search goes from the left; at one start the longest content wins; after a hit it goes on behind it. A
 * folder has some ten of them, so an index by first byte is all the machinery that a search needs.
 */
#include "text/added.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

static sav_status no_memory(sav_error *err) {
    return sav_fail(err, SAV_NO_MEMORY, "added tokens: out of memory");
}

static int compare(const sav_added_token *token, const char *content, size_t length) {
    const int order = memcmp(token->content, content, sav_min(token->length, length));
    return order ? order : (token->length > length) - (token->length < length);
}

/* Where in by_content the content is, or would be. */
static uint32_t place_of(bool *there, const sav_added *added, const char *content, size_t length) {
    uint32_t low = 0, high = added->count;
    *there = false;
    while (low < high && !*there) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare(&added->tokens[added->by_content[middle]], content, length);
        *there = order == 0;
        if (*there) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static sav_added_token *find(const sav_added *added, const char *content, size_t length) {
    bool there;
    const uint32_t place = place_of(&there, added, content, length);
    return there ? &added->tokens[added->by_content[place]] : NULL;
}

const sav_added_token *sav_added_by_content(const sav_added *added, const char *content, size_t length) {
    return find(added, content, length);
}

const sav_added_token *sav_added_by_id(const sav_added *added, uint32_t id) {
    for (uint32_t i = 0; i < added->count; i++)
        if (added->tokens[i].id == id) return &added->tokens[i];
    return NULL;
}

/* The needle, in memory of its own. */
static sav_status make_needle(char **out, uint32_t *length, const sav_added_token *token, bool nfc,
                              sav_error *err) {
    if (!token->normalized || !nfc) {
        *length = token->length;
        *out = sav_strndup(token->content, token->length);
        return *out ? SAV_OK : no_memory(err);
    }
    sav_text composed = {0};
    sav_status status = sav_unicode_nfc(&composed, token->content, token->length, err);
    if (status) {
        sav_text_free(&composed);
        return status;
    }
    *out = composed.bytes;
    *length = (uint32_t)composed.length;
    return SAV_OK;
}

/* A new place with the content in memory of its own; NULL: no memory. */
static sav_added_token *append(sav_added *added, const sav_added_token *token) {
    if (!sav_grow(&added->tokens, &added->capacity, added->count + 1, sizeof *added->tokens) ||
        !sav_grow(&added->by_content, &added->sorted, added->count + 1, sizeof *added->by_content))
        return NULL;
    char *content = sav_strndup(token->content, token->length);
    bool there;
    if (!content) return NULL;
    uint32_t *at = added->by_content + place_of(&there, added, content, token->length);
    memmove(at + 1, at, (size_t)(added->by_content + added->count - at) * sizeof *at);
    *at = added->count;
    sav_added_token *place = &added->tokens[added->count++];
    *place = (sav_added_token){.content = content, .length = token->length};
    return place;
}

sav_status sav_added_put(sav_added *added, const sav_added_token *token, bool nfc, sav_error *err) {
    sav_added_token new = *token;
    if (added->count >= SAV_ADDED_MOST)
        return sav_fail(err, SAV_UNSUPPORTED, "added tokens: more than %d; expected fewer", SAV_ADDED_MOST);
    sav_status status = make_needle(&new.needle, &new.needle_length, token, nfc, err);
    if (status) return status;
    sav_added_token *place = find(added, token->content, token->length);
    if (!place) place = append(added, token);
    if (!place) {
        sav_free(new.needle);
        return no_memory(err);
    }
    new.content = place->content;
    sav_free(place->needle);
    *place = new;
    if (new.id >= added->next_id) added->next_id = new.id + 1;
    return SAV_OK;
}

/* ---- indices ------------------------------------------------------------------------------------------- */

typedef struct needle {
    const sav_added_token *token;
    uint32_t place; /* of the token */
} needle;

/* By first byte, the longest first; equal needles keep their order. */
static int by_needle(const void *a, const void *b) {
    const needle *x = a, *y = b;
    const unsigned char first_x = (unsigned char)x->token->needle[0];
    const unsigned char first_y = (unsigned char)y->token->needle[0];
    if (first_x != first_y) return first_x < first_y ? -1 : 1;
    if (x->token->needle_length != y->token->needle_length)
        return x->token->needle_length > y->token->needle_length ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static sav_status build_index(sav_added_index *index, const sav_added *added, bool normalized,
                              sav_error *err) {
    needle *needles = sav_alloc(added->count, sizeof *needles);
    index->order = sav_alloc(added->count, sizeof *index->order);
    if (!index->order || !needles) {
        sav_free(needles);
        return no_memory(err);
    }
    for (uint32_t i = 0; i < added->count; i++) {
        const sav_added_token *token = &added->tokens[i];
        if (token->normalized != normalized || token->needle_length == 0) continue;
        needles[index->count++] = (needle){token, i};
        index->first[(unsigned char)token->needle[0] + 1]++;
    }
    if (index->count) qsort(needles, index->count, sizeof *needles, by_needle);
    for (uint32_t i = 0; i < index->count; i++) index->order[i] = needles[i].place;
    for (unsigned b = 0; b < 256; b++) index->first[b + 1] += index->first[b];
    sav_free(needles);
    return SAV_OK;
}

sav_status sav_added_finish(sav_added *added, sav_error *err) {
    sav_status status = build_index(&added->raw, added, false, err);
    return status ? status : build_index(&added->normal, added, true, err);
}

void sav_added_free(sav_added *added) {
    for (uint32_t i = 0; i < added->count; i++) {
        sav_free(added->tokens[i].content);
        sav_free(added->tokens[i].needle);
    }
    sav_free(added->tokens);
    sav_free(added->by_content);
    sav_free(added->raw.order);
    sav_free(added->normal.order);
    memset(added, 0, sizeof *added);
}

/* ---- cutting ------------------------------------------------------------------------------------------- */

/* The token that starts at text[at], the longest if several do. */
static const sav_added_token *match_at(const sav_added_index *index, const sav_added *added, const char *text,
                                       size_t length, size_t at) {
    unsigned char byte = (unsigned char)text[at];
    for (uint32_t i = index->first[byte]; i < index->first[byte + 1]; i++) {
        const sav_added_token *token = &added->tokens[index->order[i]];
        if (token->needle_length <= length - at &&
            memcmp(text + at, token->needle, token->needle_length) == 0)
            return token;
    }
    return NULL;
}

/* The code point that ends before text[at]; text is well-formed. */
static bool point_before(uint32_t *point, size_t *start, const char *text, size_t at) {
    if (at == 0) return false;
    *start = at - 1;
    while (*start > 0 && ((unsigned char)text[*start] & 0xC0) == 0x80) --*start;
    size_t place = *start;
    return sav_utf8_decode(point, text, at, &place);
}

static bool beside_word(const char *text, size_t length, size_t start, size_t stop) {
    uint32_t point;
    size_t place;
    if (point_before(&point, &place, text, start) && sav_unicode_is_word(point)) return true;
    return sav_utf8_decode(&point, text, length, &stop) && sav_unicode_is_word(point);
}

static size_t strip_left(const char *text, size_t start, size_t not_before) {
    uint32_t point;
    size_t place;
    while (point_before(&point, &place, text, start) && sav_unicode_kind_of(point) == SAV_UNICODE_SPACE)
        start = place;
    return start > not_before ? start : not_before;
}

static size_t strip_right(const char *text, size_t length, size_t stop) {
    uint32_t point;
    for (size_t at = stop;
         sav_utf8_decode(&point, text, length, &at) && sav_unicode_kind_of(point) == SAV_UNICODE_SPACE;)
        stop = at;
    return stop;
}

static sav_status push_cut(sav_added_cuts *out, size_t start, size_t stop, uint32_t id, sav_error *err) {
    if (!sav_grow(&out->cuts, &out->capacity, out->count + 1, sizeof *out->cuts)) return no_memory(err);
    out->cuts[out->count++] = (sav_added_cut){start, stop, id};
    return SAV_OK;
}

/* PARITY: a hit rejected by single_word is skipped whole (no shorter token is tried in it), and the search
 * goes on behind the content of a hit, not behind the white space that rstrip gave it; so a token that begins
 * with white space may be hit inside what is taken already, and one of which nothing is left gives no id.
 * Guarded by test_tokenizer. */
sav_status sav_added_split(sav_added_cuts *out, const sav_added_index *index, const sav_added *added,
                           const char *text, size_t length, sav_error *err) {
    size_t at = 0, done = 0; /* done: text up to here is in out */
    sav_status status = SAV_OK;
    out->count = 0;
    while (at < length && !status && index->count) {
        const sav_added_token *token = match_at(index, added, text, length, at);
        if (!token) {
            at++;
            continue;
        }
        size_t start = at, stop = at + token->needle_length;
        at = stop;
        if (token->single_word && beside_word(text, length, start, stop)) continue;
        if (token->lstrip) start = strip_left(text, start, done);
        if (token->rstrip) stop = strip_right(text, length, stop);
        if (done < start) status = push_cut(out, done, start, SAV_ADDED_NONE, err);
        if (!status && start < stop) status = push_cut(out, start, stop, token->id, err);
        done = stop;
    }
    if (!status && done != length) status = push_cut(out, done, length, SAV_ADDED_NONE, err);
    return status;
}

void sav_added_cuts_free(sav_added_cuts *cuts) {
    sav_free(cuts->cuts);
    memset(cuts, 0, sizeof *cuts);
}
