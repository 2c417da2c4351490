/* model.h: a model folder opened, a picture and a prompt prepared, and what a family must bring.
 *
 *   folder -> config.json names the architecture -> row of the family table -> tensors bound by name
 *       -> sav_model
 *   picture -> family->read -> pixels and what the decoder will see of them: sav_picture
 *   prompt -> layout -> ids with placeholders -> expanded ids, positions: sav_input
 *   inputs and pictures of a batch (batch.h) -> family->embed -> inputs_embeds [N, D] -> llm/qwen2.c
 *       -> taps [L, H, d]
 *
 * A family owns what differs: how a picture becomes patches and how many tokens, which tower runs, what
 * positions tokens get. To add one: a file with a sav_family in it, and its row in families.c.
 */
#ifndef SAV_MODEL_H
#define SAV_MODEL_H

#include "image/tiles.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "llm/qwen2.h"
#include "text/layout.h"
#include "text/tokenizer.h"

typedef struct sav_family sav_family;

struct sav_model {
    sav_model_info info;
    const sav_family *family;
    sav_weights *weights;
    sav_tokenizer *tokenizer;
    sav_layout layout;
    sav_text layout_note; /* why, when the folder's own template is not known */
    sav_qwen2 llm;
    uint32_t image_token; /* placeholder id; a mere marker in lmms-lab's folders, where it may be V or more */
    void *vision;         /* the family's own: tower, how pictures are cut; NULL in a text model */
    /* [owned_count] small arrays made at load: norms and biases widened to float, tables */
    void **owned;
    size_t owned_count, owned_room;
    char *folder;
    /* quantised folders: columns that share a scale; 0: weights as they were trained */
    size_t group;
    /* [tensors] sav_matrix_role of each; 0: no matrix, or one that rows are looked up in */
    unsigned char *matrices;
};

/* Where a matrix stands that int8 may replace. */
typedef enum sav_matrix_role { SAV_MATRIX_DECODER = 1, SAV_MATRIX_VISION } sav_matrix_role;

/* Memory that lives as long as the model, zeroed. NULL: no memory. */
void *sav_model_own(sav_model *model, size_t count, size_t size);

/* ---- a prompt, ready to run ---------------------------------------------------------------------------- */

/* A picture, read and cut to what the tower takes. The prompts of a batch that hold the same picture share
 * one. */
typedef struct sav_picture {
    char key[65];     /* SHA-256 of its file */
    size_t tokens;    /* rows of the decoder that it becomes */
    size_t units;     /* tiles or patches */
    size_t floats;    /* of pixels */
    int64_t sizes[3]; /* height and width, or the grid: time, height, width in patches */
    sav_anyres plan;  /* in families with tiles */
    float *pixels;    /* [units, …] the family's shape */
    bool waited;      /* spare since the batch before (batch.h) */
} sav_picture;

typedef struct sav_input {
    size_t T;
    int64_t *ids; /* [T], one placeholder id for each visual token */
    /* [T] the same, but for a visual token -1 - the batch's number of its picture: what makes two samples
     * equal */
    int64_t *content;
    int64_t *positions; /* [axes, T] */
    size_t images;
    size_t *pictures; /* [images] which of the batch's pictures */
    size_t *starts;   /* [images] its first token */
} sav_input;

void sav_input_free(sav_input *input);

/* How pictures are read, and what was seen. */
typedef struct sav_pictures {
    sav_pillow pillow;
    bool rotate;
    size_t min_pixels, max_pixels; /* 0: the family's own */
    size_t read, turned;
} sav_pictures;

/* From a session's options, checked: SAV_BAD_INPUT for bounds that cross, an unknown order of passes, or
 * bounds that the model's family does not know. */
sav_status sav_pictures_choose(sav_pictures *out, const sav_model *model, const sav_options *options,
                               sav_error *err);

/* One picture from its file, turned when asked for. */
sav_status sav_pictures_read(sav_image *out, const char *path, sav_pictures *how, sav_error *err);

/* ids with one placeholder a picture (at `places`) -> input->ids with pictures[i]->tokens of each; fills
 * starts. */
sav_status sav_input_expand(sav_input *input, const sav_ids *ids, const sav_ids *places,
                            const sav_picture *const *pictures, sav_error *err);

/* preprocessor_config.json's mean, std and rescale_factor as a table, and its filter; `absent_*` where it
 * says nothing. */
sav_status sav_pixel_table_read(sav_pixel_table *table, sav_filter *filter, const sav_json *root,
                                const char *name, const double absent_mean[3], const double absent_std[3],
                                sav_error *err);

/* A picture as the tower gets it, for people to look at. */
typedef struct sav_look {
    /* families without tiles: picture, fitted size, rows and columns of patches, feature map, tokens */
    sav_anyres plan;
    size_t tile_h, tile_w; /* pixels */
    unsigned char *rgb;    /* [plan.tiles, tile_h, tile_w, 3], by sav_free */
} sav_look;

/* ---- families ------------------------------------------------------------------------------------------ */

enum { SAV_LAYER_MATRICES = 8 };

struct sav_family {
    const char *name;
    const char *const *architectures; /* of config.json, NULL at the end */
    sav_layout fallback;              /* chat layout of a folder without a template */
    /* Reads the config and binds the tensors; fills the vision fields of model->info. */
    sav_status (*open)(sav_model *model, const sav_json *config, const char *name, sav_error *err);
    /* Positions of an expanded input, [3, T]; NULL: 0 … T - 1. pictures [input->images]. */
    sav_status (*place)(sav_input *input, const sav_model *model, const sav_picture *const *pictures,
                        sav_error *err);
    /* The rest is for families with a tower; a text model has none of it. */
    /* A picture from its file: all of *out but the key. */
    sav_status (*read)(sav_picture *out, const sav_model *model, const char *path, sav_pictures *how,
                       sav_error *err);
    /* The same for one of h x w pixels that nobody has read: without pixels. */
    sav_status (*suppose)(sav_picture *out, const sav_model *model, size_t h, size_t w,
                          const sav_pictures *how, sav_error *err);
    /* Scratch of the tower for these pictures, taken from an arena that may only be measuring (then NULL).
     * whole: stages will be shown. */
    void *(*plan)(sav_arena *arena, const sav_model *model, const sav_picture *const *pictures, size_t count,
                  bool whole);
    /* Shows sizes and pixels, as the processor returns them. */
    void (*show)(sav_trace *trace, const sav_model *model, const sav_picture *const *pictures, size_t count,
                 void *scratch);
    /* Picture i -> to[i] [tokens, D]. */
    void (*embed)(float *const *to, const sav_model *model, const sav_picture *const *pictures, size_t count,
                  void *scratch, const sav_kernels *kernels, const sav_run *run, sav_trace *trace);
    /* The matrices that a layer of the tower reads, as sav_enter counts layers: 0 is the patch embedding, the
     * last one the projector or merger, info.vision_layers + 2 in all. At most SAV_LAYER_MATRICES. */
    size_t (*matrices)(const sav_matrix **out, const sav_model *model, size_t layer);
    /* Deepest matmul, most rows, longest attention and its head size in the tower, for the engine's
     * scratch. */
    void (*limits)(size_t *K, size_t *rows, size_t *keys, size_t *d, const sav_model *model,
                   const sav_picture *const *pictures, size_t count);
    /* One picture, cut and resized; `show pixels` asks. */
    sav_status (*look)(sav_look *out, const sav_model *model, const char *path, sav_pictures *how,
                       sav_error *err);
    bool bounded; /* knows min_pixels and max_pixels */
};

extern const sav_family sav_family_llava_onevision, sav_family_qwen2, sav_family_qwen2_vl,
    sav_family_qwen2_5_vl;

/* The family of config.json's "architectures"; an error lists the known ones. */
const sav_family *sav_family_find(const sav_json *config, const char *name, sav_error *err);

/* ---- tensors by name ----------------------------------------------------------------------------------- */

/* One key layout: names of transformers <= 4.51 that begin with `from` begin with `to` in the file. First
 * match wins. */
typedef struct sav_rename {
    const char *from, *to;
} sav_rename;

typedef struct sav_binder {
    sav_model *model;
    const sav_rename *renames; /* ends with from == NULL; may be NULL */
    bool *used;                /* [tensors] */
    sav_matrix_role role;      /* of the matrices bound now: SAV_MATRIX_VISION but in the decoder */
    sav_status status;         /* after the first failure the rest does nothing */
    sav_error *err;
} sav_binder;

sav_status sav_binder_begin(sav_binder *binder, sav_model *model, const sav_rename *renames, sav_error *err);
/* Tensors of just this shape, by the name of transformers <= 4.51: a matrix [rows, cols], in a quantised
 * folder maybe as int8 panels; a table [rows, cols] that rows are looked up in, or a convolution's filters
 * [outputs, channels, …] (as rows): all where they are mapped; a vector [n] or rows [rows, cols] widened to
 * float. */
sav_matrix sav_bind_table(sav_binder *binder, size_t rows, size_t cols, const char *name, ...)
    SAV_PRINTF(4, 5);
sav_matrix sav_bind_matrix(sav_binder *binder, size_t rows, size_t cols, const char *name, ...)
    SAV_PRINTF(4, 5);
sav_matrix sav_bind_filters(sav_binder *binder, int rank, const size_t *shape, const char *name, ...)
    SAV_PRINTF(4, 5);
const float *sav_bind_vector(sav_binder *binder, size_t n, const char *name, ...) SAV_PRINTF(3, 4);
const float *sav_bind_rows(sav_binder *binder, size_t rows, size_t cols, const char *name, ...)
    SAV_PRINTF(4, 5);
/* NULL when absent; marks it as known. For config facts that only the shapes tell. */
const sav_tensor *sav_bind_peek(sav_binder *binder, const char *name, ...) SAV_PRINTF(2, 3);
void sav_bind_ignore(sav_binder *binder, const char *prefix); /* tensors that are known and not needed */
/* Every tensor of the folder must have been asked for; ends the binder. */
sav_status sav_binder_end(sav_binder *binder);

/* The decoder's config and tensors, the same in all families. A field is looked for in `config`, then in
 * `outer` (may be NULL); `absent` has the family's class defaults, d left 0. prefix: "language_model.model."
 * and the like. */
extern const sav_qwen2_config sav_qwen2_absent; /* Qwen2Config's */
sav_status sav_qwen2_read_config(sav_qwen2_config *out, const sav_json *config, const sav_json *outer,
                                 const sav_qwen2_config *absent, const char *name, sav_error *err);
void sav_qwen2_bind(sav_binder *binder, sav_qwen2 *llm, const char *prefix, const char *head_prefix);

/* ---- quantised folders (savs quantize) ----------------------------------------------------------------- */

/* of the format: panels and scales as in kernels/int8/int8.h, in config and shards as below */
enum { SAV_INT8_VERSION = 1 };

/* config.json's "quantization_config" {"quant_method": "savs_int8", "version": 1, "group_size": 64} ->
 * model->group. Other methods and versions are SAV_UNSUPPORTED. */
sav_status sav_quantised_read(sav_model *model, const sav_json *config, const char *name, sav_error *err);
/* Every shard of a quantised folder says the same version, those of others say none. */
sav_status sav_quantised_check(const sav_model *model, sav_error *err);
/* The shape of a matrix's panels and of its scales. */
void sav_quantised_shapes(size_t panels[4], size_t scales[3], size_t rows, size_t cols, size_t group);

sav_status sav_model_identity(char hex[65], const char *folder, const sav_weights *weights, sav_error *err);

/* For tests: work = 0 makes every operation run on a team, however small. */
void sav_session_team_work(sav_session *session, size_t work);

/* For measurements: the table in use, and another one around it; meter is what it finds in run->meter. */
const sav_kernels *sav_session_kernels(const sav_session *session);
void sav_session_meter(sav_session *session, const sav_kernels *kernels, void *meter);

/* What a forward of a supposed prompt would take: `text` tokens and a picture of h x w pixels (0: none).
 * tokens: in all; bytes: scratch and pixels. Measures with the forward's own plan; the session's latest
 * prompt is forgotten. */
sav_status sav_session_measure(size_t *tokens, size_t *bytes, sav_session *session, size_t text, size_t h,
                               size_t w, sav_error *err);

/* A batch in steps: begun, prompts added, packed, run. What does not fit in rows or memory is not added, and
 * is asked for again first in the next batch; the first prompt of a batch fits, or there is too little
 * memory: SAV_NO_MEMORY. A prompt that fails leaves the batch as it was. */
void sav_session_begin(sav_session *session, bool whole);
sav_status sav_session_add(sav_session *session, bool *fits, const sav_prompt *prompt, sav_error *err);
sav_status sav_session_pack(sav_session *session, sav_error *err);
size_t sav_session_rows(const sav_session *session); /* of the batch so far */
/* taps [prompts added, L, H, d]; allocates nothing. */
sav_status sav_session_run(sav_session *session, float *taps, size_t depth, const sav_sink *sink,
                           sav_error *err);

/* begin, add, pack for one prompt. whole: for a dump. */
sav_status sav_session_prepare(sav_session *session, const sav_prompt *prompt, bool whole, sav_error *err);

/* Sets bytes of the memory budget aside for the caller; SAV_NO_MEMORY: a short prompt would not fit beside
 * them. */
sav_status sav_session_reserve(sav_session *session, uint64_t bytes, sav_error *err);

/* Puts another in the place of the options' check. */
void sav_session_watch(sav_session *session, sav_status (*check)(void *context, double share, sav_error *err),
                       void *context);

/* For comparison: false makes prompts of a batch share nothing. */
void sav_session_share(sav_session *session, bool share);
/* Most rows of a batch; a single prompt may have more. 0: the default. */
void sav_session_limit(sav_session *session, size_t rows);

#endif
