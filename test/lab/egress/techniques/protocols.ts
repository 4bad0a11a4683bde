import { everyMode, lan, publicly, type Spot, type Technique } from '../technique.ts';

const outside: readonly Spot[] = ['internet', 'private', 'otherHost'];
const byAddress = { internet: publicly, private: lan, otherHost: lan };

/**
 * Something other than TCP and UDP to everybody: what passes depends on the address alone, and lists open ports only.
 * Behind one address, only one sandbox at a time can speak a protocol without ports to the same host.
 */
function protocol(name: string, how: string, bare: readonly Spot[] = [...outside, 'host', 'sibling']): Technique {
  return { name, how, arrives: byAddress, bare, contended: true };
}

const everybody = '@anywhere, @host, @sibling';

export const protocols: readonly Technique[] = [
  protocol('ICMP echo', `out(echo($_)) for ${everybody}`),
  protocol(
    'ICMP timestamps and types that nobody knows',
    `out(icmp($_, is4($_) ? 13 : 200, 0, pack('N4', 1, 2, 3, 4) . mark())) for @anywhere, @sibling`,
    ['sibling'],
  ),
  protocol('SCTP', `out(sctp($_, 443)) for ${everybody}`),
  protocol('GRE', `out(proto($_, 47, pack('n n', 0, 0x0800) . udp($his4, 9))) for ${everybody}`),
  protocol('IP in IP', `out(proto($_, 4, udp(at('10.7.0.10'), 9))) for ${everybody}`),
  protocol('IPv6 in IP', `out(proto($_, 41, udp(at('fd77::10'), 9))) for ${everybody}`),
  protocol('ESP', `out(proto($_, 50, pack('N N', 7, 1))) for ${everybody}`),
  protocol('AH', `out(proto($_, 51, pack('C C n N N a12', 59, 4, 0, 7, 1, ''))) for grep { is4($_) } ${everybody}`),
  protocol('L2TP and a protocol without a name', `out(proto($_, 115)), out(proto($_, 253)) for ${everybody}`),
  {
    name: 'VXLAN, Geneve and WireGuard, which are UDP',
    how: `out(udp($_, 4789, data => pack('N N', 0x08000000, 0x700) . frame($all, 0x0800, udp($his4, 9)))), out(udp($_, 6081)), out(udp($_, 51820)) for ${everybody}`,
    arrives: byAddress,
    bare: [...outside, 'host', 'sibling'],
  },
  {
    name: 'ICMP errors that quote an allowed flow, to somebody else',
    how: `for my $to (@allowed) { out(udp($to, 443, data => '')); my $answer = ip($to, own($to), 17, pack('n4', 443, sport(), 8 + 20, 0) . mark());
        out(icmp($_, is4($_) ? 3 : 1, is4($_) ? 3 : 4, pack('N', 0) . $answer)) for grep { is4($_) == is4($to) } @private, @otherHost, @host, @sibling }`,
    // The flow itself.
    arrives: { internet: everyMode },
    bare: ['private', 'otherHost', 'host', 'sibling'],
  },
  {
    name: 'TCP segments that begin no connection',
    how: `for my $to (${everybody}) { out(segment($to, 8080, $_)) for 0x10, 0x12, 0x18, 0x04, 0x11, 0, 0x29 }`,
    arrives: byAddress,
    bare: [...outside, 'host', 'sibling'],
  },
];

/** Packets cut and wrapped so that a rule may not find what it looks for. */
export const shapes: readonly Technique[] = [
  {
    name: 'IPv4 in fragments',
    how: `for my $to (grep { is4($_) } ${everybody}) { out($_) for pieces(udp($to, 8080, data => mark() x 9), 16) }`,
    arrives: byAddress,
    bare: [...outside, 'host', 'sibling'],
  },
  {
    name: 'IPv4 fragments without a beginning',
    how: `for my $to (grep { is4($_) } ${everybody}) { out($_) for (pieces(udp($to, 8080, data => mark() x 9)))[1 .. 2] }`,
    bare: [...outside, 'sibling'],
  },
  {
    name: 'IPv4 fragments that overlap: the port is rewritten',
    how: `for my $to (grep { is4($_) } @allowed, @private) {
        my @other = pieces(udp($to, 22, data => mark() x 9), 24); out((pieces(udp($to, 443, data => mark() x 9), 32))[0]); out($_) for @other }`,
    bare: ['internet', 'private'],
  },
  {
    name: 'IPv6 in fragments',
    how: `for my $to (grep { !is4($_) } ${everybody}) { out($_) for pieces(udp($to, 8080, data => mark() x 9), 16) }`,
    arrives: byAddress,
    bare: [...outside, 'host', 'sibling'],
  },
  {
    name: 'IPv6 in a single fragment (RFC 6946)',
    how: `for my $to (grep { !is4($_) } ${everybody}) { out($_) for pieces(udp($to, 8080), 800) }`,
    arrives: byAddress,
    bare: [...outside, 'host', 'sibling'],
  },
  {
    name: 'IPv6 behind options, one header and many',
    how: `for my $to (grep { !is4($_) } ${everybody}) { out(extended(udp($to, 8080), [60, $pad])); out(extended(udp($to, 8080), [0, $pad], map { [60, $pad] } 1 .. 6)) }`,
    arrives: byAddress,
    bare: [...outside, 'host', 'sibling'],
  },
  {
    name: 'a port of the web behind IPv6 options, to an allowed host',
    how: `out(extended(syn($allowed[1], 443), [0, $pad], [60, $pad]))`,
    arrives: { internet: everyMode },
    bare: ['internet'],
  },
  {
    name: 'IPv4 source routes through the gateway',
    how: `for my $to (grep { is4($_) } @anywhere, $his4) { for my $type (131, 137) { my %o = (options => pack('C C C a4 C', $type, 7, 4, $to, 0));
        out(udp($gw4, 53, %o)), out(udp($gw4, 67, sport => 68, %o)), out(udp($gw4, 8080, %o)) } }`,
    bare: outside,
  },
  {
    name: 'IPv6 routing headers through the gateway',
    how: `for my $to (grep { !is4($_) } @anywhere, $his6) { for my $port (53, 8080) {
        out(extended(udp($gw6, $port), [43, pack('C C C C n a16 a16', 4, 1, 1, 0, 0, $to, $gw6)])); out(extended(udp($gw6, $port), [43, pack('C C N a16', $_, 1, 0, $to)])) for 0, 2, 3 } }`,
    bare: outside,
  },
];
