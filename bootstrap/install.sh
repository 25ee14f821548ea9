#!/usr/bin/env bash
# Prepares a node: a virtual environment with the job's packages and the extractor, from S3 alone.
#
#   install.sh --installer=s3://… --wheelhouse=s3://… --extractor=s3://… --pins-sha256=HEX
#
# Runs on every node that joins, as a bootstrap action: it takes seconds, needs no internet and may run twice.
# The pins' hash comes from the stack's template, every wheel's hash from the pins; see
# docs/decisions/0007-artifacts.md. Paths and Python can be overridden by the environment, for tests.
set -euo pipefail
umask 022 # the job's containers run as another user

home=${FRUIT_FEATURES_HOME:-/opt/fruit-features}
python=${FRUIT_FEATURES_PYTHON:-python3.11}
export AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5
export PYTHONNOUSERSITE=1
unset PYTHONDONTWRITEBYTECODE PYTHONPATH

log() { printf '%s install: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

fail() {
  log "Error: $*" >&2
  exit 1
}

# step WHAT COMMAND…: run it in a shell of its own, log how long it took, end with its last words.
step() {
  local what=$1 begun=${EPOCHREALTIME/[.,]/} words
  shift
  set +e
  words=$(set -e; "$@" 2>&1)
  local code=$?
  set -e
  ((code == 0)) || fail "$what: $(tail -n 12 <<<"$words" | tr -s '[:space:]' ' ')(exit code $code)"
  local milliseconds=$(((${EPOCHREALTIME/[.,]/} - begun) / 1000))
  log "$what: $((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000))) s"
}

read_arguments() {
  local argument
  for argument in "$@"; do
    case $argument in
      --installer=s3://?*) installer=${argument#*=} ;;
      --wheelhouse=s3://?*) wheelhouse=${argument#*=} ;;
      --extractor=s3://?*) extractor=${argument#*=} ;;
      --pins-sha256=*) pins_sha256=${argument#*=} ;;
      *) fail "$argument: expected --installer, --wheelhouse or --extractor=s3://BUCKET/KEY, or --pins-sha256" ;;
    esac
  done
  [[ -n ${installer:-} && -n ${wheelhouse:-} && -n ${extractor:-} ]] ||
    fail "--installer, --wheelhouse and --extractor are needed"
  [[ ${pins_sha256:-} =~ ^[0-9a-f]{64}$ ]] || fail "--pins-sha256=${pins_sha256:-}: expected 64 hex digits"
}

# Bootstrap actions run as a user who may not write to /opt, but may use sudo.
make_home() {
  if ! mkdir -p "$home" 2>/dev/null || [[ ! -w $home ]]; then
    sudo mkdir -p "$home"
    sudo chown "$(id -u):$(id -g)" "$home"
  fi
}

# fetch URI FOLDER: download a zip file and unpack it, which checks its CRCs.
fetch() {
  aws s3 cp --only-show-errors "$1" "$2.zip"
  "$python" -m zipfile -e "$2.zip" "$2"
  rm "$2.zip"
}

check_sums() {
  cd "$1"
  sha256sum --check --strict --quiet SHA256SUMS
}

check_pins() {
  local found
  found=$(cd "$work/wheelhouse" && cat installer.txt requirements.txt | sha256sum | cut -d' ' -f1)
  [[ $found == "$pins_sha256" ]] || {
    echo "the wheelhouse's pins have the hash $found, the deployment's are $pins_sha256"
    return 1
  }
}

# The installer is the one program that runs before anything checks it.
fetch_installer() {
  local found
  aws s3 cp --only-show-errors "$installer" "$work/installer.zip"
  found=$(sha256sum "$work/installer.zip" | cut -d' ' -f1)
  grep -q -- "--hash=sha256:$found" "$work/wheelhouse/installer.txt" || {
    echo "$installer has the hash $found, which is not pinned"
    return 1
  }
  "$python" -m zipfile -e "$work/installer.zip" "$work/installer"
  mv "$work"/installer/uv-*.data/scripts/uv "$work/uv"
  chmod +x "$work/uv"
}

make_environment() {
  rm -rf "$home/venv"
  "$work/uv" venv --quiet --no-config --no-python-downloads --python "$(command -v "$python")" "$home/venv"
  "$work/uv" pip install --quiet --no-config --offline --no-index --require-hashes \
    --python "$home/venv/bin/python" --cache-dir "$work/cache" \
    --find-links "$work/wheelhouse/wheels" --requirement "$work/wheelhouse/requirements.txt"
}

# Shows now, not in the middle of a run, what this system lacks; and keeps the bytecode, which the job's
# user may not write.
try_imports() {
  "$home/venv/bin/python" -c "import $(paste --serial --delimiters=, "$work/wheelhouse/imports.txt")"
}

place_extractor() {
  rm -rf "$home/extractor"
  mv "$work/extractor" "$home/extractor"
}

main() {
  read_arguments "$@"
  local what="$installer $wheelhouse $extractor $pins_sha256"
  step "make $home" make_home
  exec 9>"$home/.lock"
  flock 9
  if [[ -f $home/installed && $(<"$home/installed") == "$what" ]]; then
    log "already installed"
    return
  fi
  command -v "$python" >/dev/null || fail "$python is not on this node: EMR 7 has Python 3.11"
  rm -rf "$home/installed" "$home"/.work.* # of a run that was killed
  work=$(mktemp -d "$home/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  step "fetch the wheelhouse" fetch "$wheelhouse" "$work/wheelhouse"
  step "check the wheelhouse" check_sums "$work/wheelhouse"
  step "check the pins" check_pins
  step "fetch the installer" fetch_installer
  step "install the packages" make_environment
  step "import the packages" try_imports
  step "fetch the extractor" fetch "$extractor" "$work/extractor"
  step "check the extractor" check_sums "$work/extractor"
  step "place the extractor" place_extractor
  printf '%s\n' "$what" >"$home/installed"
  log "installed in $SECONDS s"
}

main "$@"
