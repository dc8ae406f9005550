import { EventlogError, type FluxEvent, readEvent } from './eventlog.js';
import type { Handle } from './handle.js';
import { type JobId, toJobId } from './job-id.js';
import { property } from './json.js';
import { AnswerError, nodesIn } from './requests.js';

export interface JournalListener {
  /** The next events of a job, in the order of its eventlog. */
  readonly onEvents: (id: JobId, events: readonly FluxEvent[]) => void;
  /** Nothing more comes: FluxError, AnswerError, EventlogError, ConnectionError; undefined if the broker ended it. */
  readonly onEnd: (error: Error | undefined) => void;
}

const topic = 'job-manager.events-journal';

/** The events that change a job's state (`applyEvent`); what else is posted need not be sent. */
const allow = Object.fromEntries(
  ['submit', 'validate', 'depend', 'priority', 'alloc', 'start', 'finish', 'clean', 'exception', 'memo'].map((name) => [
    name,
    1,
  ]),
);

/**
 * Follows the events of all jobs of the instance as the job manager posts them, which is before they are in the jobs'
 * eventlogs. Some of what was posted before comes first: from 0.61 on all events of the active jobs, in older versions
 * the last thousand. For the instance's owner only: others get EPERM. The result stops it.
 */
export function watchJournal(handle: Handle, listener: JournalListener): () => void {
  const stop = handle.stream(
    topic,
    { full: false, allow },
    {
      onResponse: (answer) => {
        let entries: (readonly [JobId, FluxEvent[]])[];
        try {
          entries = entriesOf(answer);
        } catch (error) {
          if (!(error instanceof AnswerError || error instanceof EventlogError)) throw error;
          stop();
          return listener.onEnd(error);
        }
        for (const [id, events] of entries) listener.onEvents(id, events);
      },
      onEnd: listener.onEnd,
    },
    `${topic}-cancel`,
  );
  return stop;
}

/** The events in an answer by job: `{id, events}` from 0.61 on, before that `{events: [{id, entry}]}`. */
function entriesOf(answer: unknown): (readonly [JobId, FluxEvent[]])[] {
  const [id, events] = [property(answer, 'id'), property(answer, 'events')];
  if (!Array.isArray(events)) throw new AnswerError(topic, answer);
  if (id === undefined) return events.map((event) => [idOf(event), [readEvent(property(event, 'entry'))]] as const);
  // Without events: all that was posted before has been sent.
  return events.length === 0
    ? []
    : [
        [
          idOf(answer),
          withNodes(
            events.map((event) => readEvent(event)),
            answer,
          ),
        ],
      ];
}

/** Newer versions tell beside `alloc` what was allocated. */
function withNodes(events: FluxEvent[], answer: unknown): FluxEvent[] {
  const resources = property(answer, 'R');
  if (resources === undefined) return events;
  const nodes = nodesIn(resources);
  return nodes.length === 0 ? events : events.map((event) => (event.name === 'alloc' ? { ...event, nodes } : event));
}

function idOf(value: unknown): JobId {
  const id = toJobId(property(value, 'id'));
  if (id === undefined) throw new AnswerError(topic, value);
  return id;
}
