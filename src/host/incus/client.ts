import type { Clock } from '../../base/clock.ts';
import { AddressBook } from './address-book.ts';
import { Api } from './api.ts';
import { Events } from './events.ts';
import { Exec } from './exec.ts';
import { Files } from './files.ts';
import { Images } from './images.ts';
import { Instances, type CallOptions } from './instances.ts';
import { NetworkAcls } from './network-acls.ts';
import { Networks } from './networks.ts';
import { Operations } from './operations.ts';
import { Profiles } from './profiles.ts';
import { readServer, type ServerInfo } from './server.ts';
import { usualHome } from './socket.ts';
import { Snapshots } from './snapshots.ts';
import { Storage } from './storage.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** What {@link openIncus} is given. */
export interface IncusOptions extends TransportOptions {
  readonly clock: Clock;
  /** Directory in which incusd keeps its storage pools; `/var/lib/incus` unless given. */
  readonly home?: string;
}

/** One Incus daemon, seen through one project. Dispose of it: connections and the event stream end with it. */
export class Incus implements AsyncDisposable {
  readonly socketPath: string;
  readonly home: string;
  readonly instances: Instances;
  readonly operations: Operations;
  readonly exec: Exec;
  readonly files: Files;
  readonly images: Images;
  readonly acls: NetworkAcls;
  readonly networks: Networks;
  readonly profiles: Profiles;
  readonly storage: Storage;
  readonly snapshots: Snapshots;
  readonly addresses: AddressBook;
  /** Silent until `start` or `ready` is called on it. */
  readonly events: Events;
  readonly #transport: Transport;
  readonly #api: Api;

  constructor(transport: Transport, home: string) {
    const api = new Api(transport);
    this.socketPath = transport.socketPath;
    this.home = home;
    this.#transport = transport;
    this.#api = api;
    this.events = new Events(transport);
    this.instances = new Instances(api);
    this.operations = new Operations(api, this.events);
    this.exec = new Exec(api, this.operations);
    this.files = new Files(api);
    this.images = new Images(api);
    this.acls = new NetworkAcls(api);
    this.networks = new Networks(api);
    this.profiles = new Profiles(api);
    this.storage = new Storage(api);
    this.snapshots = new Snapshots(api);
    this.addresses = new AddressBook(api);
  }

  /** What incusd says about itself; the cheapest way to see whether it is there. */
  server(options: CallOptions = {}): Promise<ServerInfo> {
    return readServer(this.#api, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.operations[Symbol.dispose]();
    await this.events[Symbol.asyncDispose]();
    await this.#transport[Symbol.asyncDispose]();
  }
}

/** Makes a client. Connects to nothing yet: whether Incus is there shows at the first call. */
export function openIncus(options: IncusOptions): Incus {
  return new Incus(new Transport(options), options.home ?? usualHome);
}
