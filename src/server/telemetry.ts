import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv4 } from 'node:net';
import { messageOf, Problem } from '../base/problem.ts';

/** Whether something is as it should be, and what it is like, in words. */
export interface Verdict {
  readonly ok: boolean;
  readonly message: string;
}

/** What the telemetry server serves, and where. */
export interface TelemetryOptions {
  /** In 127.0.0.0/8, `::1` or `localhost`. */
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  /** Whether the loop is alive: it finished something lately, or has nothing to do. */
  readonly health: () => Verdict;
  /** Whether the controller knows enough to act: the lock, one complete look, every source read once. */
  readonly readiness: () => Verdict;
  /** Told when an answer could not be made: a defect. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** A server that listens. */
export interface Telemetry extends AsyncDisposable {
  readonly port: number;
  /** With scheme, without a path. */
  readonly url: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

const text = 'text/plain; charset=utf-8';
const requestTimeoutMs = 5_000;

/**
 * Serve `/metrics`, `/healthz` and `/readyz` to processes of this host. There is no login, so it listens nowhere else, and
 * it answers no browser that a foreign name led here (DNS rebinding): the Host header must be a loopback address.
 *
 * @throws {Problem} `telemetry.address` when the address is not one of this host's loopback
 * @throws {Problem} `telemetry.port-in-use` when something else listens there
 * @throws {Problem} `telemetry.listen` when listening fails otherwise
 */
export async function serveTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { port } = options;
  const address = addressOf(options.host);
  if (!isLoopback(address)) {
    throw new Problem({
      code: 'telemetry.address',
      message: `Cannot serve metrics on ${address}: it is not a loopback address, and there is no login`,
      hint: 'Use 127.0.0.1 or ::1, and a proxy that knows who may read where another host must.',
    });
  }
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
    (request, response) => {
      void respond(options, request, response);
    },
  );
  server.keepAliveTimeout = requestTimeoutMs;
  server.maxConnections = 64;
  await listen(server, address, port);
  const bound = server.address();
  const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    port: actual,
    url: `http://${address.includes(':') ? `[${address}]` : address}:${actual}`,
    [Symbol.asyncDispose]: () => close(server),
  };
}

async function respond(options: TelemetryOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerTo(options, request);
  } catch (error) {
    options.onError(error);
    answer = { status: 500, body: 'The answer could not be made; the log says why\n' };
  }
  const body = request.method === 'HEAD' ? '' : answer.body;
  response.writeHead(answer.status, {
    'content-type': answer.type ?? text,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(answer.status === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(body);
}

async function answerTo(options: TelemetryOptions, request: IncomingMessage): Promise<Answer> {
  if (!isLoopbackHost(request.headers.host)) return { status: 421, body: 'Ask for a loopback address\n' };
  const path = (request.url ?? '').split('?', 1)[0];
  const answers: Record<string, () => Promise<Answer> | Answer> = {
    '/metrics': async () => ({ status: 200, body: await options.metrics.render(), type: options.metrics.contentType }),
    '/healthz': () => verdictAnswer(options.health()),
    '/readyz': () => verdictAnswer(options.readiness()),
  };
  const answer = Object.hasOwn(answers, path ?? '') ? answers[path ?? ''] : undefined;
  if (!answer) return { status: 404, body: 'Here are /metrics, /healthz and /readyz\n' };
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'Only GET\n' };
  return answer();
}

function verdictAnswer({ ok, message }: Verdict): Answer {
  return { status: ok ? 200 : 503, body: `${message}\n` };
}

/** `localhost` is whatever the resolver says; here it is always the same. */
function addressOf(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** A Host header that names this host's loopback, with or without a port. */
function isLoopbackHost(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  if (name === undefined) return false;
  return name === 'localhost' || name === '[::1]' || isLoopback(name);
}

async function listen(server: Server, address: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', (error: NodeJS.ErrnoException) => reject(listenProblem({ address, port }, error)));
  server.listen(port, address, resolve);
  await promise;
}

function listenProblem({ address, port }: { address: string; port: number }, error: NodeJS.ErrnoException): Problem {
  const where = `${address}, port ${port}`;
  if (error.code === 'EADDRINUSE') {
    return new Problem({
      code: 'telemetry.port-in-use',
      message: `Cannot serve metrics on ${where}: something else listens there`,
      hint: `See what it is with "ss -ltnp sport = :${port}", or choose another port.`,
      cause: error,
    });
  }
  return new Problem({
    code: 'telemetry.listen',
    message: `Cannot serve metrics on ${where}: ${messageOf(error)}`,
    hint: 'Check the address and the port; ports below 1024 need root.',
    cause: error,
  });
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}
