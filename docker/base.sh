#!/usr/bin/env bash
# Make the base image from a Debian root file system, for machines that reach no image registry:
#   docker/base.sh NAME:TAG
# Needs root, debootstrap and a Docker engine. The variable MIRROR names a Debian mirror; with one
# of snapshot.debian.org, the packages are those of a fixed day.
set -euo pipefail
image=${1:?usage: docker/base.sh NAME:TAG}
suite=bookworm
mirror=${MIRROR:-http://deb.debian.org/debian}

[ "$(id -u)" = 0 ] || { echo "docker/base.sh: debootstrap needs root: sudo docker/base.sh $image" >&2; exit 2; }
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase "$suite" "$root" "$mirror" >&2
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*
tar --create --numeric-owner --directory "$root" . | "${DOCKER:-docker}" import --message "debootstrap $suite" - "$image"
