import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { chooseEndpoint } from '../../../src/network/endpoint.ts';
import type { Bridge, Endpoint } from '../../../src/network/policy.ts';
import type { Order } from './agent.ts';

export const bridge: Bridge = { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' };

/** Addresses in the world outside the sandboxes. */
export const addresses = {
  public4: '203.0.113.10',
  public6: '2001:db8:1::10',
  private4: '10.44.0.10',
  private6: 'fd99:1::10',
  metadata4: '169.254.169.254',
  gateway4: '10.90.0.1',
  gateway6: 'fd42:90::1',
  hostPublic4: '203.0.113.1',
  hostPublic6: '2001:db8:1::1',
} as const;

/** A process inside a namespace that does as it is told. */
export interface Agent {
  order(order: Order): Promise<unknown>;
}

export interface TestSandbox extends Agent {
  readonly uid: string;
  readonly namespace: string;
  readonly endpoint: Endpoint;
}

/** Runs a program in a namespace and gives its standard output; throws when it fails. */
export async function inside(namespace: string, ...command: string[]): Promise<string> {
  const { stdout } = await execa('nsenter', [`--net=/run/netns/${namespace}`, ...command]);
  return stdout;
}

/** A network namespace with nothing in it. */
export class NamedNamespace implements AsyncDisposable {
  readonly host = `coit-${randomBytes(3).toString('hex')}`;

  static async make(): Promise<NamedNamespace> {
    const made = new NamedNamespace();
    await execa('ip', ['netns', 'add', made.host]);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execa('ip', ['netns', 'delete', this.host]);
  }
}

/** A host with the bridge, and a neighbour with public, private and metadata addresses, each a namespace of its own. */
export class World implements AsyncDisposable {
  readonly id = randomBytes(3).toString('hex');
  readonly host = `coit-${this.id}-h`;
  readonly outside = `coit-${this.id}-o`;
  readonly #namespaces: string[] = [];
  readonly #children: ChildProcess[] = [];

  static async make(): Promise<World> {
    const world = new World();
    try {
      await world.#build();
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
    return world;
  }

  async #build(): Promise<void> {
    await this.#namespace(this.host);
    await this.#namespace(this.outside);
    await execa('ip', [
      'link',
      'add',
      'up0',
      'netns',
      this.host,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      this.outside,
    ]);
    await batch(this.host, [
      'link add coibr0 type bridge',
      'addr add 10.90.0.1/16 dev coibr0',
      'addr add fd42:90::1/64 dev coibr0 nodad',
      'link set coibr0 up',
      'addr add 203.0.113.1/24 dev up0',
      'addr add 10.44.0.1/24 dev up0',
      'addr add 2001:db8:1::1/64 dev up0 nodad',
      'addr add fd99:1::1/64 dev up0 nodad',
      'link set up0 up',
      'route add 169.254.169.254/32 dev up0',
    ]);
    await batch(this.outside, [
      'addr add 203.0.113.10/24 dev eth0',
      'addr add 10.44.0.10/24 dev eth0',
      'addr add 169.254.169.254/32 dev eth0',
      'addr add 2001:db8:1::10/64 dev eth0 nodad',
      'addr add fd99:1::10/64 dev eth0 nodad',
      'link set eth0 up',
      'route add 10.90.0.0/16 via 10.44.0.1',
      'route add fd42:90::/64 via fd99:1::1',
    ]);
    await inside(this.host, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  }

  /** A sandbox stand-in: a namespace whose only link is a port on the bridge. */
  async sandbox(uid: string, taken: ReadonlySet<string> = new Set()): Promise<TestSandbox> {
    const endpoint = chooseEndpoint({ uid, bridge, taken });
    const namespace = `coit-${this.id}-${uid.slice(-4).toLowerCase()}`;
    await this.#namespace(namespace);
    await execa('ip', [
      'link',
      'add',
      endpoint.port,
      'netns',
      this.host,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      namespace,
    ]);
    await batch(this.host, [`link set ${endpoint.port} master coibr0`, `link set ${endpoint.port} up`]);
    await batch(namespace, [
      `link set eth0 address ${endpoint.mac}`,
      `addr add ${endpoint.ipv4}/16 dev eth0`,
      `addr add ${endpoint.ipv6}/64 dev eth0 nodad`,
      'link set eth0 up',
      'route add default via 10.90.0.1',
      'route add default via fd42:90::1',
    ]);
    const agent = this.agent(namespace);
    return { uid, namespace, endpoint, order: (order) => agent.order(order) };
  }

  /** Waits until both ends of a path have found each other: a fresh link takes a moment to carry IPv6. */
  async settle(from: Agent, targets: readonly string[], port: number): Promise<void> {
    for (const host of targets) {
      for (let tries = 0; (await from.order({ do: 'connect', host, port })) !== 'open'; tries++) {
        if (tries === 20) throw new Error(`${host} cannot be reached in the test's own world`);
      }
    }
  }

  agent(namespace: string): Agent {
    const { agent, child } = startAgent(`/run/netns/${namespace}`);
    this.#children.push(child);
    return agent;
  }

  async #namespace(name: string): Promise<void> {
    await execa('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    await inside(name, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
    await batch(name, ['link set lo up']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const name of this.#namespaces) await execa('ip', ['netns', 'delete', name]);
  }
}

/** Starts an agent in a network namespace, given by its path. */
export function startAgent(netns: string): { agent: Agent; child: ChildProcess } {
  const child = fork(fileURLToPath(new URL('agent.ts', import.meta.url)), {
    execPath: 'nsenter',
    execArgv: [`--net=${netns}`, process.execPath],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  child.on('message', ({ id, answer, error }: { id: number; answer?: unknown; error?: string }) => {
    if (error === undefined) waiting.get(id)?.resolve(answer);
    else waiting.get(id)?.reject(new Error(error));
  });
  child.on('exit', () => waiting.forEach(({ reject }) => reject(new Error(`the agent in ${netns} ended`))));
  let next = 0;
  const order = (wish: Order): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>();
    waiting.set(next, answer);
    child.send({ id: next++, order: wish });
    return answer.promise;
  };
  return { agent: { order }, child };
}

/** Several ip commands in one run. */
async function batch(namespace: string, commands: readonly string[]): Promise<void> {
  const input = commands.map((line) =>
    / [0-9a-f]*:[0-9a-f:]*(?:\/| |$)/.test(line) && line.startsWith('route') ? `-6 ${line}` : line,
  );
  for (const line of input) await inside(namespace, 'ip', ...line.split(' '));
}
