/* fuzz_globs.c: "GLOB[,GLOB]" NUL "NAME" -> whether --stages takes the stage; beside the plainest matcher
 * there is.
 */
#include <stdlib.h>
#include <string.h>

#include "instruments/dump_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool plain(const char *glob, size_t length, const char *name) {
    if (!length) return !*name;
    if (*glob == '*') return plain(glob + 1, length - 1, name) || (*name && plain(glob, length, name + 1));
    return *name && (*glob == '?' || *glob == *name) && plain(glob + 1, length - 1, name + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 2);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    const size_t length = strlen(text);
    const char *name = text + length + (length < size);
    const bool matches = sav_glob_matches(text, length, name);
    if (length <= 12 && strlen(name) <= 12 && matches != plain(text, length, name)) abort();
    sav_dump_file *file;
    sav_error err;
    if (sav_dump_file_new(&file, text, &err) == SAV_OK) {
        const float value = 1;
        const sav_sink sink = sav_dump_file_sink(file);
        sav_snapshot stage = {.name = name, .dtype = SAV_F32, .rank = 1, .shape = {1}, .data = &value};
        if (*name) (void)sink.receive(sink.context, &stage, &err);
        if (sav_dump_file_count(file) > 1) abort();
        sav_dump_file_free(file);
    }
    free(text);
    return 0;
}
