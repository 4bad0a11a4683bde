import { request } from 'node:http';
import type { Socket } from 'node:net';
import { refusalError, silenceError } from './classify.ts';
import { openDeadline } from '../../base/deadline.ts';
import { IncusError } from './errors.ts';
import type { CallOptions } from './instances.ts';
import type { Transport } from './transport.ts';

const route = '/1.0/instances/{name}/sftp';

/** Incus starts a process of its own for an instance's files, and mounts its disk if it is stopped. */
const timeoutMs = 30_000;

/** Longest text of a refusal that is read, in characters. */
const longestText = 65_536;

/**
 * A connection to the SFTP server for an instance, running or not, on which the server waits to be greeted. Nothing has
 * been read from it, so its descriptor may be handed to another process. Node's own client makes it: undici tells
 * nothing of the reply where the server does not change protocols.
 *
 * @throws {IncusError} `gone` when there is no such instance, `transient` when nothing comes back
 * @throws the signal's reason when it aborts
 * @see Incus documentation, "REST API", "instances/NAME/sftp"
 */
export async function openSftpConnection(
  transport: Transport,
  name: string,
  { signal }: CallOptions = {},
): Promise<Socket> {
  const what = `open the files of instance "${name}"`;
  const { pathname, search } = new URL(transport.url({ route, params: { name } }));
  using deadline = openDeadline(transport.clock, timeoutMs, signal);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const headers = { connection: 'upgrade', upgrade: 'sftp' };
  const { socketPath } = transport;
  const asked = request({ socketPath, path: pathname + search, headers, agent: false, signal: deadline.signal });
  asked.on('upgrade', (_, socket) => resolve(socket));
  asked.on('error', (cause) => reject(silenceError({ what, socketPath, isWrite: false, cause })));
  asked.on('response', (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text = (text + part).slice(0, longestText)));
    response.on('end', () => reject(refusal(what, response.statusCode ?? 0, text)));
    response.on('error', reject);
  });
  asked.end();
  return await promise.catch((error: unknown) => {
    if (!deadline.signal.aborted) throw error;
    if (!deadline.hasPassed()) throw signal?.reason;
    throw new IncusError({ class: 'transient', what, text: `no reply within ${timeoutMs} ms`, code: 'incus.timeout' });
  });
}

function refusal(what: string, status: number, text: string): IncusError {
  return refusalError({ what, status, route, text: messageIn(text) });
}

function messageIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === 'string' ? error : '';
  } catch {
    // Not from Incus' API: the status says what there is to say.
    return '';
  }
}
