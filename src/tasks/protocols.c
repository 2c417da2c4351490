/* protocols.c: the table of protocols. See protocols.h. */
#include "tasks/protocols.h"

#include <math.h>
#include <string.h>

static const sav_protocol protocols[] = {
#define PROTOCOL(name) {#name, sav_score_##name},
#include "tasks/protocols.inc"
#undef PROTOCOL
};

const sav_protocol *sav_protocol_find(const char *name) {
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!name || strcmp(protocols[i].name, name) == 0) return &protocols[i];
    return NULL;
}

void sav_wilson_interval(double interval[2], size_t hits, size_t n) {
    static const double z = 1.959963984540054;
    interval[0] = interval[1] = NAN;
    if (!n) return;
    const double N = (double)n, p = (double)hits / N, below = 1 + z * z / N;
    const double centre = (p + z * z / (2 * N)) / below;
    const double half = z * sqrt(p * (1 - p) / N + z * z / (4 * N * N)) / below;
    interval[0] = centre - half < 0 ? 0 : centre - half;
    interval[1] = centre + half > 1 ? 1 : centre + half;
}
