# shellcheck shell=bash
# Takes the claim of an attempt for the conductor if no job has it, and prints who has it, and a line of what the launcher wrote down of
# each task that has ended. study: the study directory. claim: the path of the claim. ours: what stands in a claim of the conductor's.
[ -d "${study?}" ] || { echo "there is no $study" >&2; exit 1; }
mine=${claim?}.${ours?}.$$
mkdir -p -- "${mine%/*}" || exit
echo "$ours" > "$mine" || exit
[ -f "$claim" ] || ln -- "$mine" "$claim" 2> /dev/null
rm -f -- "$mine"
read -r owner < "$claim" || exit
echo "$owner"
for exit in "$claim".*.exit; do
  ! read -r line 2> /dev/null < "$exit" || echo "$line"
done
