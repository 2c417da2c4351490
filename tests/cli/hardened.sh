#!/bin/sh
# The guards of the Makefile are in the program: position-independent, its tables read-only once it runs,
# stack protector, checked string functions.
. tests/cli/lib

if ! command -v readelf >/dev/null 2>&1 || ! readelf -h "$savs" >"$scratch/head" 2>/dev/null; then
    skip 'no readelf, or no ELF file'
    report 'cli hardened'
fi
readelf -dlW "$savs" >"$scratch/tables" 2>/dev/null
readelf -sW "$savs" >"$scratch/names" 2>/dev/null
if grep -q INTERP "$scratch/tables"; then
    check 'position-independent' grep -q 'Type: *DYN' "$scratch/head"
    check 'all names bound at the start' grep -qE 'BIND_NOW|Flags:.* NOW' "$scratch/tables"
fi
check 'read-only after relocation' grep -q 'GNU_RELRO' "$scratch/tables"
check 'no executable stack' grep -qE 'GNU_STACK.* RW +0x' "$scratch/tables"
check 'stack protector' grep -q '__stack_chk_fail' "$scratch/names"
if grep -qE '__asan_init|@GLIBC' "$scratch/names" && ! grep -q '__asan_init' "$scratch/names"; then
    if grep -q '__v*snprintf_chk' "$scratch/names"; then pass; else skip 'built without optimisation'; fi
else
    skip 'AddressSanitizer or another C library: no checked functions'
fi
report 'cli hardened'
