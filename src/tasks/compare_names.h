/* compare_names.h: the names that other programs give to the stages of one forward.
 *
 *   model.language_model.layers.0.mlp (transformers 4.52) -> model.layers.0.mlp.output, its key
 *
 * The table stands in compare_names.c and in docs/BACKENDS.md.
 */
#ifndef SAV_COMPARE_NAMES_H
#define SAV_COMPARE_NAMES_H

#include "base/base.h"

/* Appends the key of a stage: equal keys are the same stage. A key is its own key. `changes` gets a bit for
 * each row of the table that was used. */
void sav_stage_key(sav_text *out, uint32_t *changes, const char *name);

/* "model.visual.* as visual.*, names without .output": the rows of `changes` in words. */
void sav_stage_changes(sav_text *out, uint32_t changes);

#endif
