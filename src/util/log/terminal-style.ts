/** What of the environment the looks of a log depend on. */
export type StyleEnvironment = Readonly<Record<string, string | undefined>>;

interface Stream {
  readonly isTTY?: boolean | undefined;
}

const isSet = (value: string | undefined) => value !== undefined && value !== '';
const isOff = (value: string | undefined) => value === '0' || value === 'false';

/** Whether escape sequences mean something to what shows the stream: the log of a CI service is read as text. */
function isScreen({ isTTY }: Stream, { TERM, CI }: StyleEnvironment): boolean {
  return isTTY === true && TERM !== 'dumb' && (!isSet(CI) || isOff(CI));
}

/** Whether a stream is to have colours (https://no-color.org, https://force-color.org; FORCE_COLOR counts more). */
export function hasColors(stream: Stream, environment: StyleEnvironment): boolean {
  const { FORCE_COLOR, NO_COLOR } = environment;
  if (isSet(FORCE_COLOR)) return !isOff(FORCE_COLOR);
  return !isSet(NO_COLOR) && isScreen(stream, environment);
}

/** Whether there can be a last line that is kept up to date: both streams must be on the screen, for both move its cursor. */
export function hasLiveLine(streams: readonly Stream[], environment: StyleEnvironment): boolean {
  return streams.every((stream) => isScreen(stream, environment));
}

/** Whether a stream is read by nothing but a person: what a runner of workflows reads may be a command to it. */
export function isForPerson({ isTTY }: Stream, { GITHUB_ACTIONS, CI }: StyleEnvironment): boolean {
  return isTTY === true && !isSet(GITHUB_ACTIONS) && (!isSet(CI) || isOff(CI));
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
type Color = keyof typeof codes;

const paint = (color: Color, text: string) => `\u001b[${codes[color]}m${text}\u001b[0m`;

const colorsOfStates: Readonly<Record<string, Color>> = {
  FINISHED: 'green',
  RUNNING: 'cyan',
  FAILED: 'red',
  FAILURE: 'red',
  TIMEDOUT: 'red',
  HWFAILURE: 'red',
  CANCELLED: 'yellow',
  INTERRUPTED: 'yellow',
  UNKNOWN: 'yellow',
};
const states = Object.keys(colorsOfStates).join('|');

/** Each pattern with the colors of its groups, which are all of the match; `state` stands for the color of the state that is there. */
const patterns: readonly (readonly [RegExp, readonly (Color | 'state' | undefined)[]])[] = [
  // `[3/8] say_hello FINISHED 0.1s`
  [new RegExp(`^(\\[ *\\d+/\\d+\\])( .*? )(${states})(?= |$)`), ['dim', undefined, 'state']],
  // A row of the table of steps.
  [new RegExp(`^(\\S.*? {2,})(${states})(?= |$)`), [undefined, 'state']],
  [/^(STEP +STATE.*)$/, ['bold']],
  [new RegExp(`^(Study .*? )(${states})(?= in )`), [undefined, 'state']],
  [/^(ok)(?= {2})/, ['green']],
  [/^(FAIL)(?= {2})/, ['red']],
  [/^(note:)(?= )/, ['dim']],
  [/^(error:)(?= )/, ['red']],
  [/^(warning:)(?= )/, ['yellow']],
  // A problem in a file, with its place.
  [/^(\S.*?:\d+:(?:\d+:)?)( error:)(?= )/, ['bold', 'red']],
  [/^(\S.*?:\d+:(?:\d+:)?)( warning:)(?= )/, ['bold', 'yellow']],
  [/^(\S[^ ]*:\d+:\d+:)(?= )/, ['bold']],
];

/** Colors the lines of which the meaning is known by their form. Indented lines, which quote what steps say, stay as they are. */
export function colored(text: string): string {
  return text.split('\n').map(coloredLine).join('\n');
}

function coloredLine(line: string): string {
  for (const [pattern, colors] of patterns) {
    const match = pattern.exec(line);
    if (match === null) continue;
    const [whole, ...groups] = match;
    const painted = groups.map((group, i) => {
      const color = colors[i] === 'state' ? colorsOfStates[group] : colors[i];
      return color === undefined ? group : paint(color as Color, group);
    });
    return painted.join('') + line.slice(whole.length);
  }
  return line;
}
