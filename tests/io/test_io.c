/* JSON in and out, safetensors written, read and damaged. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "io/config.h"
#include "io/json.h"
#include "io/safetensors.h"

static sav_status parse(sav_json_doc **doc, const char *text, sav_error *err) {
    return sav_json_parse(doc, text, strlen(text), "t.json", 1, NULL, err);
}

static void test_json_round_trip(void) {
    static const char text[] =
        "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"\\u00e9\\ud83d\\ude00\":\"q\\\"\\n\\u0001\"},\"c\":\"\"}";
    static const char back[] = "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"\xC3\xA9\xF0\x9F\x98\x80\":"
                               "\"q\\\"\\n\\u0001\"},\"c\":\"\"}";
    sav_json_doc *doc;
    sav_error err;
    sav_text out = {0};
    if (!CHECK_OK(parse(&doc, text, &err), &err)) return;
    sav_json_put(&out, sav_json_root(doc));
    CHECK_STR(out.bytes, back);
    const sav_json *a = sav_json_get(sav_json_root(doc), "a");
    int64_t v;
    CHECK(a->count == 5 && a->line == 1 && a->column == 6);
    CHECK(sav_json_integer(&v, a->child) && v == 1);
    CHECK(!sav_json_integer(&v, a->child->next));
    sav_text_free(&out);
    sav_json_free(doc);
}

static void test_json_refuses(void) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "t.json:1:1"},
        {"{\"a\":1,\n \"a\":2}", "t.json:2:6: found the key"},
        {"[1,]", "t.json:1:4"},
        {"[01]", "leading zero"},
        {"[1.]", "decimal"},
        {"[NaN]", "t.json:1:2"},
        {"\"\\ud800\"", "surrogate"},
        {"\"\\udc00\\ud800\"", "surrogate"},
        {"\"\x01\"", "control"},
        {"\"\xC0\x80\"", "UTF-8"},
        {"\"\xED\xA0\x80\"", "UTF-8"},
        {"{\"a\" 1}", "':'"},
        {"[1 2]", "','"},
        {"\"abc", "closing quote"},
        {"1 2", "behind the end"},
        {"tru", "t.json:1:1"},
        {"\"\\x\"", "escape"},
        {"[1e+]", "exponent"},
    };
    sav_json_doc *doc;
    sav_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_FAILS(parse(&doc, cases[i].text, &err), &err, SAV_BAD_INPUT, cases[i].part);
    char deep[200];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    CHECK_FAILS(parse(&doc, deep, &err), &err, SAV_BAD_INPUT, "64 levels");
}

static void test_json_many_keys(void) {
    sav_text text = {0};
    sav_json_doc *doc;
    sav_error err;
    sav_text_string(&text, "{\"k0\":0");
    for (int i = 1; i < 1000; i++) sav_text_printf(&text, ",\"k%d\":%d", i, i);
    sav_text_string(&text, ",\"k500\":7}");
    CHECK_FAILS(parse(&doc, text.bytes, &err), &err, SAV_BAD_INPUT, "\"k500\"");
    const char *twice;
    size_t v;
    if (CHECK_OK(sav_json_parse(&doc, text.bytes, text.length, "t", 1, &twice, &err), &err)) {
        CHECK_STR(twice, "k500");
        CHECK_OK(sav_json_size(&v, sav_json_root(doc), "k500", 0, "t", &err), &err);
        CHECK_SIZE(v, 7);
        sav_json_free(doc);
    }
    sav_text_free(&text);
}

/* Nodes fill blocks of 16, 32, … 1024: all of them are still there, in order, at every length around the
 * first borders. */
static void test_json_many_nodes(void) {
    static const size_t counts[] = {14, 15, 16, 46, 47, 48, 49, 5000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        sav_text text = {0};
        sav_json_doc *doc;
        sav_error err;
        for (size_t i = 0; i < counts[c]; i++) sav_text_printf(&text, "%s%zu", i ? "," : "[", i);
        sav_text_string(&text, "]");
        if (CHECK_OK(sav_json_parse(&doc, text.bytes, text.length, "t", 1, NULL, &err), &err)) {
            int64_t v, n = 0;
            CHECK_SIZE(sav_json_root(doc)->count, counts[c]);
            for (const sav_json *at = sav_json_root(doc)->child; at; at = at->next, n++)
                if (!sav_json_integer(&v, at) || v != n) break;
            CHECK_SIZE((size_t)n, counts[c]);
            sav_json_free(doc);
        }
        sav_text_free(&text);
    }
}

static void test_numbers(void) {
    static const double values[] = {0.1, 1, 1e300, 5e-324, 1.0 / 3, -0.0};
    static const char *const texts[] = {"0.1", "1", "1e+300", "5e-324", "0.3333333333333333", "-0"};
    for (size_t i = 0; i < 6; i++) {
        sav_text out = {0};
        sav_json_put_double(&out, values[i]);
        CHECK_STR(out.bytes, texts[i]);
        sav_text_free(&out);
    }
}

/* A program that embeds the library may have set a locale with a decimal comma. */
static void test_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8",
                                        "fr_FR.utf8",  "nl_NL.UTF-8", "ru_RU.UTF-8"};
    size_t i = 0;
    while (i < 6 && !setlocale(LC_NUMERIC, names[i])) i++;
#ifndef _WIN32
    if (i == 6) { /* none installed: make one, where the system has the sources */
        char command[500];
        snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1",
                 check_folder());
        setenv("LOCPATH", check_folder(), 1);
        if (system(command) == 0 && setlocale(LC_NUMERIC, "de_DE.UTF-8")) i = 0;
    }
#endif
    if (i == 6) {
        check_skip("no locale with a decimal comma is installed");
        return;
    }
    sav_text out = {0};
    sav_json_put_double(&out, -1234.5);
    CHECK_STR(out.bytes, "-1234.5");
    CHECK(sav_json_number("0.25e1", 6) == 2.5);
    CHECK(sav_json_number("3", 1) == 3);
    sav_text_free(&out);
    setlocale(LC_NUMERIC, "C");
}

static const float DATA[6] = {1, 2, 3, 4, 5, -0.0f};
static const int64_t WIDE[2] = {-1, INT64_MAX};

static const char *write_file(void) {
    static char path[400];
    static const char *const keys[] = {"savs", "none"}, *const values[] = {"{\"a\":1}", NULL};
    const sav_tensor tensors[] = {{"x.weight", SAV_F32, 2, {2, 3}, 6, DATA},
                                  {"ids", SAV_I64, 1, {2}, 2, WIDE},
                                  {"empty", SAV_F32, 1, {0}, 0, DATA}};
    sav_error err;
    snprintf(path, sizeof path, "%s/t.safetensors", check_folder());
    CHECK_OK(sav_safetensors_write(path, tensors, 3, &(sav_metadata){2, keys, values}, &err), &err);
    return path;
}

static void test_safetensors_round_trip(void) {
    sav_safetensors *file;
    sav_error err;
    if (!CHECK_OK(sav_safetensors_open(&file, write_file(), &err), &err)) return;
    CHECK_SIZE(sav_safetensors_count(file), 3);
    CHECK_STR(sav_safetensors_metadata(file, "savs"), "{\"a\":1}");
    CHECK(sav_safetensors_metadata(file, "none") == NULL);
    const sav_tensor *x = sav_safetensors_find(file, "x.weight");
    if (CHECK(x != NULL)) CHECK(x->rank == 2 && x->shape[1] == 3 && memcmp(x->data, DATA, sizeof DATA) == 0);
    CHECK(sav_tensor_integer(sav_safetensors_find(file, "ids"), 1) == INT64_MAX);
    CHECK(sav_safetensors_find(file, "y") == NULL);
    sav_safetensors_close(file);
}

/* A file whose header is `json` and whose data is `bytes` zeros must be refused with `part` in the
 * message. */
static void refuse(const char *json, size_t bytes, const char *part) {
    unsigned char room[1024] = {0};
    size_t n = strlen(json);
    for (int i = 0; i < 8; i++) room[i] = (unsigned char)((uint64_t)n >> (8 * i));
    memcpy(room + 8, json, n);
    sav_safetensors *file;
    sav_error err;
    CHECK_FAILS(sav_safetensors_parse(&file, room, 8 + n + bytes, "f", &err), &err,
                strstr(part, "dtype") && strstr(part, "expected") ? SAV_UNSUPPORTED : SAV_BAD_INPUT, part);
}

static void test_safetensors_refuses(void) {
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "outside the file");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12, "behind the last tensor");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "do not fit its shape");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9],\"data_offsets\":[0,8]}}", 8,
           "does not fit any memory");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807],\"data_offsets\":[0,8]}}", 8,
           "do not fit its shape");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 8, "whole number");
    refuse("{\"a\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
           "found dtype C64; expected");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":"
           "[4],\"data_offsets\":[2,6]}}",
           6, "overlaps");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":"
           "[4],\"data_offsets\":[5,9]}}",
           9, "hole");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":"
           "[1],\"data_offsets\":[1,2]}}",
           2, "stands twice");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
           "8 dimensions");
    refuse("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "no shape");
    refuse("{\"a\":7}", 0, "dtype (none); expected");
    refuse("[]", 0, "no JSON object");
    static const unsigned char lying[16] = {255, 255, 255, 255, 255, 255, 255, 127};
    sav_safetensors *file;
    sav_error err;
    CHECK_FAILS(sav_safetensors_parse(&file, lying, 16, "f", &err), &err, SAV_BAD_INPUT, "the header says");
    CHECK_FAILS(sav_safetensors_parse(&file, lying, 3, "f", &err), &err, SAV_BAD_INPUT,
                "no safetensors file");
}

/* Fields of an object, of the one around it, absent and null; the first error stays. */
static void test_config(void) {
    static const char text[] = "{\"V\":9,\"D\":7,\"text\":{\"D\":3,\"L\":null,\"eps\":1e-6,\"tied\":true,"
                               "\"act\":\"gelu\",\"H\":-1}}";
    sav_json_doc *doc;
    sav_error err = {0};
    if (!CHECK_OK(parse(&doc, text, &err), &err)) return;
    const sav_json *root = sav_json_root(doc);
    sav_config in = {.object = sav_json_get(root, "text"), .outer = root, .name = "t", .err = &err};
    CHECK_SIZE(sav_config_size(&in, "D", 1), 3);
    CHECK_SIZE(sav_config_size(&in, "V", 1), 9);
    CHECK_SIZE(sav_config_size(&in, "L", 5), 5);
    CHECK(sav_config_double(&in, "eps", 1) == 1e-6 && sav_config_double(&in, "theta", 1e4) == 1e4);
    CHECK(sav_config_bool(&in, "tied", false) && !sav_config_find(&in, "none"));
    CHECK_STR(sav_config_string(&in, "act", "silu"), "gelu");
    sav_config_expect(&in, "act", "silu", "gelu");
    sav_config_expect(&in, "none", NULL, "full");
    CHECK(!in.status);
    CHECK_SIZE(sav_config_size(&in, "H", 4), 4);
    CHECK_FAILS(in.status, &err, SAV_BAD_INPUT, "\"H\": found -1; expected a whole number from 0");
    CHECK_SIZE(sav_config_size(&in, "D", 1), 1);
    sav_config_expect(&in, "act", NULL, "silu");
    CHECK(in.status == SAV_BAD_INPUT);
    in.status = SAV_OK;
    sav_config_expect(&in, "act", NULL, "silu");
    CHECK_FAILS(in.status, &err, SAV_UNSUPPORTED, "t: \"act\": found \"gelu\"; expected \"silu\"");
    sav_json_free(doc);
}

int main(void) {
    test_json_round_trip();
    test_json_refuses();
    test_json_many_keys();
    test_json_many_nodes();
    test_config();
    test_numbers();
    test_comma_locale();
    test_safetensors_round_trip();
    test_safetensors_refuses();
    return check_report("io");
}
