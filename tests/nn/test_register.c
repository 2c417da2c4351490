/* The register of modules: every linear of a model once, in the order of a forward, each layer's side by
 * side; the towers' first and last layers are patches and projector; what it counts is what the file holds.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "models/model.h"

static sav_error err;

static void check_order(const sav_register *all, const char *folder) {
    size_t layer = 0;
    for (size_t i = 0; i < all->count; i++) {
        const sav_linear *m = all->items[i].module;
        if (!CHECK(m->layer == layer || m->layer == layer + 1))
            printf("  %s: %s in layer %zu\n", folder, m->path, m->layer);
        layer = m->layer;
        for (size_t j = 0; j < i; j++) {
            CHECK(all->items[j].module != m && all->items[j].tensor != all->items[i].tensor);
            CHECK(strcmp(all->items[j].module->path, m->path) != 0);
        }
    }
    CHECK_SIZE(layer + 1, all->layers);
}

/* The weight of each entry is the tensor that it names. */
static void check_tensors(const sav_model *model) {
    for (size_t i = 0; i < model->modules.count; i++) {
        const sav_registered *entry = &model->modules.items[i];
        const sav_tensor *t = sav_weights_at(model->weights, entry->tensor);
        CHECK(t->data == entry->module->weight.data);
        CHECK_SIZE(t->count, entry->module->weight.rows * entry->module->weight.cols);
        CHECK_SIZE(sav_matrix_bytes(&entry->module->weight), t->count * sav_dtype_size(t->dtype));
    }
}

static void check_layers(const sav_model *model, const sav_model_info *info) {
    const sav_register *all = &model->modules;
    const size_t tower = info->vision_layers ? info->vision_layers + 2 : 0;
    CHECK_SIZE(model->decoder.first_layer, tower);
    CHECK_SIZE(all->layers, tower + info->L);
    for (size_t i = 0; i < all->count; i++) {
        const sav_linear *m = all->items[i].module;
        CHECK((m->role == SAV_ROLE_PATCHES) == (tower && m->layer == 0));
        CHECK((m->role == SAV_ROLE_PROJECTOR) == (tower && m->layer + 1 == tower));
        if (m->layer >= tower) CHECK(m->role >= SAV_ROLE_Q && m->role <= SAV_ROLE_MLP_OUT);
    }
}

int main(void) {
    static const char *const folders[] = {"golden/models/qwen2-window", "golden/models/qwen2-sharded",
                                          "golden/models/t70",          "golden/models/t70-lmms",
                                          "golden/models/qwen2-vl",     "golden/models/qwen2.5-vl"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        sav_model *model;
        if (!CHECK_OK(sav_model_open(&model, folders[i], &err), &err)) continue;
        check_order(&model->modules, folders[i]);
        check_tensors(model);
        check_layers(model, sav_model_describe(model));
        sav_model_close(model);
    }
    return check_report("register");
}
