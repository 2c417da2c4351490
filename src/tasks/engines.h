/* engines.h: what this program can compute with on this CPU, in words, and whether a choice of the user is
 * among it. */
#ifndef SAV_ENGINES_H
#define SAV_ENGINES_H

#include "base/base.h"

void sav_engines_describe(sav_text *out); /* lines "engine exact: avx512, avx2, c" */
/* of all that were built: "panel|exact", or their ISAs: "avx2|c" */
void sav_engines_names(sav_text *out, bool isas);
/* SAV_UNSUPPORTED with what there is, when no kernels of this engine and ISA (NULL: any) run here. */
sav_status sav_engines_check(const char *engine, const char *isa, sav_error *err);

#endif
