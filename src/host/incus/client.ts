import type { Clock } from '../../base/clock.ts';
import { Api } from './api.ts';
import { Events } from './events.ts';
import { Instances } from './instances.ts';
import { Operations } from './operations.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** What {@link openIncus} is given. */
export interface IncusOptions extends TransportOptions {
  readonly clock: Clock;
}

/** One Incus daemon, seen through one project. Dispose of it: connections and the event stream end with it. */
export class Incus implements AsyncDisposable {
  readonly socketPath: string;
  readonly instances: Instances;
  readonly operations: Operations;
  /** Silent until `start` or `ready` is called on it. */
  readonly events: Events;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    const api = new Api(transport);
    this.socketPath = transport.socketPath;
    this.#transport = transport;
    this.events = new Events(transport);
    this.instances = new Instances(api);
    this.operations = new Operations(api, this.events);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.operations[Symbol.dispose]();
    await this.events[Symbol.asyncDispose]();
    await this.#transport[Symbol.asyncDispose]();
  }
}

/** Makes a client. Connects to nothing yet: whether Incus is there shows at the first call. */
export function openIncus(options: IncusOptions): Incus {
  return new Incus(new Transport(options));
}
