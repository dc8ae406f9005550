/** A kind of place where studies run, as `--site` names it. */
export interface Site {
  readonly name: string;
  /** Its line among the answers. */
  readonly title: string;
  /** Where the action runs, and how it gets to where steps run. */
  readonly runner: 'github' | 'ssh' | 'self-hosted';
  /** What runs steps that ask for nodes: none of them does at `local`. */
  readonly jobs: 'local' | 'flux' | 'slurm' | 'lsf' | 'allocation';
}

export const sites: readonly Site[] = [
  { name: 'github', title: "GitHub's own runners, no cluster", runner: 'github', jobs: 'local' },
  { name: 'ssh-slurm', title: 'over SSH: a cluster with Slurm', runner: 'ssh', jobs: 'slurm' },
  { name: 'ssh-flux', title: 'over SSH: a cluster with Flux', runner: 'ssh', jobs: 'flux' },
  { name: 'ssh-lsf', title: 'over SSH: a cluster with LSF', runner: 'ssh', jobs: 'lsf' },
  { name: 'ssh-allocation', title: 'over SSH: Flux in an allocation of Slurm', runner: 'ssh', jobs: 'allocation' },
  { name: 'ssh-local', title: 'over SSH: a machine without a batch system', runner: 'ssh', jobs: 'local' },
  { name: 'self-hosted-slurm', title: 'your own runner: a cluster with Slurm', runner: 'self-hosted', jobs: 'slurm' },
  { name: 'self-hosted-flux', title: 'your own runner: a cluster with Flux', runner: 'self-hosted', jobs: 'flux' },
  { name: 'self-hosted-lsf', title: 'your own runner: a cluster with LSF', runner: 'self-hosted', jobs: 'lsf' },
  {
    name: 'self-hosted-allocation',
    title: 'your own runner: Flux in an allocation of Slurm',
    runner: 'self-hosted',
    jobs: 'allocation',
  },
  { name: 'self-hosted-local', title: 'your own runner: no batch system', runner: 'self-hosted', jobs: 'local' },
];

export const triggers = ['manual', 'nightly', 'pull-request'] as const;
export type Trigger = (typeof triggers)[number];

/** What `init` was told, checked. */
export interface Choices {
  readonly site: Site;
  readonly trigger: Trigger;
  /** The login node; only of sites over SSH. */
  readonly host: { readonly user: string; readonly name: string; readonly port: number | undefined } | undefined;
  /** Labels of the runner; only of self-hosted ones. */
  readonly labels: readonly string[];
  /** '' for the default of the site. */
  readonly queue: string;
  readonly bank: string;
  /** Shell lines before the study; '' for none. */
  readonly setup: string;
  /** Where studies are on the cluster; '' for the default of the action. */
  readonly outputPath: string;
  /** Relative to the top of the repository, like `workflow`. */
  readonly spec: string;
  readonly workflow: string;
}
