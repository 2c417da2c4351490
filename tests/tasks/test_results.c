/* test_results.c: the lines of predictions.jsonl, metrics.json and `show samples`, byte for byte. */
#include <string.h>

#include "../check.h"
#include "tasks/accuracy.h"
#include "tasks/results.h"

static const char *const names[] = {"cat", "d\"og", "\xE7\x8C\xAB"};
static const sav_classifier_view heads = {.L = 2,
                                          .H = 3,
                                          .d = 4,
                                          .C = 3,
                                          .K = 5,
                                          .class_names = names,
                                          .scored = 9,
                                          .cut_count = 7,
                                          .cut_next = 6,
                                          .cut_tied = 2,
                                          .cut_taken = 1,
                                          .near_ties = 4,
                                          .nan_cosines = 1};

static void check_line(sav_text *text, const char *want) {
    CHECK_STR(text->bytes, want);
    sav_text_free(text);
}

static void test_predictions(void) {
    static const int32_t votes[] = {2, 1, 2}, head_votes[] = {2, 0, 0, 1, 2};
    sav_text out = {0};
    sav_result r = {{0, "\"a.jpg\"", "0", NULL, NULL, "cat", "\xE7\x8C\xAB"}, 0, votes, head_votes};
    sav_result_put(&out, &r, &heads);
    check_line(
        &out,
        "{\"index\":0,\"image\":\"a.jpg\",\"question_id\":0,\"group\":null,\"split\":null,\"label\":\"cat\","
        "\"prediction\":\"\xE7\x8C\xAB\","
        "\"correct\":false,\"margin\":0,\"votes\":{\"\xE7\x8C\xAB\":2,\"cat\":2,\"d\\\"og\":1},"
        "\"head_votes\":[\"\xE7\x8C\xAB\",\"cat\",\"cat\",\"d\\\"og\",\"\xE7\x8C\xAB\"]}\n");
    static const int32_t all[] = {0, 5, 0}, same[] = {1, 1, 1, 1, 1};
    r = (sav_result){{12, "[\"a\",\"b\"]", "\"x\"", "3", "add_att", "d\"og", "d\"og"}, 5, all, same};
    sav_result_put(&out, &r, &heads);
    check_line(&out, "{\"index\":12,\"image\":[\"a\",\"b\"],\"question_id\":\"x\",\"group\":3,\"split\":"
                     "\"add_att\",\"label\":\"d\\\"og\","
                     "\"prediction\":\"d\\\"og\",\"correct\":true,\"margin\":5,\"votes\":{\"d\\\"og\":5},"
                     "\"head_votes\":[\"d\\\"og\",\"d\\\"og\",\"d\\\"og\",\"d\\\"og\",\"d\\\"og\"]}\n");
    r = (sav_result){{1, NULL, NULL, NULL, NULL, NULL, NULL}, 5, all, same}; /* no label, no answer */
    sav_result_put(&out, &r, &heads);
    CHECK(strstr(out.bytes,
                 "\"image\":null,\"question_id\":null,\"group\":null,\"split\":null,\"label\":null,"
                 "\"prediction\":null,\"correct\":null") != NULL);
    sav_text_free(&out);
    r.answer.label = "cat";
    sav_result_put(&out, &r, &heads);
    CHECK(strstr(out.bytes, "\"prediction\":null,\"correct\":false") != NULL);
    sav_text_free(&out);
}

static void test_samples(void) {
    static const char text[] = "{\"image\":[\"a.jpg\",\"b.jpg\"],\"question\":\"\xC3\x9C "
                               "\\\"q\\\"\\n\\u0001\\u007f/\",\"label\":\"Yes\","
                               "\"question_id\":1.0}\n{\"question\":\"\"}";
    sav_list_options options = {.image_root = "R"};
    sav_list *list;
    sav_error err;
    sav_text out = {0};
    if (!CHECK_OK(sav_list_parse(&list, text, strlen(text), "l", "", &options, &err), &err)) return;
    sav_sample_put(&out, &list->samples[0]);
    check_line(&out, "{\"index\":0,\"images\":[\"R/a.jpg\",\"R/b.jpg\"],\"prompt\":\"\xC3\x9C "
                     "\\\"q\\\"\\n\\u0001\\u007f/\","
                     "\"label\":\"Yes\",\"question_id\":1.0,\"group\":null}\n");
    sav_sample_put(&out, &list->samples[1]);
    check_line(
        &out,
        "{\"index\":1,\"images\":[],\"prompt\":\"\",\"label\":null,\"question_id\":null,\"group\":null}\n");
    sav_list_free(list);
}

static void test_metrics(void) {
    static const sav_answer given[] = {{.label = "cat", .prediction = "cat"},
                                       {.label = "cat", .prediction = "d\"og"},
                                       {.label = "d\"og", .prediction = "d\"og"},
                                       {.label = NULL, .prediction = "cat"}};
    const sav_answers four = {given, 4, names, 3}, unscored = {given + 3, 1, NULL, 0};
    sav_accuracy accuracy;
    sav_scores scores = {0};
    sav_error err;
    sav_text out = {0};
    if (!CHECK_OK(sav_accuracy_count(&accuracy, &four, &err), &err)) return;
    sav_metrics m = {&scores, &heads, 3, 0, 1, "\"timings\":{\"fit\":0.5}"};
    accuracy.interval[0] = 0.25;
    accuracy.interval[1] = 0.75;
    accuracy.share = 0.625;
    accuracy.macro_f1 = 0.5;
    sav_accuracy_put(&scores, &accuracy);
    check_line(&scores.words, "accuracy 0.6250 (95 % interval 0.2500 to 0.7500): 2 of 3\n"
                              "1 sample without a label: predicted, not scored\n");
    sav_metrics_put(&out, &m);
    check_line(
        &out,
        "{\"accuracy\":0.625,\"accuracy_interval\":[0.25,0.75],\"n_test\":4,\"n_scored\":3,\"n_correct\":2,"
        "\"balanced_accuracy\":0.75,\"macro_f1\":0.5,\"recall\":{\"cat\":0.5,\"d\\\"og\":1},"
        "\"confusion\":{\"labels\":[\"cat\",\"d\\\"og\"],\"columns\":[\"cat\",\"d\\\"og\",\"another class or "
        "no answer\"],\"matrix\":[[1,1,0],[0,1,0]]},\"n_classes\":3,\"n_"
        "heads\":5,"
        "\"cut\":{\"count\":7,\"next\":6,\"tied\":2,\"taken\":1},\"n_head_scoring\":9,\"fit_near_ties\":4,"
        "\"fit_nan_cosines\":1,\"near_ties\":3,\"nan_cosines\":0,\"tied_votes\":1,\"timings\":{\"fit\":0.5}}"
        "\n");
    sav_accuracy_free(&accuracy);
    sav_text_free(&scores.members);
    sav_classifier_view loaded = heads;
    loaded.scored = 0; /* from a file: nothing is known of the cut */
    if (!CHECK_OK(sav_score_accuracy(&scores, &unscored, &err), &err)) return;
    m = (sav_metrics){&scores, &loaded, 0, 0, 0, NULL};
    sav_metrics_put(&out, &m);
    check_line(&out,
               "{\"accuracy\":null,\"accuracy_interval\":null,\"n_test\":1,\"n_scored\":0,\"n_correct\":0,"
               "\"balanced_accuracy\":null,\"macro_f1\":null,\"recall\":{},\"confusion\":{\"labels\":[],"
               "\"columns\":[],"
               "\"matrix\":[]},"
               "\"n_classes\":3,\"n_heads\":5,\"near_ties\":0,\"nan_cosines\":0,\"tied_votes\":0}\n");
    sav_text_free(&scores.members);
    sav_text_free(&scores.words);
}

int main(void) {
    test_predictions();
    test_samples();
    test_metrics();
    return check_report("results");
}
