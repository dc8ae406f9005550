/** Chance that can be repeated: the same seed gives the same numbers, from 0 up to 1. */
export type Chance = () => number;

/** @param seed a whole number */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed that nobody has chosen. Whoever uses it is to print it. */
export const newSeed = () => Math.floor(Math.random() * 2 ** 32);

/** Draws cards, as from a deck that is shuffled again whenever it is used up: none is missing for long. */
export function deckOf<T>(chance: Chance, cards: readonly T[]): (isAllowed?: (card: T) => boolean) => T {
  let deck: T[] = [];
  return (isAllowed = () => true) => {
    for (;;) {
      while (deck.length > 0) {
        const [card] = deck.splice(Math.floor(chance() * deck.length), 1);
        if (isAllowed(card!)) return card!;
      }
      deck = [...cards];
    }
  };
}

/** One of several. */
export function pick<T>(chance: Chance, from: readonly T[]): T {
  return from[Math.floor(chance() * from.length)]!;
}
