#!/bin/sh
# Pictures as cameras, tools and broken transfers leave them (golden/image/files/): what is read, turned,
# warned of and refused. Their pixels: tests/models/test_picture_files.c.
. tests/cli/lib
needs_pictures 'cli pictures'

base=golden/models/report-qwen2-vl
files=$(pwd)/golden/image/files
list() { # list NAME...: a list of questions about these files
    for name; do printf '{"image":"%s/%s","question":"What is it?","label":"x"}\n' "$files" "$name"; done
}
pixels() { # pixels NAME options...: what `show pixels` says of it
    name=$1
    shift
    expect 0 '' show pixels --model $base --image "$files/$name" "$@"
}

# ---- orientation: counted wherever it stands, turned when asked ----
turns='exif.png exif-header.png raw-profile.png xmp.png xmp-behind.png xmp.jpg'
# shellcheck disable=SC2086 # a list
list $turns window-32k.png >"$scratch/turned.jsonl"
expect 0 '6 of 7 pictures have an EXIF or XMP orientation and are used as stored (--exif-rotate turns them)' \
    encode --model $base --input "$scratch/turned.jsonl" --store "$scratch/stored"
expect 0 '' encode --quiet --model $base --input "$scratch/turned.jsonl" --store "$scratch/turned" \
    --exif-rotate
check 'no warning when they are turned' [ ! -s "$scratch/err" ]
check 'other features' sh -c "! cmp -s '$scratch/stored/features.f32' '$scratch/turned/features.f32'"
for name in $turns; do
    pixels $name
    check "$name as stored" grep -qF '112 x 56 (width x height), with an orientation' "$scratch/out"
    pixels $name --exif-rotate
    check "$name turned" grep -qF '56 x 112 (width x height)' "$scratch/out"
done

# ---- EXIF that cannot be read: used as stored, and named; an error when it is to be turned ----
list broken-exif.png >"$scratch/broken.jsonl"
expect 0 '1 of 1 pictures are damaged' encode --model $base \
    --input "$scratch/broken.jsonl" --store "$scratch/broken"
expect 1 'broken-exif.png: found EXIF or XMP that cannot be read' show pixels --model $base --exif-rotate \
    --image "$files/broken-exif.png"
check 'with a hint' grep -q 'leave out --exif-rotate' "$scratch/err"

# ---- read though something is missing or wrong: one warning that counts and names the first ----
list exif.png zeros.jpg boundary.jpg cut-checksum.png after-eoi.jpg >"$scratch/damaged.jsonl"
expect 0 "3 of 5 pictures are damaged (end marker, checksum, pixel data or EXIF) and are used" encode \
    --model $base --input "$scratch/damaged.jsonl" --store "$scratch/damaged"
check 'the first is named' grep -qF "the first: $files/zeros.jpg" "$scratch/err"
list unrefined.jpg after-eoi.jpg >"$scratch/unrefined.jsonl"
expect 0 '1 of 2 pictures are progressive JPEGs without their last refinements' encode --model $base \
    --input "$scratch/unrefined.jsonl" --store "$scratch/unrefined"
check 'it is named' grep -qF "the first: $files/unrefined.jpg" "$scratch/err"
pixels zeros.jpg --json
check 'damaged in JSON' grep -q '"turned":false,"damaged":true,"unrefined":false' "$scratch/out"
pixels unrefined.jpg
check 'unrefined in words' grep -q 'without its last refinements' "$scratch/out"

# ---- --max-picture-pixels: in a list, at the command line, for one picture ----
list exif.png after-eoi.jpg >"$scratch/large.jsonl"
expect 1 'exif.png: found a picture of 112 x 56 pixels; expected at most 6271 in all' encode --quiet \
    --model $base --input "$scratch/large.jsonl" --store "$scratch/large" --max-picture-pixels 6271
expect 0 'left out' encode --model $base --input "$scratch/large.jsonl" --store "$scratch/large" \
    --max-picture-pixels 6271 --skip-bad
expect 0 '' encode --quiet --model $base --input "$scratch/large.jsonl" --store "$scratch/all" \
    --max-picture-pixels 6272
expect 1 'expected at most 6271 in all' show pixels --model $base --image "$files/exif.png" \
    --max-picture-pixels 6271
expect 2 '--max-picture-pixels 178956971: expected at most 178956970' show pixels --model $base \
    --image "$files/exif.png" --max-picture-pixels 178956971
expect 2 '--max-picture-pixels' show pixels --model $base --image "$files/exif.png" --max-picture-pixels 0
for command in encode run predict dump 'show pixels'; do
    # shellcheck disable=SC2086
    $limit "$savs" $command --help >"$scratch/out" 2>"$scratch/err"
    check "$command --help names it" grep -q -- '--max-picture-pixels N' "$scratch/out"
done

report 'cli pictures'
