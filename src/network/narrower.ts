import { contains, type Prefix } from './address.ts';
import { parseAllowEntry } from './allow-entry.ts';
import type { NetworkRules } from './rules.ts';
import { privatePrefixes, specialPrefixes } from './special-ranges.ts';

/**
 * Whether rules let nothing through that others do not. Cautious: entries of an allowlist are the same or they are not, so
 * that what is only narrower in fact counts as more.
 */
export function isWithinRules(rules: NetworkRules, base: NetworkRules): boolean {
  if (rules.mode === 'none' || base.mode === 'open') return true;
  if (rules.mode === 'open' || base.mode === 'none') return false;
  if (opensMore(rules, base)) return false;
  if (rules.mode === 'restricted') return base.mode === 'restricted';
  const entries = Object.keys(rules.allowed ?? {});
  if (base.mode === 'allowlist') return entries.every((entry) => Object.hasOwn(base.allowed ?? {}, entry));
  return base.localNetwork === true || entries.every(isPublic);
}

function opensMore(rules: NetworkRules, base: NetworkRules): boolean {
  return (rules.localNetwork === true && !base.localNetwork) || (rules.metadata === true && !base.metadata);
}

/** An address or prefix in an allowlist opens private ranges as well; a name never does. */
function isPublic(text: string): boolean {
  const entry = parseAllowEntry(text);
  if (typeof entry === 'string') return false;
  if (entry.kind !== 'prefix') return true;
  return ![...privatePrefixes, ...specialPrefixes].some((range) => overlaps(range, entry.prefix));
}

function overlaps(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && (contains(a, b) || contains(b, a));
}
