/** What the runner says of the job, from the environment that it sets. */
export interface Runner {
  /** The checkout: what paths of inputs are relative to. */
  readonly workspace: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly runId: string;
  /** The run's page. */
  readonly runUrl: string;
  /** Where GitHub's API is: another server's on GitHub Enterprise. */
  readonly apiUrl: string;
  /** Where GitHub's pages are. */
  readonly serverUrl: string;
  /** The commit that the run is for; of a pull request, what would come of merging it. '' if that is not said. */
  readonly sha: string;
  /** The event that started the run, and the file with its payload; '' if unknown. */
  readonly eventName: string;
  readonly eventPath: string;
  /** A directory of the runner's that later steps of the job can read. */
  readonly temporary: string;
  /** The id of the job in its workflow, and that of the step in the job, as a re-run keeps them. Undefined if not said. */
  readonly job: string | undefined;
  readonly step: string | undefined;
  /** Which attempt of the run this is: a re-run counts it up. Undefined if not said. */
  readonly attempt: string | undefined;
  /** The workflow's file, and the number of its run, which counts the runs of the workflow. Undefined if not said. */
  readonly workflow?: string | undefined;
  readonly runNumber?: number | undefined;
  /** `refs/heads/main`; of a pull request what would come of merging it. Undefined if not said. */
  readonly ref?: string | undefined;
  /** Of a pull request, the branch that it is to go into. Undefined if it is none. */
  readonly baseRef?: string | undefined;
}
