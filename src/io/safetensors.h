/* safetensors.h: weights, goldens, dumps and sav files: a mapped file of named tensors, and its writer.
 *
 *   8 bytes n, little-endian | n bytes of JSON {name: {dtype, shape, data_offsets}} | data
 *
 * Reading maps the file and checks everything before the first use: header length, depth, duplicate names,
 * dtypes, shapes against offsets, overlaps, holes, offsets past the end. Format:
 * github.com/huggingface/safetensors.
 */
#ifndef SAV_SAFETENSORS_H
#define SAV_SAFETENSORS_H

#include "base/base.h"
#include "base/os.h"

enum { SAV_MAX_RANK = 8 };

/* A view; data may be unaligned, elements are little-endian. */
typedef struct sav_tensor {
    const char *name;
    sav_dtype dtype;
    int rank;
    size_t shape[SAV_MAX_RANK];
    size_t count;     /* elements */
    const void *data; /* [count] of dtype */
} sav_tensor;

typedef struct sav_safetensors sav_safetensors;

sav_status sav_safetensors_open(sav_safetensors **out, const char *path, sav_error *err);
/* The same from bytes in memory, which must outlive it (tests, fuzzing). */
sav_status sav_safetensors_parse(sav_safetensors **out, const unsigned char *bytes, size_t size,
                                 const char *name, sav_error *err);
void sav_safetensors_close(sav_safetensors *file); /* NULL is fine */

size_t sav_safetensors_count(const sav_safetensors *file);
const sav_tensor *sav_safetensors_at(const sav_safetensors *file, size_t i); /* in order of data offset */
const sav_tensor *sav_safetensors_find(const sav_safetensors *file, const char *name); /* NULL when absent */
const char *sav_safetensors_metadata(const sav_safetensors *file, const char *key);    /* NULL when absent */
const char *sav_safetensors_path(const sav_safetensors *file);
/* The first bytes of the file up to the data, for digests. */
const unsigned char *sav_safetensors_header(const sav_safetensors *file, size_t *length, size_t *file_size);

/* Element i of a tensor as float (F32, BF16, F16; others: NaN) or as an integer (I64, I32, U8; others 0). */
float sav_tensor_float(const sav_tensor *tensor, size_t i);
int64_t sav_tensor_integer(const sav_tensor *tensor, size_t i);

/* Strings by name, for the header; values[i] NULL is left out. */
typedef struct sav_metadata {
    size_t count;
    const char *const *keys, *const *values; /* [count] each */
} sav_metadata;

/* Writes tensors in the order given, header padded with spaces to 8 bytes; a temporary file renamed at the
 * end. metadata NULL: none. */
sav_status sav_safetensors_write(const char *path, const sav_tensor *tensors, size_t count,
                                 const sav_metadata *metadata, sav_error *err);

/* The same for data that does not exist yet: header and nothing else, padded so that data begins at a
 * multiple of 64; the caller writes each tensor's bytes (their `data` is not read), then commits. */
sav_status sav_safetensors_start(sav_os_file **out, const char *path, const sav_tensor *tensors, size_t count,
                                 const sav_metadata *metadata, sav_error *err);

/* ---- a folder's weights: model.safetensors, or shards with model.safetensors.index.json ---------------- */

typedef struct sav_weights sav_weights;

sav_status sav_weights_open(sav_weights **out, const char *folder, sav_error *err);
void sav_weights_close(sav_weights *weights);
size_t sav_weights_count(const sav_weights *weights);
const sav_tensor *sav_weights_at(const sav_weights *weights, size_t i); /* sorted by name */
/* into that list; the count when absent */
size_t sav_weights_index(const sav_weights *weights, const char *name);
const sav_tensor *sav_weights_find(const sav_weights *weights, const char *name);      /* NULL when absent */
const char *sav_weights_file_of(const sav_weights *weights, const sav_tensor *tensor); /* the shard's path */
size_t sav_weights_shards(const sav_weights *weights);
const sav_safetensors *sav_weights_shard(const sav_weights *weights, size_t i); /* in order of file name */
/* Advice about bytes of a tensor (os.h); what is not of these files is left alone. */
void sav_weights_announce(const sav_weights *weights, const void *data, size_t bytes);
void sav_weights_drop(const sav_weights *weights, const void *data, size_t bytes);
/* Fails when a shard has changed since it was mapped: its numbers may be others, and reading behind the end
 * of a file that was cut ends the process. */
sav_status sav_weights_check(const sav_weights *weights, sav_error *err);

#endif
