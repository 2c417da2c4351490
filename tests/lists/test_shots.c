/* test_shots.c: MT19937 and random.sample against values of CPython, and the shots
 * of a list. */
#include <string.h>

#include "../check.h"
#include "classify/random.h"
#include "lists/shots.h"

static void check_sample(uint64_t seed, size_t n, size_t k, const size_t *want, size_t given) {
    static size_t pool[2000], picks[2000];
    static sav_random random;
    sav_random_seed(&random, seed);
    sav_random_sample(picks, &random, pool, n, k);
    CHECK(memcmp(picks, want, given * sizeof *want) == 0);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < i; j++)
            if (picks[i] == picks[j] || picks[i] >= n) CHECK(false && "a pick twice, or out of range");
}

#define SAMPLE(seed, n, k, ...)                             \
    check_sample(seed, n, k, (const size_t[]){__VA_ARGS__}, \
                 sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

static void test_draws(void) {
    static sav_random random;
    sav_random_seed(&random, 0);
    CHECK(sav_random_word(&random) == 3626764237u);
    CHECK(sav_random_word(&random) == 1654615998u);
    CHECK(sav_random_word(&random) == 3255389356u);
    SAMPLE(0, 10, 3, 6, 9, 0);
    SAMPLE(0, 5, 5, 3, 4, 0, 1, 2);
    SAMPLE(42, 784, 5, 654, 114, 25, 759, 281);
    SAMPLE(1, 30, 20, 4, 18, 27, 25, 24, 2, 8, 3, 15, 14, 21, 12, 6, 22, 19, 0, 13, 17, 28, 9);
    SAMPLE(7, 100, 20, 41, 19, 50, 83);
    SAMPLE(123456789012345, 1000, 20, 690, 225, 299, 420);
}

/* random.seed(0): sample(range(3), 2) = [1, 2], then sample(range(4), 2) = [0, 1]: one generator, class by
 * class. */
static void test_shots(void) {
    static const char *const labels[] = {"b", "a", "b", "a", NULL, "a", "c", "b", "a"};
    static const char want[] = {'0', '1', '1', '1', '0', '0', '1', '1', '0'};
    bool keep[9];
    size_t missing;
    sav_error err;
    CHECK_OK(sav_shots_draw(keep, &missing, labels, 9, (sav_shots){2, 0}, &err), &err);
    CHECK_SIZE(missing, 1); /* c */
    for (size_t i = 0; i < 9; i++) CHECK(keep[i] == (want[i] == '1'));
    CHECK_OK(sav_shots_draw(keep, NULL, labels, 9, (sav_shots){9, 0}, &err), &err);
    for (size_t i = 0; i < 9; i++) CHECK(keep[i] == (labels[i] != NULL));
    CHECK_OK(sav_shots_draw(keep, NULL, labels, 0, (sav_shots){2, 0}, &err), &err);
}

static void test_list_shots(void) {
    static const char text[] = "[{\"question\":\"0\",\"label\":\"b\"},{\"question\":\"1\",\"label\":\"b\"},"
                               "{\"question\":\"2\",\"label\":\"b\"},{\"question\":\"3\"}]";
    sav_list *list;
    sav_error err;
    size_t missing;
    if (!CHECK_OK(sav_list_parse(&list, text, strlen(text), "l", "", NULL, &err), &err)) return;
    CHECK_OK(sav_list_draw_shots(list, &missing, (sav_shots){2, 0}, &err), &err);
    CHECK(missing == 0 && list->count == 2);
    CHECK_STR(list->samples[0].question, "1");
    CHECK_STR(list->samples[1].question, "2");
    CHECK_SIZE(list->samples[1].index, 2);
    sav_list_free(list);
}

int main(void) {
    test_draws();
    test_shots();
    test_list_shots();
    return check_report("shots");
}
