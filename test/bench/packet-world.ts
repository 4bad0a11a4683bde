import { execa } from 'execa';
import { convergeBlockPolicies, removeBlockPolicies } from '../../src/host/xfrm/xfrm.ts';
import type { Firewall } from '../../src/host/firewall/firewall.ts';
import type { NetworkRules } from '../../src/network/rules.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';
import { openOn, uids } from '../host/nft/guarded.ts';
import { addresses, bridge, World, type TestSandbox } from '../host/nft/world.ts';
import type { Running } from '../lab/running.ts';
import { allowlist, manyPolicies } from './policies.ts';
import { burst, startSink, type Burst, type Load, type Path } from './traffic.ts';

/** What the host does to packets: `plain` translates addresses as every bridge to the outside has to, and nothing else. */
export type Rules = 'plain' | { readonly mode: 'restricted' | 'allowlist'; readonly sandboxes: number };

const plain = `table ip plain {
	chain nat {
		type nat hook postrouting priority srcnat; policy accept;
		iifname "${bridge.name}" oifname != "${bridge.name}" ip saddr 10.90.0.0/16 masquerade
	}
}
`;

/** A host, a sandbox on its bridge and a neighbour outside, each a network namespace, and rules that can be exchanged. */
export class PacketWorld implements AsyncDisposable {
  readonly #world: World;
  readonly #sandbox: TestSandbox;
  readonly #firewall: Firewall;
  readonly #path: Path;
  readonly #sink: Running;

  private constructor(init: { world: World; sandbox: TestSandbox; firewall: Firewall; path: Path; sink: Running }) {
    this.#world = init.world;
    this.#sandbox = init.sandbox;
    this.#firewall = init.firewall;
    this.#path = init.path;
    this.#sink = init.sink;
  }

  static async open(): Promise<PacketWorld> {
    const world = await World.make();
    const sandbox = await world.sandbox(uids[0]);
    // So that new flows do not run out of ports, nor the kernel of room for them.
    await execa('ip', ['netns', 'exec', sandbox.namespace, 'sysctl', '-qw', 'net.ipv4.ip_local_port_range=2000 65000']);
    await execa('ip', ['netns', 'exec', world.host, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_udp_timeout=2']);
    const path = { from: sandbox.namespace, to: world.outside, host: addresses.public4, port: 443 };
    const sink = await startSink(path);
    return new PacketWorld({ world, sandbox, firewall: await openOn(world), path, sink });
  }

  /** Exchanges the rules for others, and forgets all flows. */
  async load(rules: Rules): Promise<void> {
    if (rules === 'plain') {
      await this.#firewall.uninstall();
      await removeBlockPolicies({ bridge, namespace: this.#world.host });
      await this.#nft(plain);
    } else {
      await this.#nft('table ip plain\ndelete table ip plain\n');
      const { mode, sandboxes } = rules;
      const own: NetworkRules = mode === 'restricted' ? { mode } : allowlist(sandboxes, addresses.public4);
      const { uid, endpoint } = this.#sandbox;
      const policies = [{ uid, endpoint, rules: own }, ...manyPolicies(sandboxes - 1, bridge, [endpoint])];
      await this.#firewall.converge(renderRuleset({ bridge, policies }));
      await convergeBlockPolicies({ bridge, namespace: this.#world.host });
    }
    await this.forget();
  }

  /** Forgets all flows: each next packet is the first one of its flow. */
  async forget(): Promise<void> {
    await execa('ip', ['netns', 'exec', this.#world.host, 'conntrack', '--flush']);
  }

  send(load: Load, ms: number): Promise<Burst> {
    return burst(load, this.#path, ms);
  }

  async #nft(text: string): Promise<void> {
    await execa('ip', ['netns', 'exec', this.#world.host, 'nft', '-f', '-'], { input: text });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink.stop('SIGKILL');
    await this.#firewall[Symbol.asyncDispose]();
    await this.#world[Symbol.asyncDispose]();
  }
}
