/* encode.h: a list through a model: samples [N] -> taps [N, L, H, d], to a visitor or into a store.
 *
 *   samples -> batches: those with the same pictures together -> taps -> the visitor, in list order
 *
 * The one loop behind `run`, `encode` and `predict`. The order of the list decides nothing but the order of
 * what comes out: samples that show the same pictures are looked for among those to come (by their paths) and
 * go into one batch, where the model computes once what they share (forward/batch.h). Taps that are ready
 * before their turn wait; how many may is bounded.
 */
#ifndef SAV_ENCODE_H
#define SAV_ENCODE_H

#include "classify/store.h"
#include "lists/list.h"

/* How far a list is. */
typedef struct sav_encode_progress {
    size_t total, finished, running; /* samples: in all, done, in the running batch */
    double done;                     /* samples: finished, and the running batch's share */
    size_t batches, computed;        /* through the model, and the samples in them */
    uint64_t rows;                   /* tokens that were computed */
} sav_encode_progress;

typedef struct sav_encoder {
    const sav_model *model;
    sav_session *session;
    size_t depth;     /* layers to run; 0: all */
    uint64_t reserve; /* bytes of the memory budget for the caller */
    bool skip_bad;    /* a sample that cannot be read becomes a note in list->bad and leaves the list */
    void *context;    /* of the two below, which may be NULL */
    /* before each sample and layer: anything but SAV_OK ends the loop */
    sav_status (*check)(void *context, sav_error *err);
    void (*progress)(void *context, const sav_encode_progress *how_far); /* as often */
    /* The first sample whose tap has NaN or infinite features: where it stands, the first such layer, how
     * many of the features computed. NULL: nobody is told. */
    void (*not_finite)(void *context, const char *place, size_t layer, size_t count, size_t computed);
} sav_encoder;

/* Gets each sample's tap, in list order; what it returns other than SAV_OK ends the loop. */
typedef sav_status sav_encode_emit(void *context, const sav_sample *sample, const float *tap, sav_error *err);

sav_status sav_encode_each(sav_list *list, const sav_encoder *encoder, sav_encode_emit *emit, void *context,
                           sav_error *err);

typedef struct sav_encode_report {
    bool begun;       /* the store is open: what fails now is about a sample, or the system */
    size_t forwarded; /* samples that went through the model */
    size_t copied;    /* equal to an earlier sample: its features again */
    size_t present;   /* in the store before */
    /* computed before their turn when a failure came: kept in STORE/ahead for the next time */
    size_t ahead;
    size_t left_out;   /* by skip_bad */
    size_t damaged;    /* rows of before whose bytes were not those of their lines: computed again */
    size_t kept;       /* rows that the store has now, those of other lists and those ahead too */
    size_t unlisted;   /* rows in the store that this list does not have */
    size_t relabelled; /* of them those whose sample the list has under another label or question_id */
    size_t *rows; /* [list->count] where each sample's features stand, by sav_free; NULL after a failure */
} sav_encode_report;

/* What a store of these features says of them. */
sav_store_info sav_encode_store_info(const sav_encoder *encoder);

/* rows [list->count]: where the features of the list's samples stand in a store that is open for reading. A
 * sample that is not there is an error, or with skip_bad becomes a note in list->bad and leaves the list. */
sav_status sav_encode_find(size_t *rows, const sav_store *store, sav_list *list, const char *pixel_options,
                           bool skip_bad, sav_error *err);

/* Appends the list to the store `folder`, which is made where there is none. What is there already is not
 * computed again. pixel_options: in words, what else decides the pixels. The report is filled after a failure
 * too. */
sav_status sav_encode_store(sav_encode_report *report, const char *folder, sav_list *list,
                            const char *pixel_options, const sav_encoder *encoder, sav_error *err);

#endif
