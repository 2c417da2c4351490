/* model.h: a model folder, opened: config, tensors, tokenizer, chat layout.
 *
 *   folder -> config.json names the architecture -> row of the family table (family.h)
 *     -> tensors bound by name -> decoder, vision, register of modules -> sav_model, immutable
 */
#ifndef SAV_MODEL_H
#define SAV_MODEL_H

#include "llm/decoder.h"
#include "text/layout.h"
#include "text/tokenizer.h"

typedef struct sav_family sav_family;

struct sav_model {
    sav_model_info info;
    const sav_family *family;
    sav_weights *weights;
    sav_tokenizer *tokenizer;
    sav_layout layout;
    sav_text notes; /* see sav_model_info */
    sav_decoder decoder;
    void *vision;         /* the family's own: tower, how pictures are cut; NULL in a text model */
    uint32_t image_token; /* placeholder id */
    bool is_marker;       /* lmms-lab's folders: it is a mere marker, V or more, or in no tokenizer */
    sav_register modules; /* every linear of its layers, in the order of a forward */
    sav_owned owned;      /* small arrays made at load: norms and biases widened to float, tables */
    char *folder;
    size_t group; /* quantised folders: columns that share a scale; 0: weights as they were trained */
};

/* A binder for this model's tensors. renames may be NULL. */
sav_status sav_model_bind(sav_binder *out, sav_model *model, const sav_rename *renames, sav_error *err);

/* ---- quantised folders (savs quantize) ----------------------------------------------------------------- */

/* config.json's "quantization_config" {"quant_method": "savs_int8", "version": 1, "group_size": 64, …}
 * -> model->group, info.source_sha256. Other methods and versions are SAV_UNSUPPORTED. */
sav_status sav_quantised_read(sav_model *model, const sav_json *config, const char *name, sav_error *err);
/* Every shard of a quantised folder says the same version, those of others say none. */
sav_status sav_quantised_check(const sav_model *model, sav_error *err);

extern const sav_keys sav_quantised_keys; /* of "quantization_config" */

/* A file of the folder that need not be there: then *out is NULL and the status SAV_OK. */
sav_status sav_model_file(sav_json_doc **out, const char *folder, const char *file, sav_error *err);

/* The keys of the folder's files against the family's tables (io/keys.h); names unknown ones in model->notes.
 */
sav_status sav_model_check_keys(sav_model *model, const sav_json *config, sav_error *err);

sav_status sav_model_identity(char hex[65], const char *folder, const sav_weights *weights, sav_error *err);

#endif
