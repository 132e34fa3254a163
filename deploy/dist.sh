#!/bin/bash
# Packs target/dist/foreshard-VERSION-TARGET.tar.gz: the binary, completions, manual pages, the unit, the
# annotated configuration, the licence. `make dist` calls it.
#
# The binary is static (musl) if the compiler's musl target and musl-gcc are there, and else linked against this
# machine's C library, which is said. DIST_TARGET chooses.
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
musl=${host%-gnu}-musl
why=
if [[ -z ${DIST_TARGET:-} ]]; then
    DIST_TARGET=$musl
    if ! command -v musl-gcc >/dev/null; then
        why="no musl-gcc (apt-get install musl-tools)"
    elif [[ ! -d $(rustc --print sysroot)/lib/rustlib/$musl ]]; then
        why="no standard library for $musl (rustup target add $musl)"
    fi
    [[ -z $why ]] || DIST_TARGET=$host
fi

cargo build --release --locked -p cli --target "$DIST_TARGET"
built=target/$DIST_TARGET/release/foreshard
version=$("$built" --version | cut -d' ' -f2)
name=foreshard-$version-$DIST_TARGET
out=target/dist/$name
rm -rf "$out"
mkdir -p "$out/completions"
install -m 755 "$built" "$out/foreshard"
strip --strip-debug "$out/foreshard"
for shell in bash zsh fish; do
    "$out/foreshard" completions $shell >"$out/completions/foreshard.$shell"
done
"$out/foreshard" man --out "$out/man/man1"
install -m 644 LICENSE README.md CHANGELOG.md deploy/foreshard.service deploy/foreshard.toml "$out"
cp -r deploy/grafana deploy/prometheus "$out"
"$out/foreshard" config check "$out/foreshard.toml" >/dev/null

# The same files give the same archive.
date=$(git log -1 --format=%ct 2>/dev/null || echo 0)
tar --create --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner -C target/dist "$name" |
    gzip -9n >"$out.tar.gz"
if file -L "$out/foreshard" 2>/dev/null | grep -Eq 'static(ally|-pie) linked'; then
    kind="static"
elif ldd "$out/foreshard" 2>&1 | grep -q 'not a dynamic\|statically linked'; then
    kind="static"
else
    libc=$(ldd --version | head -1)
    kind="NOT static${why:+: $why}; it needs ${libc##* } of the C library or newer"
fi
echo "$out.tar.gz ($(du -h "$out.tar.gz" | cut -f1); the binary is $kind)"
