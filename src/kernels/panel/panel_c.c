/* panel_c.c: packed panels for any CPU by 128-bit vectors, which x86-64 (SSE2, 16 registers) and ARM64 (NEON,
 * 32) always have. */
#define ISA c
#define LANES 4
#if defined(__aarch64__)
#define ROWS 8
#else
#define ROWS 4
#endif
#define VECS 2
#include "kernels/panel/panel_tile.inc"
