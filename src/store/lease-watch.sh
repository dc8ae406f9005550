# shellcheck shell=bash
# Looks again and again, after lease-functions.sh, until something is not as it was seen, or has not changed for all looks.
# seen_fence, seen_line: what was seen. looks: how many looks. pause: seconds before each.
for ((; ${looks?} > 0; looks--)); do
  sleep "${pause?}"
  see
  # shellcheck disable=SC2154 # `see` sets it, and the line
  [ "$fence" = "${seen_fence?}" ] || break
  # shellcheck disable=SC2154
  [ "$line" = "${seen_line?}" ] || break
done
say
