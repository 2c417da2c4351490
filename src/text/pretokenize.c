/* pretokenize.c: the regular expression of Qwen2's tokenizer as a hand-written scanner.
 *
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)      1  contraction
 *     |[^\r\n\p{L}\p{N}]?\p{L}+         2  word, with one sign or space in front
 *     |\p{N}                            3  one digit
 *     | ?[^\s\p{L}\p{N}]+[\r\n]*        4  signs, with one space in front and line ends behind
 *     |\s*[\r\n]+                       5  white space up to its last line end
 *     |\s+(?!\S)                        6  white space, except its last character when text follows
 *     |\s+                              7  what is left
 *
 * The first alternative that matches wins, not the longest; the alternatives are tried in this order below.
 * The kinds L, N and white space exclude each other, which is why no alternative ever has to back up further
 * than one character.
 *
 * Source: transformers 4.51.3, convert_slow_tokenizer.py, Qwen2Converter.
 */
#include "text/pretokenize.h"

#include "text/unicode.h"

const char sav_pretokenize_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                                       "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* One code point with what the pattern asks about it. */
typedef struct glyph {
    uint32_t point;
    sav_unicode_kind kind;
    size_t end; /* byte behind it; 0 when there was no code point */
} glyph;

static glyph glyph_at(const char *text, size_t length, size_t at) {
    glyph g = {0, SAV_UNICODE_OTHER, 0};
    if (sav_utf8_decode(&g.point, text, length, &at)) {
        g.kind = sav_unicode_kind_of(g.point);
        g.end = at;
    }
    return g;
}

static bool is_line_end(uint32_t point) {
    return point == '\r' || point == '\n';
}

/* The end of the run of one kind that goes on at `at`. */
static size_t run_of(const char *text, size_t length, size_t at, sav_unicode_kind kind) {
    for (;;) {
        glyph g = glyph_at(text, length, at);
        if (!g.end || g.kind != kind) return at;
        at = g.end;
    }
}

static size_t run_of_line_ends(const char *text, size_t length, size_t at) {
    while (at < length && is_line_end((unsigned char)text[at])) at++;
    return at;
}

/* 1. No word end is asked for behind it: 'sx gives 's and x. PARITY: (?i:s) folds as Unicode does, so U+017F,
 *   the long s, counts as s; no other letter beyond ASCII does (not the Kelvin sign, not ß). Guarded by
 *   test_tokenizer ('ſx, 'K). */
static size_t contraction(const char *text, size_t length) {
    if (text[0] != '\'' || length < 2) return 0;
    char a = text[1], b = length > 2 ? text[2] : '\0';
    if (a >= 'A' && a <= 'Z') a = (char)(a | 0x20);
    if (b >= 'A' && b <= 'Z') b = (char)(b | 0x20);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    if (length > 2 && text[1] == '\xC5' && text[2] == '\xBF') return 3; /* U+017F */
    return 0;
}

/* 5, 6, 7: text starts with white space that nothing else took. */
static size_t white_space(const char *text, size_t length) {
    size_t at = 0, last_line_end = 0, last_start = 0, count = 0;
    for (;;) {
        glyph g = glyph_at(text, length, at);
        if (!g.end || g.kind != SAV_UNICODE_SPACE) break;
        last_start = at;
        at = g.end;
        if (is_line_end(g.point)) last_line_end = at;
        count++;
    }
    if (last_line_end) return last_line_end;
    if (at == length || count == 1) return at;
    return last_start; /* the last one may still go with the text behind it */
}

size_t sav_pretokenize_next(const char *text, size_t length) {
    glyph first = glyph_at(text, length, 0);
    if (!first.end) return length; /* not UTF-8: the caller has checked, and a scanner must always move */
    size_t end = contraction(text, length);
    if (end) return end;
    if (first.kind == SAV_UNICODE_LETTER) return run_of(text, length, first.end, SAV_UNICODE_LETTER);
    if (first.kind == SAV_UNICODE_NUMBER) return first.end;
    glyph second = glyph_at(text, length, first.end);
    if (second.end && second.kind == SAV_UNICODE_LETTER && !is_line_end(first.point))
        return run_of(text, length, second.end, SAV_UNICODE_LETTER);
    if (first.kind == SAV_UNICODE_OTHER) {
        end = run_of(text, length, first.end, SAV_UNICODE_OTHER);
        return run_of_line_ends(text, length, end);
    }
    if (first.point == ' ' && second.end && second.kind == SAV_UNICODE_OTHER) {
        end = run_of(text, length, second.end, SAV_UNICODE_OTHER);
        return run_of_line_ends(text, length, end);
    }
    return white_space(text, length);
}
