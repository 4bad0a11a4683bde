import { Problem } from '../base/problem.ts';
import { parseAddress, renderAddress } from './address.ts';
import { elementsOf, setIds } from './elements.ts';
import type { Element, Elements, PlacedElement, SetId } from './elements.ts';
import { isMac, isPortName } from './endpoint.ts';
import type { Bridge, NetworkPolicy } from './policy.ts';
import { renderSkeleton } from './skeleton.ts';

/** Everything the kernel is to hold for a bridge and its sandboxes, whatever it holds now. */
export interface Ruleset {
  /** Tables, chains and empty sets for `nft -f`; the same text for the same bridge. */
  readonly skeleton: string;
  readonly elements: Elements;
  /** Policies that were left out, and why; their sandboxes reach nothing. */
  readonly problems: ReadonlyMap<string, Problem>;
}

/** What {@link renderRuleset} is made from. */
export interface RulesetInput {
  readonly bridge: Bridge;
  readonly policies: Iterable<NetworkPolicy>;
}

const interfaceName = /^[A-Za-z0-9_.-]{1,15}$/;
const uidPattern = /^[0-9A-Z]{26}$/;

/**
 * Turns policies into rules. A policy that cannot be carried out is left out with a problem under its uid (code
 * `network.policy` or `network.conflict`) and disturbs no other.
 *
 * @throws Problem `network.bridge` or `network.address` when the bridge itself is unusable
 */
export function renderRuleset({ bridge, policies }: RulesetInput): Ruleset {
  if (!interfaceName.test(bridge.name)) {
    throw new Problem({ code: 'network.bridge', message: `"${bridge.name}" is not the name of a network interface` });
  }
  const elements = new Map<SetId, Map<string, Element>>(setIds.map((id) => [id, new Map()]));
  const problems = new Map<string, Problem>();
  const inOrder = [...policies].toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
  for (const policy of inOrder) {
    const problem = problemOf(policy) ?? place(elements, elementsOf(policy, bridge));
    if (problem) problems.set(policy.uid, problem);
  }
  return { skeleton: renderSkeleton(bridge), elements, problems };
}

function problemOf({ uid, endpoint }: NetworkPolicy): Problem | undefined {
  const fits =
    uidPattern.test(uid) &&
    isPortName(endpoint.port) &&
    isMac(endpoint.mac) &&
    isCanonical(endpoint.ipv4, 4) &&
    (endpoint.ipv6 === undefined || isCanonical(endpoint.ipv6, 6));
  if (fits) return undefined;
  return new Problem({
    code: 'network.policy',
    message: `The network policy of ${uid} has no valid endpoint: ${JSON.stringify(endpoint)}`,
    hint: 'Port, MAC and addresses are chosen by coi; an instance changed by hand must be recreated.',
  });
}

function isCanonical(text: string, family: 4 | 6): boolean {
  const address = parseAddress(text);
  return address?.family === family && renderAddress(address) === text;
}

/** Puts all of a policy's elements in, or none when another sandbox has one of them. */
function place(elements: Map<SetId, Map<string, Element>>, placed: readonly PlacedElement[]): Problem | undefined {
  const clash = placed.find(({ set, key }) => elements.get(set)!.has(key));
  if (clash) {
    const owner = elements.get(clash.set)?.get(clash.key)?.uid;
    return new Problem({
      code: 'network.conflict',
      message: `The sandboxes ${owner} and ${clash.uid} have the same place on the bridge (${clash.key})`,
      hint: `Delete one of them; the one without rules (${clash.uid}) reaches nothing meanwhile.`,
    });
  }
  for (const { set, key, ...element } of placed) elements.get(set)!.set(key, element);
  return undefined;
}
