/** Messages from below call an input as the action does; here it is an option. */
export function inOptions(message: string): string {
  return message.replaceAll(/\binput '([a-z-]+)'/g, '--$1');
}

/** What messages call an input. */
export const optionOf = (name: string) => `--${name}`;
