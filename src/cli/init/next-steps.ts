import { repository } from '../../generated/repository.js';
import { quote } from '../../util/shell-quote.js';
import type { Choices } from './sites.js';
import { allocation, batchOverlay } from './workflow.js';

/**
 * What is still to be done by hand, as commands that can be copied.
 *
 * @param program the command line of this program
 * @param specExists whether the study was there before, so that the workflow lays its batch block over it
 */
export function nextSteps(choices: Choices, program: string, specExists = false): string {
  const { site, trigger, spec, workflow, host } = choices;
  const steps: string[] = [];
  const step = (title: string, ...commands: readonly string[]) =>
    steps.push([`${steps.length + 1}. ${title}`, ...commands.map((command) => `     ${command}`)].join('\n'));

  const connection: string[] = [];
  if (host !== undefined) {
    const { user, name, port } = host;
    const [login, ofPort] = [quote(`${user}@${name}`), port === undefined ? '' : `-p ${port} `];
    step(
      'Make a key for this alone, and let it log in, to run commands only:',
      "ssh-keygen -q -t ed25519 -N '' -C maestro-on-flux -f cluster-key",
      `echo "restrict $(cat cluster-key.pub)" | ssh ${ofPort}${login} 'umask 077; mkdir -p ~/.ssh; cat >> ~/.ssh/authorized_keys'`,
    );
    step(
      "Fetch the host's key, and compare its fingerprint with what the site publishes:",
      `ssh-keyscan -t ed25519 ${ofPort}${quote(name)} > cluster-known-hosts`,
      'ssh-keygen -lf cluster-known-hosts',
    );
    const address = name.includes(':') ? `[${name}]` : name;
    const destination = `${user}@${address}${port === undefined ? '' : `:${port}`}`;
    connection.push('--host', quote(destination), '--ssh-key @cluster-key --ssh-known-hosts @cluster-known-hosts');
  }
  const overlay = specExists ? batchOverlay(choices) : '';
  const batch = overlay === '' ? [] : ['--batch', quote(overlay)];
  const ofTheSite = [
    ...batch,
    ...(choices.setup === '' ? [] : ['--setup', quote(choices.setup)]),
    ...(site.jobs === 'allocation' ? ['--allocate', quote(allocation(choices))] : []),
  ];
  const where = host === undefined && site.runner === 'self-hosted' ? ', there' : '';
  step(
    `Check the study${site.runner === 'github' ? '' : ', and that everything it needs is there'}${where}:`,
    [program, 'validate', quote(spec), ...batch].join(' '),
    ...(site.runner === 'github' ? [] : [[program, 'doctor', quote(spec), ...connection, ...ofTheSite].join(' ')]),
  );
  if (host !== undefined) step(...environment(trigger), ...secrets(host.user));
  if (host !== undefined)
    step(
      'Keep the key out of the repository: delete it here, now that GitHub has it.',
      'rm cluster-key cluster-key.pub cluster-known-hosts',
    );
  if (site.runner === 'self-hosted') {
    step(
      `Register a runner on the cluster with ${choices.labels.length === 1 ? 'the label' : 'the labels'} ${choices.labels.join(', ')} (2.327.1 or newer): Settings, Actions, Runners. Only for a private repository: anyone who opens a pull request in a public one could run commands there.`,
    );
  }
  step(
    'Commit, push to the default branch, and start it:',
    `git add -- ${quote(workflow)} ${quote(spec)} && git commit -m 'Run a study' && git push`,
    `gh workflow run ${quote(workflow.slice(workflow.lastIndexOf('/') + 1))}`,
  );
  return `${steps.join('\n')}\n\nMore: https://github.com/${repository}#readme`;
}

/** Who may use the key is decided by the environment that has it. */
function environment(trigger: Choices['trigger']): [title: string, ...commands: string[]] {
  const place = 'repos/{owner}/{repo}/environments/cluster';
  const put = `gh api --silent -X PUT '${place}'`;
  if (trigger === 'pull-request') {
    return [
      'Give GitHub the key, in an environment whose jobs wait until you have approved them: a pull request runs what its author wrote:',
      `${put} -F 'reviewers[][type]=User' -F "reviewers[][id]=$(gh api user --jq .id)"`,
    ];
  }
  return [
    'Give GitHub the key, in an environment that only the default branch may use:',
    `${put} -F 'deployment_branch_policy[protected_branches]=false' -F 'deployment_branch_policy[custom_branch_policies]=true'`,
    `gh api --silent -X POST '${place}/deployment-branch-policies' -f name="$(gh repo view --json defaultBranchRef --jq .defaultBranchRef.name)"`,
  ];
}

function secrets(user: string): string[] {
  return [
    'gh secret set CLUSTER_KEY --env cluster < cluster-key',
    'gh variable set CLUSTER_KNOWN_HOSTS --env cluster < cluster-known-hosts',
    `gh variable set CLUSTER_USER --env cluster --body ${quote(user)}`,
  ];
}
