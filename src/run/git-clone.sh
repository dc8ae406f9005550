# shellcheck shell=bash
# Clones a repository, or finds that it has been cloned and prints the mark. Others may clone to the same place at the same time.
#
# What comes before this: git-environment.sh. url: the repository. revision: what is checked out, or nothing for the default branch.
# to: where the clone is to be. study: the study directory if it is to be in it, else nothing. suffix: for a name of its own beside
# that place. mark: the file that says what was cloned. identity, checkout: lines of the mark. taken, left_study: exit statuses.
if [ -n "${study?}" ]; then
  case $(readlink -m -- "${to?}") in "$(readlink -m -- "$study")"/*) ;; *) exit "${left_study?}" ;; esac
fi
[ ! -L "$to" ] || to=$(readlink -f -- "$to") || exit
partial=$to.${suffix?}
if [ -e "$to" ] && { [ ! -d "$to" ] || [ -n "$(ls -A -- "$to")" ]; }; then
  [ -e "${mark?}" ] || exit "${taken?}"
  exec cat -- "$mark"
fi
rm -rf -- "$partial"
git clone --quiet -- "${url?}" "$partial" || exit
[ -z "${revision?}" ] || git -C "$partial" checkout --quiet "$revision" -- || exit
mkdir -p -- "${mark%/*}" || exit
commit=$(git -C "$partial" rev-parse --verify --quiet HEAD)
printf '%s\n' "${identity?}" "${checkout?}" "$commit" > "$mark" || exit
# An empty directory is as good as none.
if { [ ! -d "$to" ] || rmdir -- "$to"; } && mv -T -- "$partial" "$to"; then exit 0; fi
rm -f -- "$mark"
exit 1
