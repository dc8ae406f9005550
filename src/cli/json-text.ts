/**
 * JSON for programs, with a newline at its end: characters that a terminal, or a runner of workflows, would take for commands are
 * escaped, which changes nothing for a parser.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, null, 2)
    .replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    })
    .replaceAll('##[', '#\\u0023[');
  return `${text}\n`;
}
