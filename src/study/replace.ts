/** The longest allowed text in characters, which no real script exceeds. */
const MAX_TEXT_CHARACTERS = 10_000_000;

/** A text became too long: tokens whose values contain tokens can make it grow exponentially. */
export class TextTooLong extends Error {
  readonly token: string;

  constructor(token: string) {
    super(`${token} makes a text longer than ${MAX_TEXT_CHARACTERS.toLocaleString('en')} characters`);
    this.name = 'TextTooLong';
    this.token = token;
  }
}

/**
 * Replaces every `token` in a text by `value`, in one pass.
 *
 * @throws TextTooLong
 */
export function replaceToken(text: string, token: string, value: string): string {
  if (!text.includes(token)) return text;
  const parts = text.split(token);
  const length = text.length + (parts.length - 1) * (value.length - token.length);
  if (length > MAX_TEXT_CHARACTERS) throw new TextTooLong(token);
  return parts.join(value);
}
