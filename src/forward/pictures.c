/* pictures.c: picture files -> what towers take, each file once. See pictures.h. */
#include "forward/pictures.h"

#include <string.h>

struct sav_picture_tag {
    char key[65]; /* SHA-256 of the file */
    sav_picture_bounds bounds;
    bool waited; /* spare since the batch before */
};

typedef struct sav_picture_tag tag;

sav_status sav_picture_choose(sav_picture_options *out, const sav_model *model, const sav_options *o,
                              sav_error *err) {
    if (o->pillow && o->pillow != SAV_PILLOW_11 && o->pillow != SAV_PILLOW_13)
        return sav_fail(err, SAV_BAD_INPUT, "resize order: found Pillow %d; expected 11 or 13", o->pillow);
    if (o->min_pixels && o->max_pixels && o->min_pixels > o->max_pixels)
        return sav_fail(err, SAV_BAD_INPUT, "bounds of pixels: found at least %zu and at most %zu",
                        o->min_pixels, o->max_pixels);
    if ((o->min_pixels || o->max_pixels) && !model->family->bounded)
        return sav_fail(err, SAV_BAD_INPUT, "%s: bounds of pixels are for the Qwen-VL families; found %s",
                        model->folder, model->family->name);
    if (o->max_picture_pixels > SAV_MAX_PICTURE_PIXELS)
        return sav_fail(err, SAV_BAD_INPUT, "pixels of a picture: found at most %zu; expected at most %d",
                        o->max_picture_pixels, SAV_MAX_PICTURE_PIXELS);
    *out = (sav_picture_options){.pillow = o->pillow == SAV_PILLOW_13 ? SAV_PILLOW_13 : SAV_PILLOW_11,
                                 .rotate = o->exif_rotate != 0,
                                 .most_pixels = o->max_picture_pixels,
                                 .min_pixels = o->min_pixels,
                                 .max_pixels = o->max_pixels,
                                 .most_tokens = model->decoder.config.max_positions};
    return SAV_OK;
}

/* ---- one picture --------------------------------------------------------------------------------------- */

static bool has_bounds(const sav_picture_bounds *b) {
    return b->min_pixels || b->max_pixels || b->resized_height || b->resized_width;
}

sav_status sav_picture_load(sav_picture *out, sav_pictures_seen *seen, const sav_model *model,
                            const char *path, const sav_picture_options *how, sav_error *err) {
    const sav_family *family = model->family;
    sav_image image = {0};
    if (has_bounds(&how->own) && !family->bounded)
        return sav_fail(err, SAV_BAD_INPUT,
                        "%s: bounds beside a picture are for the Qwen-VL families; found %s", path,
                        family->name);
    sav_status status = sav_image_read(&image, path, how->most_pixels, err);
    if (status) return status; /* reading says which file; what follows knows sizes alone */
    seen->read++;
    seen->turned += image.orientation > 1;
    if (image.damaged && !seen->damaged++) seen->first_damaged = sav_strdup(path);
    if (image.unrefined && !seen->unrefined++) seen->first_unrefined = sav_strdup(path);
    if (how->rotate) status = sav_image_rotate(&image, image.orientation, err);
    if (!status) status = family->fit(&out->fit, model, (sav_size){image.h, image.w}, how, err);
    if (!status && how->most_tokens && out->fit.tokens > how->most_tokens)
        status = sav_fail(err, SAV_BAD_INPUT,
                          "the picture has %zu tokens; the model takes %zu (max_position_embeddings)",
                          out->fit.tokens, how->most_tokens);
    if (!status) status = family->read(out, model, &image, how, err);
    if (status) sav_error_prefix(err, "%s", path);
    sav_image_free(&image);
    return status;
}

static void free_picture(sav_picture *picture) {
    if (!picture) return;
    sav_free(picture->pixels);
    sav_free(picture->rgb);
    sav_free(picture);
}

/* ---- those of a batch ---------------------------------------------------------------------------------- */

static sav_status load_next(sav_pictures *all, const sav_model *model, const sav_part *part, const char *key,
                            sav_error *err) {
    sav_picture_options how = all->how;
    how.own = part->bounds;
    if (!sav_grow(&all->items, &all->capacity, all->loaded + 1, sizeof *all->items) ||
        !sav_grow(&all->tags, &all->tag_capacity, all->loaded + 1, sizeof *all->tags))
        return sav_fail(err, SAV_NO_MEMORY, "no memory for %zu pictures", all->loaded + 1);
    sav_picture *one = sav_alloc(1, sizeof *one);
    sav_status status = one ? sav_picture_load(one, &all->seen, model, part->text, &how, err)
                            : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", part->text);
    if (status) {
        free_picture(one);
        return status;
    }
    tag *t = &all->tags[all->loaded];
    memcpy(t->key, key, sizeof t->key);
    t->bounds = part->bounds;
    t->waited = false;
    all->items[all->loaded++] = one;
    return SAV_OK;
}

static void swap(sav_pictures *all, size_t i, size_t j) {
    sav_picture *const one = all->items[i];
    const tag t = all->tags[i];
    all->items[i] = all->items[j], all->tags[i] = all->tags[j];
    all->items[j] = one, all->tags[j] = t;
}

static bool same_picture(const tag *t, const char *key, const sav_picture_bounds *b) {
    return strcmp(t->key, key) == 0 && t->bounds.min_pixels == b->min_pixels &&
           t->bounds.max_pixels == b->max_pixels && t->bounds.resized_height == b->resized_height &&
           t->bounds.resized_width == b->resized_width;
}

sav_status sav_pictures_find(size_t *at, sav_pictures *all, const sav_model *model, const sav_part *part,
                             sav_error *err) {
    char key[65];
    sav_status status = sav_sha256_file(key, part->text, err);
    size_t i = all->apart ? all->count : 0;
    if (status) return status;
    while (i < all->loaded && !same_picture(&all->tags[i], key, &part->bounds)) i++;
    if (i == all->loaded) status = load_next(all, model, part, key, err);
    if (status) return status;
    if (i >= all->count) { /* into the batch */
        swap(all, i, all->count);
        i = all->count++;
    }
    *at = i;
    return SAV_OK;
}

sav_picture_set sav_pictures_set(const sav_pictures *all) {
    return (sav_picture_set){(const sav_picture *const *)all->items, all->count};
}

void sav_pictures_begin(sav_pictures *all) {
    size_t kept = 0;
    for (size_t i = 0; i < all->loaded; i++) {
        if (i < all->count || all->tags[i].waited) {
            free_picture(all->items[i]);
            continue;
        }
        swap(all, i, kept);
        all->tags[kept++].waited = true;
    }
    all->loaded = kept;
    all->count = 0;
}

void sav_pictures_free(sav_pictures *all) {
    for (size_t i = 0; i < all->loaded; i++) free_picture(all->items[i]);
    sav_free(all->items);
    sav_free(all->tags);
    sav_free(all->seen.first_damaged);
    sav_free(all->seen.first_unrefined);
    *all = (sav_pictures){0};
}
