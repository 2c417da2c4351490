/* pass.c: stages of a forward -> the caller's sink; layers -> the gate, costs -> the observer. See pass.h. */
#include "nn/pass.h"

#include <stdio.h>

bool sav_enter(sav_pass *p, size_t layer) {
    p->layer = layer;
    if (p->gate && !p->status) p->status = p->gate->enter(p->gate->context, layer, p->err);
    return p->status == SAV_OK;
}

void sav_book(sav_pass *p, sav_role role, const sav_cost *cost) {
    static const sav_cost none = {0, 0};
    if (p->observer) p->observer->book(p->observer->context, p->layer, role, cost ? cost : &none);
}

void sav_show_stage(sav_pass *p, const sav_snapshot *stage) {
    if (p->sink && !p->status) p->status = p->sink->receive(p->sink->context, stage, p->err);
}

static void show(sav_pass *p, const float *x, size_t rows, size_t cols, const char *path, const char *side) {
    char name[256];
    sav_snapshot stage = {.name = name, .dtype = p->run.R, .rank = 2, .shape = {rows, cols}, .data = x};
    if (!p->sink || p->status || !path) return;
    if (p->stack) stage = (sav_snapshot){name, p->run.R, 3, {p->stack, rows / p->stack, cols}, x};
    snprintf(name, sizeof name, "%s.%s", path, side);
    sav_show_stage(p, &stage);
}

void sav_show(sav_pass *p, const float *x, size_t rows, size_t cols, const char *path) {
    show(p, x, rows, cols, path, "output");
}

void sav_show_input(sav_pass *p, const float *x, size_t rows, size_t cols, const char *path) {
    show(p, x, rows, cols, path, "input");
}
