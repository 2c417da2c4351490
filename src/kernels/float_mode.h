/* float_mode.h: may results be trusted as this thread computes now? Every entry of the library that computes
 * asks first: the mode belongs to the calling thread, and may have changed since the last call. */
#ifndef SAV_FLOAT_MODE_H
#define SAV_FLOAT_MODE_H

#include "base/base.h"

/* SAV_UNSUPPORTED where subnormal numbers are flushed to zero or sums do not round to nearest. */
sav_status sav_float_mode_check(sav_error *err);

#endif
