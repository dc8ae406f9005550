/** How the host's own Maestro drives a study. */
export interface MaestroOptions {
  /**
   * Where its Python gets Flux's bindings from: `auto` takes what works, `pip` an environment of our own with Maestro and
   * the bindings, `system` those that the host's Flux brings along, `none` what Maestro has.
   */
  readonly bindings: 'auto' | 'pip' | 'system' | 'none';
  /** Seconds between two looks of Maestro at its jobs (Maestro's `--sleeptime`). */
  readonly sleepSeconds: number;
  /** The version that `pip` installs; '' for the newest 1.x. */
  readonly version: string;
}
