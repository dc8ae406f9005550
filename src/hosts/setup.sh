# shellcheck shell=bash
# shellcheck disable=SC2317 # functions are called by the lines of setup, by traps and by bash itself
# Runs the lines of `setup` in a shell of the user's own, and reports what that shell is afterwards. Any name may be a function of the
# user's here, so what this needs of bash is called by `builtin`.
#
# Records of the report have fields that NULs end: `missing LINE NAME DEPTH` of a command that was not found, so many subshells deep;
# `failed STATUS LINE` of another that failed; `exit STATUS LINE` of an `exit`; and at last
# `end STATUS OVER HOME UMASK UMASK LIMITS LIMITS`, each of the last two pairs before and after, with the environment until an empty
# field, and `done`.
#
# _maestro_setup: the lines. _maestro_report, _maestro_errors: file descriptors for the report and for what is said. _maestro_mark: the
# end of what is said. _maestro_leash: the process that ends this one if nobody waits for the report any more.
_maestro_home=$HOME _maestro_posix=${POSIXLY_CORRECT-}
_maestro_umask=$(umask) _maestro_limits=$(ulimit -S -a; ulimit -H -a)
set +o posix

# Called in place of a command that there is not. One in another file may be looked for there in vain, and on purpose.
command_not_found_handle() {
  if [ "${BASH_SOURCE[1]}" = "${BASH_SOURCE[${#BASH_SOURCE[@]} - 1]}" ]; then
    builtin printf 'missing\0%s\0%s\0%s\0' "${BASH_LINENO[0]}" "$1" "$BASH_SUBSHELL" >&"${_maestro_report?}"
  fi
  builtin printf '%s: command not found\n' "$1" >&2
  return 127
}

_maestro_failed() {
  builtin local at=$((${#BASH_LINENO[@]} - 2))
  ((at < 0)) || builtin printf 'failed\0%s\0%s\0' "$1" "${BASH_LINENO[at]}" >&"$_maestro_report"
}

exit() {
  builtin set -- "${1-$?}"
  if [ "$BASH_SUBSHELL" = 0 ]; then
    builtin printf 'exit\0%s\0%s\0' "$1" "${BASH_LINENO[${#BASH_LINENO[@]} - 2]}" >&"$_maestro_report"
  fi
  builtin exit "$1"
}

_maestro_end() {
  builtin trap - EXIT ERR DEBUG
  _maestro_posix=${POSIXLY_CORRECT-$_maestro_posix}
  builtin set +aefuvxCET +o posix
  builtin printf '%s\0' end "$1" "$2" "$_maestro_home" "$_maestro_umask" "$(umask)" "$_maestro_limits" "$(
    ulimit -S -a
    ulimit -H -a
  )" >&"$_maestro_report"
  [ -z "$_maestro_posix" ] || builtin export POSIXLY_CORRECT="$_maestro_posix"
  builtin command env -0 >&"$_maestro_report"
  builtin kill "${_maestro_leash?}"
  builtin printf %s "${_maestro_mark?}" >&"${_maestro_errors?}"
  builtin printf '\0done\0' >&"$_maestro_report"
  builtin exit 0
} 2> /dev/null

trap '_maestro_failed $? 2> /dev/null' ERR
trap '_maestro_end $? no' EXIT
builtin source <(builtin printf '%s\n' "${_maestro_setup?}")
_maestro_end $? yes
