#!/bin/bash
# Creates the base image of all others if it is missing: pulls it, or builds it with debootstrap when no registry is reachable.
#
# In the latter case it also fetches Kafka's jars outside the build, as such a machine often has a proxy with a certificate authority of
# its own. Run it as root.
set -euo pipefail
cd "$(dirname "$0")"
shopt -s extglob

image=debian:trixie-slim
! docker image inspect "$image" >/dev/null 2>&1 || exit 0
! docker pull --quiet "$image" || exit 0

echo "base: $image cannot be pulled: making it with debootstrap"
../tools/deps.sh kafka
mkdir -p kafka/jars
cp -a "${BLAZZ_CACHE:-$HOME/.cache/blazz}"/kafka-+([0-9.]) kafka/jars/ # not the leftovers of an interrupted download
root=$(mktemp -d "${TMPDIR:-/var/tmp}/blazz-base.XXXXXX")
trap 'rm -rf -- "$root" "$root.log"' EXIT
debootstrap --variant=minbase trixie "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
	{ tail -n 20 "$root.log" >&2; exit 1; }

# Like the published image: no documentation, package lists or package files; neither for packages installed later.
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
