/* media_path.c: a picture's address -> its path. See media_path.h. */
#include "lists/media_path.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "image/image.h"

enum { LONGEST_PATH = 4095 }; /* Linux opens none that is longer */

/* Bytes of SCHEME in "SCHEME://…" (RFC 3986 §3.1); 0: there is none. One letter is a drive of Windows. */
static size_t scheme_of(const char *address) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                      others[] = "0123456789+-.";
    size_t length = strspn(address, letters);
    while (length && address[length] && (strchr(letters, address[length]) || strchr(others, address[length])))
        length++;
    return length > 1 && strncmp(address + length, "://", 3) == 0 ? length : 0;
}

static sav_status refuse_data(const char *address, sav_error *err) {
    char quoted[SAV_QUOTED];
    const size_t head = strcspn(address, ","); /* "data:image/png;base64" */
    sav_fail(err, SAV_UNSUPPORTED, "found a data: URI (%s, %zu bytes); expected a path",
             sav_quote(quoted, address, head), strlen(address));
    sav_hint(err, "Write the picture into a file and give its path.");
    return SAV_UNSUPPORTED;
}

/* PARITY: what follows "file://" is taken as it stands: no host, and %20 is no space (test_messages.c). */
sav_status sav_media_path(const char **path, const char *address, sav_error *err) {
    const size_t scheme = scheme_of(address);
    const bool file = scheme == 4 && memcmp(address, "file", 4) == 0;
    *path = address;
    if (strncasecmp(address, "data:", 5) == 0) return refuse_data(address, err);
    if (scheme && !file) {
        char quoted[SAV_QUOTED];
        sav_fail(err, SAV_UNSUPPORTED, "found the address %s; expected a path",
                 sav_quote(quoted, address, strlen(address)));
        sav_hint(err, "Nothing is downloaded: fetch the picture and give its path.");
        return SAV_UNSUPPORTED;
    }
    if (file) *path += strlen("file://");
    if (strlen(*path) > LONGEST_PATH) { /* bare base64, mostly */
        char quoted[SAV_QUOTED];
        return sav_fail(err, SAV_BAD_INPUT, "found %zu bytes, %s; expected a path", strlen(*path),
                        sav_quote(quoted, *path, strlen(*path)));
    }
    return **path ? SAV_OK
                  : sav_fail(err, SAV_BAD_INPUT, "found %s; expected a path", file ? address : "\"\"");
}

sav_status sav_media_check(const char *path, size_t most, sav_error *err) {
    size_t h, w;
    return sav_image_measure(&h, &w, path, most, err);
}
