/* colliding.c: see colliding.h.
 *
 * From the state that the blocks before lead to, both blocks of a pair lead to states whose low 45 bits are
 * equal, and the folded hash takes its low 16 bits from those. tools/bench/colliding_keys.py found them.
 */
#include "colliding.h"

enum { PAIRS = 15, BLOCK = 8 };

static const char *const BLOCKS[PAIRS][2] = {
    {"ihcwsleh", "ahvllgtq"}, {"jwbqfbmy", "slxbrzdc"}, {"jeidwhtd", "qoshxztj"}, {"ltpkhupo", "zsukzdbh"},
    {"mnsmvfrn", "peplsgua"}, {"deyhdmye", "cxyptwtt"}, {"rjbdxhub", "ynrhkful"}, {"dmfblzen", "okrzuduh"},
    {"dxraoudy", "zhvfawmg"}, {"mtilhjjd", "ycimqghn"}, {"gmklkmwh", "oqqqyiqs"}, {"umtrmdyk", "hjoqbkeo"},
    {"pfokwtct", "hgyiptha"}, {"ubwtodls", "nfexvbtq"}, {"ajpcbxqs", "exvjpisk"}};

void put_colliding(sav_text *out, size_t i) {
    for (size_t k = 0; k < PAIRS; k++) sav_text_bytes(out, BLOCKS[k][i >> k & 1], BLOCK);
}
