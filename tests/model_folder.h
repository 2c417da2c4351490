/* model_folder.h: copies of fixture folders in the test's scratch folder, to be damaged or rewritten.
 * What cannot be done (a text that is not there to be replaced) ends the program. */
#ifndef MODEL_FOLDER_H
#define MODEL_FOLDER_H

#include "io/safetensors.h"

/* All files of golden/models/<fixture> in a fresh folder; its path, valid until folder_remove. */
const char *folder_copy(const char *fixture);
void folder_remove(void);                  /* the latest copy */
const char *folder_path(const char *name); /* of a file in it; valid until the fourth next call */

void folder_write(const char *name, const void *bytes, size_t length);
void folder_delete(const char *name);
void folder_cut(const char *name, size_t length); /* keeps the first bytes */
/* The first `find` in a text file becomes `replace`. */
void folder_replace(const char *name, const char *find, const char *replace);

/* A JSON file's value at a path ("vision_config.patch_size"), whether or not something stands there; NULL
 * takes the key out. A file that is not there begins as {}. */
void folder_set(const char *name, const char *path, const char *value);
/* The first name of a path; what is behind its dot, or NULL. */
const char *folder_split(char name[100], const char *path);

typedef enum folder_change {
    TENSOR_NONE,
    TENSOR_DROP,
    TENSOR_RENAME,  /* to `to` */
    TENSOR_COPY,    /* once more, named `to` */
    TENSOR_DOUBLED, /* once more, named `to`, with F32 values times two */
    TENSOR_TURN,    /* shape reversed, same data */
    TENSOR_TAIL,    /* shape reversed behind its first number */
    TENSOR_FLAT,    /* one dimension */
    TENSOR_DEEP,    /* a dimension of 1 behind */
    TENSOR_TRIM,    /* the first 350 rows */
    TENSOR_F64,     /* zeros of that type, same shape */
    TENSOR_I64,
    TENSOR_ADD /* an I64 tensor [1, 3] named `to` */
} folder_change;

typedef struct folder_edit {
    /* ends with '*': every tensor whose name begins so, RENAME and DROP only; `to` replaces the beginning */
    const char *tensor;
    folder_change change;
    const char *to;
} folder_edit;

/* model.safetensors written anew with the edits, in their order. The first edit that fits a name renames
 * it. */
void folder_tensors(const folder_edit *edits, size_t count);
/* model.safetensors as `shards` files and an index. */
void folder_shard(size_t shards);

#endif
