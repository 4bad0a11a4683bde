import type { Clock } from '../base/clock.ts';
import { convergeSettings, bridgeSettings } from '../host/link/settings.ts';
import { deleteLink, listLinks, orphanCandidates } from '../host/link/links.ts';
import type { NameService } from '../host/dns/name-service.ts';
import type { Firewall } from '../host/firewall/firewall.ts';
import type { Converged } from '../host/nft/firewall.ts';
import { convergeBlockPolicies, observeBlockPolicies } from '../host/xfrm/xfrm.ts';
import { diffRuleset } from '../network/compare.ts';
import { renderRuleset } from '../network/ruleset.ts';
import type { Endpoint } from '../network/policy.ts';
import type { BlockPolicy } from '../network/xfrm-policies.ts';
import { allPolicies, type PolicyInputs } from './policies.ts';

/** A link of ours without an owner must be that old, in milliseconds: a new one has its link before it is listed. */
const orphanAgeMs = 60_000;

/** What one look at the host's network changed. */
export interface NetworkRepair {
  readonly rules: Converged;
  /** Block policies put back or removed. */
  readonly policies: number;
  readonly settings: number;
  /** Layers that somebody else had changed: not what the first load, or the bridge coming up, adds. */
  readonly drifted: readonly ('nft' | 'xfrm')[];
}

export interface NetworkInit extends PolicyInputs {
  readonly firewall: Firewall;
  readonly names: NameService;
  readonly clock: Clock;
  readonly removeOtherFirewalls: () => Promise<void>;
}

/**
 * Keeps what all sandboxes share in place: kernel settings, block policies (the second layer), tables with the rules of every
 * instance; and takes away links that a crash has left.
 */
export class NetworkReconciler {
  readonly #init: NetworkInit;
  readonly #orphansSince = new Map<string, number>();
  /** Block policies that were in place once: missing again, somebody removed them. */
  readonly #placed = new Set<string>();
  #isReady = false;
  #wasLoaded = false;
  #isLookedAtOnly = false;
  #isAlone = false;

  constructor(init: NetworkInit) {
    this.#init = init;
  }

  /** Whether the last look found or made everything right, and nobody has touched the tables since. */
  isReady(): boolean {
    return this.#isReady && this.#init.firewall.loaded() !== undefined;
  }

  /** Whether planning may take the rules for granted: they are there, or whoever only looks would put them there first. */
  isGiven(): boolean {
    return this.#isLookedAtOnly || this.isReady();
  }

  /** Ports of links that nobody owns, as of the last look. */
  orphanLinks(): readonly string[] {
    return [...this.#orphansSince.keys()];
  }

  /** Look without changing anything. Plans then take for granted what carrying them out would begin with. */
  async inspect(): Promise<void> {
    this.#isLookedAtOnly = true;
    const { bridge, firewall } = this.#init;
    const ruleset = renderRuleset({ bridge, policies: allPolicies(this.#init) });
    const { reload } = diffRuleset(await firewall.expect(ruleset), await firewall.observe());
    const { missing, stale } = await observeBlockPolicies({ bridge, endpoints: () => this.#endpoints() });
    this.#isReady = !reload && missing.length + stale.length === 0;
  }

  /** @throws {Problem} when the host's network cannot be brought in line; nothing is started until it can */
  async reconcile(signal: AbortSignal): Promise<NetworkRepair> {
    this.#isLookedAtOnly = false;
    const { bridge, firewall, names } = this.#init;
    const call = { bridge, signal, endpoints: () => this.#endpoints() };
    try {
      const { missing, stale } = await convergeBlockPolicies(call);
      await names.follow(allPolicies(this.#init));
      const wanted = () => allPolicies(this.#init).map((policy) => names.inForce(policy));
      const rules = await firewall.converge(() => renderRuleset({ bridge, policies: wanted() }), { signal });
      await names.restore();
      if (!this.#isAlone) await this.#init.removeOtherFirewalls();
      this.#isAlone = true;
      const settings = await convergeSettings(bridgeSettings(bridge), { signal });
      this.#isReady = true;
      const drifted = this.#drifted(rules, missing);
      return { rules, policies: missing.length + stale.length, settings: settings.length, drifted };
    } catch (error) {
      this.#isReady = false;
      throw error;
    }
  }

  #endpoints(): Endpoint[] {
    return allPolicies(this.#init).map(({ endpoint }) => endpoint);
  }

  #drifted({ reloaded, added, removed }: Converged, missing: readonly BlockPolicy[]): NetworkRepair['drifted'] {
    const wasRemoved = missing.some((policy) => this.#placed.has(JSON.stringify(policy)));
    for (const policy of missing) this.#placed.add(JSON.stringify(policy));
    const isChanged = this.#wasLoaded && (reloaded || added + removed > 0);
    this.#wasLoaded = true;
    return [...(isChanged ? (['nft'] as const) : []), ...(wasRemoved ? (['xfrm'] as const) : [])];
  }

  /** Delete links of ours that have had no owner for a minute. @returns their names */
  async removeOrphanLinks(signal: AbortSignal): Promise<string[]> {
    const now = this.#init.clock.monotonic();
    const known = new Set(allPolicies(this.#init).map(({ endpoint }) => endpoint.port));
    const candidates = orphanCandidates(await listLinks({ signal }), known);
    const names = new Set(candidates.map(({ name }) => name));
    for (const name of this.#orphansSince.keys()) if (!names.has(name)) this.#orphansSince.delete(name);
    for (const name of names) if (!this.#orphansSince.has(name)) this.#orphansSince.set(name, now);
    const removed: string[] = [];
    for (const link of candidates) {
      if (now - (this.#orphansSince.get(link.name) ?? now) < orphanAgeMs) continue;
      if (await deleteLink(link, { signal })) removed.push(link.name);
      this.#orphansSince.delete(link.name);
    }
    return removed;
  }
}
