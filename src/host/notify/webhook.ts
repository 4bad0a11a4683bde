import { open } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { messageOf, Problem } from '../../base/problem.ts';

/** Until the other side has answered, in milliseconds. */
const timeoutMs = 10_000;

/** Most of an answer, and of a file with a header, that is read, in bytes. */
const mostOfAnswer = 16_384;
const mostOfHeader = 8_192;

/** Where to, and what proves who we are. */
export interface WebhookTarget {
  readonly url: string;
  /** File with one line `Name: value`, which goes along as a header; it is read each time, so that it may be replaced. */
  readonly headerFile?: string;
}

/** Sends JSON to one address. Redirections are not followed: the header is for that address alone. */
export class Webhook implements AsyncDisposable {
  readonly #target: WebhookTarget;
  readonly #agent = new Agent({ connections: 1, connect: { timeout: timeoutMs }, keepAliveTimeout: 1_000 });

  constructor(target: WebhookTarget) {
    this.#target = target;
  }

  /**
   * Resolves once the other side has taken it, with any status 2xx.
   *
   * @throws {Problem} `notify.refused`, `notify.unreachable` or `notify.header`; `retry` says whether trying again may help.
   *   None of them names more of the address than its origin, because what follows is often a secret
   */
  async post(body: unknown, signal: AbortSignal): Promise<void> {
    const { url, headerFile } = this.#target;
    const header = headerFile === undefined ? {} : await readHeader(headerFile);
    const status = await this.#send(url, { body: JSON.stringify(body), header, signal });
    if (status >= 200 && status < 300) return;
    const isTheirs = status >= 500 || status === 408 || status === 429;
    throw new Problem({
      code: 'notify.refused',
      message: `${originOf(url)} answered a notification with ${status}`,
      hint: 'Is notifications.webhook in the settings still right?',
      retry: isTheirs ? 'backoff' : 'never',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    url: string,
    {
      body,
      header,
      signal,
    }: { readonly body: string; readonly header: Record<string, string>; readonly signal: AbortSignal },
  ): Promise<number> {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const response = await request(url, {
        dispatcher: this.#agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'coi', ...header },
        body,
        signal: limit,
      });
      await response.body.dump({ limit: mostOfAnswer, signal: limit });
      return response.statusCode;
    } catch (cause) {
      throw new Problem({
        code: 'notify.unreachable',
        message: `A notification did not get to ${originOf(url)}: ${reasonOf(cause)}`,
        retry: 'backoff',
        cause,
      });
    }
  }
}

/** @throws {Problem} `notify.header` when it cannot be read, others than its owner may read it, or it is no header */
async function readHeader(path: string): Promise<Record<string, string>> {
  const problem = (what: string, cause?: unknown) =>
    new Problem({
      code: 'notify.header',
      message: `"${path}" ${what}`,
      hint: 'notifications.webhook_header_file is to name a file with one line "Name: value", of mode 0600',
      cause,
    });
  const { mode, text } = await readStart(path).catch((error: unknown) => {
    throw problem(`cannot be read: ${messageOf(error)}`, error);
  });
  if ((mode & 0o077) !== 0) throw problem('may be read by others than its owner');
  const [, name, value] =
    /^([A-Za-z][A-Za-z0-9-]{0,63}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw problem('holds no header');
  return { [name]: value };
}

async function readStart(path: string): Promise<{ readonly mode: number; readonly text: string }> {
  await using file = await open(path, 'r');
  const { mode } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(mostOfHeader), 0, mostOfHeader, 0);
  return { mode, text: buffer.toString('utf8', 0, bytesRead) };
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'the webhook';
}

/** What undici says is about connections and never names the path; its codes say more than its words. */
function reasonOf(cause: unknown): string {
  const { code, name } = cause as { readonly code?: unknown; readonly name?: unknown };
  if (name === 'TimeoutError') return 'there was no answer in time';
  return typeof code === 'string' ? code : 'the connection failed';
}
