# Shared by the scripts that build: what is built, and from which moment.
# shellcheck shell=bash

# shellcheck source-path=SCRIPTDIR source=../test/engines/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../test/engines/lib.sh"

# What "caisson version" says. Outside a git repository, VERSION must say it.
version=${VERSION:-$(git -C "$root" describe --tags --always --dirty 2>/dev/null || echo devel)}
revision=${REVISION:-$(git -C "$root" rev-parse HEAD 2>/dev/null || true)}
# The time of everything that is packed: that of the last commit, so that the same sources give the same bytes.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
export LC_ALL=C TZ=UTC
umask 022

# pack ARCHIVE FOLDER NAME: packs NAME in FOLDER; the same files give the same bytes.
pack() {
	tar --create --directory="$2" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
		--format=ustar "$3" | gzip --no-name --best >"$1"
}
