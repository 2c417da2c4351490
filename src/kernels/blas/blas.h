/* blas.h: the float32 engine by OpenBLAS. Linked only with BLAS=1. */
#ifndef SAV_BLAS_H
#define SAV_BLAS_H

#include "kernels/kernels.h"

extern const sav_kernels *const sav_engine_blas[];

#endif
