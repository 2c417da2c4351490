#!/bin/sh
# Messages on the command line: bounds beside a picture and those of the options, addresses, keys that are not
# read. The sizes are those of golden/requests/bounds.json.
. tests/cli/lib
needs_pictures 'cli requests'

here=$(pwd)
wide=$here/golden/llava/images/100x200.png
model=golden/models/report-qwen2-vl
ask() { # ask KEYS: messages with a picture and these keys beside it
    printf '[{"role":"user","content":[{"type":"image","image":"%s"%s},{"type":"text","text":"?"}]}]' \
        "${address:-$wide}" "$1" >"$scratch/m.json"
}
grid() { # grid H W KEYS arguments...: what show pixels says, without a warning
    size=$1x$2
    ask "$3"
    shift 3
    expect 0 '' show pixels --model $model --messages "$scratch/m.json" --json "$@"
    got=$(sed -n 's/.*"grid":\[\([0-9]*\),\([0-9]*\)\].*/\1x\2/p' "$scratch/out")
    check "grid $got, want $size" [ "$got" = "$size" ]
}
quiet_err() { check 'nothing on stderr' [ ! -s "$scratch/err" ]; }
one_line() { check 'one line on stderr' [ "$(wc -l <"$scratch/err")" -eq 1 ]; }

# ---- bounds ----
grid 8 14 ''
quiet_err
grid 4 8 ', "max_pixels": 6272'
grid 14 26 ', "min_pixels": 60000'
grid 4 8 ', "resized_height": 56, "resized_width": 112'
quiet_err
grid 10 18 ', "min_pixels": 30000, "max_pixels": 40000'
# the picture's bounds come first; those of the options rule where it has none, and the processor's resize
grid 4 10 '' --max-pixels 12544
grid 4 8 ', "max_pixels": 6272' --max-pixels 12544
grid 6 10 ', "max_pixels": 50000' --max-pixels 12544
grid 14 26 ', "min_pixels": 60000' --min-pixels 30000
grid 8 8 ', "resized_height": 280, "resized_width": 280' --max-pixels 12544
ask ', "min_pixels": 60000'
expect 1 'found min_pixels 60000 above max_pixels 6272' show pixels --model $model \
    --messages "$scratch/m.json" --max-pixels 6272
ask ', "min_pixels": 60000, "max_pixels": 6272'
expect 1 'm.json:1:' show pixels --model $model --messages "$scratch/m.json"
ask ', "max_pixels": "6272"'
expect 1 '"max_pixels": found "6272"; expected a whole number' show pixels --model $model \
    --messages "$scratch/m.json"
ask ', "max_pixels": 6272'
expect 1 'for the Qwen-VL families; found llava_onevision' dump --model $llava --messages "$scratch/m.json" \
    --out "$scratch/no"
expect 1 'for the Qwen-VL families; found llava_onevision' show pixels --model $llava \
    --messages "$scratch/m.json"

# ---- what is not read is named, in one warning; --quiet hears nothing ----
ask ', "max_pixel": 6272, "detail": "low"'
expect 0 'm.json: keys are not read: "image.max_pixel", "image.detail"' show pixels --model $model \
    --messages "$scratch/m.json"
one_line
expect 0 'keys are not read' dump --model $model --messages "$scratch/m.json" --out "$scratch/d" \
    --stages sav.tap
expect 0 '' dump --model $model --messages "$scratch/m.json" --out "$scratch/d" --stages sav.tap --quiet
quiet_err
ask ', "resized_height": 56'
expect 0 'resized_height and resized_width are used only together' show pixels --model $model \
    --messages "$scratch/m.json"
one_line

# ---- addresses: file:// is a path, the rest is named in a short line ----
address=file://$wide
grid 8 14 ''
junk=$(printf '%0800d' 0)
for address in "data:image/png;base64,$junk" "https://host/$junk.png" "$junk$junk$junk$junk$junk$junk"; do
    ask ''
    expect 1 '; expected a path' show pixels --model $model --messages "$scratch/m.json"
    check 'a short line' [ "$(wc -c <"$scratch/err")" -lt 300 ]
done
address=

# ---- literal prompts: the library counts <|vision_start|><|image_pad|> ----
ask ''
printf '%s' '<|image_pad|>a<|vision_start|>' >"$scratch/p"
expect 1 'token 29 is <|vision_start|> at the end' dump --model $model --messages "$scratch/m.json" \
    --prompt "$scratch/p" --out "$scratch/no"
printf '%s' '<|image_pad|>a<|placeholder|>' >"$scratch/p"
expect 1 'holds <|placeholder|>' dump --model $model --messages "$scratch/m.json" --prompt "$scratch/p" \
    --out "$scratch/no"
check 'nothing was written' [ ! -e "$scratch/no" ]
report 'cli requests'
