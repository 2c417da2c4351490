/* blas.h: the float32 engine by OpenBLAS. Linked only with BLAS=1. */
#ifndef SAV_BLAS_H
#define SAV_BLAS_H

#include "kernels/kernels.h"

extern const sav_kernels sav_kernels_blas;

/* Runs OpenBLAS once for each shape class against plain loops: wrong kernels are on record for some CPUs. false: a result
 * was off; *what then says which. Takes milliseconds. */
bool sav_blas_check(const char **what);

#endif
