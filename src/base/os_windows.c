/* os_windows.c: what os.c does, by Win32. Elsewhere it compiles to nothing.
 *
 * Paths come as UTF-8 and go to the system in UTF-16; both separators are understood. A path that is no
 * regular file is refused by the kind of its handle.
 */
#include "base/os.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0602
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0602 /* Windows 8: PrefetchVirtualMemory */
#endif
#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <psapi.h>
#include <shellapi.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 30, RENAME_TRIES = 20, RENAME_PAUSE_MS = 25 };

/* ---- text and errors ----------------------------------------------------------------------------------- */

/* A path in the system's own form, on the stack, so that asking whether a file is there cannot lack
 * memory. */
typedef struct wide_path {
    wchar_t units[4096];
} wide_path;

/* false with GetLastError set: no UTF-8, or too long. */
static bool widen(wide_path *out, const char *path) {
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out->units,
                               sizeof out->units / sizeof *out->units) > 0;
}

static char *to_utf8(const wchar_t *wide) {
    const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = bytes > 0 ? sav_alloc((size_t)bytes, 1) : NULL;
    if (text) WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, bytes, NULL, NULL);
    return text;
}

static sav_status fail_system(sav_error *err, const char *path, const char *what) {
    const DWORD code = GetLastError();
    wchar_t wide[200] = L"";
    char said[600] = "";
    FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                   NULL, code, 0, wide, sizeof wide / sizeof *wide, NULL);
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, said, sizeof said, NULL, NULL);
    for (size_t n = strlen(said); n && strchr(" .", said[n - 1]); n--) said[n - 1] = '\0';
    sav_status status = SAV_IO_ERROR;
    if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND || code == ERROR_DIRECTORY ||
        code == ERROR_INVALID_NAME)
        status = SAV_BAD_INPUT;
    if (code == ERROR_NOT_ENOUGH_MEMORY || code == ERROR_OUTOFMEMORY || code == ERROR_COMMITMENT_LIMIT)
        status = SAV_NO_MEMORY;
    return sav_fail(err, status, "%s: cannot %s: %s", path, what, said[0] ? said : "error without a text");
}

/* ---- paths --------------------------------------------------------------------------------------------- */

static bool is_separator(char c) {
    return c == '/' || c == '\\';
}

const char *sav_os_path_name(const char *path) {
    const char *name = path;
    for (const char *p = path; *p; p++)
        if (is_separator(*p) || (*p == ':' && p == path + 1)) name = p + 1;
    return name;
}

bool sav_os_path_absolute(const char *path) {
    return is_separator(path[0]) || (path[0] && path[1] == ':');
}

/* INVALID_HANDLE_VALUE with GetLastError set. Others may read, write, rename and delete the file meanwhile,
 * as elsewhere. */
static HANDLE open_path(const char *path, DWORD access, DWORD how, DWORD flags) {
    wide_path wide;
    if (!widen(&wide, path)) return INVALID_HANDLE_VALUE;
    return CreateFileW(wide.units, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how,
                       flags, NULL);
}

/* NULL: a regular file. */
static const char *kind_name(HANDLE file) {
    BY_HANDLE_FILE_INFORMATION info;
    const DWORD type = GetFileType(file);
    if (type == FILE_TYPE_PIPE) return "a pipe";
    if (type != FILE_TYPE_DISK) return "a device";
    return GetFileInformationByHandle(file, &info) && info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY
               ? "a folder"
               : NULL;
}

static DWORD attributes_of(const char *path) {
    wide_path wide;
    return widen(&wide, path) ? GetFileAttributesW(wide.units) : INVALID_FILE_ATTRIBUTES;
}

bool sav_os_is_folder(const char *path) {
    const DWORD attributes = attributes_of(path);
    return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

bool sav_os_exists(const char *path) {
    return attributes_of(path) != INVALID_FILE_ATTRIBUTES;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Opens a regular file; *size gets its length. */
static HANDLE open_regular(const char *path, size_t *size, sav_error *err) {
    LARGE_INTEGER length;
    /* opens folders too */
    HANDLE file = open_path(path, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    if (file == INVALID_HANDLE_VALUE) {
        fail_system(err, path, "open");
        return file;
    }
    const char *kind = kind_name(file);
    if (kind) {
        sav_fail(err, SAV_BAD_INPUT, "%s: found %s; expected a file", path, kind);
    } else if (!GetFileSizeEx(file, &length)) {
        fail_system(err, path, "look at");
    } else if (length.QuadPart < 0 || (uint64_t)length.QuadPart > SIZE_MAX / 2) {
        sav_fail(err, SAV_BAD_INPUT, "%s: too large for this machine", path);
    } else {
        *size = (size_t)length.QuadPart;
        return file;
    }
    CloseHandle(file);
    return INVALID_HANDLE_VALUE;
}

sav_status sav_os_map(sav_map *out, const char *path, sav_error *err) {
    static const unsigned char nothing[1] = {0};
    sav_error own;
    size_t size;
    err = err ? err : &own;
    *out = (sav_map){nothing, 0};
    HANDLE file = open_regular(path, &size, err);
    if (file == INVALID_HANDLE_VALUE) return err->status;
    sav_status status = SAV_OK;
    if (size) {
        HANDLE section = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
        void *bytes = section ? MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0) : NULL;
        if (bytes)
            *out = (sav_map){bytes, size};
        else
            status = fail_system(err, path, "map");
        if (section) CloseHandle(section); /* the view keeps it */
    }
    CloseHandle(file);
    return status;
}

void sav_os_unmap(sav_map *map) {
    if (map->size) UnmapViewOfFile(map->bytes);
    *map = (sav_map){NULL, 0};
}

void sav_os_announce(const void *bytes, size_t length) {
    WIN32_MEMORY_RANGE_ENTRY range = {(void *)(uintptr_t)bytes, length};
    if (length) (void)PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}

/* Windows gives large pages to privileged users only. */
void sav_os_large_pages(void *memory, size_t length) {
    (void)memory, (void)length;
}

/* Unlocking pages that are not locked takes them out of the working set. The system's cache of files is its
 * own affair. */
void sav_os_drop(const void *bytes, size_t length, const char *path, uint64_t offset) {
    (void)path, (void)offset;
    if (length) (void)VirtualUnlock((void *)(uintptr_t)bytes, length);
}

sav_status sav_os_look(sav_os_stamp *out, const char *path, sav_error *err) {
    enum { TICKS = 10000000 }; /* a second's, of 100 ns */
    WIN32_FILE_ATTRIBUTE_DATA info;
    wide_path wide;
    if (!widen(&wide, path) || !GetFileAttributesExW(wide.units, GetFileExInfoStandard, &info))
        return fail_system(err, path, "look at");
    const uint64_t written = (uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 |
                             info.ftLastWriteTime.dwLowDateTime;
    *out = (sav_os_stamp){(uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow, (int64_t)(written / TICKS),
                          (int64_t)(written % TICKS * 100)};
    return SAV_OK;
}

/* Reads to the end into fresh memory. `expect` sizes the first block. A pipe whose writer left is at its
 * end. */
static sav_status read_all(char **out, size_t *length, HANDLE file, const char *name, size_t expect,
                           size_t limit, sav_error *err) {
    size_t used = 0, room = expect < limit ? expect + 1 : limit;
    char *bytes = sav_alloc(room + 1, 1);
    if (!bytes) return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu bytes", name, room);
    sav_status status = SAV_OK;
    for (;;) {
        DWORD got = 0;
        if (!ReadFile(file, bytes + used, (DWORD)sav_min(room - used, PIECE), &got, NULL) &&
            GetLastError() != ERROR_BROKEN_PIPE)
            status = fail_system(err, name, "read");
        used += got;
        if (status || (got == 0 && used < room)) break;
        if (used < room) continue;
        if (used >= limit) {
            status =
                sav_fail(err, SAV_BAD_INPUT, "%s: larger than the %zu bytes expected at most", name, limit);
            break;
        }
        room = room > limit / 2 ? limit : sav_min(room * 2 + 4096, limit);
        char *more = sav_realloc(bytes, room + 1, 1);
        if (!more) {
            status = sav_fail(err, SAV_NO_MEMORY, "%s: no memory for %zu bytes", name, room);
            break;
        }
        bytes = more;
    }
    if (status) {
        sav_free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *out = bytes;
    *length = used;
    return SAV_OK;
}

sav_status sav_os_read_file(char **out, size_t *length, const char *path, size_t limit, sav_error *err) {
    sav_error own;
    size_t size;
    err = err ? err : &own;
    HANDLE file = open_regular(path, &size, err);
    if (file == INVALID_HANDLE_VALUE) return err->status;
    sav_status status = read_all(out, length, file, path, size, limit, err);
    CloseHandle(file);
    return status;
}

sav_status sav_os_read_stdin(char **out, size_t *length, size_t limit, sav_error *err) {
    return read_all(out, length, GetStdHandle(STD_INPUT_HANDLE), "standard input", 65536, limit, err);
}

/* ---- folders ------------------------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes one entry's name into the list. */
static bool keep_name(char ***list, size_t *count, size_t *room, const wchar_t *name) {
    if (wcscmp(name, L".") == 0 || wcscmp(name, L"..") == 0) return true;
    if (*count == *room) {
        char **more = sav_realloc(*list, *room = *room * 2 + 16, sizeof *more);
        if (!more) return false;
        *list = more;
    }
    return ((*list)[*count] = to_utf8(name)) != NULL && ++*count;
}

sav_status sav_os_list(char ***names, size_t *count, const char *folder, sav_error *err) {
    char **list = NULL;
    size_t n = 0, room = 0;
    WIN32_FIND_DATAW entry;
    HANDLE find = INVALID_HANDLE_VALUE;
    wide_path all;
    if (sav_os_is_folder(folder) && widen(&all, folder) &&
        wcslen(all.units) + 3 < sizeof all.units / sizeof *all.units)
        find = FindFirstFileW(wcscat(all.units, L"/*"), &entry);
    if (find == INVALID_HANDLE_VALUE) return fail_system(err, folder, "list");
    bool ok = true;
    do ok = keep_name(&list, &n, &room, entry.cFileName);
    while (ok && FindNextFileW(find, &entry));
    FindClose(find);
    if (!ok) {
        sav_os_names_free(list, n);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its list of files", folder);
    }
    if (n) qsort(list, n, sizeof *list, by_bytes);
    *names = list;
    *count = n;
    return SAV_OK;
}

sav_status sav_os_make_folder(const char *path, sav_error *err) {
    wide_path part;
    if (!widen(&part, path)) return fail_system(err, path, "make the folder");
    /* a parent that cannot be made is there (a drive, a share), … */
    for (wchar_t *p = part.units + 1; part.units[0] && *p; p++) {
        if (*p != L'/' && *p != L'\\') continue;
        const wchar_t kept = *p;
        *p = L'\0';
        CreateDirectoryW(part.units, NULL);
        *p = kept;
    }
    if (!CreateDirectoryW(part.units, NULL) && GetLastError() != ERROR_ALREADY_EXISTS &&
        !sav_os_is_folder(path))
        return fail_system(err, path, "make the folder"); /* … or this says so */
    if (sav_os_is_folder(path)) return SAV_OK;
    return sav_fail(err, SAV_IO_ERROR, "%s: found a file; expected a folder or nothing", path);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

struct sav_os_file {
    HANDLE file;
    char *path, *temporary;
};

static sav_status write_all(HANDLE file, const char *path, const void *bytes, size_t length, sav_error *err) {
    const char *p = bytes;
    while (length) {
        DWORD n = 0;
        if (!WriteFile(file, p, (DWORD)sav_min(length, PIECE), &n, NULL))
            return fail_system(err, path, "write");
        p += n;
        length -= n;
    }
    return SAV_OK;
}

static void file_free(sav_os_file *file) {
    sav_free(file->path);
    sav_free(file->temporary);
    sav_free(file);
}

void sav_os_remove(const char *path) {
    wide_path wide;
    if (widen(&wide, path)) DeleteFileW(wide.units);
}

/* "a folder", "a device", … in the place where a file is to be; NULL: a file, or nothing. */
static const char *in_the_way(const char *path) {
    HANDLE there = open_path(path, 0, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    if (there == INVALID_HANDLE_VALUE) return NULL;
    const char *kind = kind_name(there);
    CloseHandle(there);
    return kind;
}

sav_status sav_os_create(sav_os_file **out, const char *path, sav_error *err) {
    sav_text name = {0};
    sav_text_printf(&name, "%s.%lu.tmp", path, (unsigned long)GetCurrentProcessId());
    sav_os_file *file = sav_alloc(1, sizeof *file);
    char *copy = sav_strdup(path);
    if (name.failed || !file || !copy) {
        sav_text_free(&name);
        sav_free(file);
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    }
    *file = (sav_os_file){INVALID_HANDLE_VALUE, copy, name.bytes};
    sav_status status = SAV_OK;
    const char *kind = in_the_way(path);
    if (kind) {
        status =
            sav_fail(err, SAV_IO_ERROR, "%s: found %s; expected the name of a file to write", path, kind);
    } else if ((file->file = open_path(file->temporary, GENERIC_WRITE, CREATE_ALWAYS, 0)) ==
               INVALID_HANDLE_VALUE) {
        fail_system(err, path, "write");
        status = SAV_IO_ERROR;
        if (err) err->status = status;
    }
    if (status) {
        file_free(file);
        return status;
    }
    *out = file;
    return SAV_OK;
}

sav_status sav_os_write(sav_os_file *file, const void *bytes, size_t length, sav_error *err) {
    return write_all(file->file, file->path, bytes, length, err);
}

/* A scanner of viruses or an indexer may hold the old file for a moment: then once more. */
static bool rename_over(const char *from, const char *to) {
    wide_path old, new;
    if (!widen(&old, from) || !widen(&new, to)) return false;
    for (int i = 0; i < RENAME_TRIES; i++) {
        if (i) Sleep(RENAME_PAUSE_MS);
        if (MoveFileExW(old.units, new.units, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
            return true;
        if (GetLastError() != ERROR_ACCESS_DENIED && GetLastError() != ERROR_SHARING_VIOLATION) break;
    }
    return false;
}

sav_status sav_os_commit(sav_os_file *file, sav_error *err) {
    sav_status status = SAV_OK;
    if (!FlushFileBuffers(file->file)) status = fail_system(err, file->path, "write to disk");
    if (!CloseHandle(file->file) && !status) status = fail_system(err, file->path, "close");
    if (!status && !rename_over(file->temporary, file->path))
        status = fail_system(err, file->path, "rename into place");
    if (status) sav_os_remove(file->temporary);
    file_free(file);
    return status;
}

void sav_os_abandon(sav_os_file *file) {
    if (!file) return;
    CloseHandle(file->file);
    sav_os_remove(file->temporary);
    file_free(file);
}

struct sav_os_log {
    HANDLE file;
    char *path;
};

/* A locked range cannot be read by others here, so the lock lies on a byte far behind any file's end. */
static bool lock_far(HANDLE file) {
    OVERLAPPED at = {0};
    at.OffsetHigh = 0x40000000;
    return LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at);
}

sav_status sav_os_log_open(sav_os_log **out, const char *path, bool lock, sav_error *err) {
    sav_os_log *log = sav_alloc(1, sizeof *log);
    char *copy = sav_strdup(path);
    if (!log || !copy) {
        sav_free(log);
        sav_free(copy);
        return sav_fail(err, SAV_NO_MEMORY, "%s: no memory", path);
    }
    const char *kind = in_the_way(path);
    *log = (sav_os_log){
        kind ? INVALID_HANDLE_VALUE : open_path(path, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS, 0), copy};
    sav_status status = SAV_OK;
    if (kind) {
        status = sav_fail(err, SAV_IO_ERROR, "%s: found %s; expected a file", path, kind);
    } else if (log->file == INVALID_HANDLE_VALUE) {
        fail_system(err, path, "open for writing");
        status = SAV_IO_ERROR;
        if (err) err->status = status;
    } else if (lock && !lock_far(log->file)) {
        status = sav_fail(err, SAV_IO_ERROR, "%s: another process is writing to it", path);
    }
    if (status) {
        sav_os_log_close(log);
        return status;
    }
    *out = log;
    return SAV_OK;
}

sav_status sav_os_log_size(sav_os_log *log, uint64_t *size, sav_error *err) {
    LARGE_INTEGER length;
    if (!GetFileSizeEx(log->file, &length)) return fail_system(err, log->path, "look at");
    *size = (uint64_t)length.QuadPart;
    return SAV_OK;
}

sav_status sav_os_log_truncate(sav_os_log *log, uint64_t size, sav_error *err) {
    LARGE_INTEGER at = {.QuadPart = (LONGLONG)size};
    if (!SetFilePointerEx(log->file, at, NULL, FILE_BEGIN) || !SetEndOfFile(log->file))
        return fail_system(err, log->path, "cut");
    return SAV_OK;
}

sav_status sav_os_log_append(sav_os_log *log, const void *bytes, size_t length, sav_error *err) {
    const LARGE_INTEGER none = {.QuadPart = 0};
    if (!SetFilePointerEx(log->file, none, NULL, FILE_END)) return fail_system(err, log->path, "write");
    return write_all(log->file, log->path, bytes, length, err);
}

sav_status sav_os_log_sync(sav_os_log *log, sav_error *err) {
    if (!FlushFileBuffers(log->file)) return fail_system(err, log->path, "write to disk");
    return SAV_OK;
}

void sav_os_log_close(sav_os_log *log) {
    if (!log) return;
    if (log->file != INVALID_HANDLE_VALUE) CloseHandle(log->file);
    sav_free(log->path);
    sav_free(log);
}

/* ---- the program --------------------------------------------------------------------------------------- */

/* What main gets is in the system's code page, which lacks most characters. The copy lives as long as the
 * process. */
char **sav_os_arguments(int *count, char **words) {
    int n = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
    char **own = wide && n > 0 ? sav_alloc((size_t)n + 1, sizeof *own) : NULL;
    for (int i = 0; own && i < n; i++)
        if ((own[i] = to_utf8(wide[i])) == NULL) own = NULL;
    if (wide) LocalFree(wide);
    if (!own) return words;
    *count = n;
    return own;
}

/* Bytes as they are, and a console that shows UTF-8 and understands "erase the line". */
void sav_os_guard_streams(void) {
    DWORD mode;
    HANDLE console = GetStdHandle(STD_ERROR_HANDLE);
    for (int fd = 0; fd <= 2; fd++) _setmode(fd, _O_BINARY);
    if (!GetConsoleMode(console, &mode)) return;
    SetConsoleOutputCP(CP_UTF8);
    SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

bool sav_os_is_terminal(int descriptor) {
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    DWORD mode;
    return descriptor >= 0 && descriptor <= 2 && GetConsoleMode(GetStdHandle(streams[descriptor]), &mode);
}

/* ---- the machine --------------------------------------------------------------------------------------- */

double sav_os_seconds(void) {
    LARGE_INTEGER now, each;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&each);
    return (double)now.QuadPart / (double)each.QuadPart;
}

/* In units of 100 ns. */
static double seconds_of(FILETIME t) {
    return 1e-7 * (4294967296.0 * t.dwHighDateTime + t.dwLowDateTime);
}

double sav_os_cpu_seconds(void) {
    FILETIME made, ended, kernel, user;
    return GetProcessTimes(GetCurrentProcess(), &made, &ended, &kernel, &user)
               ? seconds_of(kernel) + seconds_of(user)
               : 0;
}

double sav_os_thread_seconds(void) {
    FILETIME made, ended, kernel, user;
    return GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user)
               ? seconds_of(kernel) + seconds_of(user)
               : 0;
}

uint64_t sav_os_peak_bytes(void) {
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof memory};
    return K32GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory) ? memory.PeakWorkingSetSize
                                                                                : 0;
}

uint64_t sav_os_resident_bytes(void) {
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof memory};
    return K32GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory) ? memory.WorkingSetSize : 0;
}

int sav_os_cores(void) {
    DWORD_PTR allowed = 0, all = 0;
    DWORD bytes = 0;
    int cores = 0;
    GetProcessAffinityMask(GetCurrentProcess(), &allowed, &all);
    GetLogicalProcessorInformation(NULL, &bytes); /* says how many bytes it wants */
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION *rows = sav_alloc(bytes ? bytes : 1, 1);
    if (rows && GetLogicalProcessorInformation(rows, &bytes))
        for (size_t i = 0; i < bytes / sizeof *rows; i++)
            if (rows[i].Relationship == RelationProcessorCore && rows[i].ProcessorMask & allowed) cores++;
    sav_free(rows);
    return cores > 0 ? cores : 1;
}

bool sav_os_has_dotprod(void) {
#if defined(__aarch64__)
    return IsProcessorFeaturePresent(43); /* PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE, which older headers lack */
#else
    return false;
#endif
}
#endif
