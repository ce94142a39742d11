#!/usr/bin/env bash
# Installs the system libraries that Qt and a screenless viewer need and this Debian or Ubuntu lacks; does nothing elsewhere.
set -eu

needed=(
  xvfb xauth libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libopengl0 libxkbcommon0 libxkbcommon-x11-0
  libdbus-1-3 libfontconfig1 fontconfig libglib2.0-0 libx11-xcb1 libxcb-cursor0 libxcb-icccm4
  libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xfixes0
  libxcb-xkb1 libxcb-sync1
)

command -v apt-get >/dev/null || exit 0

# Newer releases call some libraries NAMEt64 (libglib2.0-0t64).
is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" "$1t64" 2>/dev/null | grep -qx installed
}

missing=()
for package in "${needed[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=(env)
elif sudo -n true 2>/dev/null; then
  as_root=(sudo -n env)
else
  echo "Qt lacks system libraries; please run: sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
"${apt[@]}" update >&2
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2
