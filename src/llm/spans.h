/* spans.h: packed rows, for decoders: where a sample's keys stand, and its last row.
 *
 *   spans of a batch (decoder.h) + rows k [N, G*d] -> a sample's keys as one piece [past + count, G*d]
 *   rows [N, width] -> the last one of each sample -> taps, logits
 *
 * Who reads a decoder for the model may pass this by: with one sample there is one span, and without a cache
 * its keys are all rows.
 */
#ifndef SAV_SPANS_H
#define SAV_SPANS_H

#include "llm/decoder.h"

/* A span's keys (or values) as one piece [past + count, width]: in place, or its past's rows and its own put
 * together in `spare`. */
const float *sav_span_gather(float *spare, const float *k, const sav_rows *rows, const sav_span *span,
                             size_t width);

/* The span's own keys (or values) put behind those of layer l in its cache, cached [L, capacity, width] ->
 * that layer's keys. */
const float *sav_span_append(float *cached, const float *k, const sav_span *span, size_t l, size_t width);

/* Row i of `to` = the last row of span i of `from`, rows of `width` floats. */
void sav_span_ends(float *to, const float *from, const sav_rows *rows, size_t width);

/* Layer l's o_proj input, mixed [N, width], at each sample's last token -> its tap. ends: mixed has a row a
 * span. */
void sav_span_tap(const sav_outputs *out, const float *mixed, const sav_rows *rows, size_t l, size_t width,
                  bool ends);

/* Before a forward: do the spans' own tokens fit behind what stands in their caches? False: the status says
 * which. */
bool sav_span_fits(sav_pass *p, const sav_rows *rows);
/* After a forward: what the spans' own tokens have put into the caches counts. */
void sav_span_commit(const sav_rows *rows);

#endif
