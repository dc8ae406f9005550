/** Longer than any script that a person or a program means to write, in characters. */
const MAX_TEXT_CHARACTERS = 10_000_000;

/** Tokens whose values hold further tokens can make a text grow without bound. */
export class TextTooLong extends Error {
  readonly token: string;

  constructor(token: string) {
    super(`${token} makes a text longer than ${MAX_TEXT_CHARACTERS.toLocaleString('en')} characters`);
    this.name = 'TextTooLong';
    this.token = token;
  }
}

/**
 * `text` with every `token` replaced by `value`, once.
 *
 * @throws TextTooLong
 */
export function replaceToken(text: string, token: string, value: string): string {
  const parts = text.split(token);
  if (parts.length === 1) return text;
  const length = text.length + (parts.length - 1) * (value.length - token.length);
  if (length > MAX_TEXT_CHARACTERS) throw new TextTooLong(token);
  return parts.join(value);
}
