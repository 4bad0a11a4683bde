import { fileURLToPath } from 'node:url';
import { Inside, type InsideOptions, type RunResult } from './inside.ts';
import type { Running } from './running.ts';

/** Hosts outside: the whole internet, a private network, and another host of the LAN. */
export type NeighbourName = 'internet' | 'private' | 'otherHost';

interface Place {
  readonly link: string;
  /** The lab's own addresses on the way there. */
  readonly gateways: readonly string[];
  /** The neighbour's addresses; the first of each family comes first. */
  readonly addresses: readonly string[];
  /** Routes of the lab that lead there, beyond those of its addresses. */
  readonly routes: readonly (readonly [destination: string, via: string])[];
}

/**
 * Documentation ranges (RFC 5737, RFC 3849) stand for public addresses, and the lab's default route leads to the internet.
 */
const places: Record<NeighbourName, Place> = {
  internet: {
    link: 'lab-internet',
    gateways: ['203.0.113.1/24', '2001:db8:113::1/64'],
    addresses: ['203.0.113.10/24', '2001:db8:113::10/64', '203.0.113.11/24', '2001:db8:113::11/64', '198.51.100.10/32'],
    routes: [
      ['default', '203.0.113.10'],
      ['default', '2001:db8:113::10'],
    ],
  },
  private: {
    link: 'lab-private',
    gateways: ['10.7.0.1/24', 'fd77::1/64', '192.168.77.1/24', '172.20.7.1/24', '100.64.7.1/24'],
    // The last one is where clouds keep their metadata service.
    addresses: [
      '10.7.0.10/24',
      'fd77::10/64',
      '192.168.77.10/24',
      '172.20.7.10/24',
      '100.64.7.10/24',
      '169.254.169.254/32',
    ],
    routes: [['169.254.169.254/32', '10.7.0.10']],
  },
  otherHost: {
    link: 'lab-other',
    gateways: ['192.168.55.1/24', 'fd55::1/64'],
    addresses: ['192.168.55.10/24', 'fd55::10/64'],
    routes: [],
  },
};

/** What a neighbour is asked to listen on. `host` is every address of both families unless given. */
export interface Service {
  readonly proto: 'tcp' | 'udp';
  readonly port: number;
  readonly host?: string;
}

/** A connection or datagram that reached a neighbour, with the address it came from as the neighbour saw it. */
export interface Received {
  readonly proto: 'tcp' | 'udp';
  readonly port: number;
  readonly source: string;
  readonly sourcePort: number;
}

/** A host beyond the lab's own, in a network namespace of its own, that routes back without address translation. */
export class Neighbour {
  readonly name: NeighbourName;
  readonly inside: Inside;
  /** First address of each family. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** Every address it has from the start. */
  readonly addresses: readonly string[];
  #server: Running | undefined;
  #asked = 0;

  constructor(name: NeighbourName, inside: Inside) {
    this.addresses = places[name].addresses.map(bare);
    this.name = name;
    this.inside = inside;
    this.ipv4 = this.addresses.find((address) => !address.includes(':')) ?? '';
    this.ipv6 = this.addresses.find((address) => address.includes(':')) ?? '';
  }

  /** Runs a program on the neighbour to its end. */
  run(argv: readonly string[], options: InsideOptions = {}): Promise<RunResult> {
    return this.inside.run(argv, options);
  }

  /** Starts a program on the neighbour. */
  spawn(argv: readonly string[], options: Pick<InsideOptions, 'env' | 'cwd'> = {}): Running {
    return this.inside.spawn(argv, options);
  }

  /** Gives the internet one more host, such as `9.9.9.9` or `2620:fe::fe`. */
  async addAddress(address: string): Promise<void> {
    const bits = address.includes(':') ? 128 : 32;
    await this.inside.output(['ip', 'address', 'add', `${address}/${bits}`, 'dev', 'lo']);
  }

  /**
   * Listens until the lab ends. Every connection and every datagram is recorded and answered with one line:
   * `coi-lab PROTO PORT SOURCE`.
   *
   * @throws when the port cannot be had.
   */
  async serve(service: Service): Promise<void> {
    const number = this.#ask({ listen: service });
    const [, answer = ''] = await this.#running().printed(new RegExp(`^done ${number} (.*)$`, 'm'));
    if (answer !== 'ok')
      throw new Error(`${this.name} could not listen on ${service.proto} ${service.port}: ${answer}`);
  }

  /** Everything that has reached the served ports so far, oldest first. */
  async received(): Promise<Received[]> {
    if (!this.#server) return [];
    // The answer to a question comes after every record made before it.
    const number = this.#ask({});
    await this.#server.printed(new RegExp(`^done ${number} `, 'm'));
    const lines = this.#server.output.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Received);
  }

  #ask(question: { listen?: Service }): number {
    this.#asked += 1;
    this.#running().write(`${JSON.stringify({ number: this.#asked, ...question })}\n`);
    return this.#asked;
  }

  #running(): Running {
    const script = fileURLToPath(new URL('neighbour-server.ts', import.meta.url));
    this.#server ??= this.inside.spawn([process.execPath, script], { env: { NODE_OPTIONS: '' } });
    return this.#server;
  }
}

/** An address without its prefix length. */
function bare(address: string): string {
  return address.slice(0, address.indexOf('/'));
}

/** Makes a neighbour of the lab: a network namespace, a veth pair, addresses, and routes both ways. */
export async function openNeighbour(lab: Inside, name: NeighbourName): Promise<Neighbour> {
  const { link, gateways, addresses, routes } = places[name];
  const inside = new Inside(await holdNamespace(lab), {});
  await ip(lab, `link add ${link} type veth peer name eth0 netns ${inside.pid}`);
  // Duplicate address detection would keep fresh IPv6 addresses unusable for a second or two.
  await lab.output(['sysctl', '-qw', `net.ipv6.conf.${link}.accept_dad=0`]);
  await ip(lab, `link set ${link} up`);
  for (const gateway of gateways) await ip(lab, `address add ${gateway} dev ${link}`);
  await ip(inside, 'link set eth0 up');
  for (const address of addresses) await ip(inside, `address add ${address} dev eth0`);
  for (const gateway of gateways.slice(0, 2)) await ip(inside, `route add default via ${bare(gateway)}`);
  for (const [to, via] of routes) await ip(lab, `route add ${to} via ${via} dev ${link}`);
  return new Neighbour(name, inside);
}

/** A process in a network namespace of its own and in the lab's mount namespace. */
async function holdNamespace(lab: Inside): Promise<number> {
  const setUp = 'ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0';
  const holder = lab.spawn(['unshare', '--net', 'sh', '-c', `${setUp}; echo held; exec sleep infinity`]);
  await holder.printed(/held/);
  return holder.pid;
}

async function ip(inside: Inside, command: string): Promise<void> {
  await inside.output(['ip', ...command.split(' ')]);
}
