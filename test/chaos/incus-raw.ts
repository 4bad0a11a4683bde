import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** An instance as incusd shows it. */
export interface RawInstance {
  readonly name: string;
  readonly status: string;
  readonly config: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly profiles: readonly string[];
  readonly description: string;
  readonly ephemeral: boolean;
}

interface Envelope {
  readonly type: string;
  readonly error?: string;
  readonly metadata: unknown;
  readonly operation?: string;
}

/** incusd without the product in between: a second client, for looking and for meddling. */
export class RawIncus implements Disposable {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  instances(): Promise<readonly RawInstance[]> {
    return this.call('GET', '/1.0/instances?recursion=1') as Promise<readonly RawInstance[]>;
  }

  /** One call, and the end of the operation that it begins. @throws what incusd says is wrong */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#send(method, path, body);
    if (answer.type === 'error') throw new Error(answer.error);
    if (answer.type !== 'async') return answer.metadata;
    const { id } = answer.metadata as { id: string };
    const end = await this.#send('GET', `/1.0/operations/${id}/wait?timeout=30`);
    const { err } = (end.metadata ?? {}) as { err?: string };
    if (err) throw new Error(err);
    return undefined;
  }

  #send(method: string, path: string, body?: unknown): Promise<Envelope> {
    const { promise, resolve, reject } = Promise.withResolvers<Envelope>();
    const init = { socketPath: this.#socketPath, method, path, agent: this.#agent, timeout: 35_000 };
    const sent = request(init, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.once('error', reject).once('end', () => {
        try {
          resolve(JSON.parse(text) as Envelope);
        } catch (error) {
          reject(error);
        }
      });
    });
    sent.once('timeout', () => sent.destroy(new Error('no reply')));
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  /** Tries again until it works or `forMs` have passed: incusd may be busy with the instance. @returns whether it did */
  async insist(act: () => Promise<unknown>, forMs = 1_500): Promise<boolean> {
    const deadline = performance.now() + forMs;
    for (;;) {
      try {
        await act();
        return true;
      } catch {
        // Whatever the controller does meanwhile may be in the way; a plan tells whether its edit took place.
        if (performance.now() > deadline) return false;
        await sleep(25);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
