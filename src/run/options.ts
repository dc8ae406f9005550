import type { OnInfrastructure } from '../causes/neutral.js';
import type { MaestroOptions } from '../conductor/maestro/options.js';
import type { Policy } from '../conductor/policy.js';
import type { BackendOptions } from '../schedulers/backend.js';

/** What a user can choose about how a run ends before its study is over. */
export interface StopPolicy {
  /** What becomes of running jobs when the run is cancelled. */
  readonly onCancel: 'cancel' | 'leave';
  /** After this the study is left as it is, jobs and all; 0: no limit. */
  readonly timeoutMinutes: number;
}

/** What a user can choose about a run. */
export interface RunOptions extends BackendOptions {
  /** The path of the spec as the user gave it, for messages and reports. */
  readonly shownSpec: string;
  /** Everything is staged on this machine and nothing is run. */
  readonly isDryRun: boolean;
  /** The user named a host to reach by SSH, even if a dry run does not connect to it. */
  readonly hasRemoteHost: boolean;
  /** Other users may be able to write to the study directory. */
  readonly allowsSharedDirectory: boolean;
  /** Workspaces are named by the hash of their combination. */
  readonly hashWorkspaces: boolean;
  readonly policy: Policy;
  /** Set if the host's own Maestro drives the study. */
  readonly maestro?: MaestroOptions;
  readonly stop: StopPolicy;
  readonly stage: {
    /** Globs of what is not copied to the host. */
    readonly excluded: readonly string[];
    /** Texts of this program's secrets: a file that is one is not copied either. */
    readonly secrets: readonly string[];
  };
  readonly report: {
    /** The directory for the reports; '' stands for the default. */
    readonly path: string;
    /** Globs of the study's files that are brought to the reports. */
    readonly collect: readonly string[];
    /** Percent by which the run time of a step must have grown to be called slower than the baseline. */
    readonly slowerThan: number;
    /** What a study is that failed for the infrastructure alone. */
    readonly onInfrastructure: OnInfrastructure;
  };
}
