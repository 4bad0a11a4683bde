import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '../../base/clock.ts';
import type { Server } from './resolv-conf.ts';

/** How long a socket waits to be used, in milliseconds: the route to the server may change meanwhile. */
const spareMs = 5_000;

interface Spare {
  readonly connecting: Promise<Socket>;
  readonly expiry: Disposable;
}

/**
 * Sockets to servers. Each is for one question, from a port that nobody can guess (RFC 5452, section 9.2). The next one is
 * made while nobody waits for it: names are rarely asked for one at a time.
 */
export class UpstreamSockets {
  readonly #clock: Clock;
  readonly #spares = new Map<string, Spare>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connected socket, which the caller closes: it gets nothing from anybody else, and hears of a server that is not there. */
  async take(server: Server): Promise<Socket> {
    const key = `${server.address} ${server.port}`;
    const spare = this.#spares.get(key);
    this.#spares.delete(key);
    spare?.expiry[Symbol.dispose]();
    setImmediate(() => this.#prepare(key, server));
    return spare?.connecting ?? connected(server);
  }

  #prepare(key: string, server: Server): void {
    if (this.#spares.has(key)) return;
    const connecting = connected(server);
    const expire = () => {
      this.#spares.delete(key);
      connecting.then((socket) => socket.close(), unheard);
    };
    this.#spares.set(key, { connecting, expiry: this.#clock.after(spareMs, expire) });
    connecting.catch(unheard);
  }
}

/** What goes wrong with a socket that nobody has taken yet is told to whoever takes it, by what they try with it. */
function unheard(): void {}

async function connected({ address, port }: Server): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.connect(port, address);
    await once(socket, 'connect');
    socket.on('error', unheard);
    // It keeps no process alive.
    return socket.unref();
  } catch (error) {
    socket.close();
    throw error;
  }
}
