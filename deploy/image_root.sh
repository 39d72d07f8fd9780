#!/bin/sh
# Lays out what the image adds to its base: image_root.sh FOLDER ARCH (amd64 or arm64), after `npm run build`.
# The Dockerfile calls it, and so does the test that runs the result without a container engine.
set -eu

root=$1
case $2 in
  amd64) triple=x86_64-linux-gnu ;;
  arm64) triple=aarch64-linux-gnu ;;
  *) echo "no image for the architecture $2" >&2; exit 1 ;;
esac
dist=$(dirname "$0")/../dist

# One program; the charts call it by the names of the two that it replaces.
mkdir -p "$root"
cp "$dist/arc" "$root/arc"
chmod 755 "$root/arc"
ln -s /arc "$root/manager"
ln -s /arc "$root/ghalistener"

# Node needs libatomic, which the base has not; the entry in status.d shows it to scanners of images.
mkdir -p "$root/usr/lib/$triple" "$root/usr/share/doc/libatomic1" "$root/var/lib/dpkg/status.d"
cp -L "/usr/lib/$triple/libatomic.so.1" "$root/usr/lib/$triple/libatomic.so.1"
cp -L /usr/share/doc/libatomic1/copyright "$root/usr/share/doc/libatomic1/copyright"
dpkg-query --status libatomic1 > "$root/var/lib/dpkg/status.d/libatomic1"

# What is in it, and under which licences.
mkdir -p "$root/usr/share/doc/arc"
cp "$dist/sbom.json" "$dist/LICENSES.txt" "$root/usr/share/doc/arc/"
