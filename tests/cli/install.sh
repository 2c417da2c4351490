#!/bin/sh
# make install under a folder with a blank in its name, DESTDIR, what the files say, a program against the
# library, make uninstall. Run by make: the variables of its build are in MAKEFLAGS.
. tests/cli/lib
if [ -z "${MAKELEVEL:-}" ] || ! command -v make >/dev/null 2>&1; then
    skip 'run by make test alone, which knows how the program was built'
    report 'cli install'
fi
prefix=$scratch/in\ st
do_make() { make -s BUILD="${BUILD:-build}" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null; }

do_make install PREFIX="$prefix"
judge 0 '' 'make install'
for file in bin/savs lib/libsavs.a lib/libsavs.so include/sav.h lib/pkgconfig/savs.pc share/man/man1/savs.1 \
    share/bash-completion/completions/savs share/zsh/site-functions/_savs; do
    check "installed: $file" [ -s "$prefix/$file" ]
done
check 'the installed program starts' "$prefix/bin/savs" --version >"$scratch/out"
check 'the page is its own' eval '"$prefix/bin/savs" help --man | cmp -s - "$prefix/share/man/man1/savs.1"'
for what in cflags libs; do
    PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --$what savs >"$scratch/$what" 2>/dev/null
done
if [ -s "$scratch/libs" ]; then
    cat >"$scratch/use.c" <<'END'
#include <sav.h>
#include <stdio.h>
int main(void) {
    sav_model *model;
    sav_error err;
    return !(sav_model_open(&model, "no/such/folder", &err) == SAV_BAD_INPUT && puts(err.message) >= 0);
}
END
    # pkg-config writes a blank in a path as "\ ", which eval understands
    if nm "$prefix/lib/libsavs.a" 2>/dev/null | grep -q __asan_init; then
        skip 'a library with AddressSanitizer wants its flags'
    else
        check 'a program compiles against it' eval "${CC:-cc} -std=c99 -o '$scratch/use' '$scratch/use.c' \
            $(cat "$scratch/cflags") $(cat "$scratch/libs")"
        check 'and runs' eval 'LD_LIBRARY_PATH="$prefix/lib" "$scratch/use" | grep -q no/such/folder'
    fi
    check 'the library names no OpenBLAS' eval '! grep -q openblas "$prefix/lib/pkgconfig/savs.pc"'
else
    skip 'no pkg-config'
fi
do_make install PREFIX=/usr DESTDIR="$scratch/a stage"
judge 0 '' 'make install DESTDIR'
check 'DESTDIR stands in front of every path' [ -s "$scratch/a stage/usr/share/man/man1/savs.1" ]
check 'and in no file' grep -qx 'prefix=/usr' "$scratch/a stage/usr/lib/pkgconfig/savs.pc"
do_make uninstall PREFIX="$prefix"
judge 0 '' 'make uninstall'
do_make uninstall PREFIX=/usr DESTDIR="$scratch/a stage"
judge 0 '' 'make uninstall DESTDIR'
check 'nothing is left' [ -z "$(find "$prefix" "$scratch/a stage" ! -type d | head -n 1)" ]
report 'cli install'
