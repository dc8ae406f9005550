# shellcheck shell=bash
# What git finds in its environment. Nobody is there to answer a question, and what the caller of this program works on is another
# repository. An `ssh` that the user has chosen is kept; one that is no `ssh` by name may not know its options.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_NAMESPACE SSH_ASKPASS SSH_ASKPASS_REQUIRE
export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=never GIT_ALLOW_PROTOCOL="${GIT_ALLOW_PROTOCOL:-file:git:http:https:ssh}"
export GIT_HTTP_LOW_SPEED_LIMIT="${GIT_HTTP_LOW_SPEED_LIMIT:-1}" GIT_HTTP_LOW_SPEED_TIME="${GIT_HTTP_LOW_SPEED_TIME:-120}"
ssh=${GIT_SSH_COMMAND:-$(git config --get core.sshCommand 2>/dev/null)}
[ -n "$ssh${GIT_SSH:-}" ] || ssh=ssh
case ${ssh%% *} in
  ssh | */ssh) export GIT_SSH_COMMAND="$ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30" ;;
esac
