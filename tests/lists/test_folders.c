/* Folder lists: classes, pictures alone, and everything else that lies in such folders.
 */
#include <stdio.h>
#include <string.h>
#ifndef _WIN32
#include <unistd.h>
#endif

#include "../check.h"
#include "base/os.h"
#include "lists/list.h"

static char top[560]; /* this test's folder */
static sav_error err;

static void begin(const char *name) {
    snprintf(top, sizeof top, "%s/%s", check_folder(), name);
    CHECK_OK(sav_os_make_folder(top, &err), &err);
}

/* A file below `top`, with its folders. */
static void put(const char *name, const char *bytes) {
    char path[900];
    snprintf(path, sizeof path, "%s/%s", top, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    CHECK_OK(sav_os_make_folder(path, &err), &err);
    *slash = '/';
    CHECK_OK(sav_os_save(path, bytes, strlen(bytes), &err), &err);
}

static void put_folder(const char *name) {
    char path[900];
    snprintf(path, sizeof path, "%s/%s", top, name);
    CHECK_OK(sav_os_make_folder(path, &err), &err);
}

/* Message without the folder's path in front. */
static const char *behind(const char *message) {
    return strncmp(message, top, strlen(top)) == 0 ? message + strlen(top) : message;
}

/* "LABEL IMAGE" a line, then the warnings. */
static void check_list(sav_list_options options, const char *want) {
    sav_list *list;
    sav_text got = {0};
    if (!options.question) options.question = "Which?";
    if (!CHECK_OK(sav_list_read(&list, top, &options, &err), &err)) return;
    for (size_t i = 0; i < list->count; i++) {
        const sav_sample *s = &list->samples[i];
        sav_text_printf(&got, "%s %s\n", s->label ? s->label : "-", s->image);
        CHECK(s->index == i && s->line == 0 && s->media_count == 1 &&
              strncmp(s->media[0], top, strlen(top)) == 0);
        CHECK_STR(s->question, options.question);
    }
    for (size_t i = 0; i < list->warnings.count; i++)
        sav_text_printf(&got, "%s\n", behind(list->warnings.items[i].message));
    CHECK_STR(got.bytes, want);
    sav_text_free(&got);
    sav_list_free(list);
}

static void check_refused(sav_list_options options, const char *part, const char *hint) {
    sav_list *list;
    CHECK_FAILS(sav_list_read(&list, top, &options, &err), &err, SAV_BAD_INPUT, part);
    if (hint) CHECK(strstr(err.hint, hint) != NULL);
}

static const sav_list_options NONE = {0}, TRAINING = {.training = true}, CLASSES = {.classes = true};

static void test_classes(void) {
    begin("classes");
    put("dog/2.png", "x"), put("dog/10.png", "x"), put("cat/1.png", "x");
    put("cat/.thumbs", "x"), put(".hidden/1.png", "x"), put(".DS_Store", "x");
    put("cat/Thumbs.db", "x"), put("thumbs.DB", "x"), put("Desktop.ini", "x"), put("dog/desktop.ini", "x");
    sav_list_options options = TRAINING;
    options.image_root = "elsewhere";
    check_list(options, "cat \"cat/1.png\"\ndog \"dog/10.png\"\ndog \"dog/2.png\"\n");
    check_list(CLASSES, "cat \"cat/1.png\"\ndog \"dog/10.png\"\ndog \"dog/2.png\"\n");
    sav_list *list;
    if (CHECK_OK(sav_list_read(&list, top, NULL, &err), &err)) {
        char place[700];
        CHECK(list->warnings.count == 1 && strstr(list->warnings.items[0].message, "no question"));
        sav_sample_location(place, sizeof place, list, &list->samples[2]);
        CHECK(strstr(place, "classes/dog/2.png") != NULL);
        sav_list_free(list);
    }
}

/* Pictures are known by their ending or their first bytes; what is not one is named once, all together. */
static void test_others(void) {
    begin("others");
    put("cat/1.JPG", ""), put("cat/gif.gif", "GIF89a"), put("cat/photo", "\xFF\xD8\xFF\xE0"),
        put("cat/scan", "P6 1 1 255\n");
    put("cat/README.txt", "about cats"), put("cat/notes.md", "BM is no bitmap"), put("cat/list.csv", "P5,x");
    put("cat/paper", "%PDF-1.4"), put("cat/empty", "");
    put_folder("cat/more"), put("cat/more/1.png", "x");
    put("dog/d.webp", "x");
    put_folder("bird"), put("fish/README", "none yet");
    put("a.png", "x"), put("b.jpeg", "x"), put("LICENSE", "x");
    check_list(
        TRAINING,
        "cat \"cat/1.JPG\"\ncat \"cat/gif.gif\"\ncat \"cat/photo\"\ncat \"cat/scan\"\ndog \"dog/d.webp\"\n"
        ": skipped 7 files that are no pictures (cat/README.txt, cat/empty, cat/list.csv, …), "
        "1 folder inside a class folder (cat/more), 2 loose pictures (a.png, b.jpeg), "
        "2 folders without pictures (bird, fish)\n");
    put("cat/movie.mp4", "x"); /* phones put films beside pictures */
    check_list(NONE, "cat \"cat/1.JPG\"\ncat \"cat/gif.gif\"\ncat \"cat/photo\"\ncat \"cat/scan\"\n"
                     "dog \"dog/d.webp\"\n- \"a.png\"\n- \"b.jpeg\"\n"
                     ": skipped 8 files that are no pictures (cat/README.txt, cat/empty, cat/list.csv, …), "
                     "1 folder inside a class folder (cat/more), 2 folders without pictures (bird, fish)\n");
}

#ifndef _WIN32
static void test_links(void) {
    char from[900], to[900];
    begin("links");
    put("cat/1.png", "x"), put("real/2.png", "x");
    snprintf(from, sizeof from, "%s/cat/gone.png", top);
    CHECK(symlink("nowhere.png", from) == 0);
    snprintf(from, sizeof from, "%s/cat/loop", top);
    CHECK(symlink("loop", from) == 0);
    snprintf(from, sizeof from, "%s/broken", top);
    CHECK(symlink("no-class", from) == 0);
    snprintf(from, sizeof from, "%s/same", top);
    snprintf(to, sizeof to, "%s/real", top);
    CHECK(symlink(to, from) == 0); /* a class all the same */
    check_list(TRAINING, "cat \"cat/1.png\"\nreal \"real/2.png\"\nsame \"same/2.png\"\n"
                         ": skipped 3 links that lead nowhere (cat/gone.png, cat/loop, broken)\n");
}
#endif

/* Without classes: samples without labels, an error where labels are needed. */
static void test_flat(void) {
    static const char missing[] = "found no class folders; expected a sub-folder of pictures for each class";
    begin("flat");
    put("b.png", "x"), put("a.png", "x"), put("Thumbs.db", "x"), put(".x.png", "x"), put("notes.txt", "x");
    check_list(NONE, "- \"a.png\"\n- \"b.png\"\n: skipped 1 file that is no picture (notes.txt)\n");
    check_refused(TRAINING, missing, "Put the pictures of each class into a sub-folder");
    check_refused(CLASSES, missing, "Put the pictures of each class into a sub-folder");
    check_refused(TRAINING, "2 loose pictures (a.png, b.png)", NULL);
    put_folder("raw");
    check_list(NONE,
               "- \"a.png\"\n- \"b.png\"\n: skipped 1 file that is no picture (notes.txt), 1 folder without "
               "pictures (raw)\n");
    put("raw/c.png",
        "x"); /* now it is a class, and the others are beside it: where no label is needed, all count */
    check_list(NONE, "raw \"raw/c.png\"\n- \"a.png\"\n- \"b.png\"\n"
                     ": skipped 1 file that is no picture (notes.txt)\n");
    check_list(CLASSES, "raw \"raw/c.png\"\n"
                        ": skipped 1 file that is no picture (notes.txt), 2 loose pictures (a.png, b.png)\n");
    begin("nothing");
    check_refused(NONE, "nothing: found no pictures", NULL);
    put("cat/readme.txt", "x");
    check_refused(NONE,
                  "found no pictures; found 1 file that is no picture (cat/readme.txt), 1 folder without "
                  "pictures (cat)",
                  NULL);
}

/* Long names, control characters: shown short and in one line. */
static void test_names(void) {
    char name[260];
    begin("names");
    put("cat/1.png", "x");
    snprintf(name, sizeof name, "cat/%0200d", 7);
    put(name, "x");
    check_list(TRAINING, "cat \"cat/1.png\"\n: skipped 1 file that is no picture "
                         "(cat/000000000000000000000000000000000000000000000000000000000000…)\n");
}

int main(void) {
    test_classes();
    test_others();
#ifndef _WIN32
    test_links();
#endif
    test_flat();
    test_names();
    return check_report("folders");
}
