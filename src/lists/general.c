/* general.c: lists of our own:
 *
 *   {"image": "cat.jpg", "question": "What animal is this?", "question_id": 0, "label": "cat"}
 *
 * `image` may be a list of paths, or absent; `question_id` and `label` may be absent.
 */
#include "lists/formats.h"

void sav_read_general(sav_sample *out, sav_record *in) {
    out->question = sav_record_text(in, "question");
    sav_record_media(out, in, "image");
    sav_record_check_placeholders(out, in);
    out->label = sav_record_label(in, "label");
    out->question_id = sav_record_id(in, "question_id");
}
