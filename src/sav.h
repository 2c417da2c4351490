/* sav.h: Sparse Attention Vectors (arXiv 2412.00142) on plain CPUs. The one public header.
 *
 *     const char *pictures[] = {"cat0.jpg", "dog0.jpg", "cat1.jpg", "dog1.jpg", "what.jpg"};
 *     const char *labels[] = {"cat", "dog", "cat", "dog"};
 *     sav_model *model;  sav_session *session;  sav_classifier *classifier;
 *     sav_prediction p;  sav_error err;
 *     sav_part parts[] = {{.kind = SAV_IMAGE}, {.kind = SAV_TEXT, .text = "What animal is this?"}};
 *     sav_message turn = {"user", parts, 2};
 *     sav_prompt prompt = {.messages = &turn, .count = 1};
 *     if (sav_model_open(&model, "llava-onevision-qwen2-7b-ov-hf", &err)) return report(&err);
 *     if (sav_session_open(&session, model, NULL, &err)) return report(&err);
 *     const sav_model_info *m = sav_model_describe(model);
 *     float *taps = malloc(5 * m->features * sizeof *taps), *last = taps + 4 * m->features;  // [5, L, H, d]
 *     for (int i = 0; i < 5; i++) {
 *         parts[0].text = pictures[i];
 *         if (sav_forward(session, &prompt, taps + i * m->features, 0, &err)) return report(&err);
 *     }
 *     size_t shape[] = {4, m->L, m->H, m->d};
 *     int32_t votes[2], head_votes[20];                                                      // [C], [K]
 *     if (sav_fit(&classifier, taps, labels, shape, NULL, &err)) return report(&err);
 *     if (sav_predict(&p, votes, head_votes, classifier, last, &err)) return report(&err);
 *     puts(sav_classifier_describe(classifier)->class_names[p.winner]);
 *     sav_classifier_free(classifier), sav_session_close(session), sav_model_close(model), free(taps);
 *
 * Dimension letters, the same in code, comments and shapes:
 *
 *     T  tokens of a prompt     H  query heads a layer        L  layers
 *     D  width                  G  key/value heads a layer    V  vocabulary
 *     F  feed-forward width     d  head size                  P  patches of a picture
 *     N  examples               C  classes                    K  heads that vote
 *
 * A tower's letters carry v: Dv width, Hv heads, dv head size, Fv feed-forward width, Lv layers. A flat index
 * over the L*H heads of a tap is l*H + h.
 *
 * A model is immutable and may serve many sessions; a session is used by one thread at a time. The library
 * never exits, prints, reads the environment or keeps mutable globals. Two things are the process's all the
 * same (docs/SYSTEMS.md): a session of the blas engine, no other, loads OpenBLAS, which wants
 * OPENBLAS_NUM_THREADS=1 in the environment; OpenMP's threads spin unless GOMP_SPINCOUNT or OMP_WAIT_POLICY
 * says otherwise as the program starts.
 */
#ifndef SAV_H
#define SAV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status and errors --------------------------------------------------------------------------------- */

typedef enum sav_status {
    SAV_OK = 0,
    SAV_BAD_INPUT,   /* a file, list or argument says something that cannot be; the message names it */
    SAV_UNSUPPORTED, /* well formed, but nothing here can run it */
    SAV_NO_MEMORY,
    SAV_IO_ERROR, /* the system refused: open, map, read, write, disk full */
    SAV_STOPPED   /* the caller's sink asked for it */
} sav_status;

/* Filled by every function that returns a sav_status other than SAV_OK. `message` is one line:
 * "FILE[:LINE|, tensor T]: what was found; expected what". `hint` is one line or "". */
typedef struct sav_error {
    sav_status status;
    char message[640];
    char hint[640];
} sav_error;

/* Storage types of tensors, as safetensors names them. */
/* clang-format off */
typedef enum sav_dtype {
    SAV_F32, SAV_BF16, SAV_F16, SAV_F64, SAV_I64, SAV_I32, SAV_U8,
    /* known by name and size, so that files which hold them open; nothing computes in them */
    SAV_BOOL, SAV_I8, SAV_I16, SAV_U16, SAV_U32, SAV_U64, SAV_F8_E4M3, SAV_F8_E5M2,
    SAV_DTYPES
} sav_dtype;
/* clang-format on */

/* ---- prompts ------------------------------------------------------------------------------------------- */

typedef enum sav_part_kind {
    /* UTF-8 text; a placeholder typed in it (`<image>`) counts as one, as in the reference tokenizer */
    SAV_TEXT,
    /* a picture beside the text: where it goes and what surrounds it is the chat layout's business */
    SAV_IMAGE,
    /* a picture whose placeholder stood inside a list's question: bare placeholder, at this very place */
    SAV_IMAGE_INLINE
} sav_part_kind;

/* Beside a picture, Qwen-VL families alone, as qwen_vl_utils takes them; 0: none. A picture gets multiples of
 * 28 pixels a side, min_pixels to max_pixels in all. Both resized_ ones: as if it had that size, under the
 * family's own bounds. The processor's resize follows, under the session's bounds or the folder's. */
typedef struct sav_picture_bounds {
    size_t min_pixels, max_pixels;
    size_t resized_height, resized_width;
} sav_picture_bounds;

typedef struct sav_part {
    sav_part_kind kind;
    const char *text; /* SAV_TEXT: the text; pictures: the file's path */
    sav_picture_bounds bounds;
} sav_part;

typedef struct sav_message {
    const char *role; /* "system", "user", "assistant" */
    const sav_part *parts;
    size_t count;
} sav_message;

/* One question to the model. The generation prompt (`<|im_start|>assistant…`) is always added behind the
 * messages. */
typedef struct sav_prompt {
    const sav_message *messages;
    size_t count;
    const char
        *literal; /* or NULL: the prompt's bytes, placeholders included; messages only bring pictures */
} sav_prompt;

/* ---- models and forwards ------------------------------------------------------------------------------- */

typedef struct sav_model sav_model;     /* a Hugging Face folder, mapped: immutable, shared by sessions */
typedef struct sav_session sav_session; /* engine, scratch memory: one thread at a time */

typedef struct sav_model_info {
    const char *folder;
    const char *family; /* "llava_onevision", "qwen2_vl", "qwen2_5_vl", "qwen2" (text alone) */
    const char *layout; /* the chat layout in use */
    const char
        *notes; /* keys that are not read, a template that is not known: lines, '\n' behind; NULL: none */
    /* identity: config, tokenizer, shard headers, the head of every tensor; that of savs quantize's source or
     * "" */
    char sha256[65], source_sha256[65];
    size_t L, H, G, d, D, F, V; /* decoder */
    size_t features;            /* L * H * d floats of a tap */
    size_t window;              /* keys at this distance and beyond are masked; 0: none */
    size_t max_positions;
    size_t vision_layers, vision_width, vision_heads, tile; /* 0 without a tower; tile side in pixels */
    size_t tensors, shards, parameters;
    uint64_t weight_bytes;
    /* a folder of savs quantize: weights that share a scale; 0: weights as they were trained */
    size_t int8_group;
} sav_model_info;

/* Reads config, tokenizer, tensor tables; checks every tensor's name, shape and dtype; maps the weights. */
sav_status sav_model_open(sav_model **out, const char *folder, sav_error *err);
void sav_model_close(sav_model *model); /* NULL is fine; after its sessions */
const sav_model_info *sav_model_describe(const sav_model *model);

enum { SAV_MAX_PICTURE_PIXELS = 178956970 }; /* above it Pillow refuses a picture as well */

typedef struct sav_options {
    const char
        *engine; /* "exact", …; NULL: the fastest float32 engine built for this CPU, int8 for its folders */
    const char *isa; /* "c", "avx2", …; NULL: the best */
    sav_dtype dtype; /* storage type of the exact engine: SAV_F32 (0), SAV_BF16, SAV_F16 */
    int threads;     /* 0: the cores this process may use */
    /* bytes this process may have resident, mapped weights included; 0: no bound. When the weights do not
     * fit, layers are read ahead and dropped behind, and batches are as large as fits beside two layers */
    uint64_t memory;
    int pillow; /* order of the two resize passes: 11 (0 too) or 13 */
    /* bounds of a resized picture in the Qwen-VL families; 0: what their own run uses */
    size_t min_pixels, max_pixels;
    int exif_rotate;           /* 1: turn pictures as their EXIF orientation says; the reference does not */
    size_t max_picture_pixels; /* above: an error before it is decoded; 0: SAV_MAX_PICTURE_PIXELS, the most */
    /* Asked before each layer, with the share of the forward that is done, 0 to 1; what it returns other than
     * SAV_OK ends the forward. NULL: nobody is. */
    sav_status (*check)(void *context, double share, sav_error *err);
    void *context;
} sav_options;

sav_status sav_session_open(sav_session **out, const sav_model *model, const sav_options *options,
                            sav_error *err);
void sav_session_close(sav_session *session); /* NULL is fine */

typedef struct sav_session_info {
    const char *engine, *isa;
    sav_dtype dtype;
    int threads, pillow;
    size_t tokens; /* T of the latest prompt */
    /* read so far; of them with an EXIF or XMP orientation other than 1; read though end marker, checksum,
     * pixel data or EXIF is not right; progressive JPEGs without their last refinements */
    size_t pictures, turned, damaged, unrefined;
    const char *first_damaged, *first_unrefined; /* their paths; NULL: none, or no memory to keep it */
    size_t scratch_bytes;                        /* of the latest forward */
    size_t batch_rows; /* most rows that go through a layer together, when no single prompt has more */
    /* the budget, 0: none; what of it is spent before a forward, and on the weights it holds at a time */
    uint64_t memory;
    uint64_t fixed_bytes, held_bytes;
    uint64_t layer_bytes; /* of the largest layer */
    int streams;          /* 1: layers are read ahead and dropped behind */
} sav_session_info;
const sav_session_info *sav_session_describe(const sav_session *session);

/* tap[L, H, d] = the input of each layer's self_attn.o_proj at the last prompt token. No logits; the last
 * layer computes keys and values of all tokens, but queries and attention of the last one only. depth: run
 * layers 0 … depth - 1 and leave the rest of tap alone; 0: all. Errors: SAV_BAD_INPUT for pictures and
 * prompts that cannot be (unreadable file, placeholder count, prompt longer than max_positions). Weights that
 * are no numbers, or overflow, give NaN or infinite features and SAV_OK: who may have them looks. */
sav_status sav_forward(sav_session *session, const sav_prompt *prompt, float *tap, size_t depth,
                       sav_error *err);

/* The same for several prompts, taps [count, L, H, d]: each weight is read once for all of them, a picture
 * that several show goes through the tower once, and what prompts begin with in common is computed once. The
 * exact engine's taps are the same to the bit. A batch larger than memory wants is cut. An error's message
 * begins with "prompt N: ". */
sav_status sav_forward_batch(sav_session *session, const sav_prompt *prompts, size_t count, float *taps,
                             size_t depth, sav_error *err);

/* One stage of a forward under its PyTorch module path, "model.layers.3.self_attn.o_proj.input". */
typedef struct sav_snapshot {
    const char *name;
    sav_dtype dtype; /* storage type: F32, BF16, F16 (then data holds floats of that grid), I64 */
    int rank;
    size_t shape[5];
    const void *data; /* float or int64_t, contiguous; valid during the call only */
} sav_snapshot;

/* Receives stages in execution order. A status other than SAV_OK ends the forward with it. */
typedef struct sav_sink {
    sav_status (*receive)(void *context, const sav_snapshot *stage, sav_error *err);
    void *context;
} sav_sink;

/* The whole module graph, every token of every layer, final norm and lm_head of the last token included. */
sav_status sav_dump(sav_session *session, const sav_prompt *prompt, const sav_sink *sink, sav_error *err);

/* ---- Sparse Attention Vectors: taps with labels -> heads; a tap -> votes ------------------------------- */

enum { SAV_DEFAULT_K = 20 }; /* heads that vote, as in the paper */

typedef struct sav_fit_options {
    size_t K;        /* how many heads vote: 1 … L*H; 0 = SAV_DEFAULT_K */
    sav_dtype dtype; /* what sums, means and cosines are rounded to: SAV_F32, SAV_BF16, SAV_F16 */
    /* share of each class, in (0, 1), that scores the heads while the rest makes the means; 0 = off */
    double validation;
    uint64_t seed; /* of that draw */
    int threads;   /* 0 = OpenMP's default; the results are the same at any number */
} sav_fit_options;

/* Where the taps came from; strings may be NULL. */
typedef struct sav_origin {
    const char *model, *model_sha256, *engine;
    const char *family, *source_sha256; /* see sav_model_info */
    const char *question;               /* when all examples were asked the same */
} sav_origin;

/* A fitted classifier, immutable: class means of the selected heads. */
typedef struct sav_classifier sav_classifier;

typedef struct sav_classifier_view {
    size_t L, H, d; /* of the model: layers, heads a layer, head size */
    size_t C, K;    /* classes, selected heads */
    sav_dtype dtype;
    const char *const *class_names; /* [C], in order of first appearance in the training list */
    const int32_t *class_counts;    /* [C] examples behind each mean */
    const int32_t *top_heads;       /* [K, 2] layer and head, best first */
    const float *head_scores; /* [L, H] share of the scored examples that a head puts into their class */
    const float *activations; /* [C, K, d] class means of the selected heads */
    sav_origin origin;        /* of a file; NULLs after sav_fit */
    /* How clear the selection was; all 0 when read from a file. */
    size_t scored;               /* examples that scored the heads */
    int32_t cut_count, cut_next; /* hits at rank K; most hits outside, -1 if nothing is outside */
    /* heads with cut_count hits; selected ones among them. tied > taken: ambiguous */
    size_t cut_tied, cut_taken;
    /* (example, head) pairs: best two cosines as good as equal; a cosine NaN, which counts as the largest, as
     * in PyTorch. All of them NaN or tied: the features say nothing of the classes */
    size_t near_ties, nan_cosines;
} sav_classifier_view;

/* features [N, L, H, d]; labels [N], NULL leaves an example out; shape = {N, L, H, d}; options or NULL. */
sav_status sav_fit(sav_classifier **out, const float *features, const char *const *labels,
                   const size_t shape[4], const sav_fit_options *options, sav_error *err);
const sav_classifier_view *sav_classifier_describe(const sav_classifier *classifier);
void sav_classifier_free(sav_classifier *classifier); /* NULL is fine */

/* The file `sav.safetensors`; opens in Python with safetensors.numpy.load_file. origin may be NULL. */
sav_status sav_classifier_save(const sav_classifier *classifier, const char *path, const sav_origin *origin,
                               sav_error *err);
sav_status sav_classifier_open(sav_classifier **out, const char *path, sav_error *err);
/* Are the model's taps what the classifier was fitted on? SAV_BAD_INPUT: their shape is another, or the file
 * names another model (one quantised from the other is the same). sav_predict itself takes any tap. */
sav_status sav_classifier_check(const sav_classifier *classifier, const sav_model *model, sav_error *err);

typedef struct sav_prediction {
    size_t winner; /* class id */
    size_t margin; /* votes of the winner less the runner-up's; 0 = the tie rule decided */
    /* among the K selected heads; nan_cosines == K: the winner means nothing, however large its margin */
    size_t near_ties, nan_cosines;
} sav_prediction;

/* tap [L, H, d], only selected heads are read; votes [C]; head_votes [K] class ids in rank order. */
sav_status sav_predict(sav_prediction *out, int32_t *votes, int32_t *head_votes,
                       const sav_classifier *classifier, const float *tap, sav_error *err);

#ifdef __cplusplus
}
#endif

#endif
