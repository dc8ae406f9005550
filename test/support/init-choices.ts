import { type Choices, type Site, sites, type Trigger, triggers } from '../../src/cli/init/sites.js';

/** Choices of `init`, as plain as can be unless said otherwise. */
export function choicesOf(site: Site, changes: Partial<Choices> = {}): Choices {
  return {
    site,
    trigger: 'manual',
    host: site.runner === 'ssh' ? { user: 'me', name: 'login.example.org', port: undefined } : undefined,
    labels: site.runner === 'self-hosted' ? ['self-hosted'] : [],
    queue: '',
    bank: '',
    setup: '',
    outputPath: '',
    spec: 'studies/hello.yaml',
    workflow: '.github/workflows/study.yml',
    ...changes,
  };
}

/** Every kind of site with every trigger. */
export const combinations: readonly (readonly [site: Site, trigger: Trigger])[] = sites.flatMap((site) =>
  triggers.map((trigger) => [site, trigger] as const),
);

/** What else can be chosen, of all sorts at once. */
export function everythingOf(site: Site): Partial<Choices> {
  const hasJobs = site.jobs !== 'local';
  return {
    host: site.runner === 'ssh' ? { user: 'me', name: '2001:db8::1', port: 2222 } : undefined,
    queue: hasJobs ? 'no' : '',
    bank: hasJobs ? 'sci+ence' : '',
    setup: 'module load \'a: b\' # c\nexport A="1"',
    outputPath: site.runner === 'github' ? '' : '/p/lustre 1/me/',
    spec: 'studies of mine/on: hello.yaml',
  };
}
