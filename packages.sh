# Sourced by check.sh and demo.sh: what Chorale needs from Debian's packages, and how to get what is missing.
#
#   packages_install PACKAGE...   installs those that are not there yet; with --no-install given to the caller
#                                 (no_install=1) it only names them and fails.

packages_build='gcc libc6-dev cmake ninja-build pkg-config libgsl-dev libhdf5-dev liblua5.4-dev libjansson-dev
    libpcre2-dev libutf8proc-dev zlib1g-dev libxxhash-dev libssl-dev gnuplot-nox'
packages_check='clang libclang-rt-14-dev lld clang-format hdf5-tools python3-h5py python3-pandas python3-xarray python3-netcdf4 jq'

packages_missing() {
    for package in "$@"; do
        state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$state" = 'install ok installed' ] || printf '%s ' "$package"
    done
}

packages_install() {
    command -v dpkg-query >/dev/null 2>&1 || {
        echo "This system has no Debian packages; what is needed: $*" >&2
        return 0
    }
    missing=$(packages_missing "$@")
    if [ -z "$missing" ]; then
        echo "packages: all there"
        return 0
    fi
    if [ "${no_install:-0}" = 1 ]; then
        echo "packages: missing, and --no-install was given: $missing" >&2
        return 1
    fi
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "packages: missing: $missing; run as root, or install sudo, or install these yourself" >&2
            return 1
        }
        as_root=sudo
    fi
    echo "packages: installing $missing"
    $as_root apt-get update -qq
    # shellcheck disable=SC2086 # the list is meant to be split
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
