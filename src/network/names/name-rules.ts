import { allowEntries } from '../allow-entry.ts';
import type { AllowedPort } from '../allow-entry.ts';
import { isResolverName, namesAbove } from '../resolvers.ts';
import type { NetworkRules } from '../rules.ts';
import type { NameDenial } from './denied-name.ts';
import { looksLikeData } from './tunnel-limits.ts';

/** What a name opens: one port, or with undefined those of the web. */
export type OpenedPort = AllowedPort | undefined;

/** The names of one allowlist, sorted so that a question costs the same with many entries as with few. */
export interface NameRules {
  readonly exact: ReadonlyMap<string, readonly OpenedPort[]>;
  /** By what follows `*.`. */
  readonly below: ReadonlyMap<string, readonly OpenedPort[]>;
  /** Whether the list names addresses, too. */
  readonly hasAddresses: boolean;
  /** Whether a name may lead into the local network. */
  readonly localNetwork: boolean;
}

/** Whether a name may be looked up. `byWildcard`: it was chosen by whoever asks, and only so many of those are let through. */
export type NameVerdict =
  | { readonly kind: 'allowed'; readonly ports: readonly OpenedPort[]; readonly byWildcard: boolean }
  | { readonly kind: 'denied'; readonly reason: NameDenial };

/** Sorts the entries of an allowlist. */
export function nameRules({ allowed, localNetwork }: NetworkRules): NameRules {
  const exact = new Map<string, OpenedPort[]>();
  const below = new Map<string, OpenedPort[]>();
  let hasAddresses = false;
  for (const entry of allowEntries(allowed)) {
    if (entry.kind === 'prefix') {
      hasAddresses = true;
      continue;
    }
    const names = entry.kind === 'name' ? exact : below;
    names.set(entry.name, [...(names.get(entry.name) ?? []), entry.port]);
  }
  return { exact, below, hasAddresses, localNetwork: localNetwork === true };
}

/** Judges a name in the form of `questionName`. */
export function judgeName(rules: NameRules, name: string): NameVerdict {
  const own = rules.exact.get(name);
  const wildcards = namesAbove(name).filter((base) => rules.below.has(base));
  const viaWildcards = isResolverName(name) ? [] : wildcards.flatMap((base) => rules.below.get(base)!);
  if (own) return { kind: 'allowed', ports: [...own, ...viaWildcards], byWildcard: false };
  const [longest] = wildcards;
  if (longest === undefined) return { kind: 'denied', reason: 'unlisted' };
  if (viaWildcards.length === 0) return { kind: 'denied', reason: 'known resolver' };
  if (looksLikeData(name, longest)) return { kind: 'denied', reason: 'suspicious' };
  return { kind: 'allowed', ports: viaWildcards, byWildcard: true };
}
