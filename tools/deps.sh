#!/bin/bash
# Installs what the project needs on Debian 12 or 13: tools/deps.sh build|demo|lint|kafka|test|bench|all|verify
#
# Installs only missing packages; when none is missing, it returns quickly and uses neither apt nor the network.
# libyyjson-dev is new in Debian 13: Debian 12 gets it from there, pinned so that no other package comes from there. Kafka's
# jars come from Maven Central into ${BLAZZ_CACHE:-~/.cache/blazz}, and the reference library of Standard Webhooks, against which
# signatures are tested, from npm's registry. Both are pinned by checksum: a download that differs is not used. `verify` compares
# the jars in the cache with kafka-jars.sha256.
set -euo pipefail
cd "$(dirname "$0")"

kafka_version=4.3.0
kafka_jars="${BLAZZ_CACHE:-$HOME/.cache/blazz}/kafka-$kafka_version"
webhooks_version=1.1.1
webhooks_modules="${BLAZZ_CACHE:-$HOME/.cache/blazz}/standardwebhooks-$webhooks_version"
missing=()

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }

# need_x <what to look for> <the package that provides it>
need_command() { command -v "$1" >/dev/null || missing+=("$2"); }
need_library() { pkg-config --exists "$1" 2>/dev/null || missing+=("$2"); }
need_header() { [ -e "/usr/include/$1" ] || missing+=("$2"); }
need_package() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] || missing+=("$1"); }

want_build() {
	need_command make make
	need_command gcc gcc
	need_command g++ g++
	need_command git git
	need_command pkg-config pkg-config
	need_command protoc protobuf-compiler
	need_command protoc-c protobuf-c-compiler
	need_library libprotobuf-c libprotobuf-c-dev
	need_library rdkafka librdkafka-dev
	need_library libpq libpq-dev
	need_library libcurl libcurl4-openssl-dev
	need_library openssl libssl-dev
	need_library libconfig libconfig-dev
	need_library libmicrohttpd libmicrohttpd-dev
	need_library libevent libevent-dev
	need_library liblz4 liblz4-dev
	need_library yyjson libyyjson-dev
	need_header phonenumbers/phonenumberutil.h libphonenumber-dev
	need_library icu-uc libicu-dev
	need_library libqrencode libqrencode-dev
}

want_demo() {
	want_build
	need_package postgresql
	need_package sqitch
	need_package libdbd-pg-perl
	want_python
}

want_python() {
	need_package python3
	need_package python3-confluent-kafka
	need_package python3-protobuf
	need_package python3-psycopg2
}

want_lint() {
	want_build
	want_python
	need_command clang-19 clang-19
	need_command clang-format-19 clang-format-19
	need_command clang-tidy-19 clang-tidy-19
	need_command patch patch
}

want_kafka() {
	need_command java default-jre-headless
	kafka_present || need_command mvn maven
}

want_test() {
	want_demo
	want_lint
	want_kafka
	need_package libclang-rt-19-dev
	need_package libcmocka-dev
	need_package python3-pytest
	need_package python3-prometheus-client
	need_package python3-pytest-xdist
	need_package python3-cryptography
	need_package python3-h2
	need_package python3-yaml
	need_command ip iproute2
	need_command openssl openssl
	need_command age age
	need_command curl curl
	need_command node nodejs
}

want_bench() {
	want_test
	need_command /usr/sbin/nginx nginx
	need_command wrk wrk
	need_command valgrind valgrind
}

can_install() { [[ $(apt-cache policy "$1") == *'Candidate: '[0-9]* ]]; }

# Adds Debian 13's archive, from the mirror of Debian 12, for libyyjson only.
add_yyjson_source() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror key
	mirror=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 'Component: main')
	mirror=${mirror%%$'\n'*}

	# A plain Debian 12 may be older than Debian 13's keys; its archive has the keyring package that contains them.
	apt install -y --no-install-recommends debian-archive-keyring ca-certificates
	for key in /usr/share/keyrings/debian-archive-trixie-{automatic,stable}.gpg; do
		[ -e "$key" ] && keyring+=" $key"
	done
	as_root tee /etc/apt/preferences.d/blazz-yyjson >/dev/null <<-END
		# Written by Blazz's tools/deps.sh. Remove it with sources.list.d/blazz-yyjson.sources on an upgrade to Debian 13.
		Package: *
		Pin: release n=trixie
		Pin-Priority: -1

		Package: libyyjson-dev libyyjson0
		Pin: release n=trixie
		Pin-Priority: 500
	END
	as_root tee /etc/apt/sources.list.d/blazz-yyjson.sources >/dev/null <<-END
		Types: deb
		URIs: ${mirror:-http://deb.debian.org/debian}
		Suites: trixie
		Components: main
		Signed-By: $keyring
	END
	apt update
}

install_missing() {
	# A third-party source that fails is not fatal: the installation reports missing packages.
	apt update || true
	case " ${missing[*]} " in
	*' libyyjson-dev '*) can_install libyyjson-dev || add_yyjson_source ;;
	esac
	apt install -y --no-install-recommends "${missing[@]}"
}

kafka_present() { [ -d "$kafka_jars" ]; }

# Checks that the folder has exactly the files of the list, each unchanged: kafka_verify <folder>
kafka_verify() {
	(cd "$1" && LC_ALL=C && sha256sum -- *) | diff kafka-jars.sha256 - >&2 ||
		{ echo "deps: $1 is not what tools/kafka-jars.sha256 lists (< listed, > found)" >&2; return 1; }
}

# Downloads into a folder next to the cache, verifies, then renames it: the cache is complete and verified, or absent.
fetch_kafka() {
	echo "deps: fetching Kafka $kafka_version"
	mkdir -p "$(dirname "$kafka_jars")"
	partial=$(mktemp -d "$kafka_jars.XXXXXX")
	trap 'rm -rf "$partial"' EXIT
	mvn --batch-mode --quiet --strict-checksums -Dstyle.color=never --file kafka-pom.xml \
		dependency:copy-dependencies -DoutputDirectory="$partial/jars"
	kafka_verify "$partial/jars"
	mv -T "$partial/jars" "$kafka_jars" || kafka_present # a concurrent run was faster
}

webhooks_present() { [ -d "$webhooks_modules" ]; }

# fetch_module <name> <version> <sha512>: a package of npm's registry, in npm's own layout
fetch_module() {
	local file="$partial/${1##*/}-$2.tgz"
	curl --fail --silent --show-error --location --retry 3 -o "$file" "https://registry.npmjs.org/$1/-/${1##*/}-$2.tgz"
	echo "$3  $file" | sha512sum --check --quiet
	mkdir -p "$partial/node_modules/$1"
	tar -xzf "$file" -C "$partial/node_modules/$1" --strip-components=1
	rm "$file"
}

# Without npm, which would install hundreds of packages; the library's dependencies have not changed for years.
fetch_webhooks() {
	echo "deps: fetching standardwebhooks $webhooks_version"
	mkdir -p "$(dirname "$webhooks_modules")"
	partial=$(mktemp -d "$webhooks_modules.XXXXXX")
	trap 'rm -rf "$partial"' EXIT
	fetch_module standardwebhooks $webhooks_version \
		6c26d7f5913216458fb11cfb065dcdb90509a219b01927afff286beef85a18f95ce007c8aeca4845ae9c3d306e23522d9ab4c327877f4b6842b1f7b8faf4069d
	fetch_module @stablelib/base64 1.0.1 \
		d5b9cf42a4b14ae737222e8c841caca160a0e7c8fdeda523b82499ac64a60f136ab72b488b493cbad51e9c0c1364de15e665d7606b15508f73781ab2fa304e49
	fetch_module fast-sha256 1.3.0 \
		9f5d5118ffe5ad610523f6d677280bc6123ea557a8d59608570bef3e45bb6b397facecbe1771d8459d8ae73784f669a4850a69caff6c405c7424cf5469b9e93d
	mv -T "$partial" "$webhooks_modules" || webhooks_present # a concurrent run was faster
}

case "${1:-all}" in
verify) kafka_verify "$kafka_jars"; exit ;;
build | demo | lint | kafka | test | bench) "want_$1" ;;
all) want_test ;;
*) sed -n '2s/^# //p' deps.sh >&2; exit 64 ;;
esac
if [ ${#missing[@]} -gt 0 ]; then
	echo "deps: installing ${missing[*]}"
	install_missing
fi
case "${1:-all}" in
kafka | test | bench | all) kafka_present || fetch_kafka ;;&
test | bench | all) webhooks_present || fetch_webhooks ;;
esac
