/* named_pictures.c: pictures that a command line names and one question -> a list of one sample, as if a file
 * had said it. */
#include "lists/list.h"

/* false: no memory; what there is so far is freed with the list. */
static bool fill(sav_sample *sample, const char *const *paths, size_t count, const char *question) {
    sample->question = sav_strdup(question);
    sample->question_id = sav_strdup("null");
    sample->group = sav_strdup("null");
    sample->media = sav_alloc(count, sizeof *sample->media);
    sample->image = sav_sample_image(paths, count);
    bool filled = sample->question && sample->question_id && sample->group && sample->media && sample->image;
    for (size_t i = 0; i < count && filled; i++) {
        sample->media[i] = sav_strdup(paths[i]);
        filled = sample->media[i] != NULL;
        sample->media_count += filled;
    }
    return filled;
}

sav_status sav_list_of_pictures(sav_list **out, const char *const *paths, size_t count, const char *question,
                                sav_error *err) {
    sav_list *list = sav_alloc(1, sizeof *list);
    sav_sample *sample = sav_alloc(1, sizeof *sample);
    if (!list || !sample) {
        sav_free(list);
        sav_free(sample);
        return sav_fail(err, SAV_NO_MEMORY, "no memory for a sample");
    }
    *list = (sav_list){.name = sav_strdup("--image"), .samples = sample, .count = 1, .capacity = 1};
    if (list->name && fill(sample, paths, count, question)) {
        *out = list;
        return SAV_OK;
    }
    sav_list_free(list);
    return sav_fail(err, SAV_NO_MEMORY, "no memory for a sample");
}
