/* Keys of a file against a table: read, harmless, harmless with some values, refused, unknown. */
#include <string.h>

#include "../check.h"
#include "io/keys.h"

static const sav_key COMMON[] = {SAV_HARMLESS("use_cache", "a prompt runs once"), {0}};
static const sav_keys MORE = {.file = "c.json", .level = "", .rows = COMMON};
static const sav_key ROPE_ROWS[] = {SAV_READ("type"), SAV_ONLY("factor", "1", "no scaling"), {0}};
static const sav_keys ROPE = {.others = SAV_OTHERS_REFUSED, .rows = ROPE_ROWS};
static const sav_key ROWS[] = {SAV_READ("rope_theta"),
                               SAV_ONLY("do_rescale", "true|null", NULL),
                               SAV_ONLY("image_mean", "0.5|[0.5,0.5]", NULL),
                               SAV_OBJECT("rope_scaling", &ROPE),
                               SAV_REFUSED("rope_parameters", "write rope_theta"),
                               SAV_HARMLESS("mm_*", "training"),
                               {0}};

/* The status; the warning, or the error's message, in `said`. */
static sav_status check(const char **said, const char *json, const char *level, sav_key_others others) {
    static sav_text note;
    static sav_error err;
    const sav_keys table = {.file = "c.json", .level = level, .others = others, .rows = ROWS, .more = &MORE};
    sav_unknown_keys unknown = {0};
    sav_json_doc *doc;
    sav_text_free(&note);
    if (!CHECK_OK(sav_json_parse(&doc, json, strlen(json), "c.json", 1, NULL, &err), &err)) return SAV_OK;
    sav_status status = sav_keys_check(&unknown, sav_json_root(doc), &table, "c.json", &err);
    sav_keys_warn(&note, &unknown, "c.json");
    sav_json_free(doc);
    *said = status ? err.message : note.bytes ? note.bytes : "";
    return status;
}

static void passes(const char *json, sav_key_others others, const char *warning) {
    const char *said = "";
    CHECK(check(&said, json, "", others) == SAV_OK);
    CHECK_STR(said, warning);
}

static void refuses(const char *json, const char *level, sav_key_others others, const char *message) {
    const char *said = "";
    CHECK(check(&said, json, level, others) == SAV_UNSUPPORTED);
    CHECK_STR(said, message);
}

static void test_known(void) {
    passes("{\"rope_theta\":1,\"use_cache\":false,\"mm_patch\":7}", SAV_OTHERS_REFUSED, "");
    passes("{\"do_rescale\":true}", SAV_OTHERS_SUSPECT, "");
    passes("{\"do_rescale\":null,\"image_mean\":[0.5,0.5]}", SAV_OTHERS_SUSPECT, "");
    passes("{}", SAV_OTHERS_REFUSED, "");
    passes("[1]", SAV_OTHERS_REFUSED, "");
}

static void test_refused(void) {
    refuses("{\"do_rescale\":false}", "", SAV_OTHERS_NAMED,
            "c.json:1: \"do_rescale\": found false; expected true|null");
    refuses("{\"image_mean\":[0.5]}", "p", SAV_OTHERS_NAMED,
            "c.json:1: \"p.image_mean\": found [0.5]; expected 0.5|[0.5,0.5]");
    refuses("{\"rope_parameters\":{}}", "t", SAV_OTHERS_NAMED,
            "c.json:1: \"t.rope_parameters\": this key may change numbers and is not read; write rope_theta");
    refuses("{\n\"Rope_x\":1}", "", SAV_OTHERS_SUSPECT,
            "c.json:2: \"Rope_x\": this key may change numbers and is not read");
    refuses("{\"harmless\":1}", "", SAV_OTHERS_REFUSED,
            "c.json:1: \"harmless\": this key may change numbers and is not read");
}

static void test_suspect_words(void) {
    static const char *const keys[] = {"x_rope",    "layernorm", "EPS",         "hidden_act",
                                       "scale",     "my_image",  "pixels",      "patches",
                                       "do_resize", "crop_size", "eos_token_id"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        sav_text json = {0};
        const char *said = "";
        sav_text_printf(&json, "{\"%s\": 1}", keys[i]);
        CHECK(check(&said, json.bytes, "", SAV_OTHERS_SUSPECT) == SAV_UNSUPPORTED && strstr(said, keys[i]));
        CHECK(check(&said, json.bytes, "", SAV_OTHERS_NAMED) == SAV_OK && strstr(said, keys[i]));
        sav_text_free(&json);
    }
}

static void test_unknown(void) {
    passes("{\"colour\":1}", SAV_OTHERS_SUSPECT, "c.json: a key is not read: \"colour\"\n");
    passes("{\"colour\":1,\"rope_x\":null}", SAV_OTHERS_SUSPECT,
           "c.json: keys are not read: \"colour\", \"rope_x\"\n");
    passes("{\"a\":1,\"b\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1}",
           SAV_OTHERS_NAMED,
           "c.json: keys are not read: \"a\", \"b\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\" and 2 more\n");
}

static void test_long_values(void) {
    char json[400] = "", want[400] = "";
    strcpy(json, "{\"do_rescale\":\"");
    memset(json + strlen(json), 'x', 200); /* zeros behind */
    strcat(json, "\"}");
    strcpy(want, "c.json:1: \"do_rescale\": found \"");
    const size_t begin = strlen(want);
    memset(want + begin, 'x', 59);
    want[begin + 59] = '\0';
    strcat(want, "…; expected true|null");
    refuses(json, "", SAV_OTHERS_NAMED, want);
}

/* Objects inside, and numbers by their value. */
static void test_members(void) {
    passes("{\"rope_scaling\":{\"type\":\"default\",\"factor\":1.0}}", SAV_OTHERS_NAMED, "");
    passes("{\"rope_scaling\":null,\"image_mean\":5e-1}", SAV_OTHERS_NAMED, "");
    passes("{\"rope_scaling\":[{\"type\":1},{}]}", SAV_OTHERS_NAMED, "");
    passes("{\"rope_scaling\":{\"new\":null}}", SAV_OTHERS_NAMED,
           "c.json: a key is not read: \"rope_scaling.new\"\n");
    refuses("{\"rope_scaling\":{\"factor\":4}}", "", SAV_OTHERS_NAMED,
            "c.json:1: \"rope_scaling.factor\": found 4; expected 1: no scaling");
    refuses("{\n\"rope_scaling\":[{},\n{\"new\":0}]}", "text_config", SAV_OTHERS_NAMED,
            "c.json:3: \"text_config.rope_scaling.new\": this key may change numbers and is not read");
    refuses("{\"image_mean\":0.50001}", "", SAV_OTHERS_NAMED,
            "c.json:1: \"image_mean\": found 0.50001; expected 0.5|[0.5,0.5]");
    refuses("{\"image_mean\":\"0.5\"}", "", SAV_OTHERS_NAMED,
            "c.json:1: \"image_mean\": found \"0.5\"; expected 0.5|[0.5,0.5]");
}

int main(void) {
    test_members();
    test_known();
    test_refused();
    test_suspect_words();
    test_unknown();
    test_long_values();
    return check_report("keys");
}
