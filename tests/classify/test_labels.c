/* Class names: ids in order of first appearance, whatever the order of the names, and in time that grows as
 * their number does.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "../colliding.h"
#include "base/os.h"
#include "classify/labels.h"

static sav_error err;

/* The i-th of `count` numbers: rising, falling, from both ends, scattered, all colliding. */
static void put_name(sav_text *out, int way, size_t i, size_t count) {
    static const size_t prime = 32749;
    const size_t numbers[] = {i, count - i, i % 2 ? i : 2 * count - i, i * 7919 % prime};
    if (way == 4)
        put_colliding(out, i);
    else
        sav_text_printf(out, "%06zu", numbers[way]);
}

/* Twice through the names: ids 0, 1, …, and again the same. Seconds of it. */
static double fill(int way, size_t count) {
    sav_labels labels = {0};
    const double start = sav_os_cpu_seconds();
    size_t wrong = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        sav_text name = {0};
        size_t id = SIZE_MAX, found = SIZE_MAX;
        put_name(&name, way, i % count, count);
        const bool known = sav_labels_find(&found, &labels, name.bytes);
        wrong += known != (i >= count) || sav_labels_add(&id, &labels, name.bytes, &err) || id != i % count ||
                 (known && found != id) || strcmp(labels.names[id], name.bytes) != 0;
        sav_text_free(&name);
    }
    const double seconds = sav_os_cpu_seconds() - start;
    CHECK_SIZE(wrong, 0);
    CHECK_SIZE(labels.count, count);
    sav_labels_free(&labels);
    return seconds;
}

static void test_orders(void) {
    static const char *const names[] = {"rising", "falling", "both ends", "scattered", "colliding"};
    for (int way = 0; way < 5; way++) {
        for (size_t count = 1; count <= 40; count++) fill(way, count);
        const double half = fill(way, COLLIDING_WORDS / 4), whole = fill(way, COLLIDING_WORDS - 100);
        if (!CHECK(whole < 4 * 2.3 * half + 0.3))
            printf("%s: %.3f s, four times %.3f s\n", names[way], half, whole);
    }
}

static void test_small(void) {
    sav_labels labels = {0};
    size_t id = 7;
    CHECK(!sav_labels_find(&id, &labels, "a") && id == 7);
    CHECK_OK(sav_labels_add(&id, &labels, "", &err), &err);
    CHECK_SIZE(id, 0);
    CHECK_OK(sav_labels_add(&id, &labels, "\xC3\xA9", &err), &err);
    CHECK_SIZE(id, 1);
    CHECK_OK(sav_labels_add(&id, &labels, "e", &err), &err);
    CHECK_SIZE(id, 2);
    CHECK(sav_labels_find(&id, &labels, "") && id == 0);
    CHECK(!sav_labels_find(&id, &labels, "\xC3"));
    sav_labels_free(&labels);
    CHECK(!labels.count && !labels.names);
}

int main(void) {
    test_small();
    test_orders();
    return check_report("labels");
}
