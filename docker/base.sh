#!/bin/bash
# Makes the image that all others are built from where it is missing: pulled, or made by debootstrap where no registry is reached.
#
# There Kafka's jars are fetched outside the build, too: such a machine often has a proxy with an authority of its own. As root.
set -euo pipefail
cd "$(dirname "$0")"
shopt -s extglob

image=debian:trixie-slim
! docker image inspect "$image" >/dev/null 2>&1 || exit 0
! docker pull --quiet "$image" || exit 0

echo "base: $image cannot be pulled: making it with debootstrap"
../tools/deps.sh kafka
mkdir -p kafka/jars
cp -a "${BLAZZ_CACHE:-$HOME/.cache/blazz}"/kafka-+([0-9.]) kafka/jars/ # not what an interrupted fetch left
root=$(mktemp -d "${TMPDIR:-/var/tmp}/blazz-base.XXXXXX")
trap 'rm -rf -- "$root" "$root.log"' EXIT
debootstrap --variant=minbase trixie "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
	{ tail -n 20 "$root.log" >&2; exit 1; }

# As the published image: nothing to read, no lists, no package files; nor with what is installed later.
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<-END
	path-exclude /usr/share/doc/*
	path-include /usr/share/doc/*/copyright
	path-exclude /usr/share/locale/*
	path-exclude /usr/share/man/*
	path-exclude /usr/share/info/*
	path-exclude /usr/share/lintian/*
END
cat >"$root/etc/apt/apt.conf.d/slim" <<-END
	Dir::Cache::pkgcache "";
	Dir::Cache::srcpkgcache "";
	DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };
	APT::Keep-Downloaded-Packages "false";
END
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root"/usr/share/{locale,man,info,lintian}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log
tar -C "$root" --one-file-system -c . | docker import --change 'CMD ["bash"]' - "$image" >/dev/null
