/* cpu.h: what this CPU has, asked at run time. Rows of kernels and the peak ask here, and nobody else asks
 * the CPU. */
#ifndef SAV_CPU_H
#define SAV_CPU_H

#include <stdbool.h>
#include <stddef.h>

bool sav_cpu_has_c(void);          /* plain C: true */
bool sav_cpu_has_avx2(void);       /* x86-64: 256-bit vectors with fused multiply-adds */
bool sav_cpu_has_avx512(void);     /* x86-64: AVX-512F */
bool sav_cpu_has_vnni(void);       /* x86-64: AVX-512 with dot products of bytes */
bool sav_cpu_has_avxvnni(void);    /* x86-64: the same for 256-bit vectors */
bool sav_cpu_has_neon(void);       /* ARM64: true */
bool sav_cpu_has_dotprod(void);    /* ARM64: dot products of bytes */
size_t sav_cpu_vector_bytes(void); /* of the widest vectors that can multiply and add floats, at least 16 */

#endif
