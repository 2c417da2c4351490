/* os_windows.c: what os_posix.c does, by Win32.
 *
 * Paths come as UTF-8 and go to the system in UTF-16; both separators are understood. A path that is no
 * regular file is refused by the kind of its handle.
 */
#include "base/os_parts.h"

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

enum { RENAME_TRIES = 20, RENAME_PAUSE_MS = 25 };

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

sav_status sav_sys_fail(sav_error *err, const char *path, const char *what) {
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

/* ---- files --------------------------------------------------------------------------------------------- */

/* INVALID_HANDLE_VALUE with GetLastError set. Others may read, write, rename and delete the file meanwhile,
 * as elsewhere. */
static HANDLE open_path(const char *path, DWORD access, DWORD how, DWORD flags) {
    wide_path wide;
    if (!widen(&wide, path)) return INVALID_HANDLE_VALUE;
    return CreateFileW(wide.units, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how,
                       flags, NULL);
}

sav_handle sav_sys_open(const char *path, sav_sys_mode mode) {
    static const struct {
        DWORD access, how, flags;
    } by[] = {[SAV_SYS_READ] = {GENERIC_READ, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS}, /* folders, too */
              [SAV_SYS_CREATE] = {GENERIC_WRITE, CREATE_NEW, 0},
              [SAV_SYS_APPEND] = {GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT}};
    return (sav_handle)open_path(path, by[mode].access, by[mode].how, by[mode].flags);
}

bool sav_sys_taken(void) {
    return GetLastError() == ERROR_FILE_EXISTS || GetLastError() == ERROR_ALREADY_EXISTS;
}

bool sav_sys_close(sav_handle file) {
    return CloseHandle((HANDLE)file);
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

bool sav_sys_examine(const char **kind, uint64_t *size, sav_handle file) {
    LARGE_INTEGER length = {.QuadPart = 0};
    *kind = kind_name((HANDLE)file);
    if (!*kind && !GetFileSizeEx((HANDLE)file, &length)) return false;
    *size = (uint64_t)length.QuadPart;
    return true;
}

const char *sav_sys_kind(const char *path) {
    HANDLE there = open_path(path, 0, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    if (there == INVALID_HANDLE_VALUE) return NULL;
    const char *kind = kind_name(there);
    CloseHandle(there);
    return kind;
}

/* A pipe whose writer left is at its end. */
bool sav_sys_read(size_t *done, sav_handle file, void *bytes, size_t length) {
    DWORD n = 0;
    const bool ok = ReadFile((HANDLE)file, bytes, (DWORD)length, &n, NULL) ||
                    GetLastError() == ERROR_BROKEN_PIPE;
    *done = n;
    return ok;
}

bool sav_sys_write(size_t *done, sav_handle file, const void *bytes, size_t length) {
    DWORD n = 0;
    const bool ok = WriteFile((HANDLE)file, bytes, (DWORD)length, &n, NULL);
    *done = n;
    return ok;
}

bool sav_sys_seek_end(sav_handle file) {
    const LARGE_INTEGER none = {.QuadPart = 0};
    return SetFilePointerEx((HANDLE)file, none, NULL, FILE_END);
}

bool sav_sys_truncate(sav_handle file, uint64_t size) {
    const LARGE_INTEGER at = {.QuadPart = (LONGLONG)size};
    return SetFilePointerEx((HANDLE)file, at, NULL, FILE_BEGIN) && SetEndOfFile((HANDLE)file);
}

bool sav_sys_sync(sav_handle file) {
    return FlushFileBuffers((HANDLE)file);
}

/* MOVEFILE_WRITE_THROUGH does it for a renamed file; nothing does for others. */
bool sav_sys_sync_folder(const char *path) {
    (void)path;
    return true;
}

/* A locked range cannot be read by others here, so the lock lies on a byte far behind any file's end. */
bool sav_sys_lock(sav_handle file) {
    OVERLAPPED at = {0};
    at.OffsetHigh = 0x40000000;
    return LockFileEx((HANDLE)file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at);
}

/* A virus scanner or an indexer may hold the old file for a moment: try again. */
bool sav_sys_rename(const char *from, const char *to) {
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

void sav_os_remove(const char *path) {
    wide_path wide;
    if (widen(&wide, path)) DeleteFileW(wide.units);
}

sav_status sav_os_stat(sav_os_stamp *out, const char *path, sav_error *err) {
    enum { TICKS = 10000000 }; /* a second's, of 100 ns */
    WIN32_FILE_ATTRIBUTE_DATA info;
    wide_path wide;
    if (!widen(&wide, path) || !GetFileAttributesExW(wide.units, GetFileExInfoStandard, &info))
        return sav_sys_fail(err, path, "look at");
    const uint64_t written = (uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 |
                             info.ftLastWriteTime.dwLowDateTime;
    *out = (sav_os_stamp){(uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow, (int64_t)(written / TICKS),
                          (int64_t)(written % TICKS * 100)};
    return SAV_OK;
}

sav_handle sav_sys_stdin(void) {
    return (sav_handle)GetStdHandle(STD_INPUT_HANDLE);
}

/* ---- mapped memory ------------------------------------------------------------------------------------- */

const void *sav_sys_map(sav_handle file, size_t size) {
    (void)size;
    HANDLE section = CreateFileMappingW((HANDLE)file, NULL, PAGE_READONLY, 0, 0, NULL);
    if (!section) return NULL;
    const void *bytes = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    const DWORD code = GetLastError();
    CloseHandle(section); /* the view keeps it */
    SetLastError(code);
    return bytes;
}

void sav_sys_unmap(const void *bytes, size_t size) {
    (void)size;
    UnmapViewOfFile(bytes);
}

void sav_os_announce(const void *bytes, size_t length) {
    WIN32_MEMORY_RANGE_ENTRY range = {(void *)(uintptr_t)bytes, length};
    if (length) (void)PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
}

/* Windows gives large pages to privileged users only. */
void sav_os_large_pages(void *memory, size_t length) {
    (void)memory, (void)length;
}

/* Unlocking pages that are not locked takes them out of the working set. The system manages its
 * file cache alone. */
void sav_os_drop(const void *bytes, size_t length, const char *path, uint64_t offset) {
    (void)path, (void)offset;
    if (length) (void)VirtualUnlock((void *)(uintptr_t)bytes, length);
}

/* ---- folders ------------------------------------------------------------------------------------------- */

static DWORD attributes_of(const char *path) {
    wide_path wide;
    return widen(&wide, path) ? GetFileAttributesW(wide.units) : INVALID_FILE_ATTRIBUTES;
}

bool sav_os_is_folder(const char *path) {
    const DWORD attributes = attributes_of(path);
    return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

bool sav_os_is_link(const char *path) {
    WIN32_FIND_DATAW entry;
    wide_path wide;
    HANDLE find = widen(&wide, path) ? FindFirstFileW(wide.units, &entry) : INVALID_HANDLE_VALUE;
    if (find == INVALID_HANDLE_VALUE) return false;
    FindClose(find);
    return entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT &&
           (entry.dwReserved0 == IO_REPARSE_TAG_SYMLINK || entry.dwReserved0 == IO_REPARSE_TAG_MOUNT_POINT);
}

bool sav_os_exists(const char *path) {
    return attributes_of(path) != INVALID_FILE_ATTRIBUTES;
}

static bool identify(BY_HANDLE_FILE_INFORMATION *out, const char *path) {
    HANDLE file = open_path(path, 0, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
    const bool ok = file != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file, out);
    if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    return ok;
}

bool sav_os_same_file(const char *one, const char *other) {
    BY_HANDLE_FILE_INFORMATION a, b;
    return identify(&a, one) && identify(&b, other) && a.dwVolumeSerialNumber == b.dwVolumeSerialNumber &&
           a.nFileIndexHigh == b.nFileIndexHigh && a.nFileIndexLow == b.nFileIndexLow;
}

sav_status sav_sys_list(sav_sys_names *out, const char *folder, sav_error *err) {
    WIN32_FIND_DATAW entry;
    HANDLE find = INVALID_HANDLE_VALUE;
    wide_path all;
    if (sav_os_is_folder(folder) && widen(&all, folder) &&
        wcslen(all.units) + 3 < sizeof all.units / sizeof *all.units)
        find = FindFirstFileW(wcscat(all.units, L"/*"), &entry);
    if (find == INVALID_HANDLE_VALUE) return sav_sys_fail(err, folder, "list");
    bool ok = true;
    do ok = sav_sys_names_add(out, to_utf8(entry.cFileName));
    while (ok && FindNextFileW(find, &entry));
    FindClose(find);
    return ok ? SAV_OK : sav_fail(err, SAV_NO_MEMORY, "%s: no memory for its list of files", folder);
}

sav_status sav_os_make_folder(const char *path, sav_error *err) {
    wide_path part;
    if (!widen(&part, path)) return sav_sys_fail(err, path, "make the folder");
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
        return sav_sys_fail(err, path, "make the folder"); /* … or this says so */
    if (sav_os_is_folder(path)) return SAV_OK;
    return sav_fail(err, SAV_IO_ERROR, "%s: found a file; expected a folder or nothing", path);
}

/* ---- the program --------------------------------------------------------------------------------------- */

/* What main gets is in the system's code page, which lacks most characters. The copy lives as long as the
 * process. */
char **sav_os_arguments(int *count, char **words) {
    int n = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &n);
    char **own = wide && n > 0 ? sav_alloc((size_t)n + 1, sizeof *own) : NULL;
    bool ok = own != NULL;
    for (int i = 0; ok && i < n; i++) {
        own[i] = to_utf8(wide[i]);
        ok = own[i] != NULL;
    }
    if (wide) LocalFree(wide);
    if (!ok) return words;
    *count = n;
    return own;
}

sav_os_function *sav_os_find_function(const char *library, const char *name, sav_error *err) {
    sav_os_function *found = NULL;
    wide_path path;
    HMODULE handle = widen(&path, library) ? LoadLibraryW(path.units) : NULL;
    FARPROC place = handle ? GetProcAddress(handle, name) : NULL;
    memcpy(&found, &place, sizeof found);
    if (found) return found;
    sav_sys_fail(err, library, "load");
    if (err) err->status = SAV_IO_ERROR;
    if (handle) FreeLibrary(handle);
    return NULL;
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
