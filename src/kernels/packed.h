/* packed.h: matrices that a quantised folder holds in panels: how large they are and what shape they have.
 * What is in them: int8/int8.h.
 *
 *   W [N, K] -> panels U8 [ceil(N/16), ceil(K/4), 16, 4], scales F32 [ceil(N/16), ceil(K/group), 16]
 */
#ifndef SAV_PACKED_H
#define SAV_PACKED_H

#include <stdbool.h>
#include <stddef.h>

enum { SAV_PACKED_VERSION = 1 }; /* of the format; config and shards say it (models/quantised.c) */

/* Bytes of the panels, floats of the scales; false: too large. */
bool sav_packed_sizes(size_t *bytes, size_t *scales, size_t N, size_t K, size_t group);
/* Their shapes as tensors: panels [4], scales [3]. */
void sav_packed_shapes(size_t panels[4], size_t scales[3], size_t N, size_t K, size_t group);

#endif
