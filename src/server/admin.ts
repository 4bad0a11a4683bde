import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { messageOf, Problem, ProblemList } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';

/** Largest request that is taken, in bytes: manifest files come inside. */
const largestRequest = 16 * 2 ** 20;

/** What serving the admin socket needs. */
export interface AdminInit {
  readonly api: ControlApi;
  /** Path of the unix socket. */
  readonly path: string;
  /** Group whose members may use it; root only when undefined. Its members rule Incus, and with it the host, anyway. */
  readonly gid: number | undefined;
  readonly onBug: (error: unknown) => void;
}

type WaitOptions = Omit<Parameters<ControlApi['awaitSandbox']>[0], 'signal'>;

type Method = (api: ControlApi, options: never, response: ServerResponse, signal: AbortSignal) => Promise<unknown>;

/** Methods that answer once. Names are those of {@link ControlApi}. */
const methods: Readonly<Record<string, Method>> = {
  status: (api) => api.status(),
  plan: (api, options) => api.plan(options),
  store: (api, options) => api.store(options),
  reconcile: (api) => api.reconcile(),
  delete: (api, options) => api.delete(options),
  freeze: (api, options) => api.freeze(options),
  resume: (api, options) => api.resume(options),
  suspend: (api, options) => api.suspend(options),
  unsuspend: (api, options) => api.unsuspend(options),
  confirmDeletes: (api, options) => api.confirmDeletes(options),
  adopt: (api, options) => api.adopt(options),
  openSession: (api, options) => api.openSession(options),
  endSession: (api, options) => api.endSession(options),
  shutDown: (api, options) => api.shutDown(options),
  persist: (api, options) => api.persist(options),
  launch: (api, options) => api.launch(options),
  setPower: (api, options) => api.setPower(options),
  addMount: (api, options) => api.addMount(options),
  createSnapshot: (api, options) => api.createSnapshot(options),
  restoreSnapshot: (api, options) => api.restoreSnapshot(options),
  deleteSnapshot: (api, options) => api.deleteSnapshot(options),
  fork: (api, options) => api.fork(options),
  awaitSandbox: (api, options: object, _, signal) => api.awaitSandbox({ ...(options as WaitOptions), signal }),
  denials: (api, options) => api.denials(options),
  policy: (api, options) => api.policy(options),
  policyTest: (api, options) => api.policyTest(options),
  monitor: (api, options) => api.monitor(options),
  orphans: (api) => api.orphans(),
  removeOrphans: (api, options) => api.removeOrphans(options),
};

/** Methods that answer with one record after the other, until nobody listens. */
const streams: Readonly<Record<string, (api: ControlApi, options: never) => AsyncIterable<object>>> = {
  events: (api, options) => api.events(options),
  detections: (api, options) => api.detections(options),
};

/** Whoever is answered with a stream. */
interface Listener {
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

/**
 * Serve a controller on a unix socket until disposed of: `POST /v1/METHOD` with the options as JSON gives
 * `{"result": …}` or `{"problem": …}`; `events` and `detections` stream JSON lines.
 *
 * Who may connect is who may write the socket: its mode is 0660.
 *
 * @throws the file system's own error when the socket cannot be made
 */
export async function serveAdmin(init: AdminInit): Promise<AsyncDisposable> {
  await rm(init.path, { force: true });
  const server = createServer((request, response) => {
    void answer(init, request, response);
  });
  // Nobody may connect between the socket's making and its mode.
  const before = process.umask(0o177);
  try {
    server.listen(init.path);
    await once(server, 'listening');
  } finally {
    process.umask(before);
  }
  if (init.gid !== undefined) await chown(init.path, 0, init.gid);
  await chmod(init.path, 0o660);
  return { [Symbol.asyncDispose]: () => close(server, init.path) };
}

async function close(server: Server, path: string): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(path, { force: true });
}

async function answer(init: AdminInit, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    const name = /^\/v1\/([A-Za-z]+)$/.exec(request.url ?? '')?.[1] ?? '';
    if (request.method !== 'POST') throw unknownRequest(`${request.method} ${request.url}`);
    const options = await readJson(request);
    await answerWith(init.api, { name, options }, { response, signal: gone.signal });
  } catch (error) {
    // An answer that nobody waits for any more is no failure.
    if (!gone.signal.aborted || response.writableFinished) fail(init, response, error);
  }
}

interface Request {
  readonly name: string;
  readonly options: unknown;
}

async function answerWith(api: ControlApi, { name, options }: Request, listener: Listener): Promise<void> {
  const { response, signal } = listener;
  if (Object.hasOwn(streams, name)) {
    const records = streams[name]!(api, { ...(options as object), signal } as never);
    return await writeLines(records, listener);
  }
  if (!Object.hasOwn(methods, name)) throw unknownRequest(name);
  const result = await methods[name]!(api, options as never, response, signal);
  send(response, 200, { result: result ?? null });
}

function unknownRequest(what: string): Problem {
  return new Problem({
    code: 'server.unknown-method',
    message: `The controller knows no request "${what}"`,
    hint: 'Command and controller may be of different versions: restart the controller',
  });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > largestRequest)
      throw new Problem({ code: 'server.too-large', message: 'The request is larger than 16 MiB' });
    parts.push(part as Buffer);
  }
  const text = Buffer.concat(parts).toString('utf8');
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new Problem({ code: 'server.bad-request', message: 'The request is not JSON', cause });
  }
}

/** The head is sent with the first line, so that what fails before can still be told as a problem. */
async function writeLines(records: AsyncIterable<object>, { response, signal }: Listener): Promise<void> {
  const head = () => response.headersSent || response.writeHead(200, { 'content-type': 'application/jsonl' });
  for await (const record of records) {
    head();
    if (!response.write(`${JSON.stringify(record)}\n`)) await drained(response, signal);
    if (signal.aborted) return;
  }
  head();
  response.end();
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal }).catch((error: unknown) => {
    // Whoever asked has left: there is nobody to tell.
    if (!signal.aborted) throw error;
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function fail({ onBug }: AdminInit, response: ServerResponse, error: unknown): void {
  if (!(error instanceof Problem)) onBug(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  send(response, error instanceof Problem ? 400 : 500, { problem: describe(error) });
}

function describe(error: unknown): object {
  if (!(error instanceof Problem))
    return { code: 'coi.bug', message: `A defect of coi: ${messageOf(error)}`, retry: 'never' };
  const { code, message, hint, retry, position } = error;
  const problems = error instanceof ProblemList ? { problems: error.problems.map(describe) } : {};
  return { code, message, retry, ...(hint && { hint }), ...(position && { position }), ...problems };
}
