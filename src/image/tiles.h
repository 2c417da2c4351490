/* tiles.h: how LLaVA-OneVision cuts a picture ("anyres"), and how many tokens it becomes.
 *
 *   (h, w) -> plan: best pinpoint [ph, pw], fitted size [nh, nw], tiles, feature map, tokens  sav_anyres_plan
 *   rgb [h, w, 3] -> tiles [tiles, s, s, 3] uint8: base first, then the grid row by row         sav_tiles_cut
 *   tiles -> pixel_values [tiles, 3, s, s] float, by a table of 3 x 256 values            sav_tiles_normalise
 *
 * Letters: s tile side in pixels, g patches a side (s / patch).
 */
#ifndef SAV_IMAGE_TILES_H
#define SAV_IMAGE_TILES_H

#include "image/image.h"
#include "image/resize.h"

/* From the model folder's config.json and preprocessor_config.json. */
typedef struct sav_anyres_grid {
    const size_t *pinpoints; /* [count, 2] height, width in pixels, multiples of tile; in the file's order */
    size_t count;
    size_t tile;      /* s */
    size_t patch;     /* pixels a patch side */
    size_t max_tiles; /* N of "anyres_max_N": the map is shrunk to about N tiles' worth of tokens */
} sav_anyres_grid;

typedef struct sav_anyres {
    size_t h, w;         /* the picture */
    size_t ph, pw;       /* best pinpoint, pixels */
    size_t nh, nw;       /* the picture fitted into it, pixels */
    size_t pad_y, pad_x; /* zero rows above and below alike, zero columns left and right alike */
    size_t tile, rows, columns;
    size_t tiles;          /* 1 + rows * columns: base and grid */
    size_t g;              /* patches a tile side */
    size_t full_h, full_w; /* feature map of the whole grid: g * rows, g * columns */
    /* rows cut off it above and below alike, columns left and right alike (one of them is 0) */
    size_t cut_y, cut_x;
    size_t open_h, open_w; /* the map after that cut */
    size_t map_h, map_w;   /* after the shrink, if any */
    bool shrunk;           /* bilinear resize [open_h, open_w] -> [map_h, map_w] */
    size_t tokens;         /* g*g + map_h * map_w + map_h (a newline after each row) */
} sav_anyres;

sav_status sav_anyres_plan(sav_anyres *out, size_t h, size_t w, const sav_anyres_grid *grid, sav_error *err);

/* rgb [plan->h, plan->w, 3] -> out [tiles, s, s, 3]. */
sav_status sav_tiles_cut(unsigned char *out, const unsigned char *rgb, const sav_anyres *plan,
                         sav_resampling how, sav_error *err);

/* The value of every byte in each channel: ((float)(v * rescale) - mean) / std, rounded at each step.
 * rescale, mean and std as preprocessor_config.json writes them. */
typedef struct sav_pixel_table {
    float value[3][256];
} sav_pixel_table;

void sav_pixel_table_make(sav_pixel_table *out, double rescale, const double mean[3], const double std[3]);

/* tiles [count, s, s, 3] -> out [count, 3, s, s]. */
void sav_tiles_normalise(float *out, const unsigned char *tiles, size_t count, size_t s,
                         const sav_pixel_table *table);

#endif
