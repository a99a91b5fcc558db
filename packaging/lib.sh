# What the scripts of this folder share. In: HSFLOW_VERSION, SOURCE_DATE_EPOCH, DEBFULLNAME, DEBEMAIL, where they are set.
# Out: $version, $maintainer, and the date that all files get, so that two builds of one commit are the same.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8 TZ=UTC
umask 022
version=${HSFLOW_VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)}
# debian/control is the one place that names a maintainer, for all kinds of packages
maintainer=$(sed -n 's/^Maintainer: //p' "$top/debian/control")
name=${maintainer% <*} address=${maintainer##*<}
maintainer="${DEBFULLNAME:-$name} <${DEBEMAIL:-${address%>}}>"
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct 2>/dev/null) || SOURCE_DATE_EPOCH=$(stat -c %Y "$top/packaging/CHANGELOG.md")
fi
export SOURCE_DATE_EPOCH

die() { echo "${0##*/}: $*" >&2; exit 1; }
machine() { # the architecture of a program, as Debian calls it
  case $(readelf -h "$1" | sed -n 's/^ *Machine: *//p') in
    *X86-64*) echo amd64 ;;
    AArch64) echo arm64 ;;
    *) die "$1: for a machine that no package is made for" ;;
  esac
}
tool_for() { # program, name: the binutils of that program's machine
  local prefix
  case $(machine "$1") in amd64) prefix=x86_64 ;; arm64) prefix=aarch64 ;; esac
  if [ "$prefix" = "$(uname -m)" ]; then echo "$2"; else echo "$prefix-linux-gnu-$2"; fi
}
sources() { # copies there what packages are made of, besides programs
  (cd "$top" && cp -R debian packaging man etc systemd LICENSE README.md "$1/")
  rm -rf "$1"/packaging/*.pyc "$1"/packaging/__pycache__
}
