# shellcheck shell=bash
# Sets the environment of git, so that it asks no questions and ignores the repository of the calling program. The user's own ssh
# command is kept, and gets options only if its name is `ssh`, because another program may not know them.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_NAMESPACE SSH_ASKPASS SSH_ASKPASS_REQUIRE
export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=never GIT_ALLOW_PROTOCOL="${GIT_ALLOW_PROTOCOL:-file:git:http:https:ssh}"
export GIT_HTTP_LOW_SPEED_LIMIT="${GIT_HTTP_LOW_SPEED_LIMIT:-1}" GIT_HTTP_LOW_SPEED_TIME="${GIT_HTTP_LOW_SPEED_TIME:-120}"
ssh=${GIT_SSH_COMMAND:-$(git config --get core.sshCommand 2>/dev/null)}
[ -n "$ssh${GIT_SSH:-}" ] || ssh=ssh
case ${ssh%% *} in
  ssh | */ssh) export GIT_SSH_COMMAND="$ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30" ;;
esac
