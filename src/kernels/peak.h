/* peak.h: what a core can do at most, so that a speed can be told as a share of it: fused multiply-adds on
 * registers alone, with the vectors of one ISA.
 */
#ifndef SAV_PEAK_H
#define SAV_PEAK_H

#include <stdbool.h>
#include <stddef.h>

/* Gflop/s of the thread that asks, in its CPU seconds; a multiply-add counts twice. Takes some ten
 * milliseconds, and is to be asked right before what it is compared with, since a busy machine slows both.
 * vector_bytes: of a row of kernels; 0: the widest this CPU has. */
double sav_peak(size_t vector_bytes, bool in_double);

#endif
