const trustedEvents: readonly string[] = ['schedule', 'push', 'workflow_dispatch', 'repository_dispatch'];

/**
 * Whether the code that runs at an event is on a branch that its author may write to anyway. At those of pull requests, and
 * at those that others can bring about, code that nobody has looked at could choose its cause.
 */
export function isTrustedEvent(event: string): boolean {
  return trustedEvents.includes(event);
}
