/* session.h: a session inside: who runs, what is loaded, how much memory there is. For forward/ and the
 * folders that drive batches in steps (tasks/, instruments/).
 *
 *   prompts -> inputs, pictures, packed rows            sav_session_begin, add, pack      session.c, batch.c
 *   rows and pictures -> scratch and the budget         sav_scratch_…                     memory.c
 *   inputs_embeds [N, D] -> decoder -> taps             sav_session_run                   session.c
 *   weights read ahead and dropped behind               sav_stream_…                      stream.c
 */
#ifndef SAV_SESSION_H
#define SAV_SESSION_H

#include "forward/batch.h"
#include "forward/stream.h"

/* Scratch of one forward: pieces of the session's arena. */
typedef struct sav_scratch {
    void *engine; /* the kernels' */
    float *x;     /* [N, D] inputs_embeds, then the residual stream */
    float **to;   /* [pictures] where their rows go */
    float *tap;   /* [L, H, d] of a dump */
    /* where the tower's scratch begins in the arena, and the decoder's when the tower is over */
    size_t tower;
} sav_scratch;

struct sav_session {
    const sav_model *model;
    const sav_kernels *kernels;
    sav_session_info info;
    sav_run run; /* R, threads; scratch is the forward's */
    sav_pictures pictures;
    sav_batch batch;
    sav_stream stream;
    sav_status (*check)(void *context, double share, sav_error *err);
    void *context;
    const sav_observer *observer; /* NULL: none */
    double tower_rows;            /* patches of the group in the tower */
    double work, worked;          /* of the running forward: bytes of weights times rows, in all and so far */
    uint64_t reserved;            /* of the memory budget, by the caller */
    size_t most_rows;
    size_t first; /* tokens of the batch's first prompt */
    bool whole;   /* for a dump */
    sav_arena arena;
    sav_scratch scratch;
};

/* ---- a batch in steps ---------------------------------------------------------------------------------- */

/* Begun, prompts added, packed, run. What does not fit in rows or memory is not added, and is asked for again
 * first in the next batch; the first prompt of a batch fits, or there is too little memory: SAV_NO_MEMORY. A
 * prompt that fails leaves the batch as it was. */
void sav_session_begin(sav_session *session, bool whole);
sav_status sav_session_add(sav_session *session, bool *fits, const sav_prompt *prompt, sav_error *err);
sav_status sav_session_pack(sav_session *session, sav_error *err);
size_t sav_session_rows(const sav_session *session); /* of the batch so far */
/* taps [prompts added, L, H, d]; allocates nothing. */
sav_status sav_session_run(sav_session *session, float *taps, size_t depth, const sav_sink *sink,
                           sav_error *err);

/* begin, add, pack for one prompt. whole: for a dump. */
sav_status sav_session_prepare(sav_session *session, const sav_prompt *prompt, bool whole, sav_error *err);

/* What a forward of an imagined prompt would take: `text` tokens and a picture (0 x 0: none).
 * tokens: in all; bytes: scratch and pixels. Measures with the forward's own plan; the session's latest
 * prompt is forgotten. */
sav_status sav_session_measure(size_t *tokens, size_t *bytes, sav_session *session, size_t text,
                               sav_size picture, sav_error *err);

/* ---- settings ------------------------------------------------------------------------------------------ */

/* Sets bytes of the memory budget aside for the caller; SAV_NO_MEMORY: a short prompt would not fit beside
 * them. */
sav_status sav_session_reserve(sav_session *session, uint64_t bytes, sav_error *err);
/* Puts another in the place of the options' check. */
void sav_session_watch(sav_session *session, sav_status (*check)(void *context, double share, sav_error *err),
                       void *context);
/* For measurements: told each operation's cost; NULL: nobody. */
void sav_session_observe(sav_session *session, const sav_observer *observer);
/* For comparison: false makes prompts of a batch share nothing. */
void sav_session_share(sav_session *session, bool share);
/* Most rows of a batch; a single prompt may have more. 0: the default. */
void sav_session_limit(sav_session *session, size_t rows);
/* For tests: work = 0 makes every operation run on a team, however small. */
void sav_session_team_work(sav_session *session, size_t work);

/* ---- memory.c ------------------------------------------------------------------------------------------ */

/* How many of these pictures go through the tower together, from the first one on: some thousand patches, at
 * least one picture. */
size_t sav_scratch_group(const sav_picture_set *pictures, bool whole);
/* All scratch of a forward of these rows and pictures, taken from an arena that may only be measuring. It
 * runs twice, to measure and to take; the tower's and the decoder's own plans run once more when each begins,
 * in the same place, since their pieces share it (session.c). */
void sav_scratch_plan(sav_session *s, sav_arena *arena, const sav_rows *rows,
                      const sav_picture_set *pictures);
/* Bytes of scratch and pixels; SIZE_MAX: none that fits an address. */
size_t sav_scratch_bytes(sav_session *s, const sav_rows *rows, const sav_picture_set *pictures);
/* The budget's parts: what is there before a forward, weights, the caller's share; the rest is for
 * batches. */
sav_status sav_memory_divide(sav_session *s, sav_error *err);
size_t sav_memory_left(const sav_session *s);
/* Does the batch as it stands fit? False is no error but for a first prompt. */
sav_status sav_memory_fits(bool *fits, sav_session *s, sav_error *err);

#endif
