/** The directory of a detached start, relative to the study; only its owner can read what is in it. */
export function startPath(token: string): string {
  return `.conductor/detached/${token}`;
}

/** What is in the directory of a start. */
export const startFiles = {
  /** What the conductor is to do; it stays, for those who collect the study or resume it. */
  request: 'order.json',
  /** The inputs that may hold secrets; removed when the study is over. */
  secrets: 'secrets.json',
  /** The working tree, until it is staged. */
  tree: 'tree',
  /** What became of the start: a `StartState`. */
  state: 'state.json',
  /** How often collectors have started the conductor again, if they have: see restarts.ts. */
  restarts: 'restarts.json',
  log: 'conductor.log',
  /** The machine and the process id of a conductor in the background. */
  started: 'started',
  /** How the conductor is asked for as a job, if it is to be one: a `JobRequest`. */
  jobRequest: 'job-request.json',
  /** What is submitted then, what it was called last before that, and the job that the batch system has made of it. */
  script: 'job.sh',
  asked: 'job-asked.json',
  job: 'job.json',
} as const;
