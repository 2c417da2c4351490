/* unicode.c: character classes, canonical composition (see unicode.h).
 *
 * Composition is the algorithm of Unicode Standard Annex 15: decompose wholly, sort each run of marks by
 * combining class, then join what the table joins. Hangul syllables follow section 3.12 of the standard, by
 * arithmetic.
 */
#include "text/unicode.h"

#include <string.h>

#include "text/unicode_tables.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- classes ------------------------------------------------------------------------------------------- */

static bool in_ranges(const unicode_range *ranges, size_t count, uint32_t point) {
    size_t low = 0, high = count; /* the first range that ends at or behind the point is in [low, high] */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].last < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low].first <= point;
}

sav_unicode_kind sav_unicode_kind_of(uint32_t point) {
    if (point < 0x80) { /* most text, without a search */
        uint32_t letter = point | 0x20;
        if (letter >= 'a' && letter <= 'z') return SAV_UNICODE_LETTER;
        if (point >= '0' && point <= '9') return SAV_UNICODE_NUMBER;
        return point == ' ' || (point >= 9 && point <= 13) ? SAV_UNICODE_SPACE : SAV_UNICODE_OTHER;
    }
    if (in_ranges(unicode_letters, COUNT(unicode_letters), point)) return SAV_UNICODE_LETTER;
    if (in_ranges(unicode_numbers, COUNT(unicode_numbers), point)) return SAV_UNICODE_NUMBER;
    if (in_ranges(unicode_spaces, COUNT(unicode_spaces), point)) return SAV_UNICODE_SPACE;
    return SAV_UNICODE_OTHER;
}

bool sav_unicode_is_word(uint32_t point) {
    return in_ranges(unicode_words, COUNT(unicode_words), point);
}

/* PARITY: combining classes as of Unicode 9.0: a mark encoded later is a starter here, is not reordered, and
 * blocks what stands before it. Guarded by test_unicode (a U+0301 U+0897 U+0323). */
static unsigned combining_class(uint32_t point) {
    if (point < 0x300) return 0;
    size_t low = 0, high = COUNT(unicode_cccs);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unicode_cccs[middle].first + unicode_cccs[middle].count <= point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT(unicode_cccs) && unicode_cccs[low].first <= point ? unicode_cccs[low].ccc : 0;
}

/* ---- NFC ----------------------------------------------------------------------------------------------- */

enum {
    HANGUL_S = 0xAC00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7,
    HANGUL_LS = 19,
    HANGUL_VS = 21,
    HANGUL_TS = 28, /* T number 0 means "no final" */
    HANGUL_SS = HANGUL_LS * HANGUL_VS * HANGUL_TS
};

typedef struct mark { /* a code point with its combining class */
    uint32_t point;
    uint32_t ccc;
} mark;

typedef struct marks {
    mark *at;
    size_t count, capacity;
} marks;

static bool marks_push(marks *list, uint32_t point) {
    if (!sav_grow(&list->at, &list->capacity, list->count + 1, sizeof *list->at)) return false;
    list->at[list->count++] = (mark){point, combining_class(point)};
    return true;
}

/* The two halves of a pair that decomposes, or NULL. */
static const unicode_pair *find_whole(uint32_t point) {
    size_t low = 0, high = COUNT(unicode_pairs);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unicode_pairs[unicode_pair_order[middle]].whole < point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT(unicode_pairs)) return NULL;
    const unicode_pair *pair = &unicode_pairs[unicode_pair_order[low]];
    return pair->whole == point ? pair : NULL;
}

static const unicode_single *find_single(uint32_t point) {
    size_t low = 0, high = COUNT(unicode_singles);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unicode_singles[middle].from < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT(unicode_singles) && unicode_singles[low].from == point ? &unicode_singles[low] : NULL;
}

/* Appends the full decomposition. The second half of a pair never decomposes further without the first (and
 * is pushed by the same rule anyway); the longest chain in the tables is four steps, so recursion is
 * shallow. */
static bool decompose(marks *list, uint32_t point) {
    if (point < 0xC0) return marks_push(list, point);
    if (point >= HANGUL_S && point < HANGUL_S + HANGUL_SS) {
        uint32_t syllable = point - HANGUL_S, final = syllable % HANGUL_TS;
        return marks_push(list, HANGUL_L + syllable / (HANGUL_VS * HANGUL_TS)) &&
               marks_push(list, HANGUL_V + syllable / HANGUL_TS % HANGUL_VS) &&
               (final == 0 || marks_push(list, HANGUL_T + final));
    }
    const unicode_pair *pair = find_whole(point);
    if (pair) return decompose(list, pair->first) && decompose(list, pair->second);
    const unicode_single *single = find_single(point);
    return single ? decompose(list, single->to) : marks_push(list, point);
}

enum { SHORT_RUN = 32 };

/* Sorts each run of marks by class, equal classes in their order: an insertion sort while runs are short, and
 * a bucket pass for texts with thousands of marks on one letter. `spare` has room for the longest
 * run. */
static void sort_run(mark *m, size_t count, mark *spare) {
    if (count > SHORT_RUN) {
        size_t start[257] = {0};
        for (size_t i = 0; i < count; i++) start[m[i].ccc + 1]++;
        for (size_t k = 1; k < 257; k++) start[k] += start[k - 1];
        for (size_t i = 0; i < count; i++) spare[start[m[i].ccc]++] = m[i];
        memcpy(m, spare, count * sizeof *m);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        mark moved = m[i];
        size_t j = i;
        for (; j > 0 && m[j - 1].ccc > moved.ccc; j--) m[j] = m[j - 1];
        m[j] = moved;
    }
}

/* The end of the run of marks that begins at `first`; `first` itself where a starter stands there. */
static size_t run_end(const marks *list, size_t first) {
    while (first < list->count && list->at[first].ccc != 0) first++;
    return first;
}

static bool sort_marks(marks *list) {
    size_t longest = 0;
    for (size_t i = 0, end; i < list->count; i = end + 1) {
        end = run_end(list, i);
        longest = sav_max(longest, end - i);
    }
    mark *spare = longest > SHORT_RUN ? sav_alloc(longest, sizeof *spare) : NULL;
    if (longest > SHORT_RUN && !spare) return false;
    for (size_t i = 0, end; i < list->count; i = end + 1) {
        end = run_end(list, i);
        sort_run(list->at + i, end - i, spare);
    }
    sav_free(spare);
    return true;
}

/* What two neighbours compose to, 0 for nothing. */
static uint32_t compose_pair(uint32_t first, uint32_t second) {
    if (first >= HANGUL_L && first < HANGUL_L + HANGUL_LS && second >= HANGUL_V &&
        second < HANGUL_V + HANGUL_VS)
        return HANGUL_S + ((first - HANGUL_L) * HANGUL_VS + (second - HANGUL_V)) * HANGUL_TS;
    if (first >= HANGUL_S && first < HANGUL_S + HANGUL_SS && (first - HANGUL_S) % HANGUL_TS == 0 &&
        second > HANGUL_T && second < HANGUL_T + HANGUL_TS)
        return first + (second - HANGUL_T);
    size_t low = 0, high = UNICODE_COMPOSING;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const unicode_pair *pair = &unicode_pairs[middle];
        if (pair->first < first || (pair->first == first && pair->second < second))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == UNICODE_COMPOSING || unicode_pairs[low].first != first || unicode_pairs[low].second != second)
        return 0;
    return unicode_pairs[low].whole;
}

/* In place: each code point tries to join the last starter before it, unless something in between blocks it,
 * that is, has class 0 or a class not below its own. */
static void compose(marks *list) {
    size_t kept = 0, starter = SIZE_MAX;
    for (size_t i = 0; i < list->count; i++) {
        mark now = list->at[i];
        if (starter != SIZE_MAX) {
            bool adjacent = kept == starter + 1;
            uint32_t before = list->at[kept - 1].ccc;
            if (adjacent || (before != 0 && before < now.ccc)) {
                uint32_t whole = compose_pair(list->at[starter].point, now.point);
                if (whole) {
                    list->at[starter].point = whole;
                    continue;
                }
            }
        }
        if (now.ccc == 0) starter = kept;
        list->at[kept++] = now;
    }
    list->count = kept;
}

/* Nothing below U+0300 changes in composition, whatever stands beside it. */
static bool needs_nfc(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0xCC) return true; /* the lead byte of U+0300 */
    return false;
}

sav_status sav_unicode_nfc(sav_text *out, const char *text, size_t length, sav_error *err) {
    if (!needs_nfc(text, length)) {
        sav_text_bytes(out, text, length);
        return out->failed
                   ? sav_fail(err, SAV_NO_MEMORY, "out of memory: normalising %zu bytes of text", length)
                   : SAV_OK;
    }
    marks list = {0};
    sav_status status = SAV_OK;
    size_t at = 0;
    uint32_t point;
    bool enough = true;
    while (enough && sav_utf8_decode(&point, text, length, &at)) enough = decompose(&list, point);
    enough = enough && sort_marks(&list);
    if (enough) {
        compose(&list);
        for (size_t i = 0; i < list.count; i++) {
            char bytes[4];
            sav_text_bytes(out, bytes, sav_utf8_encode(bytes, list.at[i].point));
        }
    }
    if (!enough || out->failed)
        status = sav_fail(err, SAV_NO_MEMORY, "out of memory: normalising %zu bytes of text", length);
    sav_free(list.at);
    return status;
}
