/* to_ppm IN OUT: a picture as savs reads it, written as PPM; what make dist-check gives to builds that read
 * nothing else. */
#include <stdio.h>

#include "base/os.h"
#include "image/image.h"

int main(int argc, char **argv) {
    sav_image image = {0};
    sav_os_file *file = NULL;
    sav_text head = {0};
    sav_error err = {0};
    if (argc != 3) {
        fputs("usage: to_ppm IN OUT\n", stderr);
        return 2;
    }
    sav_status status = sav_image_read(&image, argv[1], 0, &err);
    sav_text_printf(&head, "P6\n%zu %zu\n255\n", image.w, image.h);
    if (!status && head.failed) status = sav_fail(&err, SAV_NO_MEMORY, "%s: no memory", argv[2]);
    if (!status && image.alpha)
        status = sav_fail(&err, SAV_UNSUPPORTED, "%s: has transparency, which a PPM has not", argv[1]);
    if (!status) status = sav_os_create(&file, argv[2], &err);
    if (!status) status = sav_os_write(file, head.bytes, head.length, &err);
    if (!status) status = sav_os_write(file, image.rgb, image.h * image.w * 3, &err);
    if (!status)
        status = sav_os_commit(file, &err);
    else
        sav_os_abandon(file);
    if (status) fprintf(stderr, "to_ppm: %s\n", err.message);
    sav_text_free(&head);
    sav_image_free(&image);
    return status ? 1 : 0;
}
