# Shared by the scripts in this folder: where things are kept, and how they speak.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${CAISSON_CACHE:-$root/.cache}
export CAISSON_CACHE=$cache

say() { printf '%s\n' "$*" >&2; }

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Puts a Go that can build Caisson first in PATH. Debian 12 ships 1.19, which cannot, so the usual
# place of a Go installed by hand is tried too.
need_go() {
	local candidate version
	for candidate in "$(command -v go || true)" /usr/local/go/bin/go; do
		[[ -x $candidate ]] || continue
		version=$(GOTOOLCHAIN=local "$candidate" env GOVERSION 2>/dev/null) || continue
		version=${version#go}
		if printf '1.26\n%s\n' "$version" | sort --version-sort --check=quiet; then
			PATH=$(dirname "$candidate"):$PATH
			export PATH GOTOOLCHAIN=local
			return
		fi
	done
	die "Go 1.26 or newer is needed, in PATH or in /usr/local/go. Debian's package golang-go is too old:
install Go as https://go.dev/doc/install says, then run this again."
}

# current STAMP FILE...: true if STAMP was written by stamp for exactly these files.
current() {
	local stamp=$1
	shift
	[[ -f $stamp && $(<"$stamp") == "$(cat "$@" | sha256sum)" ]]
}

stamp() {
	local stamp=$1
	shift
	cat "$@" | sha256sum >"$stamp"
}

# wait_until COMMAND...: true as soon as COMMAND succeeds, false after 30 seconds.
wait_until() {
	local deadline=$((SECONDS + 30))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}

# remove_cgroups NAME: removes what containers of a private engine leave when they are killed. The engine
# puts them below NAME in each hierarchy of cgroup v1, or in the single one of v2.
remove_cgroups() {
	local folder status=0
	for folder in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
		[[ ! -d $folder ]] || find "$folder" -depth -type d -exec rmdir {} + || status=1
	done
	return $status
}

# quiet_go ARGUMENT...: go without the lines that tell of each module it downloads.
quiet_go() {
	go "$@" 2> >(grep --invert-match '^go: downloading ' >&2)
}
