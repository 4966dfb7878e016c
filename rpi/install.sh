#!/usr/bin/env bash
# Installs facesdk on a Raspberry Pi as a service; see --help and README.md.
set -euo pipefail

readonly USAGE="Usage: sudo rpi/install.sh [OPTION...]

Install facesdk on a Raspberry Pi with Raspberry Pi OS: bookworm or trixie with 64 bits, or bookworm
with 32 bits. Running it again repairs an installation or brings a newer wheel in.

  --wheel FILE      the facesdk wheel; default: the newest that fits in this folder, in ../dist or
                    in the working directory
  --source SOURCE   the camera of the service: picamera2, a number (/dev/videoN), rtsp://..., http://...
                    or a video file; default: the camera that is found
  --lan             serve the page to the whole network, by HTTPS; default: to this Pi alone
  --offline FOLDER  take Python packages from this folder, not from the internet
  --no-start        install the service without starting it
  --any-board       go on where the board is no Raspberry Pi
  --dry-run         check everything, say what would be done, change nothing; needs no root
  --uninstall       remove facesdk; the gallery, its key and the settings stay
  --purge           with --uninstall: remove these too. Nobody can read the gallery without its key.
  --help            this text

Examples:
  sudo rpi/install.sh --dry-run
  sudo rpi/install.sh
  sudo rpi/install.sh --source rtsp://door.local/stream --lan
  sudo rpi/install.sh --uninstall

Exit status: 0 done, 2 wrong options, 3 this Pi cannot run facesdk, 1 a step failed."

# Where / is: another folder in tests.
readonly ROOT=${FACESDK_ROOT:-}
readonly APP=$ROOT/opt/facesdk
readonly CONFIG=$ROOT/etc/facesdk
readonly STATE=$ROOT/var/lib/facesdk
readonly UNIT=$ROOT/etc/systemd/system/facesdk.service
readonly RULES=$ROOT/etc/udev/rules.d/60-facesdk.rules
readonly COMMAND=$ROOT/usr/local/bin/facesdk
readonly RESTART=$APP/restart-pending
readonly SETTINGS=$CONFIG/service.conf
readonly ACCOUNT=facesdk
readonly STEPS=9
readonly NEEDED_MB=700
readonly SMALL_MB=700
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

# facesdk with these extras on 64 bits.
readonly EXTRAS=camera,gallery,serve,mqtt
# On 32 bits PyPI has no wheels of NumPy, Pillow, OpenCV and cffi, so these are Debian's, older than what the metadata of
# others asks for: so pip must not follow that metadata, and everything else is named here.
readonly PACKAGES_32=(python3-pil python3-opencv python3-cffi-backend)
readonly WHEELS_32=("typer>=0.17.5" "rich>=13" "platformdirs>=4" "fastapi>=0.162" "uvicorn>=0.54" "python-multipart>=0.0.20" "prometheus-client>=0.20" "paho-mqtt>=2")
readonly LONE_WHEELS_32=("tflite-runtime==2.14.0" "cryptography>=42")
readonly PICAMERA=python3-picamera2

wheel='' source='' offline='' lan=false start=true any_board=false dry_run=false uninstall=false purge=false
step_number=0 architecture='' release='' camera='' serve=''

# ---- saying and doing ----

step() {
  step_number=$((step_number + 1))
  printf '[%d/%d] %s\n' "$step_number" "$total" "$1"
}
say() { printf '      %s\n' "$1"; }
warn() { printf '      warning: %s\n' "$1" >&2; }
fail() { # STATUS MESSAGE
  printf 'install.sh: %s\n' "$2" >&2
  exit "$1"
}

# Runs a command, or says it.
run() {
  if $dry_run; then
    say "would run: $*"
  elif ! "$@"; then
    fail 1 "this failed: $*"
  fi
}

# The service has to be started anew, now or in a later run if this one does not come to it.
remember_restart() {
  if ! $dry_run; then mkdir -p "$APP" && touch "$RESTART"; fi
}

# A file with this content and mode, written whole; says whether it changed.
changed=false
place() { # TARGET MODE, content on standard input
  local content
  content=$(cat)
  if [ -e "$1" ] && [ "$(cat "$1")" = "$content" ] && [ "0$(stat -c %a "$1")" = "$2" ]; then
    say "$1 is as it should be"
    return
  fi
  changed=true
  remember_restart
  if $dry_run; then
    say "would write: $1"
    return
  fi
  mkdir -p "$(dirname "$1")"
  (umask 077 && printf '%s\n' "$content" >"$1.new")
  chmod "$2" "$1.new"
  mv "$1.new" "$1"
  say "wrote $1"
}

# Whether systemd and udev run here: not in a container or an image that is being made.
system_runs() { [ -d "$ROOT/run/systemd/system" ]; }

# ---- checks ----

check_board() {
  local model memory machine
  machine=$(uname -m)
  model=$({ tr -d '\0' <"$ROOT/proc/device-tree/model"; } 2>/dev/null || true)
  memory=$(awk '/^MemTotal:/ {print int($2 / 1024)}' "$ROOT/proc/meminfo")
  step "board: ${model:-unknown}, $machine, $memory MiB of memory"
  case $machine in
    aarch64 | armv7l | armv8l) ;;
    armv6l) fail 3 "this board has an ARMv6 processor (Raspberry Pi 1, Zero, Zero W); facesdk needs a Raspberry Pi 2 or later" ;;
    *) fail 3 "this is no ARM computer but $machine: see docs/use/install.md for other machines" ;;
  esac
  case $model in
    'Raspberry Pi'*) ;;
    *) $any_board || fail 3 "this board does not say that it is a Raspberry Pi; give --any-board to go on" ;;
  esac
  if [ "$memory" -lt "$SMALL_MB" ]; then
    warn "little memory: run nothing heavy beside the service, which may take up to 450 MiB"
  fi
}

check_system() {
  local id name free
  [ -r "$ROOT/etc/os-release" ] || fail 3 "$ROOT/etc/os-release is missing: this is no Raspberry Pi OS"
  # shellcheck disable=SC1091
  id=$(. "$ROOT/etc/os-release" && echo "${ID:-}")
  # shellcheck disable=SC1091
  name=$(. "$ROOT/etc/os-release" && echo "${PRETTY_NAME:-}")
  # shellcheck disable=SC1091
  release=$(. "$ROOT/etc/os-release" && echo "${VERSION_CODENAME:-}")
  architecture=$(dpkg --print-architecture 2>/dev/null || echo unknown)
  step "system: ${name:-unknown}, $architecture userland"
  case $id in
    debian | raspbian) ;;
    *) fail 3 "this installer knows Raspberry Pi OS and Debian, not '$id': see docs/use/install.md" ;;
  esac
  case $release/$architecture in
    bookworm/arm64 | trixie/arm64 | bookworm/armhf) ;;
    trixie/armhf)
      fail 3 "32-bit trixie has no TFLite runtime: tflite-runtime ends at Python 3.11, trixie has 3.13, and LiteRT has no \
32-bit wheel. Use the 64-bit system, or 32-bit bookworm"
      ;;
    */arm64 | */armhf) fail 3 "Raspberry Pi OS '$release' is not supported: use bookworm or trixie" ;;
    *) fail 3 "the userland is $architecture; facesdk has wheels for arm64 and armhf" ;;
  esac
  free=$(df -Pm "$ROOT/" | awk 'NR == 2 {print $4}')
  [ "$free" -ge "$NEEDED_MB" ] || fail 3 "$NEEDED_MB MiB must be free on the system's disk, but only $free MiB are"
}

check_camera() {
  local lister='' listed device
  for lister in rpicam-hello libcamera-hello ''; do
    [ -n "$lister" ] && command -v "$lister" >/dev/null && break
  done
  if [ -n "$lister" ]; then
    listed=$(timeout 20 "$lister" --list-cameras 2>/dev/null || true)
    if grep -Eq '^[0-9]+ : ' <<<"$listed"; then
      camera=picamera2
      step "camera: $(grep -Em1 '^[0-9]+ : ' <<<"$listed" | sed 's/^[0-9]* : //')"
      return
    fi
  fi
  for device in "$ROOT"/sys/class/video4linux/video*; do
    if [ "$(basename "$(readlink "$device/device/driver" || true)")" = uvcvideo ]; then
      camera=${device##*/video}
      step "camera: $(cat "$device/name" 2>/dev/null || echo USB) (USB, /dev/video$camera)"
      return
    fi
  done
  step "camera: none found"
  if [ -z "$source" ]; then
    say "the service will run without a live picture; later: sudo $0 --source SOURCE"
  fi
}

# The wheel that was given, or the newest that fits.
check_wheel() {
  local suffix folder candidate
  case $architecture in arm64) suffix=aarch64 ;; *) suffix=armv7l ;; esac
  if [ -z "$wheel" ]; then
    for folder in "$HERE" "$HERE/../dist" "$PWD"; do
      for candidate in "$folder"/facesdk*-py3-none-*_"$suffix".whl; do
        [ -e "$candidate" ] || continue
        if [ -z "$wheel" ] || [ "$candidate" -nt "$wheel" ]; then wheel=$candidate; fi
      done
    done
    [ -n "$wheel" ] || fail 3 "no facesdk wheel for $suffix beside this script: make one on a PC with \`make wheel-$suffix\` \
and copy it here, or give --wheel"
  fi
  [ -r "$wheel" ] || fail 2 "--wheel: $wheel cannot be read"
  case $wheel in
    *_"$suffix".whl) ;;
    *) fail 2 "--wheel: ${wheel##*/} is not for this system, whose wheels end in _$suffix.whl" ;;
  esac
  wheel=$(readlink -f "$wheel")
}

# ---- installing ----

is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

install_packages() {
  local packages=(python3-venv python3-numpy) package missing=()
  if [ "$architecture" = armhf ]; then packages+=("${PACKAGES_32[@]}"); fi
  step "packages of the system"
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if [ -z "$offline" ] && { [ ${#missing[@]} -gt 0 ] || ! is_installed "$PICAMERA"; }; then
    run apt-get update -qq
  fi
  if is_installed "$PICAMERA" || apt-cache show "$PICAMERA" >/dev/null 2>&1; then
    packages+=("$PICAMERA")
    is_installed "$PICAMERA" || missing+=("$PICAMERA")
  else
    warn "$PICAMERA is not in this system's archives: ribbon-cable cameras cannot be used, USB cameras and streams can"
  fi
  if [ ${#missing[@]} = 0 ]; then
    say "${packages[*]}: installed"
  else
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi
}

make_account() {
  step "user $ACCOUNT and its folders"
  if id "$ACCOUNT" >/dev/null 2>&1; then
    say "user $ACCOUNT: there"
  else
    run useradd --system --user-group --home-dir /var/lib/facesdk --no-create-home --shell /usr/sbin/nologin "$ACCOUNT"
  fi
  local group
  for group in video render; do
    if getent group "$group" >/dev/null; then
      run usermod --append --groups "$group" "$ACCOUNT"
    fi
  done
  run install -d -m 0755 "$APP" "$APP/share"
  run install -d -m 0750 -o root -g "$ACCOUNT" "$CONFIG"
  run install -d -m 0700 -o "$ACCOUNT" -g "$ACCOUNT" "$STATE"
}

pip_install() {
  local options=(--quiet --disable-pip-version-check --no-input --only-binary=:all:)
  [ -z "$offline" ] || options+=(--no-index --find-links "$offline")
  run "$APP/bin/python" -m pip install "${options[@]}" "$@"
}

install_facesdk() {
  local stamp=$APP/wheel.sha256 made_of had
  step "facesdk: ${wheel##*/}"
  made_of="$(sha256sum "$wheel" | cut -d ' ' -f 1) $EXTRAS"
  had=$(cat "$stamp" 2>/dev/null || true)
  # A Python of the system that is another one now is not in what was installed.
  if [ -n "$had" ] && ! "$APP/bin/python" -c 'import facesdk' 2>/dev/null; then
    install_wheel --clear
  elif [ "$had" != "$made_of" ]; then
    install_wheel
  else
    say "installed already"
  fi
  run install -d -m 0755 "$APP/share"
  place "$APP/share/README.md" 0644 <"$HERE/README.md"
  place "$APP/share/selftest" 0755 <"$HERE/selftest"
  place "$COMMAND" 0755 <"$HERE/facesdk"
  $dry_run || printf '%s\n' "$made_of" >"$stamp"
}

install_wheel() { # OPTION_OF_VENV...
  local numpy replace=()
  if [ -e "$APP/wheel.sha256" ]; then replace=(--force-reinstall); fi
  remove "$APP/wheel.sha256"
  run python3 -m venv --system-site-packages "$@" "$APP"
  remember_restart
  if [ "$architecture" = armhf ]; then
    pip_install "${WHEELS_32[@]}"
    pip_install --no-deps "${LONE_WHEELS_32[@]}"
  else
    # picamera2 is compiled for the system's NumPy, so that one stays.
    numpy=$(python3 -c 'import numpy; print(numpy.__version__)' 2>/dev/null || true)
    [ -n "$numpy" ] || $dry_run || fail 1 "the system's NumPy cannot be loaded: python3 -c 'import numpy' says why"
    pip_install "${wheel}[$EXTRAS]" "numpy==${numpy:-VERSION}"
  fi
  pip_install --no-deps "${replace[@]}" "$wheel"
}

write_settings() {
  step "key and settings in $CONFIG"
  if [ -e "$CONFIG/gallery.key" ]; then
    say "the gallery's key is kept"
  else
    place "$CONFIG/gallery.key" 0600 <<<"FACESDK_GALLERY_KEY=$(head -c 32 /dev/urandom | base64)"
  fi
  if [ -e "$SETTINGS" ] && [ -z "$source" ] && ! $lan; then
    say "$SETTINGS is kept; --source and --lan change their part of it"
    return
  fi
  local kept="# Options of \`facesdk serve\`, see \`facesdk serve --help\`; after a change: sudo systemctl restart facesdk"
  serve='--host 127.0.0.1'
  if [ -e "$SETTINGS" ]; then
    kept=$(grep -v '^FACESDK_SERVE=' "$SETTINGS" || true)
    serve=$(sed -n 's/^FACESDK_SERVE=//p' "$SETTINGS" | tail -n 1)
  else
    source=${source:-$camera}
  fi
  if $lan; then
    set_option --host 0.0.0.0
    set_option --tls
  fi
  if [ -n "$source" ]; then set_option --source "$source"; fi
  place "$SETTINGS" 0644 <<CONF
$kept
FACESDK_SERVE=$serve
CONF
}

# Gives an option of the service, in $serve, this value, or none; its place stays the same.
set_option() { # NAME [VALUE]
  local - words=() word given=false skipped=false
  set -f
  for word in $serve; do
    if $skipped; then
      skipped=false
    elif [ "$word" = "$1" ] || [[ $word == "$1"=* ]]; then
      if [ "$word" = "$1" ] && [ $# = 2 ]; then skipped=true; fi
      $given || words+=("$@")
      given=true
    else
      words+=("$word")
    fi
  done
  $given || words+=("$@")
  serve=${words[*]}
}

write_rules() {
  step "camera buffers for the group video"
  local before=$changed
  changed=false
  place "$RULES" 0644 <"$HERE/60-facesdk.rules"
  if $changed && system_runs; then
    run udevadm control --reload
    run udevadm trigger --subsystem-match=dma_heap
  fi
  if $before; then changed=true; fi
}

install_service() {
  step "service"
  place "$UNIT" 0644 <"$HERE/facesdk.service"
  if ! system_runs; then
    run systemctl --quiet enable facesdk.service
    say "systemd does not run here: the service starts with the next boot"
    return
  fi
  run systemctl daemon-reload
  run systemctl --quiet enable facesdk.service
  if ! $start; then
    say "not started (--no-start): sudo systemctl start facesdk"
  elif $changed || [ -e "$RESTART" ]; then
    run systemctl restart facesdk.service
    remove "$RESTART"
  else
    run systemctl start facesdk.service
  fi
}

say_what_next() {
  if $dry_run; then
    echo "nothing was changed (--dry-run)"
    return
  fi
  cat <<NEXT
done.
  state   systemctl status facesdk
  page    journalctl -u facesdk | grep token   (shown once, at the first start)
  check   sudo /opt/facesdk/share/selftest
  enrol   sudo facesdk enrol NAME PHOTO... --gallery /var/lib/facesdk/gallery.db
NEXT
}

# ---- removing ----

remove() { # PATH...
  local path
  for path in "$@"; do
    if [ -e "$path" ] || [ -L "$path" ]; then run rm -rf -- "$path"; fi
  done
}

uninstall_all() {
  step "service"
  if [ -e "$UNIT" ]; then
    if system_runs; then
      run systemctl --quiet disable --now facesdk.service
    else
      run systemctl --quiet disable facesdk.service
    fi
    remove "$UNIT"
    if system_runs; then run systemctl daemon-reload; fi
  fi
  step "program and rules"
  remove "$APP" "$COMMAND" "$RULES"
  step "gallery, key, settings and user"
  if $purge; then
    remove "$STATE" "$CONFIG"
    if id "$ACCOUNT" >/dev/null 2>&1; then run userdel "$ACCOUNT"; fi
  else
    say "kept: $STATE, $CONFIG and the user $ACCOUNT; --purge removes them"
  fi
  if $dry_run; then echo "nothing was changed (--dry-run)"; else echo "removed."; fi
}

# ---- main ----

need_value() { # OPTION VALUE...
  [ $# -ge 2 ] || fail 2 "$1 needs a value; see --help"
}

while [ $# -gt 0 ]; do
  case $1 in
    --wheel) need_value "$@"; wheel=$2; shift ;;
    --source) need_value "$@"; source=$2; shift ;;
    --offline) need_value "$@"; offline=$2; shift ;;
    --lan) lan=true ;;
    --no-start) start=false ;;
    --any-board) any_board=true ;;
    --dry-run) dry_run=true ;;
    --uninstall) uninstall=true ;;
    --purge) purge=true ;;
    --help | -h) printf '%s\n' "$USAGE" && exit 0 ;;
    *) fail 2 "unknown option '$1'; see --help" ;;
  esac
  shift
done
case $source in *[[:space:]\'\"\\\$]*) fail 2 "--source must be one word without quotes, but is '$source'" ;; esac
if $purge && ! $uninstall; then fail 2 "--purge goes with --uninstall"; fi
if [ -n "$offline" ] && [ ! -d "$offline" ]; then fail 2 "--offline: $offline is no folder"; fi
if ! $dry_run && [ "$(id -u)" != 0 ]; then fail 2 "this needs root: run it with sudo, or try --dry-run"; fi

total=$STEPS
if $uninstall; then
  total=3
  uninstall_all
  exit 0
fi
check_board
check_system
check_camera
check_wheel
install_packages
make_account
install_facesdk
write_settings
write_rules
install_service
say_what_next
