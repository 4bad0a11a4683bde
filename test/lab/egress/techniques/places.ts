import { everyMode, lan, listed, metadata, publicly, type Technique } from '../technique.ts';

const probe = (targets: string) =>
  `out(udp($_, 443)), out(syn($_, 443)), out(syn($_, 8080)), out(echo($_)) for ${targets}`;
const at = (...addresses: readonly string[]) => addresses.map((address) => `at('${address}')`).join(', ');

/** Places that most sandboxes have no business with. */
export const places: readonly Technique[] = [
  {
    name: 'hosts of private networks',
    how: probe('@private'),
    arrives: { private: lan },
    bare: ['private'],
  },
  { name: 'another host of the LAN', how: probe('@otherHost'), arrives: { otherHost: lan }, bare: ['otherHost'] },
  {
    name: 'carrier-grade NAT (100.64/10)',
    how: probe(at('100.64.7.10', '100.127.255.9')),
    // What no route of the lab knows goes to the internet.
    arrives: { private: lan, internet: lan },
    bare: ['private', 'internet'],
  },
  {
    name: 'the metadata services of clouds',
    how: probe('@metadata'),
    arrives: { private: metadata },
    bare: ['private'],
  },
  {
    name: '6to4, Teredo, NAT64 and mapped addresses',
    how: probe(at('2002:a07:a::1', '2001:0:cb00:710a::1', '64:ff9b::a07:a', '64:ff9b:1::a07:a', '::a07:a')),
    arrives: { internet: ['open'] },
    bare: ['internet'],
  },
  {
    name: 'link-local, site-local, discarded and reserved addresses',
    how: probe(at('169.254.7.7', '198.18.0.1', '192.0.0.8', '240.0.0.1', '100::1', 'fec0::1')),
    arrives: { internet: ['open'] },
    bare: ['internet'],
  },
  { name: 'loopback addresses of the host', how: probe(at('127.0.0.1', '127.1.2.3')), bare: ['host'] },
  {
    name: 'multicast groups',
    how: `for my $to (${at('224.0.0.1', '224.0.0.251', '239.1.1.1')}) { out(udp($to, 5353), to => hw('01:00:5e:00:00:01')); out(udp($to, 5353)) }
      for my $to (${at('ff02::1', 'ff02::fb', 'ff05::1', 'ff0e::1')}) { out(udp($to, 5353), to => hw('33:33:00:00:00:01')); out(udp($to, 5353)) }`,
    bare: ['host', 'sibling'],
  },
];

export const hosts: readonly Technique[] = [
  {
    name: 'services of the host at each of its addresses',
    how: `for my $to (@host, $hostLink) { out(syn($to, $_)), out(udp($to, $_)) for 22, 443, 5380, 8080, 8443 }`,
    bare: ['host'],
  },
  { name: 'ICMP echo to the host', how: 'out(echo($_)) for @host, $hostLink', bare: ['host'] },
  {
    name: 'the host’s anycast addresses',
    how: probe(at('fd42:90::', '2001:db8:113::', 'fd77::')),
    bare: ['host'],
  },
  {
    name: 'the ports of DHCP and of names, at other addresses of the host',
    how: `out(udp($_, 67, sport => 68)), out(udp($_, 53)), out(syn($_, 53)) for grep { $_ ne $gw4 && $_ ne $gw6 } @host, $hostLink;
      out(udp($_, 547, sport => 546)) for $gw6, $hostLink`,
    bare: ['host'],
  },
  {
    name: 'other ports of an allowed host',
    how: 'out(syn($_, 22)), out(syn($_, 8080)), out(udp($_, 80)), out(udp($_, 8080)) for @allowed',
    arrives: { internet: publicly },
    bare: ['internet'],
  },
  {
    name: 'names asked of other servers: port 53 and 853, UDP and TCP',
    how: 'for my $to (@allowed, @unlisted) { out(syn($to, $_)), out(udp($to, $_, data => ask(mark() . ".example.org"))) for 53, 853 }',
    arrives: { internet: ['open'] },
    bare: ['internet'],
  },
  {
    name: 'names asked over HTTPS of resolvers that everybody knows',
    how: `out(syn($_, 443)), out(udp($_, 443)) for ${at('9.9.9.9', '1.1.1.1', '8.8.8.8', '2620:fe::fe')}`,
    arrives: { internet: ['open'] },
    bare: ['internet'],
  },
  {
    name: 'TLS to an allowed address under another name (not stopped)',
    how: 'talk($_, 443, hello(mark() . ".example.net")) for @allowed',
    arrives: { internet: everyMode },
    bare: ['internet'],
  },
  {
    name: 'HTTP to an allowed address for another Host (not stopped)',
    how: 'talk($_, 80, "GET / HTTP/1.1\\r\\nHost: " . mark() . ".example.net\\r\\n\\r\\n") for @allowed',
    arrives: { internet: everyMode },
    bare: ['internet'],
  },
  {
    name: 'TLS under an allowed name to another address',
    how: 'talk($_, 443, hello("203.0.113.10")) for @unlisted',
    arrives: { internet: publicly },
    bare: ['internet'],
  },
];
void listed;
