import { repository } from '../../generated/repository.js';
import { version } from '../../util/version.js';
import type { Choices } from './sites.js';

/** The actions that workflows use, as the workflows of this repository name them: a test compares them. */
export const pins = {
  checkout: 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1',
  uploadArtifact: 'actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0',
};

/** How workflows name this action: by its major version, a tag that moves with releases. */
export const ourAction = `${repository}@v${version.split('.')[0]}`;

const fork =
  "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name != github.repository";
const noFork =
  "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository";

/** The workflow that runs a study as it was chosen. */
export function workflowText(choices: Choices, specExists: boolean): string {
  const { site, trigger, spec, labels } = choices;
  const isOnPullRequests = trigger === 'pull-request';
  return `# Runs ${spec} ${describePlace(choices)}. Written by \`maestro-on-flux init\`; change it as you like.
# All inputs: https://github.com/${repository}/blob/main/docs/reference.md
name: Study
on:
${eventsOf(choices)}
permissions: {}
concurrency:
  # One run of each branch at a time.
  group: study-\${{ github.ref }}
  cancel-in-progress: ${isOnPullRequests ? "${{ github.event_name == 'pull_request' }}" : 'false'}
jobs:
  study:
    name: Study
${lines(4, [
  ...(isOnPullRequests && site.runner === 'self-hosted'
    ? ['# Nothing of a fork comes near this runner.', `if: \${{ ${noFork} }}`]
    : []),
  `runs-on: ${site.runner === 'self-hosted' ? `[${labels.join(', ')}]` : 'ubuntu-latest'}`,
  ...(site.runner === 'ssh'
    ? ['# Has the key, and says who may use it: Settings, Environments.', 'environment: cluster']
    : []),
  `timeout-minutes: ${minutesOf(choices).job}`,
])}
    permissions:
      contents: read # for the checkout
      checks: write # for the check run, which shows failures on the lines of the study
    steps:
      - uses: ${pins.checkout}
        with:
          persist-credentials: false
      - id: study
        # The tag moves with each release; write a commit in its place to decide about them yourself.
        uses: ${ourAction} # zizmor: ignore[unpinned-uses]
        with:
${lines(10, inputsOf(choices, specExists))}
      # Kept whether the study finished or failed.
      - if: \${{ !cancelled() && steps.study.outputs.report-path != '' }}
        uses: ${pins.uploadArtifact}
        with:
          name: study-report
          path: \${{ steps.study.outputs.report-path }}
`;
}

const lines = (indent: number, texts: readonly string[]) => texts.map((text) => ' '.repeat(indent) + text).join('\n');

/** `on login.example.org, by Slurm`. */
function describePlace({ site, host, labels }: Choices): string {
  const where = {
    github: "on GitHub's runners",
    ssh: `on ${host?.name}, over SSH`,
    'self-hosted': `on a runner with the labels ${labels.join(', ')}`,
  };
  const how = {
    local: '',
    flux: ', as jobs of Flux',
    slurm: ', as jobs of Slurm',
    lsf: ', as jobs of LSF',
    allocation: ', in an allocation of Slurm with Flux in it',
  };
  return where[site.runner] + how[site.jobs];
}

function eventsOf({ trigger, spec }: Choices): string {
  const directory = spec.includes('/') ? `${spec.slice(0, spec.lastIndexOf('/'))}/**` : spec;
  const events = {
    manual: [],
    nightly: ['schedule:', '  - cron: "23 3 * * *" # in UTC'],
    'pull-request': [
      'pull_request:',
      '  # What the study is about belongs here, too.',
      `  paths: [${scalar(directory)}]`,
    ],
  };
  return lines(2, ['workflow_dispatch: # the button in the Actions tab', ...events[trigger]]);
}

/** The limit of the job, and the one of the study that leaves time to report; a study that hits the latter is continued by a re-run. */
function minutesOf({ site }: Choices): { job: number; study: number | undefined } {
  return site.jobs === 'local' && site.runner === 'github' ? { job: 60, study: undefined } : { job: 360, study: 345 };
}

function inputsOf(choices: Choices, specExists: boolean): string[] {
  const { site, trigger, host, spec, setup, outputPath } = choices;
  const inputs = [`spec: ${scalar(spec)}`];
  if (host !== undefined) {
    const name = host.name.includes(':') ? `[${host.name}]` : host.name;
    inputs.push(
      `host: ${scalar(`\${{ vars.CLUSTER_USER }}@${name}${host.port === undefined ? '' : `:${host.port}`}`)}`,
      'ssh-key: ${{ secrets.CLUSTER_KEY }}',
      'ssh-known-hosts: ${{ vars.CLUSTER_KNOWN_HOSTS }}',
    );
  }
  if (setup !== '') inputs.push(`setup: ${scalar(setup)}`);
  if (site.jobs === 'flux' && site.runner === 'ssh') inputs.push('flux: system');
  if (site.jobs === 'allocation') {
    inputs.push('# What the allocation is asked for; `with: lsf` or `with: flux` where those give it.');
    inputs.push(`allocate: ${scalar(allocation(choices))}`);
    if (specExists) inputs.push('batch: "{type: flux}"');
  } else if (specExists) {
    inputs.push(...batchOverlay(choices));
  }
  if (outputPath !== '')
    inputs.push(`output-path: ${scalar(`${outputPath.replace(/(?<=.)\/+$/, '')}/\${{ github.run_id }}`)}`);
  else if (site.jobs !== 'local') {
    inputs.push('# If compute nodes do not see the default, below your home: a directory that they see.');
    inputs.push('# output-path: /shared/me/studies/${{ github.run_id }}');
  }
  const { study } = minutesOf(choices);
  if (study !== undefined) {
    inputs.push('# Then jobs go on, and "Re-run failed jobs" continues the study.');
    inputs.push(`timeout-minutes: ${study}`);
  }
  if (trigger === 'pull-request' && site.runner !== 'self-hosted') {
    inputs.push("# A fork's study is only checked: its steps are shell text of people who are not known here.");
    inputs.push(`dry-run: \${{ ${fork} }}`);
  }
  return inputs;
}

/** The allocation that a study at such a site gets, as a YAML mapping. */
export function allocation(choices: Choices): string {
  return `{${['with: slurm', 'nodes: 1', 'time: 30', ...queueAndBank(choices)].join(', ')}}`;
}

/** A study that is there is left as it is; what was said of queue and bank is laid over it. */
function batchOverlay(choices: Choices): string[] {
  const parts = queueAndBank(choices);
  return parts.length === 0 ? [] : [`batch: ${scalar(`{${parts.join(', ')}}`)}`];
}

/** What was said of them, as entries of a YAML mapping. */
function queueAndBank({ queue, bank }: Choices): string[] {
  const entry = (key: string, value: string) => (value === '' ? [] : [`${key}: ${scalar(value)}`]);
  return [...entry('queue', queue), ...entry('bank', bank)];
}

/** A YAML scalar on one line; quoted unless it is plain without a doubt. */
export function scalar(text: string): string {
  const isPlain =
    /^[A-Za-z/.$][-\w/.@${} ]*$/.test(text) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) &&
    !text.endsWith(' ');
  return isPlain ? text : JSON.stringify(text);
}
