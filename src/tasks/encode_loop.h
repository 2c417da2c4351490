/* encode_loop.h: the one loop over a list's samples, for those who say what becomes of the taps.
 *
 *   samples -> known already? -> batches -> taps [L, H, d] -> taken, in list order
 */
#ifndef SAV_ENCODE_LOOP_H
#define SAV_ENCODE_LOOP_H

#include "tasks/encode.h"

typedef enum sav_known {
    SAV_KNOWN_NOT,  /* the model has to compute it */
    SAV_KNOWN_DONE, /* nothing is left to do */
    SAV_KNOWN_TAP   /* not to be computed, but to be taken: with the tap that was found, which may be NULL */
} sav_known;

typedef struct sav_encode_visitor {
    /* Asked before a sample is computed; NULL: nothing is known. */
    sav_status (*known)(sav_known *out, const float **tap, void *context, const sav_sample *sample,
                        const sav_prompt *prompt, sav_error *err);
    sav_encode_emit *emit; /* in list order */
    /* After a failure: what was computed before its turn, in list order; may be NULL. */
    sav_encode_emit *save;
    void *context;
} sav_encode_visitor;

sav_status sav_encode_visit(sav_list *list, const sav_encoder *encoder, const sav_encode_visitor *visitor,
                            sav_error *err);

#endif
