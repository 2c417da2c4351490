/* tiles.c: LLaVA-OneVision's picture plan and tiles.
 *
 *   (h, w) -> best pinpoint -> fit -> pad -> cut into s x s tiles; one base tile: the whole picture, squashed
 *          -> how the tower's patches unpad and shrink -> tokens
 *
 * All of it is double arithmetic whose roundings decide sizes, so the expressions stand as in the source.
 * Source: image_processing_llava_onevision.py (the slow one), image_processing_utils.py
 * (select_best_resolution), modeling_llava_onevision.py (unpad_image, pack_image_features) of transformers
 * 4.51.3.
 */
#include "image/tiles.h"

#include <math.h>
#include <string.h>

/* ---- the plan: pixels ---------------------------------------------------------------------------------- */

/* Sides of pictures and pinpoints stay below this, so that products of two are exact in double and fit 64
 * bits. */
static const size_t SIDE_MAX = 1u << 30;

static sav_status check_grid(const sav_anyres_grid *grid, sav_error *err) {
    if (grid->patch < 1 || grid->tile < 2 || grid->tile < grid->patch || grid->tile > 65536)
        return sav_fail(err, SAV_BAD_INPUT,
                        "tile side %zu with patches of %zu pixels; expected 2 to 65536, at least a patch",
                        grid->tile, grid->patch);
    if (grid->count < 1) return sav_fail(err, SAV_BAD_INPUT, "image_grid_pinpoints is empty; expected sizes");
    if (grid->max_tiles < 1) return sav_fail(err, SAV_BAD_INPUT, "anyres_max_0; expected at least 1");
    for (size_t i = 0; i < 2 * grid->count; i++)
        if (grid->pinpoints[i] < 1 || grid->pinpoints[i] % grid->tile ||
            grid->pinpoints[i] / grid->tile > 1024)
            return sav_fail(err, SAV_BAD_INPUT,
                            "image_grid_pinpoints: found %zu; expected 1 to 1024 times the tile side %zu",
                            grid->pinpoints[i], grid->tile);
    return SAV_OK;
}

/* The pinpoint that keeps most pixels, then wastes fewest; the first of equals. */
static void best_pinpoint(sav_anyres *plan, const sav_anyres_grid *grid) {
    double w = (double)plan->w, h = (double)plan->h;
    int64_t best = 0, least = INT64_MAX, area = (int64_t)plan->h * (int64_t)plan->w;
    for (size_t i = 0; i < grid->count; i++) {
        size_t ph = grid->pinpoints[2 * i], pw = grid->pinpoints[2 * i + 1];
        double sw = (double)pw / w, sh = (double)ph / h, scale = sw < sh ? sw : sh;
        int64_t kept = (int64_t)(w * scale) * (int64_t)(h * scale);
        if (kept > area) kept = area;
        int64_t waste = (int64_t)ph * (int64_t)pw - kept;
        if (kept > best || (kept == best && waste < least)) {
            best = kept;
            least = waste;
            plan->ph = ph;
            plan->pw = pw;
        }
    }
}

/* PARITY: the ceiling of a rounded double product: 827 x 1654 becomes 961 rows, not 960. Equal padding on
 * both sides: an odd rest leaves the padded picture one row or column short (tests/image/test_tiles.c). */
static void fit(sav_anyres *plan) {
    double sw = (double)plan->pw / (double)plan->w, sh = (double)plan->ph / (double)plan->h;
    if (sw < sh) {
        size_t rows = (size_t)ceil((double)plan->h * sw);
        plan->nw = plan->pw;
        plan->nh = rows < plan->ph ? rows : plan->ph;
    } else {
        size_t columns = (size_t)ceil((double)plan->w * sh);
        plan->nh = plan->ph;
        plan->nw = columns < plan->pw ? columns : plan->pw;
    }
    plan->pad_y = (plan->ph - plan->nh) / 2;
    plan->pad_x = (plan->pw - plan->nw) / 2;
}

/* ---- the plan: features -------------------------------------------------------------------------------- */

/* PARITY: Python's float `//`, which is not floor(a / b): 90 // (90 / 81) is 80 where the quotient rounds to
 * 81 (tests/image/test_tiles.c). a >= 0, b > 0. */
static double floor_divide(double a, double b) {
    double quotient = (a - fmod(a, b)) / b, whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

/* Cuts the padding off the map again, in patches; an odd rest leaves one row or column more than the picture
 * has. */
static void unpad(sav_anyres *plan) {
    size_t h = plan->full_h, w = plan->full_w;
    if (plan->w * h > w * plan->h)
        plan->cut_y = (h - plan->h * w / plan->w) / 2;
    else
        plan->cut_x = (w - plan->w * h / plan->h) / 2;
    plan->open_h = h - 2 * plan->cut_y;
    plan->open_w = w - 2 * plan->cut_x;
}

static void shrink(sav_anyres *plan, size_t max_tiles) {
    double area = (double)(plan->open_h * plan->open_w), most = (double)(max_tiles * plan->g * plan->g);
    double r = sqrt(area / most);
    plan->shrunk = r > 1.1;
    plan->map_h = plan->shrunk ? (size_t)floor_divide((double)plan->open_h, r) : plan->open_h;
    plan->map_w = plan->shrunk ? (size_t)floor_divide((double)plan->open_w, r) : plan->open_w;
}

sav_status sav_anyres_plan(sav_anyres *out, size_t h, size_t w, const sav_anyres_grid *grid, sav_error *err) {
    sav_status status = check_grid(grid, err);
    if (status) return status;
    if (h < 1 || w < 1 || h > SIDE_MAX || w > SIDE_MAX)
        return sav_fail(err, SAV_BAD_INPUT, "a picture of %zu x %zu pixels; expected sides of 1 to %zu", w, h,
                        SIDE_MAX);
    *out = (sav_anyres){.h = h, .w = w, .tile = grid->tile, .g = grid->tile / grid->patch};
    best_pinpoint(out, grid);
    fit(out);
    out->rows = out->ph / out->tile;
    out->columns = out->pw / out->tile;
    out->tiles = 1 + out->rows * out->columns;
    out->full_h = out->g * out->rows;
    out->full_w = out->g * out->columns;
    unpad(out);
    shrink(out, grid->max_tiles);
    if (out->shrunk && (out->map_h == 0 || out->map_w == 0)) /* the library's resize fails there too */
        return sav_fail(
            err, SAV_BAD_INPUT,
            "a picture of %zu x %zu pixels: its feature map shrinks to nothing under these pinpoints", w, h);
    out->tokens = out->g * out->g + out->map_h * out->map_w + out->map_h;
    return SAV_OK;
}

/* ---- tiles --------------------------------------------------------------------------------------------- */

typedef struct canvas {
    unsigned char *rgb; /* [h, w, 3] of that size, zeros around the fitted picture */
    sav_size size;
} canvas;

/* The picture fitted and padded: rgb [plan->h, plan->w, 3] -> canvas. */
static sav_status pad(canvas *out, const unsigned char *rgb, const sav_anyres *plan, sav_resampling how,
                      sav_error *err) {
    const sav_size fit = {plan->nh, plan->nw}, from = {plan->h, plan->w};
    out->size = (sav_size){fit.h + 2 * plan->pad_y, fit.w + 2 * plan->pad_x};
    out->rgb = sav_alloc(out->size.h * out->size.w, 3);
    unsigned char *fitted = sav_alloc(fit.h * fit.w, 3);
    sav_status status = SAV_OK;
    if (!fitted || !out->rgb)
        status = sav_fail(err, SAV_NO_MEMORY, "no memory to fit a picture into %zu x %zu pixels", plan->pw,
                          plan->ph);
    else
        status = sav_image_resize(fitted, fit, rgb, from, how, err);
    for (size_t y = 0; y < fit.h && !status; y++)
        memcpy(out->rgb + ((plan->pad_y + y) * out->size.w + plan->pad_x) * 3, fitted + y * fit.w * 3,
               fit.w * 3);
    sav_free(fitted);
    return status;
}

/* Tile number i of the grid -> out [s, s, 3]. One at an edge may be a row or column short; it is stretched,
 * through `piece`. */
static sav_status cut_one(unsigned char *out, unsigned char *piece, const canvas *from,
                          const sav_anyres *plan, size_t i, sav_resampling how, sav_error *err) {
    const size_t s = plan->tile, y = i / plan->columns * s, x = i % plan->columns * s;
    const sav_size size = {sav_min(from->size.h - y, s), sav_min(from->size.w - x, s)};
    const bool whole = size.h == s && size.w == s;
    unsigned char *to = whole ? out : piece;
    for (size_t row = 0; row < size.h; row++)
        memcpy(to + row * size.w * 3, from->rgb + ((y + row) * from->size.w + x) * 3, size.w * 3);
    return whole ? SAV_OK : sav_image_resize(out, (sav_size){s, s}, piece, size, how, err);
}

sav_status sav_tiles_cut(unsigned char *out, const unsigned char *rgb, const sav_anyres *plan,
                         sav_resampling how, sav_error *err) {
    const size_t s = plan->tile, bytes = s * s * 3;
    const sav_size side = {s, s}, from = {plan->h, plan->w};
    canvas padded = {0};
    unsigned char *piece = sav_alloc(bytes, 1);
    sav_status status = SAV_OK;
    if (!piece) status = sav_fail(err, SAV_NO_MEMORY, "no memory for a tile of %zu x %zu pixels", s, s);
    /* The base tile: the whole picture, its aspect ratio not kept. */
    if (!status) status = sav_image_resize(out, side, rgb, from, how, err);
    if (!status) status = pad(&padded, rgb, plan, how, err);
    for (size_t i = 0; i < plan->rows * plan->columns && !status; i++)
        status = cut_one(out + (1 + i) * bytes, piece, &padded, plan, i, how, err);
    sav_free(piece);
    sav_free(padded.rgb);
    return status;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

void sav_pixel_table_make(sav_pixel_table *out, double rescale, const double mean[3], const double std[3]) {
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) {
            float a = (float)((double)v * rescale);
            float centred = a - (float)mean[c];
            out->value[c][v] = centred / (float)std[c];
        }
}

void sav_tiles_normalise(float *out, const unsigned char *tiles, size_t count, size_t s,
                         const sav_pixel_table *table) {
    size_t area = s * s;
    for (size_t i = 0; i < count; i++, tiles += area * 3)
        for (int c = 0; c < 3; c++)
            for (size_t p = 0; p < area; p++) *out++ = table->value[c][tiles[p * 3 + (size_t)c]];
}
