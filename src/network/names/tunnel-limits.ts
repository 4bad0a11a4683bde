/*
 * What a wildcard stands for is chosen by whoever asks, and carries what they like to whoever answers for the name: these
 * limits keep that to a trickle. Names that content networks and clouds really use stay well below them.
 */

/** Longest part of a name, in characters, where the longest of a real host name is about 45. */
const longestLabel = 48;
/** Longest text that a wildcard may stand for, in characters. */
const longestText = 100;
/** From this length on a text is measured; shorter ones say too little. */
const measuredFrom = 32;
/** Bits per character: words with dashes have up to 4.0, hexadecimal digits 3.8, base32 and base64 4.3 to 5. */
const densestText = 4.2;

/** Names that one sandbox may ask for by wildcards and has not asked for lately: at first, and then per minute. */
export const newNames = { burst: 120, perMinute: 60 } as const;

/** Whether what a wildcard would stand for looks like data rather than a name. */
export function looksLikeData(name: string, wildcardBase: string): boolean {
  const text = name.slice(0, -wildcardBase.length - 1);
  if (text.length > longestText || text.split('.').some((label) => label.length > longestLabel)) return true;
  return text.length >= measuredFrom && entropy(text) > densestText;
}

/** Shannon entropy of a text, in bits per character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const sign of text) counts.set(sign, (counts.get(sign) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
