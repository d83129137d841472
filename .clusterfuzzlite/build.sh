#!/usr/bin/env bash
# Builds every target in fuzz/ for ClusterFuzzLite, which sets SRC and OUT: the binary, what it begins with,
# and the options that fuzz/README.md gives by hand.
set -euo pipefail
cd "$SRC/seawall"

cargo fuzz build -O
for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    corpus=("fuzz/corpus/$target")
    if [ "$target" = scenario ]; then
        corpus+=(sim/regressions)
        cp fuzz/dictionaries/scenario.dict "$OUT/"
        # Without this the sanitizer never gives back the stacks of tasks that a crash froze.
        cat >"$OUT/scenario.options" <<'OPTIONS'
[libfuzzer]
max_len = 65536
len_control = 0
dict = scenario.dict

[asan]
detect_stack_use_after_return = 0
OPTIONS
    fi
    find "${corpus[@]}" -type f -print0 | sort -z | xargs -0 zip -q -j "$OUT/${target}_seed_corpus.zip"
done
