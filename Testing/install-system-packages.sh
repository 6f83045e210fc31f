#!/usr/bin/env bash
# What the scene and GUI tests need of the operating system: OpenGL without a screen (EGL), the libraries that Qt links
# to, and one font. As root on Debian or Ubuntu, installs what is missing; otherwise says what to install, and fails.
set -euo pipefail

# library that must be found -> Debian package that has it
needed=(
  libEGL.so.1:libegl1
  libGL.so.1:libgl1
  libOpenGL.so.0:libopengl0
  libGLX_mesa.so.0:libglx-mesa0
  libEGL_mesa.so.0:libegl-mesa0
  libX11.so.6:libx11-6
  libxcb.so.1:libxcb1
  libxkbcommon.so.0:libxkbcommon0
  libfontconfig.so.1:libfontconfig1
  libfreetype.so.6:libfreetype6
  libglib-2.0.so.0:libglib2.0-0
  libdbus-1.so.3:libdbus-1-3
  libgssapi_krb5.so.2:libgssapi-krb5-2
)

[ "$(uname -s)" = Linux ] || exit 0

found=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
packages=()
for entry in "${needed[@]}"; do
  grep -q "^[[:space:]]*${entry%%:*} " <<<"$found" || packages+=("${entry##*:}")
done
compgen -G "/usr/share/fonts/*/*/*.[to]tf" >/dev/null || packages+=(fonts-dejavu-core)
# Software rendering: llvmpipe or swrast, wherever the distribution puts it.
compgen -G "/usr/lib/*/dri/*swrast*" >/dev/null || compgen -G "/usr/lib/*/libgallium*" >/dev/null \
  || compgen -G "/usr/lib*/dri/*swrast*" >/dev/null || packages+=(libgl1-mesa-dri)

[ ${#packages[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "Installing system packages for the tests: ${packages[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
else
  echo "System packages are missing. Please install them and try again, on Debian or Ubuntu by:" >&2
  echo "    sudo apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi
