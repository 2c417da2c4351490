/* general.c: lists of our own:
 *
 *   {"image": "cat.jpg", "question": "What animal is this?", "question_id": 0, "label": "cat"}
 *
 * `image` may be a list of paths, or absent, and may be called `images` or `image_path`; `question_id`,
 * `label`, `group` and `split` may be absent.
 */
#include "lists/formats.h"

static const sav_key ROWS[] = {
    SAV_READ("image"),
    SAV_READ("question"),
    SAV_READ("label"),
    SAV_READ("question_id"),
    SAV_READ("images"),
    SAV_READ("image_path"),
    SAV_READ("group"),
    SAV_READ("split"),
    SAV_HARMLESS("id", "a record's number; the results count records themselves, or repeat question_id"),
    SAV_HARMLESS("idx", "as id"),
    SAV_HARMLESS("index", "as id"),
    SAV_HARMLESS("source", "where a record comes from"),
    SAV_HARMLESS("dataset", "where a record comes from"),
    SAV_HARMLESS("comment", "a note"),
    SAV_REFUSED("video", "expected pictures"),
    SAV_REFUSED("videos", "expected pictures"),
    {0}};
const sav_keys sav_keys_general = {.file = "LIST", .others = SAV_OTHERS_NAMED, .rows = ROWS};

void sav_read_general(sav_sample *out, sav_record *in) {
    static const char *const pictures[] = {"image", "images", "image_path", NULL};
    out->question = sav_record_text(in, "question");
    sav_record_media_of(out, in, pictures);
    sav_record_check_placeholders(out, in);
    out->label = sav_record_label(in, "label");
    out->question_id = sav_record_id(in, "question_id");
    out->group = sav_record_id(in, "group");
    out->split = sav_record_label(in, "split");
}
