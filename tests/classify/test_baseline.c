/* test_baseline.c: class means of whole vectors: nearest by cosine, ties to the lower id, the last layer as
 * one vector. */
#include "../check.h"
#include "classify/baseline.h"

int main(void) {
    /* [3, 2, 1, 2]: two layers of one head of size 2; the first layer would say the opposite. */
    static const float train[] = {0, 1, 1, 0, 1, 0, 0, 1, 9, 9, 9, 9};
    static const int32_t ids[] = {0, 1, -1};
    static const float test[] = {1, 0, 5, 1, 0, 1, 0.1f, 2, 1, 1, 1, 1, 0, 0, 0, 0};
    int32_t got[4] = {9, 9, 9, 9};
    sav_error err;
    const sav_vectors from = sav_baseline_last_layer(train, 3, 2, 1, 2),
                      to = sav_baseline_last_layer(test, 4, 2, 1, 2);
    CHECK(from.values == train + 2 && from.D == 2 && from.stride == 4 && from.N == 3);
    CHECK_OK(sav_baseline_class_means(got, &from, ids, 2, &to, &err), &err);
    CHECK(got[0] == 0 && got[1] == 1);
    /* equal cosines: the lower id; a zero vector has cosine 0 with every class */
    CHECK(got[2] == 0 && got[3] == 0);

    /* The mean of two, and a class whose mean is zero: cosine 0 beats a negative one. */
    static const float means[] = {1, 3, 3, 1, 1, -1, -1, 1};
    static const int32_t two[] = {0, 0, 1, 1};
    static const float query[] = {1, 1, -1, -2};
    const sav_vectors a = {means, 4, 2, 2}, b = {query, 2, 2, 2};
    CHECK_OK(sav_baseline_class_means(got, &a, two, 2, &b, &err), &err);
    CHECK(got[0] == 0 && got[1] == 1);
    return check_report("baseline");
}
