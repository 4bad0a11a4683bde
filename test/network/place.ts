import type { ChildProcess } from 'node:child_process';
import { startController, type ControllerOptions, type LabController } from '../lab/controller.ts';
import type { ImageName } from '../lab/image-cache.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import type { NeighbourName } from '../lab/neighbour.ts';
import { until } from '../lab/until.ts';
import { startAgent, type Agent } from '../host/nft/world.ts';
import type { RunResult } from '../lab/inside.ts';

/** A sandbox that runs: what the controller says about it, and an agent in its network namespace. */
export interface Guest extends Agent {
  readonly name: string;
  readonly instance: string;
  readonly uid: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly port: string;
  readonly mac: string;
}

/** What to open a {@link Place} with. */
export interface PlaceOptions extends ControllerOptions {
  readonly name: string;
  readonly images?: readonly ImageName[];
  /** Called before the controller starts. */
  readonly prepare?: (lab: Lab) => Promise<void>;
}

/** A lab with a controller, and agents on its host, in its containers and at its neighbours. */
export class Place implements AsyncDisposable {
  readonly lab: Lab;
  readonly controller: LabController;
  readonly #children: ChildProcess[] = [];

  constructor(lab: Lab, controller: LabController) {
    this.lab = lab;
    this.controller = controller;
  }

  static async open({ name, images, prepare, ...options }: PlaceOptions): Promise<Place> {
    const lab = await openLab({ name, ...(images ? { images } : {}) });
    try {
      await prepare?.(lab);
      return new Place(lab, await startController(lab, options));
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  agent(netns: string): Agent {
    const { agent, child } = startAgent(netns);
    this.#children.push(child);
    return agent;
  }

  host(): Agent {
    return this.agent(this.lab.netns);
  }

  async neighbour(name: NeighbourName): Promise<Agent> {
    return this.agent((await this.lab.neighbour(name)).inside.netns);
  }

  /** Declares a sandbox, waits until it is as declared and has both addresses. */
  async guest(name: string, ...keys: readonly string[]): Promise<Guest> {
    await this.controller.declare(name, ...keys);
    const { ipv4 = '', ipv6 = '', uid = '' } = await this.controller.ready(name, 'running');
    const instance = `coi-${name}`;
    const { eth0 = {} } = (await this.controller.instance(instance)).devices;
    const agent = this.agent(`/proc/${await this.pid(instance)}/ns/net`);
    const seat = { port: eth0['host_name'] ?? '', mac: eth0['hwaddr'] ?? '' };
    return { name, instance, uid, ipv4, ipv6, ...seat, order: (order) => agent.order(order) };
  }

  /** Waits until a sandbox uses its IPv6 address: router solicitation and duplicate address detection take seconds. */
  async speaksIPv6({ instance }: Pick<Guest, 'instance'>): Promise<void> {
    const usable = ['ip', '-6', '-o', 'address', 'show', 'dev', 'eth0', 'scope', 'global', '-tentative'];
    const argv = ['nsenter', `--net=/proc/${await this.pid(instance)}/ns/net`, ...usable];
    await until(`IPv6 in ${instance}`, async () => (await this.lab.inside.output(argv)) !== '', { timeoutMs: 30_000 });
  }

  /** Process id of a container's init, on the host. */
  async pid(instance: string): Promise<number> {
    const state = JSON.parse(await this.lab.incus('query', `/1.0/instances/${instance}/state`)) as { pid: number };
    return state.pid;
  }

  /** Runs a program as root inside a container. */
  inside({ instance }: Pick<Guest, 'instance'>, ...argv: readonly string[]): Promise<RunResult> {
    return this.lab.run(['incus', 'exec', instance, '--', ...argv], { timeoutMs: 30_000 });
  }

  /** Changes the mode by saving the manifest, and waits until it is so. */
  async mode(name: string, mode: string, ...keys: readonly string[]): Promise<void> {
    await this.controller.declare(name, `network.mode = "${mode}"`, ...keys);
    await this.controller.when(name, ({ ready, network, generation }) => ready && network === mode && !!generation);
    await this.applied(name, mode);
  }

  /** Waits until the stamp says that a mode was carried out. */
  async applied(name: string, mode: string): Promise<void> {
    for (;;) {
      const { config } = await this.controller.instance(`coi-${name}`);
      const stamp = JSON.parse(config['user.coi.applied'] ?? '{}') as { network?: { mode: string } };
      if (stamp.network?.mode === mode) return;
    }
  }

  /** Takes every layer of isolation away, the controller too: whatever is tried afterwards must work. */
  async bare(...guests: readonly Pick<Guest, 'port'>[]): Promise<void> {
    await this.controller.stop();
    await this.lab.inside.output(['nft', 'flush', 'ruleset']);
    await this.lab.inside.output(['ip', 'xfrm', 'policy', 'flush']);
    await this.isolated('off', guests);
  }

  async restored(...guests: readonly Pick<Guest, 'port'>[]): Promise<void> {
    await this.isolated('on', guests);
    await this.controller.start();
  }

  async isolated(state: 'on' | 'off', guests: readonly Pick<Guest, 'port'>[]): Promise<void> {
    for (const { port } of guests) {
      await this.lab.inside.output(['ip', 'link', 'set', port, 'type', 'bridge_slave', 'isolated', state]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.controller[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}
