import examples from '@octokit/webhooks-examples';

// biome-ignore lint/suspicious/noExplicitAny: a payload is whatever GitHub sends
type Payload = any;

/** The payload of an event as GitHub sends it: one of GitHub's own examples, for the test to change. */
export function examplePayload(name: string, is: (payload: Payload) => boolean = () => true): Payload {
  // The package is of CommonJS, its types say otherwise.
  const all = examples as unknown as readonly { readonly name: string; readonly examples: readonly Payload[] }[];
  const found = all.find((definition) => definition.name === name)?.examples.find(is);
  if (found === undefined) throw new Error(`there is no example of ${name}`);
  return structuredClone(found);
}
