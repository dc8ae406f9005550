import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { onTestFinished } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: what JSON holds
type Json = any;

/** A request that came in, and how it was answered. */
export interface SeenRequest {
  readonly method: string;
  /** The operation, as GitHub's description names it. */
  readonly route: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Json;
  status: number;
}

/** An answer instead of the true one; `thenWork` carries the request out all the same, and only its answer is lost. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | object;
  readonly thenWork?: boolean;
  /** The connection is cut, or nothing is ever answered. */
  readonly instead?: 'cut' | 'silence';
}

export interface ApiAnnotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: string;
  readonly message: string;
  readonly title?: string;
  readonly raw_details?: string;
}

/** A check run as the server keeps it. */
export interface StoredCheckRun {
  readonly id: number;
  name: string;
  head_sha: string;
  external_id: string;
  status: string;
  conclusion: string | null;
  started_at: string;
  completed_at: string | null;
  title: string | null;
  summary: string | null;
  text: string | null;
  details_url: string;
  readonly annotations: ApiAnnotation[];
}

/** A comment as the server keeps it. */
export interface StoredComment {
  readonly id: number;
  readonly issue: number;
  body: string;
  readonly user: { readonly login: string; readonly id: number; readonly type: string };
}

/** An issue as the server keeps it. */
export interface StoredIssue {
  readonly number: number;
  title: string;
  body: string;
  state: string;
  readonly user: StoredComment['user'];
  /** Whether it is a pull request, which GitHub lists as an issue. */
  readonly isPullRequest: boolean;
}

/** Who makes comments with the token of a job. */
const bot = { login: 'github-actions[bot]', id: 41_898_282, type: 'Bot' } as const;

const root = path.dirname(createRequire(import.meta.url).resolve('@octokit/openapi/package.json'));

/** What GitHub says of its API: of github.com, and of the oldest server that is still supported. */
const descriptions = ['api.github.com', 'ghes-3.17'] as const;

const routes = [
  { method: 'POST', route: '/repos/{owner}/{repo}/check-runs', status: 201 },
  { method: 'PATCH', route: '/repos/{owner}/{repo}/check-runs/{check_run_id}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/check-runs/{check_run_id}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/commits/{ref}/check-runs', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/actions/runs/{run_id}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/pulls/{pull_number}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/contents/{path}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/collaborators/{username}/permission', status: 200 },
  { method: 'POST', route: '/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions', status: 201 },
  { method: 'GET', route: '/repos/{owner}/{repo}/issues/comments/{comment_id}', status: 200 },
  { method: 'PATCH', route: '/repos/{owner}/{repo}/issues/comments/{comment_id}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/issues', status: 200 },
  { method: 'POST', route: '/repos/{owner}/{repo}/issues', status: 201 },
  { method: 'PATCH', route: '/repos/{owner}/{repo}/issues/{issue_number}', status: 200 },
  { method: 'GET', route: '/repos/{owner}/{repo}/issues/{issue_number}/comments', status: 200 },
  { method: 'POST', route: '/repos/{owner}/{repo}/issues/{issue_number}/comments', status: 201 },
] as const;

class Description {
  readonly #ajv = new Ajv({ strict: false, allErrors: false });
  readonly #api: Json;
  readonly #name: string;

  constructor(name: (typeof descriptions)[number]) {
    this.#name = name;
    this.#api = JSON.parse(readFileSync(path.join(root, 'generated', `${name}.json`), 'utf8'));
    addFormats.default(this.#ajv);
    for (const name of ['check-run', 'issue']) allowNull(this.#api.components.schemas[name]);
    for (const part of [this.#api.components.schemas, this.#api.paths]) typeNull(part);
    this.#ajv.addSchema({ $id: 'https://description.invalid/', ...this.#api });
  }

  example(name: string): Json {
    return structuredClone(this.#api.components.examples[name].value);
  }

  /** What is wrong with a value, by the schema at a path of the description. */
  check(value: unknown, ...keys: readonly string[]): string | undefined {
    const pointer = keys
      .map((key) => `/${encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))}`)
      .join('');
    const reference = `https://description.invalid/#${pointer}`;
    const validate = this.#ajv.getSchema(reference)!;
    return validate(value) ? undefined : `${this.#name}: ${this.#ajv.errorsText(validate.errors)} (${pointer})`;
  }

  /** What is wrong with a request. */
  request(method: string, route: string, query: URLSearchParams, body: unknown): string | undefined {
    const operation = this.#api.paths[route][method.toLowerCase()];
    const known = (operation.parameters as Json[]).map((parameter) =>
      parameter.$ref === undefined ? parameter : this.#api.components.parameters[parameter.$ref.split('/').at(-1)],
    );
    for (const [name, value] of query) {
      const parameter = known.find((candidate) => candidate.in === 'query' && candidate.name === name);
      if (parameter === undefined) return `${this.#name}: there is no query parameter ${name}`;
      const typed = parameter.schema.type === 'integer' ? Number(value) : value;
      if (!this.#ajv.validate(parameter.schema, typed)) return `${this.#name}: ${name} cannot be ${value}`;
    }
    if (operation.requestBody === undefined) return body === undefined ? undefined : 'there is no body to this';
    const keys = ['paths', route, method.toLowerCase(), 'requestBody', 'content', 'application/json', 'schema'];
    const schema = keys.reduce((at, key) => at[key], this.#api);
    return this.check(body, ...keys) ?? unknownKeys(body, schema);
  }

  response(method: string, route: string, status: number, value: unknown): string | undefined {
    const keys = ['paths', route, method.toLowerCase(), 'responses', String(status), 'content', 'application/json'];
    return this.check(value, ...keys, 'schema');
  }
}

/** Where the description says `nullable` it means it, whatever the values are that it lists. */
function allowNull(schema: Json): void {
  if (typeof schema !== 'object' || schema === null) return;
  if (schema.nullable === true && Array.isArray(schema.enum)) schema.enum.push(null);
  for (const inner of Object.values(schema)) allowNull(inner);
}

/** What may be null and has no type of its own, such as one of several schemas, is not understood otherwise. */
function typeNull(schema: Json): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const inner of Object.values(schema)) typeNull(inner);
  if (schema.nullable !== true || schema.type !== undefined) return;
  const { nullable: _, ...rest } = schema;
  for (const key of Object.keys(schema)) delete schema[key];
  schema.anyOf = [rest, { type: 'null' }];
}

/** GitHub lets keys pass that it does not know; who sends them meant something else. */
function unknownKeys(value: Json, schema: Json): string | undefined {
  if (Array.isArray(value)) return value.map((item) => unknownKeys(item, schema.items)).find((found) => found);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (schema.properties?.[key] === undefined) return `there is no key ${key}`;
    const found = unknownKeys(inner, schema.properties[key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

let loaded: readonly Description[] | undefined;

/** Once for all servers of a test file: they are large. */
function load(): readonly Description[] {
  loaded ??= descriptions.map((name) => new Description(name));
  return loaded;
}

/**
 * GitHub's API on this machine, as far as check runs, issues and comments go. It checks every request, and every answer of its own, against
 * GitHub's description of it, enforces the limits that the description does not have, and fails on demand.
 */
export class GitHubServer {
  readonly repository = 'octo/studies';
  readonly token = 'ghs_0123456789';
  /** The app that check runs are said to be of. */
  app = 'github-actions';
  readonly requests: SeenRequest[] = [];
  readonly checkRuns: StoredCheckRun[] = [];
  /** What is wrong with requests, and with this server's answers: none is expected. */
  readonly complaints: string[] = [];
  /** Files at the commits that pull requests have: path → text. */
  readonly files = new Map<string, string>();
  /** Pull requests: number → the repository that their code is of, and its commit. */
  readonly pulls = new Map<number, { readonly repository: string; readonly sha: string }>();
  /** What people may do, by their names: the others nothing. */
  readonly people = new Map<string, { readonly id: number; readonly permission: string; readonly role?: string }>();
  readonly comments: StoredComment[] = [];
  /** Runs of workflows: id → what of them a test is about. */
  readonly runs = new Map<
    string,
    { readonly event: string; readonly head_branch: string; readonly head_sha: string }
  >();
  /** Issues, the last that was changed last. */
  readonly issues: StoredIssue[] = [];
  /** Reactions to comments, in the order in which they came. */
  readonly reactions: { readonly comment: number; readonly content: string }[] = [];
  /** What a request gets instead of its true answer. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  /** What a request waits for before it is carried out. */
  hold: (request: SeenRequest) => Promise<void> | undefined = () => undefined;
  /** Left of the requests of an hour. */
  quota: { limit: number; remaining: number; reset: number } | undefined = undefined;
  readonly #descriptions = load();
  readonly #server: Server;
  #ids = 100;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error) => {
        this.complaints.push(`the server failed: ${error.stack}`);
        response.destroy();
      });
    });
  }

  /** Is there until the test ends. */
  static async start(): Promise<GitHubServer> {
    const server = new GitHubServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.#server.closeAllConnections();
      server.#server.close();
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** `METHOD /path` of each request but those for which it was given to fail. */
  get log(): string[] {
    return this.requests.map(
      ({ method, path, status }) => `${method} ${path.replace('/repos/octo/studies', '')} ${status}`,
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    const raw = await text(request);
    const route = routes.find(
      (candidate) => candidate.method === request.method && matches(candidate.route, url.pathname),
    );
    const seen: SeenRequest = {
      method: request.method!,
      route: route?.route ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: raw === '' ? undefined : JSON.parse(raw),
      status: 0,
    };
    this.requests.push(seen);
    await this.hold(seen);
    const fault = this.fault(seen);
    if (fault !== undefined && fault.thenWork !== true) return this.#fail(fault, seen, response);
    const { status, body } = this.#answer(seen, route?.status ?? 404);
    if (status === 200 || status === 201) {
      const wrong = this.#descriptions[0]!.response(seen.method, seen.route, status, body);
      if (wrong !== undefined) this.complaints.push(`this server's own answer: ${wrong}`);
    }
    if (fault !== undefined) return this.#fail(fault, seen, response);
    this.#send(response, seen, status, {}, body);
  }

  #fail(fault: Fault, seen: SeenRequest, response: ServerResponse): void {
    if (fault.instead === 'silence') return;
    if (fault.instead === 'cut') {
      response.destroy();
      return;
    }
    this.#send(response, seen, fault.status ?? 500, fault.headers ?? {}, fault.body ?? { message: 'On demand' });
  }

  #send(
    response: ServerResponse,
    seen: SeenRequest,
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | object,
  ): void {
    seen.status = status;
    const quota = this.quota && {
      'x-ratelimit-limit': String(this.quota.limit),
      'x-ratelimit-remaining': String(this.quota.remaining),
      'x-ratelimit-reset': String(this.quota.reset),
    };
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...quota, ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  #answer(seen: SeenRequest, status: number): { status: number; body: Json } {
    const { method, route, path, query, headers, body } = seen;
    if (headers.authorization !== `Bearer ${this.token}`) return { status: 401, body: { message: 'Bad credentials' } };
    if (!headers['user-agent']) return { status: 403, body: { message: 'Request forbidden by administrative rules.' } };
    if (route === '') return { status: 404, body: { message: 'Not Found' } };
    const wrong =
      this.#descriptions.map((description) => description.request(method, route, query, body)).find((found) => found) ??
      overLimit(body) ??
      (body === undefined || /^application\/json/.test(String(headers['content-type']))
        ? undefined
        : 'not said to be JSON');
    if (wrong !== undefined) {
      this.complaints.push(`${method} ${path}: ${wrong}`);
      return { status: 422, body: { message: `Invalid request.\n\n${wrong}` } };
    }
    const found = this.#carryOut(seen);
    return found === undefined ? { status: 404, body: { message: 'Not Found' } } : { status, body: found };
  }

  #carryOut({ method, route, path, query, body }: SeenRequest): Json {
    const last = decodeURIComponent(path.split('/').at(-1)!);
    if (route.endsWith('/permission')) return this.#permission(decodeURIComponent(path.split('/').at(-2)!));
    if (/\/issues(\/\{issue_number\})?$/.test(route)) return this.#onIssues(method, last, query, body);
    if (route.includes('/issues/')) return this.#onComments(method, route, path.split('/'), body);
    if (method === 'POST') {
      if (!/^[0-9a-f]{40}$/.test(body.head_sha)) return undefined;
      return this.#json(this.#changed(this.add({ name: body.name, head_sha: body.head_sha }), body));
    }
    if (route.endsWith('{check_run_id}')) {
      const run = this.checkRuns.find(({ id }) => String(id) === last);
      if (run === undefined) return undefined;
      return this.#json(method === 'PATCH' ? this.#changed(run, body) : run);
    }
    if (route.endsWith('/commits/{ref}/check-runs')) return this.#list(path.split('/').at(-2)!, query);
    if (route.endsWith('{run_id}')) {
      const run = this.runs.get(last);
      return run && { ...this.#descriptions[0]!.example('workflow-run'), id: Number(last), ...run };
    }
    if (route.endsWith('{pull_number}')) return this.#pull(Number(last));
    return this.#contents(decodeURIComponent(path.replace('/repos/octo/studies/contents/', '')), query.get('ref'));
  }

  /** A check run that is there already. */
  add(run: Partial<StoredCheckRun>): StoredCheckRun {
    const added: StoredCheckRun = {
      id: this.#ids++,
      name: 'check',
      head_sha: '',
      external_id: '',
      status: 'queued',
      conclusion: null,
      started_at: '2026-01-01T00:00:00Z',
      completed_at: null,
      title: null,
      summary: null,
      text: null,
      details_url: '',
      annotations: [],
      ...run,
    };
    this.checkRuns.push(added);
    return added;
  }

  #permission(login: string): Json {
    const person = this.people.get(login);
    if (person === undefined) return undefined;
    const example = this.#descriptions[0]!.example(
      'repository-collaborator-permission-response-if-user-has-admin-permissions',
    );
    const { id, permission, role = permission } = person;
    return { ...example, permission, role_name: role, user: { ...example.user, login, id, role_name: role } };
  }

  #onComments(method: string, route: string, parts: readonly string[], body: Json): Json {
    if (route.endsWith('{issue_number}/comments')) {
      const issue = Number(parts.at(-2));
      if (method === 'POST') return this.#commentJson(this.addComment({ issue, body: body.body }));
      return this.comments.filter((comment) => comment.issue === issue).map((comment) => this.#commentJson(comment));
    }
    if (route.endsWith('/reactions')) {
      const reaction = { comment: Number(parts.at(-2)), content: body.content as string };
      this.reactions.push(reaction);
      return { ...this.#descriptions[0]!.example('reaction'), content: reaction.content };
    }
    const comment = this.comments.find(({ id }) => String(id) === parts.at(-1));
    if (comment === undefined) return undefined;
    if (method === 'PATCH') comment.body = body.body;
    return this.#commentJson(comment);
  }

  #onIssues(method: string, last: string, query: URLSearchParams, body: Json): Json {
    if (method === 'POST') return this.#issueJson(this.addIssue(body));
    if (method === 'PATCH') {
      const index = this.issues.findIndex(({ number }) => String(number) === last);
      if (index === -1) return undefined;
      const [issue] = this.issues.splice(index, 1);
      this.issues.push(issue!);
      const { state_reason: _, ...fields } = body;
      return this.#issueJson(Object.assign(issue!, fields));
    }
    const state = query.get('state') ?? 'open';
    const asked = this.issues.filter((issue) => state === 'all' || issue.state === state).reverse();
    const [size, page] = [Number(query.get('per_page') ?? 30), Number(query.get('page') ?? 1)];
    return asked.slice((page - 1) * size, page * size).map((issue) => this.#issueJson(issue));
  }

  /** An issue that is there; open, and of the token's own bot, unless it is said to be another's. */
  addIssue(issue: Partial<StoredIssue>): StoredIssue {
    const number = this.#ids++;
    const added = { number, title: 'An issue', body: '', state: 'open', user: bot, isPullRequest: false, ...issue };
    this.issues.push(added);
    return added;
  }

  #issueJson({ number, title, body, state, user, isPullRequest }: StoredIssue): Json {
    const { pull_request: pull, ...example } = this.#descriptions[0]!.example('issue');
    return {
      ...example,
      ...(isPullRequest && { pull_request: pull }),
      ...{ number, title, body, state, html_url: `https://github.com/octo/studies/issues/${number}` },
      user: { ...example.user, ...user },
    };
  }

  /** A comment that is there; of the token's own bot, unless somebody else is named. */
  addComment(comment: Partial<StoredComment> & Pick<StoredComment, 'issue' | 'body'>): StoredComment {
    const added = { id: this.#ids++, user: bot, ...comment };
    this.comments.push(added);
    return added;
  }

  #commentJson({ id, body, user }: StoredComment): Json {
    const example = this.#descriptions[0]!.example('issue-comment');
    return { ...example, id, body, user: { ...example.user, ...user } };
  }

  #changed(run: StoredCheckRun, { output = {}, ...fields }: Json): StoredCheckRun {
    const { annotations = [], ...texts } = output;
    const { head_sha: _sha, actions: _actions, ...own } = fields;
    if (own.status === 'in_progress') Object.assign(run, { conclusion: null, completed_at: null });
    Object.assign(run, own, texts);
    run.annotations.push(...annotations);
    return run;
  }

  #list(sha: string, query: URLSearchParams): Json {
    const named = this.checkRuns.filter(
      (run) => run.head_sha === sha && run.name === (query.get('check_name') ?? run.name),
    );
    const latest = query.get('filter') === 'all' ? named : named.slice(-1);
    const [size, page] = [Number(query.get('per_page') ?? 30), Number(query.get('page') ?? 1)];
    const shown = [...latest].reverse().slice((page - 1) * size, page * size);
    return { total_count: latest.length, check_runs: shown.map((run) => this.#json(run)) };
  }

  #json({ annotations, title, summary, text, ...run }: StoredCheckRun): Json {
    const url = `${this.url}/repos/octo/studies/check-runs/${run.id}`;
    const output = {
      title,
      summary,
      text,
      annotations_count: annotations.length,
      annotations_url: `${url}/annotations`,
    };
    const html = `https://github.com/octo/studies/runs/${run.id}`;
    const example = this.#descriptions[0]!.example('check-run');
    return { ...example, ...run, app: { ...example.app, slug: this.app }, url, html_url: html, output };
  }

  #pull(number: number): Json {
    const pull = this.pulls.get(number);
    if (pull === undefined) return undefined;
    const example = this.#descriptions[0]!.example('pull-request');
    const repo = { ...example.head.repo, full_name: pull.repository };
    const head = { ...example.head, repo, sha: pull.sha };
    // The example's teams are not as the description has them.
    return {
      ...example,
      requested_teams: [],
      number,
      head,
      base: { ...example.base, repo: { ...example.base.repo, full_name: this.repository } },
    };
  }

  #contents(file: string, _ref: string | null): Json {
    const content = this.files.get(file);
    if (content === undefined) return undefined;
    const example = this.#descriptions[0]!.example('content-file-response-if-content-is-a-file');
    const lines = Buffer.from(content).toString('base64').replace(/.{60}/g, '$&\n');
    return {
      ...example,
      name: file.split('/').at(-1),
      path: file,
      size: content.length,
      encoding: 'base64',
      content: lines,
    };
  }
}

/** Whether a path is one of a route: `{path}` may have slashes. */
function matches(route: string, pathname: string): boolean {
  const pattern = route.replace(/\{path\}/g, '.+').replace(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(pathname);
}

/** Limits that only GitHub's prose has: bytes, not characters. */
function overLimit(body: Json): string | undefined {
  if (typeof body?.body === 'string' && (body.body === '' || body.body.length > 65_536)) return 'a comment is too long';
  const { output } = body ?? {};
  if (output === undefined) return undefined;
  const long = (value: unknown, most: number) => typeof value === 'string' && Buffer.byteLength(value) > most;
  if (long(output.summary, 65_535)) return 'the summary is too long';
  if (long(output.text, 65_535)) return 'the text is too long';
  for (const { title, message, raw_details, start_line, end_line, path: file } of output.annotations ?? []) {
    if (long(title, 255)) return 'a title is too long';
    if (long(message, 65_536)) return 'a message is too long';
    if (long(raw_details, 65_536)) return 'raw details are too long';
    if (message === '' || title === '' || file === '' || file.startsWith('/')) return 'an annotation lacks something';
    if (start_line < 1 || end_line < start_line) return 'a line is none';
  }
  return undefined;
}
