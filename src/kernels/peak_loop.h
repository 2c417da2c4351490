/* peak_loop.h: the loops of one ISA. Before including: BYTES of a vector, FLOAT and DOUBLE, the names of the
 * two loops.
 *
 * Twelve independent chains hide the latency of a multiply-add on every CPU of the last ten years. Each has a
 * name of its own: gcc keeps arrays of vectors in memory.
 */
#define SAV_PEAK_LOOP(name, type)                                                                  \
    double name(double x, long steps);                                                             \
    double name(double x, long steps) {                                                            \
        typedef type vec __attribute__((vector_size(BYTES)));                                      \
        const vec a = (vec){0} + (type)x, b = (vec){0} + (type)1e-9;                               \
        vec s0 = b, s1 = a, s2 = a + b, s3 = s2 + b, s4 = s3 + b, s5 = s4 + b;                     \
        vec s6 = s5 + b, s7 = s6 + b, s8 = s7 + b, s9 = s8 + b, s10 = s9 + b, s11 = s10 + b;       \
        for (long n = 0; n < steps; n++) {                                                         \
            s0 = s0 * a + b, s1 = s1 * a + b, s2 = s2 * a + b, s3 = s3 * a + b, s4 = s4 * a + b,   \
            s5 = s5 * a + b;                                                                       \
            s6 = s6 * a + b, s7 = s7 * a + b, s8 = s8 * a + b, s9 = s9 * a + b, s10 = s10 * a + b, \
            s11 = s11 * a + b;                                                                     \
        }                                                                                          \
        const vec sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;               \
        return (double)sum[0];                                                                     \
    }

SAV_PEAK_LOOP(FLOAT, float)
SAV_PEAK_LOOP(DOUBLE, double)
