/* activation.h: an activation that engines of float32 have no loop of their own for. */
#ifndef SAV_ACTIVATION_H
#define SAV_ACTIVATION_H

#include "kernels/kernels.h"

/* out[n] = gelu_erf(x[n]) under the contract, for any CPU: it is the projector's and the merger's only, too
 * little of it to want another erf. */
void sav_gelu_erf(float *out, const float *x, size_t n, const sav_run *run);

#endif
