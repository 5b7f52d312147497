#!/bin/sh
# Makes the font files of this folder from Inter 4.0 (Debian package fonts-inter; SIL Open Font License, see OFL.txt).
# Needs fonttools and brotli: pip install fonttools brotli
# The .otf is for measuring and for text in PNG files, so it carries outlines alone; the .woff2 files are for HTML pages
# and keep kerning and tabular figures.
set -eu
from=${1:-/usr/share/fonts/opentype/inter}
here=$(dirname "$0")
# Basic Latin, Latin-1, Latin Extended-A, Romanian; dashes, quotes, bullet, ellipsis; super- and subscripts; symbols.
unicodes=U+20-7E,U+A0-17E,U+218-21B,U+2013,U+2014,U+2018-201E,U+2022,U+2026,U+2070,U+2074-2079,U+207B,U+20AC,U+2192
unicodes=$unicodes,U+2212,U+2264,U+2265,U+3C3,U+3C6,U+3BC,U+394
pyftsubset "$from/Inter-Regular.otf" --unicodes="$unicodes" --layout-features= --no-hinting --name-IDs=0,13,14 \
    --notdef-outline --output-file="$here/Inter-Regular.otf"
for weight in Regular SemiBold; do
    pyftsubset "$from/Inter-$weight.otf" --unicodes="$unicodes" --layout-features=kern,tnum --no-hinting \
        --name-IDs=0,13,14 --flavor=woff2 --output-file="$here/Inter-$weight.woff2"
done
