/* preprocessor.c: preprocessor_config.json -> what families need of it. See preprocessor.h. */
#include "models/preprocessor.h"

#include <string.h>

#include "base/os.h"

const double sav_clip_mean[3] = {0.48145466, 0.4578275, 0.40821073};
const double sav_clip_std[3] = {0.26862954, 0.26130258, 0.27577711};

/* The value of a byte: its mean, its deviation, its scale. */
static void read_pixels(sav_preprocessor *out, sav_config *in, const sav_preprocessor_absent *absent) {
    double mean[3], std[3];
    sav_config_triple(in, "image_mean", mean, absent->mean);
    sav_config_triple(in, "image_std", std, absent->std);
    const double rescale = sav_config_double(in, "rescale_factor", 1.0 / 255);
    const size_t resample = sav_config_size(in, "resample", SAV_BICUBIC);
    if (std[0] == 0 || std[1] == 0 || std[2] == 0)
        sav_config_fail(in, SAV_BAD_INPUT, NULL, "image_std", "found 0; pixels are divided by it");
    if (resample < SAV_LANCZOS || resample > SAV_BICUBIC)
        sav_config_fail(in, SAV_UNSUPPORTED, NULL, "resample",
                        "found %zu; expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)", resample);
    if (in->status) return;
    out->filter = (sav_filter)resample;
    sav_pixel_table_make(&out->pixels, rescale, mean, std);
}

static void read_fields(sav_preprocessor *out, sav_config *in, const sav_preprocessor_absent *absent) {
    read_pixels(out, in, absent);
    if (!absent->grid.patch) return; /* a family whose processor has no such keys */
    out->grid.patch = sav_config_size(in, "patch_size", absent->grid.patch);
    out->grid.merge = sav_config_size(in, "merge_size", absent->grid.merge);
    out->grid.temporal = sav_config_size(in, "temporal_patch_size", absent->grid.temporal);
    out->min_pixels = sav_config_size(in, "min_pixels", absent->min_pixels);
    out->max_pixels = sav_config_size(in, "max_pixels", absent->max_pixels);
}

sav_status sav_preprocessor_read(sav_preprocessor *out, const char *folder,
                                 const sav_preprocessor_absent *absent, sav_error *err) {
    sav_json_doc *doc = NULL;
    char *path = sav_path_join(folder ? folder : "", "preprocessor_config.json");
    sav_status status = path ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory", folder ? folder : "");
    if (!status && folder && sav_os_exists(path)) status = sav_json_read(&doc, path, err);
    sav_config in = {.object = doc ? sav_json_root(doc) : NULL, .name = path, .status = status, .err = err};
    if (!status) read_fields(out, &in, absent);
    sav_json_free(doc);
    sav_free(path);
    return in.status;
}
