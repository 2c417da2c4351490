/* qwen2_folder.h: the full Qwen2 vocabulary as a model folder's files, for tests that run without Python. */
#ifndef QWEN2_FOLDER_H
#define QWEN2_FOLDER_H

#include "base/base.h"

/* data/qwen2-tokenizer/qwen.tiktoken -> folder/vocab.json and folder/merges.txt (the folder is made). The
 * same bytes as tools/qwen2_tokenizer.py writes; merges_sha256 gets the digest of merges.txt. */
sav_status qwen2_folder_write(const char *folder, char merges_sha256[65], sav_error *err);

/* folder/tokenizer_config.json with the family's added tokens: "qwen2.5-vl", "qwen2-vl", "llava-onevision",
 * "lmms-lab". */
sav_status qwen2_folder_config(const char *folder, const char *family, sav_error *err);

/* folder/tokenizer.json from the vocab.json and merges.txt of `source`, with the family's added tokens.
 * Merges as ["a", "b"] when `pairs`, else as "a b". */
sav_status qwen2_folder_json(const char *folder, const char *source, const char *family, bool pairs,
                             sav_error *err);

/* A file of a test: path is folder/name. */
sav_status qwen2_folder_file(const char *folder, const char *name, const void *bytes, size_t length,
                             sav_error *err);

#endif
