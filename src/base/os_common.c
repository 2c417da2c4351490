/* os_common.c: the part of os.h that is the same on every system. */
#include "base/os.h"

void sav_os_names_free(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) sav_free(names[i]);
    sav_free(names);
}

sav_status sav_os_save(const char *path, const void *bytes, size_t length, sav_error *err) {
    sav_os_file *file;
    sav_status status = sav_os_create(&file, path, err);
    if (status) return status;
    status = sav_os_write(file, bytes, length, err);
    if (!status) return sav_os_commit(file, err);
    sav_os_abandon(file);
    return status;
}
