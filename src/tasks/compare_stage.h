/* compare_stage.h: one stage of two files, and what of all stages is float noise. Used by compare.c.
 *
 *   tensor A, tensor B (, truth) -> sav_compare_stage
 */
#ifndef SAV_COMPARE_STAGE_H
#define SAV_COMPARE_STAGE_H

#include "io/safetensors.h"
#include "tasks/compare.h"

/* a or b may be NULL, not both; truth may be NULL. key: the stage's (compare_names.h). */
void sav_compare_tensors(sav_compare_stage *out, const sav_tensor *const abt[3], const char *key);

/* Sets `noise` of each stage, in execution order [count]: docs/BACKENDS.md states the rule. */
void sav_mark_noise(sav_compare_stage *stages, size_t count);

#endif
