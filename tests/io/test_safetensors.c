/* Headers of safetensors files: what opens and what is refused, beside what the reference reader (safetensors
 * 0.8.0 for Python, run on the same bytes) says of them. Where we are stricter, the row says so.
 */
#include <stdio.h>
#include <string.h>

#include "../check.h"
#include "io/safetensors.h"

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define INFO(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct {
    const char *header;
    size_t data;
    bool library;       /* opens it */
    const char *reason; /* of our error; NULL: we open it */
} ROWS[] = {
    {"{" A "}", 8, true, NULL},
    {"{\"__metadata__\":null," A "}", 8, true, NULL},
    {"{" A ",\"__metadata__\":null}", 8, true, NULL},
    {"{\"__metadata__\":{}," A "}", 8, true, NULL},
    {"{\"__metadata__\":{\"x\":\"y\",\"x\":\"z\"}," A "}", 8, true, NULL},
    {"{\"__metadata__\":{\"x\":1}," A "}", 8, false, "the value of \"x\" is no string"},
    {"{\"__metadata__\":{\"x\":null}," A "}", 8, false, "the value of \"x\" is no string"},
    {"{\"__metadata__\":{\"x\":{\"y\":\"z\"}}," A "}", 8, false, "the value of \"x\" is no string"},
    {"{\"__metadata__\":[]," A "}", 8, false, "no JSON object"},
    {"{\"__metadata__\":\"x\"," A "}", 8, false, "no JSON object"},
    {"{\"__metadata__\":false," A "}", 8, false, "no JSON object"},
    {"{\"__metadata__\":{},\"__metadata__\":{}," A "}", 8, false, "__metadata__ stands twice"},
    {"{\"__metadata__\":null,\"__metadata__\":{}," A "}", 8, false, "__metadata__ stands twice"},
    {"{\"__metadata__\":{\"x\":\"y\"}}", 0, true, NULL},
    {"{}", 0, true, NULL},
    {"{" A "," A "}", 8, true, "tensor a stands twice"}, /* stricter: another reader takes the first */
    {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, false,
     "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, true, NULL},
    {"  \n{" A "}", 8, true, NULL},
    {"{" A "}  \n", 8, true, NULL},
    {"{" A "}x", 8, false, "more behind the end"},
    {"\xEF\xBB\xBF{" A "}", 8, false, "does not begin with {"},
    {"", 0, false, "found the end"},
    {"[]", 0, false, "no JSON object"},
    {"{" A ",}", 8, false, "expected a key"},
    {"{" A "}", 9, false, "behind the last tensor"},
    {"{" A "}", 7, false, "outside the file"},
    {INFO("F32", "[2]", "[4,12]"), 12, false, "leaves a hole"},
    {INFO("F32", "[3]", "[0,8]"), 8, false, "do not fit its shape"},
    {INFO("F32", "null", "[0,8]"), 8, false, "found no shape"},
    {INFO("F32", "[2.0]", "[0,8]"), 8, false, "no whole number"},
    {INFO("F32", "[]", "[0,4]"), 4, true, NULL},
    {INFO("F32", "[0]", "[0,0]"), 0, true, NULL},
    {INFO("F32", "[2]", "[-8,0]"), 8, false, "outside the file"},
    {INFO("F32", "[2]", "[0.0,8.0]"), 8, false, "two whole numbers"},
    {INFO("F32", "[2]", "[0,8,8]"), 8, false, "two whole numbers"},
    {INFO("f32", "[2]", "[0,8]"), 8, false, "found dtype f32"},
    {INFO("F4", "[16]", "[0,8]"), 8, true, "found dtype F4"}, /* stricter: half a byte an element */
    {INFO("BOOL", "[8]", "[0,8]"), 8, true, NULL},
    {INFO("F8_E4M3", "[8]", "[0,8]"), 8, true, NULL},
    {INFO("F8_E5M2", "[8]", "[0,8]"), 8, true, NULL},
    {INFO("I8", "[8]", "[0,8]"), 8, true, NULL},
    {INFO("I16", "[4]", "[0,8]"), 8, true, NULL},
    {INFO("U16", "[4]", "[0,8]"), 8, true, NULL},
    {INFO("U32", "[2]", "[0,8]"), 8, true, NULL},
    {INFO("U64", "[1]", "[0,8]"), 8, true, NULL},
    {INFO("U64", "[2]", "[0,8]"), 8, false, "do not fit its shape"},
    {"{\"a\":null}", 0, false, "found dtype (none)"},
    {"{\"a\":1}", 0, false, "found dtype (none)"},
    {"{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, true, NULL},
    {"{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, false, "surrogate"},
    {"{\"\xFF\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, false, "no UTF-8"},
};

/* 8 bytes of length, the header, zeros. */
static size_t put_file(unsigned char *out, const char *header, size_t data) {
    const size_t length = strlen(header);
    memset(out, 0, 8 + length + data);
    out[0] = (unsigned char)length;
    out[1] = (unsigned char)(length >> 8);
    memcpy(out + 8, header, length);
    return 8 + length + data;
}

static void test_headers(void) {
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        unsigned char bytes[1024];
        const size_t size = put_file(bytes, ROWS[i].header, ROWS[i].data);
        sav_safetensors *file;
        sav_error err;
        const sav_status got = sav_safetensors_parse(&file, bytes, size, "t.safetensors", &err);
        CHECK(ROWS[i].library || ROWS[i].reason); /* never laxer than the library */
        const bool ok = ROWS[i].reason ? CHECK(got && strstr(err.message, ROWS[i].reason))
                                       : CHECK_OK(got, &err);
        if (!ok) printf("  header %s: %s\n", ROWS[i].header, got ? err.message : "opened");
        sav_safetensors_close(file);
    }
}

/* Other files under the name. */
static void test_others(void) {
    static const struct {
        const char *bytes, *what;
    } rows[] = {{"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"},
                {"<!DOCTYPE html><html></html>", "web page"},
                {"PK\003\004________________", "zip archive"},
                {"\200\002}q\001X________________", "pickle"},
                {"\200\004\225X________________", "pickle"},
                {"\223NUMPY\001________________", "NumPy array"},
                {"\037\213\010_________________", "gzip"},
                {"\050\265\057\375________________", "zstd"},
                {"\211HDF\r\n\032\n____________", "HDF5"},
                {"GGUF\003___________________", "GGUF"},
                {"something else altogether", "no safetensors file"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sav_safetensors *file;
        sav_error err;
        CHECK_FAILS(sav_safetensors_parse(&file, (const unsigned char *)rows[i].bytes, strlen(rows[i].bytes),
                                          "t.safetensors", &err),
                    &err, SAV_BAD_INPUT, rows[i].what);
    }
}

int main(void) {
    test_headers();
    test_others();
    return check_report("safetensors");
}
