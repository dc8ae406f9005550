# shellcheck shell=bash
# Finds the process ids in the names of the outputs of local steps that failed, which Maestro does not tell. Reads pairs of fields that
# NULs end: the workspace, relative to the study, and the name of the outputs. Prints a line for each: the process id, or nothing.
# study: the study directory.
shopt -s nullglob
while IFS= read -r -d '' workspace && IFS= read -r -d '' name; do
  newest=
  found=
  for file in "${study?}/$workspace/$name".*.err; do
    id=${file%.err}
    id=${id##*.}
    [[ $id =~ ^[0-9]+$ ]] || continue
    if [ -z "$newest" ] || [ "$file" -nt "$newest" ]; then
      newest=$file
      found=$id
    fi
  done
  echo "$found"
done
