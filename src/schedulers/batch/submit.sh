# shellcheck shell=bash
# Submits jobs, one after the other. Reads a record for each, of fields that NULs end:
#
#     LABEL WORKSPACE TEXT COUNT WORD...
#
# Writes TEXT to the file of the label, submits it with the words from the workspace, and prints `sent LABEL ID`, or
# `refused LABEL STATUS WORDS`. After some refusals in a row the rest is not tried, and `unsent LABEL` printed.
#
# Runs after the functions of the batch system and the function _maestro_exports, which sets the steps' own variables. Variables
# have a long prefix so that they change none of the jobs' environment.
#
# _maestro_study: the study directory. _maestro_jobs: the directory of the files in it. _maestro_most_refusals: see above.
set +aefuvxC +o posix
mkdir -p -- "${_maestro_study?}/${_maestro_jobs?}" || exit

_maestro_submit() {
  printf '%s' "$_maestro_text" > "$_maestro_file" || return
  cd -- "$_maestro_study/$_maestro_workspace" || return
  _maestro_exports
  submit_job "$_maestro_file" "${_maestro_words[@]}" < /dev/null
}

_maestro_refusals=0
while IFS= read -r -d '' _maestro_label; do
  IFS= read -r -d '' _maestro_workspace || exit
  IFS= read -r -d '' _maestro_text || exit
  IFS= read -r -d '' _maestro_count || exit
  _maestro_words=()
  for ((; _maestro_count > 0; _maestro_count--)); do
    IFS= read -r -d '' _maestro_word || exit
    _maestro_words+=("$_maestro_word")
  done
  if ((_maestro_refusals >= ${_maestro_most_refusals?})); then
    printf 'unsent %s\n' "$_maestro_label"
    continue
  fi
  _maestro_file=$_maestro_study/$_maestro_jobs/$_maestro_label.sh
  _maestro_said=$(_maestro_submit 2>&1)
  _maestro_status=$?
  if [ "$_maestro_status" = 0 ]; then
    _maestro_refusals=0
    # Warnings come before the id.
    printf 'sent %s %s\n' "$_maestro_label" "${_maestro_said##*$'\n'}"
  else
    _maestro_refusals=$((_maestro_refusals + 1))
    printf 'refused %s %s %s\n' "$_maestro_label" "$_maestro_status" "${_maestro_said//$'\n'/; }"
  fi
done
