# shellcheck shell=bash
# Finds the Maestro that is on PATH, its Python, and whether that has Flux's bindings. Prints lines of `NAME=VALUE`.
# needs_flux: `yes` if the study has jobs of Flux.
maestro=$(type -P maestro)
printf 'maestro=%s\n' "$maestro"
python3=$(type -P python3)
printf 'python3=%s\n' "$python3"
# What python3 needs to make an environment is a package of its own on Debian.
[ -z "$python3" ] || "$python3" -c 'import ensurepip, venv; print("makes_environments=yes")' < /dev/null 2> /dev/null
if [ -n "$maestro" ]; then
  printf 'version=%s\n' "$("$maestro" --version 2>&1 < /dev/null | tail -n 1)"
  # Its first line names its Python; for a long path the next one does, as `'''exec' PYTHON ...`.
  python=$(sed -n -e "1s/^#!\(.*python[^ ]*\).*/\1/p" -e "2s/^'''exec' \"\?\([^ \"]*\).*/\1/p" < "$maestro" | head -n 1)
  case $python in
    *env\ *) python=$(type -P "${python##* }") ;;
  esac
  printf 'python=%s\n' "$python"
  if [ "${needs_flux?}" = yes ] && [ -n "$python" ]; then
    "$python" -c '
import flux.job
try:
    from importlib.metadata import version
    found = version("flux-python")
except Exception:
    found = "unknown"
print("bindings=" + found)
' < /dev/null 2> /dev/null
  fi
fi
if [ "$needs_flux" = yes ]; then
  flux=$(type -P flux)
  printf 'flux=%s\n' "$flux"
  if [ -n "$flux" ]; then
    printf 'flux_version=%s\n' "$("$flux" -V 2> /dev/null < /dev/null | sed -n 's/^\(commands:[[:space:]]*\|flux-core-\)\?\([0-9][0-9.]*\).*/\2/p' | head -n 1)"
    printf 'flux_python_path=%s\n' "$("$flux" env printenv PYTHONPATH 2> /dev/null < /dev/null)"
  fi
fi
exit 0
