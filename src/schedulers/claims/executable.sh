# shellcheck shell=bash
# Tells a script ($1) that cannot be executed from one that itself exits with 126 or 127. Sets _maestro_lack to what is wrong.
_maestro_is_executable() {
  if [ ! -f "$1" ] || [ ! -x "$1" ]; then
    _maestro_lack='it is not there, or is not executable'
    return 1
  fi
  read -r _maestro_interpreter _maestro_argument _maestro_rest < "$1"
  case $_maestro_interpreter in
    '#!') _maestro_interpreter=$_maestro_argument _maestro_argument=${_maestro_rest%%[[:blank:]]*} ;;
    '#!'*) _maestro_interpreter=${_maestro_interpreter#??} ;;
    *) return 0 ;;
  esac
  _maestro_lack="its shell $_maestro_interpreter (batch.shell) is not there, or cannot be run"
  [ -f "$_maestro_interpreter" ] && [ -x "$_maestro_interpreter" ] || return
  _maestro_lack="its shell $_maestro_argument (batch.shell) is not on PATH"
  case ${_maestro_interpreter##*/}$_maestro_argument in
    env-* | env*=*) ;;
    env*) type -P "$_maestro_argument" > /dev/null ;;
  esac
}
