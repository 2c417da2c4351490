/* tokenizer_parts.h: the inside of a sav_tokenizer, shared by tokenizer.c (use) and tokenizer_files.c
 * (opening). */
#ifndef SAV_TOKENIZER_PARTS_H
#define SAV_TOKENIZER_PARTS_H

#include "text/tokenizer.h"

struct sav_tokenizer {
    sav_bpe bpe;
    sav_added added;
    bool nfc; /* compose text; false where tokenizer.json has no normalizer */
};

#endif
