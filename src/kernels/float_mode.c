/* float_mode.c: a process whose compiler, library or neighbour set another mode of arithmetic gets an error.
 * See float_mode.h. */
#include "kernels/float_mode.h"

#include "kernels/elementary.h"

sav_status sav_float_mode_check(sav_error *err) {
    if (sav_float_mode_ok()) return SAV_OK;
    return sav_fail(err, SAV_UNSUPPORTED,
                    "this process flushes subnormal numbers to zero or does not round to nearest; "
                    "expected IEEE arithmetic");
}
