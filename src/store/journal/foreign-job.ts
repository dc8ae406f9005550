/** A job of a step that the study does not have any more. */
export interface ObsoleteJob {
  readonly step: string;
  readonly scheduled: boolean;
  /** Of the step, relative to the study directory. */
  readonly workspace: string;
  readonly attempt: number;
  readonly id: string;
  readonly place: string;
}
