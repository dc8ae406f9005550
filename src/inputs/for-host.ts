import type { HostInputs } from '../run/prepare.js';
import { traitsOf } from './traits.js';

/** What a study that is resumed takes of the inputs that were kept of the run before, unless it is given others. */
export function inputsForResume(kept: Readonly<Record<string, string>>): (readonly [name: string, text: string])[] {
  return Object.entries(kept).filter(([name]) => {
    const onResume = traitsOf(name)?.onResume;
    return onResume === 'kept' || onResume === 'changeable';
  });
}

/** Sorts the inputs, as texts by name, by what of them gets to the host. */
export function inputsForHost(texts: ReadonlyMap<string, string>): HostInputs {
  const given = [...texts].filter(([, text]) => text !== '');
  const apart = given.filter(([name]) => traitsOf(name)?.host === 'apart');
  return {
    plain: Object.fromEntries(given.filter(([name]) => traitsOf(name)?.host === 'plain')),
    apart: Object.fromEntries(apart),
    withheld: apart.map(([name]) => name).filter((name) => traitsOf(name)?.onResume === 'given'),
  };
}
