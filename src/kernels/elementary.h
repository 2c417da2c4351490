/* elementary.h: exp, erf, tanh, sin, cos and one pow, as the numeric contract means them
 * (docs/CONTRACT.md §4).
 *
 *     double -> sav_exp -> double        inside the double programs of softmax, GELU, SiLU, sigmoid
 *     float  -> sav_exp -> (float)       the ops exp, erf, tanh, sin, cos of one float32: correctly rounded
 *
 * Each is a fixed sequence of IEEE double + - x / with its coefficients in the source: no libm, no fused
 * multiply-add. So the bits of the double are the same with any compiler and CPU, and in NumPy
 * (tools/oracle/elementary.py, the same sequence). The double lies within 0.51 units in its last place of the
 * truth, but for three cases: erf below 2^-900 (0.6); one result in 2^29, moved by one unit so that its
 * float32 is right (settle() in elementary.c); sin and cos nearer than 2^-40 to a zero, which happens only
 * for arguments that are no float32 (an error of 2^-104). Over all 2^32 inputs no float32 is rounded wrongly:
 * golden/elementary/exhaustive.json, written by `make exhaustive`.
 */
#ifndef SAV_KERNELS_ELEMENTARY_H
#define SAV_KERNELS_ELEMENTARY_H

#include <stdbool.h>

/* Sin and cos take |x| up to here. The caller refuses more with an error; here more gives NaN. */
#define SAV_TRIG_LIMIT 16777216.0 /* 2^24 */

/* -inf gives 0, NaN gives NaN; too large gives inf, subnormal results are rounded once */
double sav_exp(double x);
double sav_erf(double x);  /* odd, -0 kept */
double sav_tanh(double x); /* odd, -0 kept */
double sav_sin(double x);  /* radians; odd, -0 kept */
double sav_cos(double x);  /* radians */

/* theta^x rounded once to float32 (inv_freq: theta 1e4 .. 1e6, x in [0, 1]). theta positive and normal, x
 * finite; else NaN. */
float sav_pow_f32(double theta, float x);

/* True if the CPU rounds to nearest and keeps subnormal numbers, which the contract stands on: see
 * float_mode.h. */
bool sav_float_mode_ok(void);

#endif
