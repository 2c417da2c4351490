/* family.h: what a family brings: how a picture becomes rows of the decoder, and where tokens stand.
 *
 *   config.json, tensors                              -> model->vision, model->decoder       open
 *   a picture's size [h, w]                           -> sav_picture_fit: pieces, patches, tokens    fit
 *   its pixels                                        -> what the tower takes                read
 *   a prompt's tokens                                 -> positions [axes, T]                 positions
 *   some pictures                                     -> scratch                             plan
 *   their pixels -> tower, projector or merger        -> rows [tokens, D]                    embed
 *
 * All else is shared. To add a family: its file, its row in families.inc (docs/ADDING.md).
 */
#ifndef SAV_FAMILY_H
#define SAV_FAMILY_H

#include "image/image.h"
#include "image/resize.h"
#include "io/keys.h"
#include "models/model.h"

/* A picture as a family fits it, from its size alone. */
typedef struct sav_picture_fit {
    sav_size picture;     /* as decoded, and turned where that is asked for */
    sav_size fitted;      /* resized */
    sav_size canvas;      /* what it is fitted into and cut to tiles in; 0: it is one piece */
    size_t pieces;        /* what the tower sees: the whole picture first, then tiles */
    sav_size side;        /* of a piece */
    size_t rows, columns; /* of tiles; of patches where there is one piece */
    size_t map_h, map_w;  /* rows and columns of tokens, beside the whole picture's */
    bool shrunk;          /* the map was larger before */
    size_t tokens;        /* rows of the decoder */
    size_t patches, keys; /* rows of the tower; the most that attend to each other */
    size_t dv;            /* head size of that attention */
    size_t floats;        /* of pixels */
    int64_t sizes[3];     /* height and width, or the grid: time, height, width in patches */
} sav_picture_fit;

typedef struct sav_picture {
    sav_picture_fit fit;
    float *pixels;      /* [floats] in the family's shape */
    unsigned char *rgb; /* [pieces, side.h, side.w, 3] the same before it was normalised; kept on request */
} sav_picture;

/* How pictures are read: for all of a session, but for what one picture has of its own. */
typedef struct sav_picture_options {
    sav_pillow pillow;
    bool rotate;                   /* as their EXIF orientation says */
    bool keep_rgb;                 /* for people to look at */
    size_t most_pixels;            /* of a file: more is an error; 0: SAV_MAX_PICTURE_PIXELS */
    size_t min_pixels, max_pixels; /* 0: the family's own */
    sav_picture_bounds own;
    size_t most_tokens; /* more than the model takes: an error before the picture is resized; 0: any */
} sav_picture_options;

/* Pictures that go through the tower together. */
typedef struct sav_picture_set {
    const sav_picture *const *items; /* [count] */
    size_t count;
} sav_picture_set;

/* A prompt's tokens as positions see them. */
typedef struct sav_token_row {
    const int64_t *ids; /* [T], one placeholder for each visual token */
    size_t T;
    const size_t *starts; /* [pictures->count] the first token of each */
    const sav_picture_set *pictures;
} sav_token_row;

struct sav_family {
    const char *name;
    const char *const *architectures; /* of config.json, NULL at the end */
    sav_layout fallback;              /* chat layout of a folder without a template */
    const sav_decoder_kind *decoder;
    /* what each key of the folder's files is, a table for each object; NULL at the end */
    const sav_keys *const *keys;
    bool bounded; /* knows min_pixels, max_pixels, and the bounds of one picture */
    /* Reads the config, binds the tensors, tower first; fills the vision fields of model->info. */
    sav_status (*open)(sav_model *model, const sav_json *config, const char *name, sav_error *err);
    /* NULL: 0 … T - 1. *laid: of so many pictures, from the first on, the tokens have places of their own;
     * those of others stand like text. */
    sav_status (*positions)(int64_t *out, size_t *laid, const sav_token_row *tokens, const sav_model *model,
                            sav_error *err);
    /* The rest is NULL in a text model. */
    sav_status (*fit)(sav_picture_fit *out, const sav_model *model, sav_size picture,
                      const sav_picture_options *how, sav_error *err);
    /* out->fit is there; fills pixels, and rgb where it is to be kept. */
    sav_status (*read)(sav_picture *out, const sav_model *model, sav_image *image,
                       const sav_picture_options *how, sav_error *err);
    /* From an arena that may only be measuring: then NULL. whole: stages will be shown. */
    void *(*plan)(sav_arena *arena, const sav_model *model, const sav_picture_set *pictures, bool whole);
    /* Picture i -> to[i] [tokens, D]. A dump gets sizes and pixels first, as the processor returns them. */
    void (*embed)(sav_pass *p, float *const *to, const sav_model *model, const sav_picture_set *pictures,
                  void *scratch);
};

/* The family of config.json's "architectures"; an error lists the known ones. */
const sav_family *sav_family_find(const sav_json *config, const char *name, sav_error *err);
const sav_family *sav_family_at(size_t i); /* NULL behind the last */

#endif
