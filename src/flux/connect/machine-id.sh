# shellcheck shell=sh
# Prints what tells a machine from others of the same name. A machine's first process namespace has the same number everywhere.
id=
read -r id 2>/dev/null </etc/machine-id || read -r id 2>/dev/null </proc/sys/kernel/random/boot_id
namespace=$(readlink /proc/self/ns/pid)
[ "$namespace" != 'pid:[4026531836]' ] || namespace=
printf 'machine=%s\n' "$id$namespace"
