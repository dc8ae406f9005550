/** A tree was not listed or sent to its end, because that was not wanted any more: the study was cancelled, or is to be left. */
export class StagingStopped extends Error {
  constructor() {
    super('staging was stopped before its end');
    this.name = 'StagingStopped';
  }
}
