import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request, WebSocket } from 'undici';

/** What Incus takes to create an instance. */
export type Body = Readonly<Record<string, unknown>> & { readonly name: string };

interface Envelope {
  readonly type: string;
  readonly operation?: string;
  readonly error?: string;
  readonly metadata?: unknown;
}

/**
 * The bare REST calls that everything is measured against, and Incus' own events for both sides, on connections that
 * share nothing with the product.
 */
export class RawIncus implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #events: WebSocket;
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<string, (at: number) => void>();

  private constructor(agent: Agent, events: WebSocket) {
    this.#agent = agent;
    this.#events = events;
    events.addEventListener('message', ({ data }) => this.#read(String(data)));
  }

  static async open(socketPath: string): Promise<RawIncus> {
    const agent = new Agent({ connect: { socketPath }, headersTimeout: 0, bodyTimeout: 0 });
    const events = new WebSocket('ws://incus/1.0/events?type=lifecycle', { dispatcher: agent });
    const raw = new RawIncus(agent, events);
    await new Promise<void>((resolve, reject) => {
      events.addEventListener('open', () => resolve());
      events.addEventListener('error', () => reject(new Error('no events from incusd')));
    });
    return raw;
  }

  #read(text: string): void {
    const at = performance.now();
    const { metadata } = JSON.parse(text) as { metadata: { action: string; source?: string } };
    const name = /\/instances\/([^/?]+)/.exec(metadata.source ?? '')?.[1];
    if (name === undefined) return;
    const key = `${metadata.action} ${name}`;
    this.#seen.set(key, at);
    this.#waiting.get(key)?.(at);
  }

  /**
   * When an event about an instance arrives for the first time from now on, as `performance.now()` tells it.
   *
   * @param action such as `instance-started`
   */
  next(action: string, name: string, timeoutMs = 60_000): Promise<number> {
    const key = `${action} ${name}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${key} within ${timeoutMs} ms`)), timeoutMs);
      this.#waiting.set(key, (at) => {
        clearTimeout(timer);
        this.#waiting.delete(key);
        resolve(at);
      });
    });
  }

  /** A call, and the end of its operation where it begins one. @throws what Incus says against it */
  async call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json?: unknown): Promise<unknown> {
    const answer = await this.#send(method, path, json);
    if (answer.type !== 'async') return answer.metadata;
    const { metadata } = await this.#send('GET', `${answer.operation}/wait`);
    const { status, err } = metadata as { status: string; err: string };
    if (status !== 'Success') throw new Error(`${method} ${path}: ${err}`);
    return undefined;
  }

  /** A call that begins an operation, whose end nobody waits for. */
  async begin(method: 'POST', path: string, json: unknown): Promise<void> {
    await this.#send(method, path, json);
  }

  async #send(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json?: unknown): Promise<Envelope> {
    const body = json === undefined ? null : JSON.stringify(json);
    const response = await request(`http://incus${path}`, { dispatcher: this.#agent, method, body });
    const answer = (await response.body.json()) as Envelope;
    if (answer.type === 'error') throw new Error(`${method} ${path}: ${answer.error}`);
    return answer;
  }

  /** Creates and starts in one request. @returns milliseconds from the request to the event that it runs */
  async create(body: Body): Promise<number> {
    const started = this.next('instance-started', body.name);
    const began = performance.now();
    await this.call('POST', '/1.0/instances', { ...body, start: true });
    return (await started) - began;
  }

  /** Unprotects, stops and deletes: what a person does by hand. */
  async destroy(name: string): Promise<void> {
    const path = `/1.0/instances/${name}`;
    await this.call('PATCH', path, { config: { 'security.protection.delete': '' } });
    await this.call('PUT', `${path}/state`, { action: 'stop', force: true, timeout: -1 });
    await this.call('DELETE', path);
  }

  /** The same against somebody who puts protection and power back: as often as it takes. @returns how often */
  async destroyAgainst(name: string): Promise<number> {
    let cause: unknown;
    for (let tries = 1; tries <= 50; tries += 1) {
      try {
        await this.destroy(name);
        return tries;
      } catch (error) {
        // The other one was quicker. Not again in the same rhythm.
        cause = error;
        await sleep(20 + 180 * Math.random());
      }
    }
    throw new Error(`Could not delete ${name}`, { cause });
  }

  /** Body that creates another instance just like one of the product's, on addresses of its own. */
  async bodyLike(name: string, number: number, image = 'busybox'): Promise<Body> {
    const { config, devices } = (await this.call('GET', `/1.0/instances/${name}`)) as {
      config: Record<string, string>;
      devices: Record<string, Record<string, string>>;
    };
    const own = Object.entries(config).filter(([key]) => !/^(volatile|user|image)\./.test(key));
    const [high, low] = [number >> 8, number & 255];
    const hex = number.toString(16).padStart(4, '0');
    const place = {
      hwaddr: `10:66:6a:c0:${hex.slice(0, 2)}:${hex.slice(2)}`,
      host_name: `raw${number}`,
      'ipv4.address': `10.90.${high}.${low}`,
    };
    return {
      name: `raw${number}`,
      type: 'container',
      source: { type: 'image', alias: image },
      profiles: [],
      config: Object.fromEntries(own),
      devices: { ...devices, eth0: { ...devices['eth0'], ...place } },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.close();
    await this.#agent.destroy();
  }
}
