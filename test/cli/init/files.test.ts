import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { nextSteps } from '../../../src/cli/init/next-steps.js';
import { sampleStudy } from '../../../src/cli/init/sample-study.js';
import { sites } from '../../../src/cli/init/sites.js';
import { ourAction, pins, scalar, workflowText } from '../../../src/cli/init/workflow.js';
import { requestOf } from '../../../src/inputs/derive.js';
import { parseInputs } from '../../../src/inputs/parse.js';
import { choicesOf, combinations, everythingOf } from '../../support/init-choices.js';
import { planOf } from '../../support/plan.js';

const siteOf = (name: string) => sites.find((site) => site.name === name)!;

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly jobs: {
    readonly study: Readonly<Record<string, unknown>> & {
      readonly steps: readonly { readonly uses: string; readonly with: Readonly<Record<string, string>> }[];
    };
  };
}

const parse = (text: string) => load(text) as Workflow;

describe('the workflow that init writes', () => {
  it.each(combinations.map(([site, trigger]) => [site.name, trigger, site] as const))(
    'for %s, %s, gives the action inputs that it takes',
    (_, trigger, site) => {
      for (const specExists of [false, true]) {
        for (const changes of [{}, everythingOf(site)]) {
          const workflow = parse(workflowText(choicesOf(site, { trigger, ...changes }), specExists));
          const [, ours] = workflow.jobs.study.steps;
          expect(ours!.uses).toBe(ourAction);
          // Expressions as GitHub evaluates them.
          const values = Object.entries(ours!.with).map(([name, value]) => {
            const text = String(value).replaceAll(/\$\{\{ (.*?) \}\}/g, (_, code) =>
              code.includes('==') ? 'true' : 'me',
            );
            return [name, text] as const;
          });
          const inputs = parseInputs(new Map(values), (name) => name);
          expect(inputs.spec).toBe('spec' in changes ? changes.spec : 'studies/hello.yaml');
          expect(inputs.host !== '').toBe(site.runner === 'ssh');
          expect(requestOf(inputs, (name) => name) !== undefined).toBe(site.jobs === 'allocation');
          if (site.runner !== 'github')
            expect(inputs['timeout-minutes']).toBeLessThan(Number(workflow.jobs.study['timeout-minutes']));
        }
      }
    },
  );

  it('for your own runner, on pull requests, leaves out forks', () => {
    const { study } = parse(
      workflowText(choicesOf(siteOf('self-hosted-flux'), { trigger: 'pull-request' }), false),
    ).jobs;
    expect(study.if).toContain('head.repo.full_name == github.repository');
  });

  it('elsewhere, on pull requests, only checks those of forks', () => {
    const { study } = parse(workflowText(choicesOf(siteOf('ssh-slurm'), { trigger: 'pull-request' }), false)).jobs;
    expect(study.if).toBeUndefined();
    expect(study.steps[1]!.with['dry-run']).toMatch(
      /event_name == 'pull_request' && .*full_name != github\.repository/,
    );
  });

  it('lays queue and bank over a study that is there', () => {
    const text = workflowText(choicesOf(siteOf('ssh-slurm'), { queue: 'pdebug', bank: 'science' }), true);
    expect(parse(text).jobs.study.steps[1]!.with.batch).toBe('{queue: pdebug, bank: science}');
  });

  it('names actions by the same commits as the workflows of this repository', () => {
    const folder = path.resolve(import.meta.dirname, '../../../.github/workflows');
    const own = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
    for (const pin of Object.values(pins)) {
      const name = pin.split('@')[0]!;
      const used = own
        .flatMap((text) => [...text.matchAll(/uses: (.*)/g)].map(([, uses]) => uses!))
        .filter((uses) => uses.startsWith(`${name}@`));
      expect(new Set(used)).toEqual(new Set([pin]));
    }
  });

  it.each([
    'no',
    'a: b',
    '# a',
    '',
    ' a',
    "it's",
    '"',
    '{a}',
    '- a',
    '1',
    'a\nb',
    '${{ vars.A }}@b:22',
    'a #b',
    'ä',
    '*',
  ])('has the text %j as it is', (text) => expect(load(`a: ${scalar(text)}\n`)).toEqual({ a: text }));
});

describe('the sample study that init writes', () => {
  it.each(sites.map((site) => [site.name, site] as const))('for %s is valid, without warnings', (_, site) => {
    for (const changes of [{}, everythingOf(site)]) {
      const { plan, errors, warnings } = planOf(sampleStudy(choicesOf(site, changes)));
      expect([...errors, ...warnings]).toEqual([]);
      expect(plan!.graph.steps.map(({ name }) => name)).toEqual(['greet_NAME.Ada', 'greet_NAME.Grace', 'list']);
    }
  });
});

describe('what is left to do', () => {
  it('over SSH is a key, the host key, the environment that has them, and a first run', () => {
    const host = { user: 'me', name: 'login.example.org', port: 2222 };
    const steps = nextSteps(
      choicesOf(siteOf('ssh-flux'), { host, setup: 'module load flux', spec: 'my studies/a.yaml' }),
      'maestro-on-flux',
    );
    const commands = steps
      .split('\n')
      .filter((line) => line.startsWith('     '))
      .map((line) => line.trim());
    expect(commands).toEqual([
      "ssh-keygen -q -t ed25519 -N '' -C maestro-on-flux -f cluster-key",
      `echo "restrict $(cat cluster-key.pub)" | ssh -p 2222 me@login.example.org 'umask 077; mkdir -p ~/.ssh; cat >> ~/.ssh/authorized_keys'`,
      'ssh-keyscan -t ed25519 -p 2222 login.example.org > cluster-known-hosts',
      'ssh-keygen -lf cluster-known-hosts',
      "maestro-on-flux validate 'my studies/a.yaml'",
      "maestro-on-flux doctor 'my studies/a.yaml' --host me@login.example.org:2222 --ssh-key @cluster-key --ssh-known-hosts @cluster-known-hosts --setup 'module load flux'",
      "gh api --silent -X PUT 'repos/{owner}/{repo}/environments/cluster' -F 'deployment_branch_policy[protected_branches]=false' -F 'deployment_branch_policy[custom_branch_policies]=true'",
      `gh api --silent -X POST 'repos/{owner}/{repo}/environments/cluster/deployment-branch-policies' -f name="$(gh repo view --json defaultBranchRef --jq .defaultBranchRef.name)"`,
      'gh secret set CLUSTER_KEY --env cluster < cluster-key',
      'gh variable set CLUSTER_KNOWN_HOSTS --env cluster < cluster-known-hosts',
      'gh variable set CLUSTER_USER --env cluster --body me',
      'rm cluster-key cluster-key.pub cluster-known-hosts',
      "git add -- .github/workflows/study.yml 'my studies/a.yaml' && git commit -m 'Run a study' && git push",
      'gh workflow run study.yml',
    ]);
  });

  it('at a site with allocations is to see whether one would be given', () => {
    const steps = nextSteps(choicesOf(siteOf('ssh-allocation'), { queue: 'pdebug' }), 'maestro-on-flux');
    expect(steps).toContain(" --allocate '{with: slurm, nodes: 1, time: 30, queue: pdebug}'\n");
  });

  it('of pull requests over SSH makes jobs wait for a reviewer', () => {
    const steps = nextSteps(choicesOf(siteOf('ssh-slurm'), { trigger: 'pull-request' }), 'maestro-on-flux');
    expect(steps).toContain('reviewers[][type]=User');
    expect(steps).not.toContain('branch_policy');
  });

  it('sets every secret and variable that the workflow reads', () => {
    for (const [site, trigger] of combinations) {
      const choices = choicesOf(site, { trigger });
      const read = workflowText(choices, false).matchAll(/\b(secrets|vars)\.([A-Z_]+)/g);
      const steps = nextSteps(choices, 'maestro-on-flux');
      for (const [, kind, name] of read)
        expect(steps).toContain(`gh ${kind === 'secrets' ? 'secret' : 'variable'} set ${name} `);
    }
  });

  it('on runners of GitHub needs no secret and no doctor', () => {
    const steps = nextSteps(choicesOf(siteOf('github')), 'maestro-on-flux');
    expect(steps).not.toMatch(/secret|doctor|ssh/);
    expect(steps).toContain('maestro-on-flux validate studies/hello.yaml');
  });

  it('on your own runner is to register it', () => {
    const steps = nextSteps(
      choicesOf(siteOf('self-hosted-slurm'), { labels: ['self-hosted', 'login'] }),
      'maestro-on-flux',
    );
    expect(steps).toContain('with the labels self-hosted, login ');
  });
});
