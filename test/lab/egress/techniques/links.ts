import type { Technique } from '../technique.ts';

/** Frames of other kinds, and links of one's own. */
export const links: readonly Technique[] = [
  {
    name: 'virtual networks: tags 0x8100 and 0x88a8, one or two',
    how: `for my $to (at('10.90.0.1'), at('fd42:90::1')) {
        my ($type, $inner) = (is4($to) ? 0x0800 : 0x86dd, udp($to, 8080));
        out(pack('n n', 0, $type) . $inner, as => 0x8100); out(pack('n n', 0, $type) . $inner, as => 0x88a8);
        out(pack('n n n n', 0, 0x8100, 0, $type) . $inner, as => 0x88a8) }`,
    bare: ['host'],
  },
  {
    name: 'virtual networks: a tag that a sibling is to take off',
    how: `out(pack('n n', 5, 0x0800) . udp($his4, 8080), as => 0x8100, to => $hisMac)`,
    bare: ['sibling'],
  },
  {
    name: 'frames without a type: IP over LLC and SNAP',
    how: `my $p = udp($his4, 8080); out(pack('C3 C3 n', 0xaa, 0xaa, 3, 0, 0, 0, 0x0800) . $p, as => 8 + length $p, to => $hisMac)`,
    bare: ['sibling'],
  },
  {
    name: 'frames of PPPoE, MPLS and types that nobody knows',
    how: `my $p = udp($his4, 8080);
      out(pack('C C n n n', 0x11, 0, 1, 2 + length $p, 0x0021) . $p, as => 0x8864, to => $hisMac);
      out(pack('N', 0x00010140) . $p, as => 0x8847, to => $hisMac);
      out(mark(), as => $_, to => $hisMac) for 0x88b5, 0x88cc, 0x22f0, 0x9000`,
    bare: ['sibling'],
  },
  {
    name: 'frames to the bridge’s group addresses (802.1D)',
    how: `for my $last (0, 2 .. 15) { my $group = hw(sprintf '01:80:c2:00:00:%02x', $last);
        out(udp($_, 8080), to => $group) for @host }`,
    bare: ['host'],
  },
  {
    name: 'the same with a source from elsewhere',
    how: `for my $last (0, 2 .. 15) { my $group = hw(sprintf '01:80:c2:00:00:%02x', $last);
        out(udp($_, 8080, from => is4($_) ? at('198.51.100.77') : at('2001:db8:ffff::1')), to => $group) for @host }`,
    bare: ['host'],
  },
  {
    name: 'unicast packets in broadcast frames',
    how: 'out(udp($_, 8080), to => $all) for grep { is4($_) } @host',
    bare: ['host'],
  },
];
