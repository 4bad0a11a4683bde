import { Problem } from '../../base/problem.ts';
import { aclRuleOwner } from '../../network/acl-rules.ts';
import type { EgressRule } from '../../network/acl-rules.ts';
import type { Bridge } from '../../network/policy.ts';
import type { Incus } from '../incus/client.ts';
import { isIncusError } from '../incus/errors.ts';
import type { AclContent } from '../incus/network-acls.ts';
import { aclChains, removeAclChains } from './chains.ts';
import type { ChainCall } from './chains.ts';

/** What an {@link BridgeAcl} needs. */
export interface BridgeAclInit extends ChainCall {
  readonly incus: Pick<Incus, 'acls' | 'networks' | 'server'>;
  readonly bridge: Bridge;
}

/** Rules by sandbox, as Incus holds them. */
export type HeldAcl = ReadonlyMap<string, readonly EgressRule[]>;

/** The ACL as a look found it. */
export interface SeenAcl {
  readonly held: HeldAcl;
  /** Whether it is on the network and its rules are in the kernel. */
  readonly isEnforced: boolean;
}

/** Key of the ACL that says whose it is; one without it is not ours. */
const ownerKey = 'user.coi.bridge';
/** A key of the network whose change makes Incus set up all its rules anew, and which means the same off and unset. */
const nudgeKey = 'security.acls.default.egress.logged';

/**
 * The one ACL of all sandboxes on a bridge. One for all, because Incus needs a change of the network, about a second, for
 * each that is attached, and none for another content; and on the network rather than on NICs, because there Incus adds
 * base chains for each and needs the kernel's connection tracking for bridges. Sources are addresses, which nft's bridge
 * table keeps sandboxes to.
 *
 * Throws {@link IncusError}, and the Problems told at each method.
 */
export class BridgeAcl {
  readonly name: string;
  readonly #init: BridgeAclInit;

  constructor(init: BridgeAclInit) {
    this.#init = init;
    this.name = `coi-${init.bridge.name.replaceAll(/[^A-Za-z0-9]/g, '-')}-sandboxes`;
  }

  /**
   * Makes sure that Incus can enforce ACLs here as they are meant.
   *
   * @throws Problem `acl.unsuitable` when it cannot
   */
  async requireUsable(): Promise<void> {
    const { incus, bridge, signal } = this.#init;
    const options = signal ? { signal } : {};
    const { firewall } = await incus.server(options);
    if (firewall !== 'nftables') {
      throw unsuitable(
        `Incus uses ${firewall || 'no firewall'}`,
        'Let it use nftables: remove ebtables and iptables-legacy, and restart it.',
      );
    }
    const { config, usedBy } = (await incus.networks.get(bridge.name, options)).value;
    const others = usedBy.flatMap((path) => /^\/1\.0\/instances\/(?!coi-)([^/?]+)/.exec(path)?.[1] ?? []);
    if (others.length > 0) {
      throw unsuitable(
        `${others.slice(0, 3).join(', ')} on the network ${bridge.name} would be refused all that they send`,
        'Give sandboxes a bridge of their own: deploy/quickstart.',
      );
    }
    const key = 'security.acls.default.egress.action';
    if (config[key] === 'allow') {
      throw unsuitable(
        `The network ${bridge.name} allows what no rule speaks of (${key})`,
        `Unset it: incus network unset ${bridge.name} ${key}`,
      );
    }
  }

  /** What Incus holds; undefined when there is no such ACL. */
  async look(): Promise<SeenAcl | undefined> {
    const { incus, bridge, signal } = this.#init;
    const options = signal ? { signal } : {};
    const content = await this.#content();
    if (!content) return undefined;
    const { config } = (await incus.networks.get(bridge.name, options)).value;
    const isAttached = attached(config).includes(this.name);
    const isEnforced = isAttached && (await aclChains(bridge.name, this.#init)).isWhole;
    return { held: byOwner(content.egress as readonly EgressRule[]), isEnforced };
  }

  async #content(): Promise<AclContent | undefined> {
    const { incus, signal } = this.#init;
    try {
      const { value } = await incus.acls.get(this.name, signal ? { signal } : {});
      if (value.config[ownerKey] === this.#init.bridge.name) return value;
    } catch (error) {
      if (isIncusError(error, 'gone')) return undefined;
      throw error;
    }
    throw new Problem({
      code: 'acl.foreign',
      message: `There is a network ACL "${this.name}" that is not coi's`,
      hint: `Rename it: incus network acl rename ${this.name} …`,
    });
  }

  /** Puts these rules in force in place of all others, without a moment in which neither are. */
  async put(rules: HeldAcl, { exists }: { exists: boolean }): Promise<void> {
    const { incus, bridge, signal } = this.#init;
    const options = signal ? { signal } : {};
    const content: AclContent = {
      description: 'What coi lets its sandboxes reach. Kept by coi: changes are undone.',
      egress: [...rules.values()].flat(),
      // What comes in is for nft to judge; without this Incus would keep the host from its sandboxes.
      ingress: [{ action: 'allow', state: 'enabled' }],
      config: { [ownerKey]: bridge.name },
    };
    if (exists) await incus.acls.put(this.name, content, options);
    else await incus.acls.create(this.name, content, options);
  }

  /**
   * Has the network apply the ACL, beside those that it has, and the kernel hold it.
   *
   * @throws Problem `acl.not-enforced` when Incus says it does and the kernel has no such rules
   */
  async enforce(): Promise<void> {
    const { incus, bridge, signal } = this.#init;
    const options = signal ? { signal } : {};
    const { value, etag } = await incus.networks.get(bridge.name, options);
    const acls = attached(value.config);
    const isNudged = value.config[nudgeKey] === 'false';
    const change = acls.includes(this.name)
      ? { [nudgeKey]: isNudged ? '' : 'false' }
      : { 'security.acls': [...acls, this.name].join(',') };
    await incus.networks.patch(bridge.name, change, { ...options, etag });
    const { isWhole } = await aclChains(bridge.name, this.#init);
    if (isWhole) return;
    throw new Problem({
      code: 'acl.not-enforced',
      message: `Incus has the ACL "${this.name}" on ${bridge.name}, but the kernel does not`,
      hint: 'Look at the log of incusd; restart it, or use controller.firewall = "nft".',
      retry: 'backoff',
    });
  }

  /** Takes the ACL off the network and away. Incus leaves the rules of a network's last ACL in the kernel. */
  async remove(): Promise<void> {
    const { incus, bridge, signal } = this.#init;
    const options = signal ? { signal } : {};
    if (!(await this.#content())) return;
    const { value, etag } = await incus.networks.get(bridge.name, options);
    const acls = attached(value.config).filter((name) => name !== this.name);
    const nudge = value.config[nudgeKey] === 'false' ? { [nudgeKey]: '' } : {};
    await incus.networks.patch(bridge.name, { 'security.acls': acls.join(','), ...nudge }, { ...options, etag });
    await incus.acls.delete(this.name, options);
    if (acls.length === 0) await removeAclChains(bridge.name, this.#init);
  }
}

function attached(config: Readonly<Record<string, string>>): string[] {
  return (config['security.acls'] ?? '').split(',').flatMap((name) => name.trim() || []);
}

/** Rules of nobody stand under the empty name and are not kept. */
function byOwner(rules: readonly EgressRule[]): HeldAcl {
  return Map.groupBy(rules, ({ description }) => aclRuleOwner(description) ?? '');
}

function unsuitable(what: string, hint: string): Problem {
  return new Problem({ code: 'acl.unsuitable', message: `Network ACLs cannot hold sandboxes: ${what}`, hint });
}
