# shellcheck shell=bash
# Answers the same question again and again, after the functions of a batch system: what does the queue say of these jobs? On its input
# is a line for each question, the ids of the jobs, or an empty line for those of the last one. It answers `same` if the queue says
# the same as before, else `rows`, the lines of `query_jobs` and `.`; or `failed CODE`, the words and `.`. It exits at the end of its input.
# most: how many ids one command may have.
set +aefuvxC
asked=()
said=.
while IFS=' ' read -r -a words; do
  [ ${#words[@]} = 0 ] || asked=("${words[@]}")
  before=$said
  said=$(
    for ((from = 0; from < ${#asked[@]}; from += ${most?})); do
      query_jobs "${asked[@]:from:most}" 2>&1 < /dev/null || exit
    done
  )
  code=$?
  if [ $code != 0 ]; then
    printf 'failed %s\n%s\n.\n' "$code" "$said" || exit
    said=.
  elif [ "$said" = "$before" ]; then
    echo same || exit
  else
    printf 'rows\n%s\n.\n' "$said" || exit
  fi
done
