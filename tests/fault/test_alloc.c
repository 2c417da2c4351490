/* Every allocation made to fail once: each scenario runs with its 1st, 2nd, 3rd, ... allocation refused,
 * until a run asks for fewer. Each time the answer is a clean SAV_NO_MEMORY with a message (or a success that
 * never needed the block), and every block has been given back.
 */
#include <string.h>

#include "base/os.h"
#include "classify/labels.h"
#include "fault.h"
#include "image/tiles.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "lists/list.h"
#include "text/tokenizer.h"

static char file[600]; /* a safetensors file, written by main */
/* golden/image/decode.safetensors, opened by main: a tensor a picture file */
static sav_safetensors *pictures, *odd;

static sav_status read_json(sav_error *err) {
    static const char text[] = "{\"a\":[1,2,{\"b\":\"caf\\u00e9\"}],\"c\":{\"d\":null}}";
    sav_json_doc *doc;
    sav_status status = sav_json_parse(&doc, text, strlen(text), "t.json", 1, NULL, err);
    if (!status) sav_json_free(doc);
    return status;
}

static sav_status write_json(sav_error *err) {
    sav_text out = {0};
    sav_json_put_string(&out, "caf\xC3\xA9\n", 6);
    sav_json_put_double(&out, 0.1);
    sav_text_printf(&out, "%0100d", 1);
    bool failed = out.failed;
    sav_text_free(&out);
    return failed ? sav_fail(err, SAV_NO_MEMORY, "no memory for the text") : SAV_OK;
}

static sav_status write_tensors(sav_error *err) {
    static const float values[4] = {1, 2, 3, 4};
    static const sav_tensor tensors[2] = {{"a", SAV_F32, 2, {2, 2}, 4, values},
                                          {"b", SAV_F32, 1, {3}, 3, values}};
    static const char *const keys[1] = {"savs"}, *const text[1] = {"{}"};
    return sav_safetensors_write(file, tensors, 2, &(sav_metadata){1, keys, text}, err);
}

static sav_status read_tensors(sav_error *err) {
    sav_safetensors *tensors;
    sav_status status = sav_safetensors_open(&tensors, file, err);
    if (!status) sav_safetensors_close(tensors);
    return status;
}

static sav_status open_weights(sav_error *err) {
    sav_weights *weights;
    sav_status status = sav_weights_open(&weights, check_folder(), err);
    if (!status) sav_weights_close(weights);
    return status;
}

static sav_status read_list(sav_error *err) {
    static const char text[] =
        "{\"image\":\"a.png\",\"question\":\"<image> q\",\"label\":\"x\",\"question_id\":7}\n"
        "{\"image\":[\"a.png\",\"b.png\"],\"question\":\"r\",\"label\":\"X\"}\n"
        "{\"question\":\"two\",\"question\":\"two\",\"label\":1}\nbroken\n";
    sav_list_options options = {.training = true, .skip_bad = true};
    sav_list *list;
    sav_status status = sav_list_parse(&list, text, strlen(text), "l.jsonl", "", &options, err);
    if (status) return status;
    for (size_t i = 0; !status && i < list->count; i++) {
        sav_chat *chat;
        status = sav_sample_chat(&chat, &list->samples[i], err);
        if (!status) sav_chat_free(chat);
    }
    sav_list_free(list);
    return status;
}

static sav_status number_labels(sav_error *err) {
    sav_labels labels = {0};
    sav_status status = SAV_OK;
    char name[8] = "a";
    for (size_t id; !status && name[0] <= 'z'; name[0]++) status = sav_labels_add(&id, &labels, name, err);
    sav_labels_free(&labels);
    return status;
}

static sav_status decode(const char *bytes, size_t length, sav_error *err) {
    sav_image image;
    sav_status status = sav_image_decode(&image, (const unsigned char *)bytes, length, "picture", err);
    if (!status) sav_image_free(&image);
    return status;
}

static sav_status read_ppm(sav_error *err) {
    static const char bytes[] = "P6 2 1 255\nabcdef";
    return decode(bytes, sizeof bytes - 1, err);
}

static sav_status read_picture(const char *path, sav_error *err) {
    sav_image image;
    sav_status status = sav_image_read(&image, path, 0, err);
    if (!status) sav_image_free(&image);
    return status == SAV_UNSUPPORTED ? read_ppm(err) : status; /* IMAGES=0 */
}

static sav_status read_png(sav_error *err) {
    return read_picture("golden/llava/images/49x61.png", err);
}

static sav_status read_jpeg(sav_error *err) {
    return read_picture("golden/llava/images/130x60.jpg", err);
}

static sav_status tokenize(const char *folder, sav_error *err) {
    static const char text[] = "<|im_start|>user\nWhat is e\xCC\x81 \xF0\x9F\x98\x80?<|im_end|>\n<image>";
    sav_tokenizer *tokenizer;
    sav_ids ids = {0}, places = {0};
    sav_text back = {0};
    sav_status status = sav_tokenizer_open(&tokenizer, NULL, folder, err);
    if (status) return status;
    status = sav_tokenizer_encode(&ids, tokenizer, text, strlen(text), err);
    if (!status)
        status = sav_tokenizer_encode_media(&ids, &places, tokenizer, text, strlen(text),
                                            &(sav_placeholder){"<image>", 7}, err);
    if (!status) status = sav_tokenizer_decode(&back, tokenizer, ids.ids, ids.count, false, err);
    sav_text_free(&back);
    sav_ids_free(&ids);
    sav_ids_free(&places);
    sav_tokenizer_free(tokenizer);
    return status;
}

static sav_status tokenize_json(sav_error *err) {
    return tokenize("golden/models/qwen2-sharded", err);
}

static sav_status tokenize_merges(sav_error *err) {
    return tokenize("golden/models/qwen2-window", err);
}

/* Four examples of two classes, L = 2, H = 2, d = 3: fit, save, open, vote. */
static sav_status fit(sav_error *err) {
    static const char *const labels[] = {"a", "b", "a", "b"};
    static const size_t shape[4] = {4, 2, 2, 3};
    const sav_fit_options options = {.K = 3, .threads = 1};
    char path[700];
    float features[4 * 2 * 2 * 3];
    sav_classifier *heads, *read = NULL;
    sav_prediction prediction;
    int32_t votes[2], head_votes[3];
    for (int i = 0; i < 48; i++) features[i] = (float)((i * 7) % 11) - (float)(i / 12 % 2) * 3;
    snprintf(path, sizeof path, "%s/sav", check_folder());
    sav_status status = sav_fit(&heads, features, labels, shape, &options, err);
    if (status) return status;
    status = sav_classifier_save(heads, path, NULL, err);
    if (!status) status = sav_classifier_open(&read, path, err);
    if (!status) status = sav_predict(&prediction, votes, head_votes, read, features, err);
    sav_classifier_free(heads);
    sav_classifier_free(read);
    return status;
}

/* A picture of the golden; with IMAGES=0 only its refusal is tried, which asks for nothing. */
static sav_status decode_golden(const char *name, sav_error *err) {
    const sav_tensor *bytes = sav_safetensors_find(pictures, name);
    if (!bytes) bytes = sav_safetensors_find(odd, name);
    if (!bytes) return sav_fail(err, SAV_BAD_INPUT, "%s is not in the golden", name);
    sav_status status = decode(bytes->data, bytes->count, err);
    if (status != SAV_UNSUPPORTED) return status;
    return read_ppm(err);
}

static sav_status read_png_rgba(sav_error *err) {
    return decode_golden("png/color6_8bit_adam7_33x17", err);
}

static sav_status read_png_gray16(sav_error *err) {
    return decode_golden("png/color0_16bit_33x17", err);
}

static sav_status read_jpeg_cmyk(sav_error *err) {
    return decode_golden("jpeg/noise_33x17_cmyk", err);
}

static sav_status read_png_xmp(sav_error *err) {
    return decode_golden("png/xmp_packed_good_then_empty_text", err);
}

static sav_status read_png_profile(sav_error *err) {
    return decode_golden("png/profile_packed", err);
}

static sav_status read_jpeg_pieces(sav_error *err) {
    return decode_golden("jpeg/exif_in_three_pieces", err);
}

static sav_status rotate(sav_error *err) {
    sav_image image;
    static const unsigned char bytes[] = "P6 2 1 255\nabcdef";
    sav_status status = sav_image_decode(&image, bytes, sizeof bytes - 1, "picture", err);
    if (status) return status;
    status = sav_image_rotate(&image, 6, err);
    sav_image_free(&image);
    return status;
}

/* A picture fitted, padded one row short and cut: both passes of the resize, the stretched tile. */
static sav_status cut_tiles(sav_error *err) {
    static const size_t pinpoints[] = {28, 28, 56, 56};
    static unsigned char rgb[40 * 37 * 3], tiles[5 * 28 * 28 * 3];
    sav_anyres_grid grid = {pinpoints, 2, 28, 14, 9};
    sav_anyres plan;
    sav_status status = sav_anyres_plan(&plan, 37, 40, &grid, err);
    return status ? status
                  : sav_tiles_cut(tiles, rgb, &plan, (sav_resampling){SAV_BICUBIC, SAV_PILLOW_11}, err);
}

static sav_status list_folder(sav_error *err) {
    char **names;
    size_t count;
    sav_status status = sav_os_list(&names, &count, "tests", err);
    if (!status) sav_os_names_free(names, count);
    return status;
}

int main(void) {
    sav_error err;
    snprintf(file, sizeof file, "%s/model.safetensors", check_folder());
    CHECK_OK(write_tensors(&err), &err);
    static const struct {
        const char *name;
        sav_status (*scenario)(sav_error *);
    } cases[] = {{"json read", read_json},
                 {"json written", write_json},
                 {"tensors written", write_tensors},
                 {"tensors read", read_tensors},
                 {"weights", open_weights},
                 {"list", read_list},
                 {"labels", number_labels},
                 {"ppm", read_ppm},
                 {"png", read_png},
                 {"jpeg", read_jpeg},
                 {"fit", fit},
                 {"folder", list_folder},
                 {"tokenizer.json", tokenize_json},
                 {"merges.txt", tokenize_merges},
                 {"png, RGBA", read_png_rgba},
                 {"png, 16-bit gray", read_png_gray16},
                 {"jpeg, CMYK", read_jpeg_cmyk},
                 {"png, packed XMP", read_png_xmp},
                 {"png, a packed profile", read_png_profile},
                 {"jpeg, Exif in pieces", read_jpeg_pieces},
                 {"rotate", rotate},
                 {"tiles", cut_tiles}};
    CHECK_OK(sav_safetensors_open(&pictures, "golden/image/decode.safetensors", &err), &err);
    CHECK_OK(sav_safetensors_open(&odd, "golden/image/odd.safetensors", &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) fault_each(cases[i].name, cases[i].scenario);
    sav_safetensors_close(pictures);
    sav_safetensors_close(odd);
    return check_report("alloc");
}
