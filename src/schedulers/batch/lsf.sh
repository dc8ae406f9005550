# shellcheck shell=bash
# Questions to LSF (see queue.ts). The reason comes from `bjobs -p`, in lines that are indented; `-o` has it in some versions only.
# job_id, job_name: the job.
said=

look() {
  ask bjobs -a -noheader -o "stat queue exec_host delimiter='|'" "${job_id?}"
  local line reason=
  line=$(printf '%s\n' "$said" | grep -m 1 -E '^[A-Z]+[|]')
  if [ -n "$line" ]; then
    case $line in
      P*) reason=$(bjobs -p "$job_id" 2> /dev/null < /dev/null | sed -n 's/^[[:blank:]]\{1,\}//p' | tr '\n' ' ') ;;
    esac
    printf '%s||%s\n' "$line" "$reason"
  elif [[ $said != *'is not found'* ]]; then
    printf '%s\n' "$said"
    return 1
  fi
}

list() {
  ask bjobs -noheader -o jobid -J "${job_name?}"
  printf '%s\n' "$said" | grep -E '^[0-9]+$' && return
  case $said in *'is not found'* | *'No unfinished job found'* | '') return 0 ;; esac
  printf '%s\n' "$said"
  return 1
}

position() { :; }

end() { bkill "$@" < /dev/null; }

scheduler() { lsid 2> /dev/null < /dev/null | sed -n 's/^My cluster name is //p'; }
