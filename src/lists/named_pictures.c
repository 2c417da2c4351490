/* named_pictures.c: pictures that a command line names and one question -> a list, as if a file had said it:
 * a sample a picture, or one sample of them all. */
#include "lists/list.h"
#include "lists/media_path.h"

/* What there is so far is freed with the list. */
static sav_status fill(sav_sample *sample, const char *const *paths, size_t count, const char *question,
                       sav_error *err) {
    sample->question = sav_strdup(question);
    sample->question_id = sav_strdup("null");
    sample->group = sav_strdup("null");
    sample->image = sav_sample_image(paths, count);
    sample->media = sav_alloc(count, sizeof *sample->media);
    bool filled = sample->question && sample->question_id && sample->group && sample->image && sample->media;
    for (size_t i = 0; i < count && filled; i++) {
        const char *path;
        if (sav_media_path(&path, paths[i], err)) {
            sav_error_prefix(err, "--image");
            return err->status;
        }
        sample->media[i] = sav_strdup(path);
        filled = sample->media[i] != NULL;
        sample->media_count += filled;
    }
    return filled ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "no memory for the pictures of --image");
}

static sav_status fail_memory(sav_list *list, sav_error *err) {
    sav_list_free(list);
    return sav_fail(err, SAV_NO_MEMORY, "no memory for the pictures of --image");
}

sav_status sav_list_of_pictures(sav_list **out, const char *const *paths, size_t count, const char *question,
                                bool together, sav_error *err) {
    const size_t samples = together ? 1 : count, pictures = together ? count : 1;
    sav_list *list = sav_alloc(1, sizeof *list);
    if (!list) return fail_memory(NULL, err);
    *list = (sav_list){.name = sav_strdup("--image"),
                       .samples = sav_alloc(samples, sizeof *list->samples),
                       .capacity = samples};
    if (!list->name || !list->samples) return fail_memory(list, err);
    sav_status status = SAV_OK;
    for (size_t i = 0; i < samples && !status; i++) {
        sav_sample *sample = &list->samples[i];
        list->count++;
        sample->index = i;
        status = fill(sample, paths + i, pictures, question, err);
    }
    if (status) {
        sav_list_free(list);
        return status;
    }
    const size_t places = sav_sample_placeholders(&list->samples[0], "<image>");
    if (places > pictures) {
        sav_list_free(list);
        return sav_fail(err, SAV_BAD_INPUT, "--question: found %zu <image> placeholders for %zu picture%s",
                        places, pictures, sav_plural(pictures));
    }
    *out = list;
    return SAV_OK;
}
