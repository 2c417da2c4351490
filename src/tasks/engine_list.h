/* engine_list.h: what this program can compute with on this CPU, in words, and whether a choice of the user
 * is among it. */
#ifndef SAV_ENGINE_LIST_H
#define SAV_ENGINE_LIST_H

#include "base/base.h"

void sav_engines_describe(sav_text *out); /* lines "engine exact: avx512, avx2, c" */
/* of all that were built: "panel|exact", or their ISAs: "avx2|c" */
void sav_engines_names(sav_text *out, bool isas);
/* NULL: this engine computes in R; else the name of the one that does. */
const char *sav_engines_instead(const char *engine, sav_dtype R);
/* SAV_UNSUPPORTED with what there is, when no folder could be run so: kernels of this engine and ISA (NULL:
 * any) in R. */
sav_status sav_engines_check(const char *engine, const char *isa, sav_dtype R, sav_error *err);

#endif
