/**
 * Addresses of well-known public resolvers. Their DNS over HTTPS looks like any other traffic, so sandboxes whose names
 * are to be looked up by their own resolver do not reach them, unless an allowlist names the address.
 * Facts as their operators publish them; the list can never be complete.
 */
export const knownResolvers = {
  4: [
    '1.0.0.1',
    '1.0.0.2',
    '1.0.0.3',
    '1.1.1.1',
    '1.1.1.2',
    '1.1.1.3',
    '8.8.4.4',
    '8.8.8.8',
    '9.9.9.9',
    '9.9.9.10',
    '9.9.9.11',
    '45.90.28.0/22',
    '76.76.2.0/24',
    '76.76.10.0/24',
    '94.140.14.0/24',
    '94.140.15.0/24',
    '149.112.112.0/24',
    '185.228.168.0/24',
    '185.228.169.0/24',
    '194.242.2.0/24',
    '208.67.220.0/24',
    '208.67.222.0/24',
  ],
  6: [
    '2001:4860:4860::/48',
    '2606:1a40::/48',
    '2606:4700:4700::/48',
    '2620:119:35::/48',
    '2620:119:53::/48',
    '2620:fe::/48',
    '2a07:a8c0::/29',
    '2a07:e340::/32',
    '2a10:50c0::/48',
  ],
} as const;

/** Names under which public resolvers answer DNS over HTTPS. A wildcard never means them; an entry of their own does, but their addresses stay shut unless named. */
export const knownResolverNames: readonly string[] = [
  'cloudflare-dns.com',
  'dns.adguard-dns.com',
  'dns.google',
  'dns.google.com',
  'dns.nextdns.io',
  'dns.quad9.net',
  'dns10.quad9.net',
  'dns11.quad9.net',
  'doh.cleanbrowsing.org',
  'doh.dns.sb',
  'doh.mullvad.net',
  'doh.opendns.com',
  'freedns.controld.com',
  'mozilla.cloudflare-dns.com',
  'one.one.one.one',
  'chrome.cloudflare-dns.com',
  'use-application-dns.net',
];

const resolverNames = new Set(knownResolverNames);

/** Whether a name is a public resolver's, or lies below one: there its customers have names of their own. */
export function isResolverName(name: string): boolean {
  return [name, ...namesAbove(name)].some((each) => resolverNames.has(each));
}

/** The names that a name lies below, nearest first. */
export function namesAbove(name: string): string[] {
  const above: string[] = [];
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) above.push(name.slice(dot + 1));
  return above;
}

/** Port on the bridge's addresses at which coi's resolver answers; sandboxes reach it as port 53 only. */
export const resolverPort = 5380;
