/* preprocessor.c: preprocessor_config.json -> what families need of it. See preprocessor.h. */
#include "models/preprocessor.h"

#include "image/image.h"
#include "models/model.h"

const double sav_clip_mean[3] = {0.48145466, 0.4578275, 0.40821073};
const double sav_clip_std[3] = {0.26862954, 0.26130258, 0.27577711};

/* PARITY: a step that is switched off is left out: no rescaling is a factor of 1, no normalising a mean of 0
 * and a deviation of 1 (test_forms.c). null is off for 4.51.3 and on for 5.x. */
static void read_pixels(sav_preprocessor *out, sav_config *in, const sav_preprocessor_absent *absent) {
    static const double zero[3] = {0, 0, 0}, one[3] = {1, 1, 1};
    double mean[3], std[3];
    sav_config_no_null(in, "do_rescale");
    sav_config_no_null(in, "do_normalize");
    sav_config_no_null(in, "rescale_factor");
    sav_config_no_null(in, "resample");
    const bool rescale = sav_config_bool(in, "do_rescale", true);
    const bool normalize = sav_config_bool(in, "do_normalize", true);
    sav_config_triple(in, "image_mean", mean, absent->mean);
    sav_config_triple(in, "image_std", std, absent->std);
    const double factor = sav_config_double(in, "rescale_factor", 1.0 / 255);
    const size_t resample = sav_config_size(in, "resample", SAV_BICUBIC);
    if (std[0] == 0 || std[1] == 0 || std[2] == 0)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "image_std"), "image_std",
                        "found 0; pixels are divided by it");
    if (resample < SAV_LANCZOS || resample > SAV_BICUBIC)
        sav_config_fail(in, SAV_UNSUPPORTED, sav_config_find(in, "resample"), "resample",
                        "found %zu; expected 1 (lanczos), 2 (bilinear) or 3 (bicubic)", resample);
    if (in->status) return;
    out->filter = (sav_filter)resample;
    sav_pixel_table_make(&out->pixels, rescale ? factor : 1, normalize ? mean : zero, normalize ? std : one);
}

/* Bounds beyond the largest picture that Pillow opens would ask for more pixels than it has. */
static void check_bounds(const sav_preprocessor *out, sav_config *in) {
    sav_config_range(in, "min_pixels", sav_max(out->min_pixels, 1), SAV_IMAGE_MAX_PIXELS);
    sav_config_range(in, "max_pixels", out->max_pixels, SAV_IMAGE_MAX_PIXELS);
    if (out->min_pixels > out->max_pixels)
        sav_config_fail(in, SAV_BAD_INPUT, sav_config_find(in, "min_pixels"), "min_pixels",
                        "found %zu; expected at most max_pixels, %zu", out->min_pixels, out->max_pixels);
}

void sav_preprocessor_read(sav_preprocessor *out, sav_config *in, const sav_preprocessor_absent *absent) {
    read_pixels(out, in, absent);
    if (!absent->grid.patch) return; /* a family whose processor has no such keys, and cuts pictures anyway */
    sav_config_no_null(in, "do_resize");
    out->keep = !sav_config_bool(in, "do_resize", true);
    out->grid.patch = sav_config_size(in, "patch_size", absent->grid.patch);
    out->grid.merge = sav_config_size(in, "merge_size", absent->grid.merge);
    out->grid.temporal = sav_config_size(in, "temporal_patch_size", absent->grid.temporal);
    out->min_pixels = sav_config_size(in, "min_pixels", absent->min_pixels);
    out->max_pixels = sav_config_size(in, "max_pixels", absent->max_pixels);
    check_bounds(out, in);
}

/* transformers 5 has the settings in processor_config.json; both files may have them when they agree. */
static sav_status check_moved(const sav_json_doc *doc, const char *folder, const sav_keys *keys,
                              sav_error *err) {
    sav_json_doc *moved = NULL;
    sav_status status = sav_model_file(&moved, folder, "processor_config.json", err);
    if (!moved) return status;
    sav_config in = {.name = sav_json_name(moved), .err = err};
    const sav_json *object = sav_json_get(sav_json_root(moved), "image_processor");
    if (object && object->kind != SAV_JSON_OBJECT && object->kind != SAV_JSON_NULL)
        sav_config_fail(&in, SAV_BAD_INPUT, object, "image_processor", "expected an object");
    sav_config_agree(&in, object, sav_json_root(doc), keys, "preprocessor_config.json");
    sav_json_free(moved);
    return in.status;
}

sav_status sav_preprocessor_open(sav_json_doc **out, const char *folder, const sav_keys *keys,
                                 sav_error *err) {
    sav_status status = sav_model_file(out, folder, "preprocessor_config.json", err);
    if (*out) {
        status = check_moved(*out, folder, keys, err);
        if (status) sav_json_free(*out), *out = NULL;
        return status;
    }
    if (status) return status;
    sav_fail(err, SAV_BAD_INPUT,
             "%s: found no preprocessor_config.json; expected it to say how pictures are prepared", folder);
    sav_hint(err, "download the rest of the folder; transformers 5 writes it as \"image_processor\" of "
                  "processor_config.json: copy that object into a file of this name");
    return SAV_BAD_INPUT;
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

#define CALL "how a caller of Python hands over or gets an array"

static const sav_key ROWS[] = {
    SAV_READ("do_resize"),
    SAV_READ("do_rescale"),
    SAV_READ("rescale_factor"),
    SAV_READ("do_normalize"),
    SAV_READ("image_mean"),
    SAV_READ("image_std"),
    SAV_READ("resample"),
    SAV_ONLY("do_center_crop", "false|null", "nothing is cropped"),
    SAV_HARMLESS("crop_size", "nothing is cropped: do_center_crop is off"),
    SAV_ONLY("pad_size", "null", "nothing is padded to a size"),
    SAV_HARMLESS("default_to_square", "size is written out"),
    SAV_HARMLESS("data_format", CALL),
    SAV_HARMLESS("input_data_format", CALL),
    SAV_HARMLESS("return_tensors", CALL),
    SAV_HARMLESS("device", CALL),
    SAV_HARMLESS("disable_grouping", CALL),
    SAV_HARMLESS("return_metadata", CALL),
    SAV_HARMLESS("image_seq_length", "the size says how many tokens a picture takes"),
    SAV_HARMLESS("video_processor_type", "for videos"),
    SAV_HARMLESS("do_sample_frames", "for videos"),
    SAV_HARMLESS("video_metadata", "for videos"),
    SAV_HARMLESS("fps", "for videos"),
    SAV_HARMLESS("num_frames", "for videos"),
    SAV_HARMLESS("min_frames", "for videos"),
    SAV_HARMLESS("max_frames", "for videos"),
    SAV_HARMLESS("processor_class", "names a class of Python"),
    SAV_HARMLESS("_processor_class", "names a class of Python"),
    SAV_HARMLESS("feature_extractor_type", "image_processor_type names the class"),
    SAV_HARMLESS("auto_map", "names a class of Python"),
    SAV_HARMLESS("_valid_processor_keys", "names the arguments of a class of Python"),
    {0}};

const sav_keys sav_preprocessor_keys = {.file = "every image processor", .rows = ROWS};

static const sav_key PROCESSOR[] = {SAV_READ("chat_template"), /* text/layout.c */
                                    SAV_HARMLESS("video_processor", "for videos"),
                                    SAV_HARMLESS("processor_class", "names a class of Python"),
                                    SAV_HARMLESS("auto_map", "names a class of Python"),
                                    {0}};
const sav_keys sav_processor_keys = {.rows = PROCESSOR};

static const sav_key GENERATION[] = {
    SAV_HARMLESS("*",
                 "a prompt gives taps; the tokens of --max-new-tokens are the likeliest, without a stop"),
    {0}};
static const sav_key VIDEO[] = {SAV_HARMLESS("*", "for videos"), {0}};

const sav_keys sav_generation_keys = {.file = "generation_config.json", .rows = GENERATION};
const sav_keys sav_video_keys = {.file = "video_preprocessor_config.json", .rows = VIDEO};
