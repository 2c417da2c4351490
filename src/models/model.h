/* model.h: a model folder opened, a prompt prepared, and what a family must bring.
 *
 *   folder -> config.json names the architecture -> row of the family table -> tensors bound by name -> sav_model
 *   prompt -> layout -> ids with placeholders -> pictures -> expanded ids, pixels: sav_input
 *   sav_input -> family->embed -> inputs_embeds [T, D] -> llm/qwen2.c -> tap [L, H, d]
 *
 * A family owns what differs: how a picture becomes patches and how many tokens, which tower runs, what positions tokens
 * get. To add one: a file with a sav_family in it, and its row in families.c.
 */
#ifndef SAV_MODEL_H
#define SAV_MODEL_H

#include "image/tiles.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "llm/qwen2.h"
#include "text/layout.h"
#include "text/tokenizer.h"
#include "vision/siglip.h"

typedef struct sav_family sav_family;

struct sav_model {
    sav_model_info info;
    const sav_family *family;
    sav_weights *weights;
    sav_tokenizer *tokenizer;
    sav_layout layout;
    sav_text layout_note; /* why, when the folder's own template is not known */
    sav_qwen2 llm;
    void **owned; /* [owned_count] small arrays made at load: norms and biases widened to float, layer tables */
    size_t owned_count, owned_room;
    char *folder;
    /* LLaVA-OneVision; zero in families without it */
    sav_siglip tower;
    sav_projector projector;
    const float *image_newline; /* [D] */
    sav_anyres_grid grid;
    sav_filter filter;
    sav_pixel_table pixel_table;
    uint32_t image_token; /* placeholder id; a mere marker in lmms-lab's folders, where it may be V or more */
};

/* Memory that lives as long as the model, zeroed. NULL: no memory. */
void *sav_model_own(sav_model *model, size_t count, size_t size);

/* ---- a prompt, ready to run -------------------------------------------------------------------------------------- */

typedef struct sav_input {
    size_t T;
    int64_t *ids, *positions; /* [T], one placeholder id for each visual token */
    size_t images;
    int64_t *sizes;      /* [images, 2] height, width as decoded */
    sav_anyres *plans;   /* [images] */
    size_t *starts;      /* [images] index of each picture's first token */
    size_t tiles, most;  /* of all pictures; the most that one has */
    float *pixels;       /* [images, most, 3, s, s], zero tiles appended */
    const float **tile;  /* [tiles] into pixels, the real ones */
} sav_input;

void sav_input_free(sav_input *input);

/* ---- families ---------------------------------------------------------------------------------------------------- */

typedef struct sav_session_pictures { /* how pictures are read, and what was seen */
    sav_pillow pillow;
    bool rotate;
    size_t read, turned;
} sav_session_pictures;

typedef struct sav_embed_scratch {
    sav_siglip_scratch tower;
    float *features; /* [tiles, g*g, D] the projector's output */
    float *map;      /* [most rows * columns, D] a picture's open map before it is shrunk; NULL when none is */
} sav_embed_scratch;

struct sav_family {
    const char *name;
    const char *const *architectures; /* of config.json, NULL at the end */
    sav_layout fallback;              /* chat layout of a folder without a template */
    /* Reads the config and binds the tensors. */
    sav_status (*open)(sav_model *model, const sav_json *config, const char *name, sav_error *err);
    /* ids with one placeholder a picture -> input with pixels and expanded ids. parts: pictures in placeholder order. */
    sav_status (*prepare)(sav_input *input, const sav_model *model, const sav_ids *ids, const sav_ids *places,
                          const sav_part *const *parts, size_t pictures, sav_session_pictures *how, sav_error *err);
    void (*plan)(sav_embed_scratch *scratch, sav_arena *arena, const sav_model *model, const sav_input *input, bool whole);
    /* Overwrites the visual rows of x [T, D]. */
    void (*embed)(float *x, const sav_model *model, const sav_input *input, sav_embed_scratch *scratch,
                  const sav_kernels *kernels, const sav_run *run, sav_trace *trace);
    /* Largest matmul depth K and attention length of the tower, for the engine's scratch. */
    void (*limits)(size_t *K, size_t *keys, size_t *d, size_t *rows, const sav_model *model, const sav_input *input);
};

extern const sav_family sav_family_llava_onevision, sav_family_qwen2;

/* The family of config.json's "architectures"; an error lists the known ones. */
const sav_family *sav_family_find(const sav_json *config, const char *name, sav_error *err);

/* ---- tensors by name --------------------------------------------------------------------------------------------- */

/* One key layout: names of transformers <= 4.51 that begin with `from` begin with `to` in the file. First match wins. */
typedef struct sav_rename {
    const char *from, *to;
} sav_rename;

typedef struct sav_binder {
    sav_model *model;
    const sav_rename *renames; /* ends with from == NULL; may be NULL */
    bool *used;                /* [tensors] */
    sav_status status;         /* after the first failure the rest does nothing */
    sav_error *err;
} sav_binder;

sav_status sav_binder_begin(sav_binder *binder, sav_model *model, const sav_rename *renames, sav_error *err);
/* A matrix [rows, cols] as stored (further dimensions count as columns), or a vector of n floats widened; by the name of
 * transformers <= 4.51. */
sav_matrix sav_bind_matrix(sav_binder *binder, size_t rows, size_t cols, const char *name, ...) SAV_PRINTF(4, 5);
const float *sav_bind_vector(sav_binder *binder, size_t n, const char *name, ...) SAV_PRINTF(3, 4);
/* NULL when absent; marks it as known. For config facts that only the shapes tell. */
const sav_tensor *sav_bind_peek(sav_binder *binder, const char *name, ...) SAV_PRINTF(2, 3);
void sav_bind_ignore(sav_binder *binder, const char *prefix); /* tensors that are known and not needed */
/* Every tensor of the folder must have been asked for; ends the binder. */
sav_status sav_binder_end(sav_binder *binder);

/* The decoder's config and tensors, the same in all families. prefix "language_model.model." and the like. */
sav_status sav_qwen2_read_config(sav_qwen2_config *out, const sav_json *config, const char *name, sav_error *err);
void sav_qwen2_bind(sav_binder *binder, sav_qwen2 *llm, const char *prefix, const char *head_prefix);

sav_status sav_model_identity(char hex[65], const char *folder, const sav_weights *weights, sav_error *err);

/* A prompt's forward in two steps, for tests that watch the second: it allocates nothing. */
sav_status sav_session_prepare(sav_session *session, const sav_prompt *prompt, bool whole, sav_error *err);
sav_status sav_session_run(sav_session *session, float *tap, size_t depth, const sav_sink *sink, sav_error *err);

#endif
