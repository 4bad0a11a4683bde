import { aclRules } from '../../network/acl-rules.ts';
import type { EgressRule } from '../../network/acl-rules.ts';
import type { LoadedRuleset } from '../../network/compare.ts';
import type { Elements, SetId } from '../../network/elements.ts';
import type { Ruleset } from '../../network/ruleset.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import { FirewallBesideNft } from '../firewall/beside-nft.ts';
import type { ElementChange } from '../nft/batch.ts';
import { watchLines } from '../link/watch-lines.ts';
import { openFirewall } from '../nft/firewall.ts';
import type { Converged, FirewallInit, NftFirewall } from '../nft/firewall.ts';
import { BridgeAcl } from './acl.ts';
import type { BridgeAclInit, HeldAcl, SeenAcl } from './acl.ts';
import { LedAddresses } from './led-addresses.ts';

/** What {@link openAclFirewall} needs besides what nft does. */
export interface AclFirewallInit extends FirewallInit, Pick<BridgeAclInit, 'incus' | 'bridge'> {}

/** Lines of `nft monitor` about Incus' own rules. */
const incusRules = /^(?:add|delete|flush) (?:rule|chain|table) inet incus\b/;

/**
 * Opens the firewall that has Incus enforce policies as network ACLs, beside nft. Changes nothing by itself.
 *
 * @throws Problem `acl.unsuitable` when Incus cannot enforce them here; those of Incus and nft
 */
export async function openAclFirewall(init: AclFirewallInit): Promise<AclFirewall> {
  const acl = new BridgeAcl(init);
  await acl.requireUsable();
  return new AclFirewall({ ...init, acl }, await openFirewall(init));
}

/**
 * Lets a network ACL of Incus say what sandboxes may reach, and nft as well: what either refuses is refused. An ACL can
 * neither cut a flow that is established, nor run out, nor put a mark on what it let through; and taken off the network it
 * refuses nothing. So nft's verdict is never left out, and an ACL that is missing or half-made opens nothing.
 *
 * Each change of the ACL costs about 75 ms, whatever it changes, and more with many sandboxes.
 */
export class AclFirewall extends FirewallBesideNft<HeldAcl> {
  protected override readonly place = 'the network ACL';
  readonly #init: AclFirewallInit & { readonly acl: BridgeAcl };
  readonly #led: LedAddresses;
  /** Names lead elsewhere. */
  readonly #lead = this.turns.gather<void, void>(async () => {
    const owners = ownersOf(this.#elements);
    await this.#settle((held) => new Map([...without(held, owners), ...only(this.#rules(), owners)]));
  });
  /** What is known of the sandboxes, from which rules are made anew when names lead elsewhere. */
  #elements: Elements = new Map();

  constructor(init: AclFirewallInit & { readonly acl: BridgeAcl }, nft: NftFirewall) {
    super(init, nft);
    this.#init = init;
    this.#led = new LedAddresses(init.clock);
    this.follow(
      watchLines(['nft', 'monitor'], {
        clock: init.clock,
        signal: this.signal,
        ...(init.namespace === undefined ? {} : { namespace: init.namespace }),
        isHint: (line) => incusRules.test(line),
        onHint: () => void this.check(),
      }),
    );
  }

  converge(expected: Ruleset | (() => Ruleset), options: { signal?: AbortSignal } = {}): Promise<Converged> {
    return this.turns.take(async () => {
      options.signal?.throwIfAborted();
      const ruleset = typeof expected === 'function' ? expected() : expected;
      this.#elements = ruleset.elements;
      this.#led.add(this.#init.timed?.() ?? []);
      const [nft, reasons] = await Promise.all([
        this.nft.converge(ruleset, options),
        this.#settle(() => this.#rules()),
      ]);
      return { ...nft, reloaded: nft.reloaded || reasons.length > 0, reasons: [...nft.reasons, ...reasons] };
    });
  }

  ensure(part: Ruleset): Promise<ElementChange> {
    return this.turns.take(async () => {
      for (const problem of part.problems.values()) throw problem;
      const owners = ownersOf(part.elements);
      this.#elements = merged(this.#elements, owners, part.elements);
      const [change] = await Promise.all([
        this.nft.ensure(part),
        this.#settle((held) => new Map([...without(held, owners), ...only(this.#rules(), owners)])),
      ]);
      return change;
    });
  }

  remove(uids: Iterable<string>): Promise<ElementChange> {
    const owners = new Set<string | undefined>(uids);
    return this.turns.take(async () => {
      this.#elements = merged(this.#elements, owners);
      const gone = [...owners].filter((uid) => uid !== undefined);
      const [change] = await Promise.all([this.nft.remove(gone), this.#settle((held) => without(held, owners))]);
      return change;
    });
  }

  async allow(elements: readonly TimedElement[]): Promise<void> {
    const isNew = this.#led.add(elements);
    await Promise.all([this.nft.allow(elements), isNew ? this.#lead() : undefined]);
  }

  async disallow(elements: readonly TimedElement[]): Promise<void> {
    this.#led.remove(elements);
    await Promise.all([this.nft.disallow(elements), this.#lead()]);
  }

  expect(ruleset: Ruleset): Promise<LoadedRuleset> {
    return this.nft.expect(ruleset);
  }

  protected override async isWhole(held: HeldAcl): Promise<boolean> {
    const seen = await this.#init.acl.look();
    return seen !== undefined && seen.isEnforced && isSame(seen.held, held);
  }

  protected override async isInForce(held: HeldAcl | undefined): Promise<boolean> {
    return held !== undefined || ((await this.#init.acl.look())?.isEnforced ?? false);
  }

  protected override takeOut(): Promise<void> {
    return this.#init.acl.remove();
  }

  #rules(): HeldAcl {
    const { bridge } = this.#init;
    return aclRules({ bridge, elements: this.#elements, timed: this.#led.all() });
  }

  /** Makes the ACL what it should be, given what it is; looks only when somebody else may have written. */
  async #settle(wish: (held: HeldAcl) => HeldAcl): Promise<string[]> {
    const { reasons } = await this.change(async (remembered) => {
      const seen = remembered ? { held: remembered, isEnforced: true } : await this.#init.acl.look();
      const held = wish(seen?.held ?? new Map());
      return { held, reasons: await this.#carryOut(held, seen) };
    });
    return reasons;
  }

  async #carryOut(wanted: HeldAcl, seen: SeenAcl | undefined): Promise<string[]> {
    const { acl } = this.#init;
    if (!seen) {
      await acl.put(wanted, { exists: false });
      await acl.enforce();
      return [`the network ACL ${acl.name} is missing`];
    }
    const reasons: string[] = [];
    if (!seen.isEnforced) {
      // An ACL whose chain is missing cannot be changed before Incus has made the chain anew.
      await acl.enforce();
      reasons.push(`the network ACL ${acl.name} is not in force`);
    }
    if (!isSame(seen.held, wanted)) {
      await acl.put(wanted, { exists: true });
      reasons.push(`the network ACL ${acl.name} says something else`);
    }
    return reasons;
  }
}

type Owners = ReadonlySet<string | undefined>;

function ownersOf(elements: Elements): Owners {
  return new Set([...elements.values()].flatMap((set) => [...set.values()].map(({ uid }) => uid)));
}

/** Elements with those of some owners replaced by others, or left out. */
function merged(all: Elements, owners: Owners, part: Elements = new Map()): Elements {
  const ids = new Set([...all.keys(), ...part.keys()]);
  const kept = (id: SetId) => [...(all.get(id) ?? [])].filter(([, { uid }]) => !owners.has(uid));
  return new Map([...ids].map((id) => [id, new Map([...kept(id), ...(part.get(id) ?? [])])]));
}

function without(held: HeldAcl, owners: Owners): HeldAcl {
  return new Map([...held].filter(([uid]) => !owners.has(uid)));
}

function only(held: HeldAcl, owners: Owners): HeldAcl {
  return new Map([...held].filter(([uid]) => owners.has(uid)));
}

/** By what the rules say: Incus keeps their order, and it means nothing. */
function isSame(a: HeldAcl, b: HeldAcl): boolean {
  const text = (held: HeldAcl) => [...held.values()].flat().map(ruleText).toSorted().join('\n');
  return text(a) === text(b);
}

function ruleText({ action, source, destination, protocol, destination_port: port, description, state }: EgressRule) {
  return JSON.stringify([action, source, destination ?? '', protocol ?? '', port ?? '', description, state]);
}
