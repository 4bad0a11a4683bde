import type { Technique } from '../technique.ts';

/** Ways to another sandbox on the same bridge. */
export const siblings: readonly Technique[] = [
  {
    name: 'a sibling, straight over the bridge',
    how: 'out(udp($_, 8080), to => $hisMac), out(syn($_, 80), to => $hisMac) for @sibling',
    bare: ['sibling'],
  },
  {
    name: 'a sibling, by a route through the gateway',
    how: 'out(udp($_, 8080)), out(syn($_, 80)), out(echo($_)) for @sibling',
    bare: ['sibling'],
  },
  {
    name: 'a sibling as a router to elsewhere',
    how: 'out(udp($_, 8080), to => $hisMac) for @anywhere',
    bare: ['sibling'],
  },
  {
    name: 'frames to everybody on the bridge',
    how: `out(udp(at('255.255.255.255'), 8080), to => $all); out(udp(at('10.90.255.255'), 8080), to => $all);
      out(udp(at('ff02::1'), 8080, from => $link6), to => hw('33:33:00:00:00:01'))`,
    bare: ['sibling', 'host'],
  },
  {
    name: 'ARP answers in the gateway’s name',
    how: `put(frame($_, 0x0806, arp(2, $mac, at('10.90.0.1'), $hisMac, $his4))) for $hisMac, $all`,
    bare: ['sibling'],
  },
  {
    name: 'router and neighbour advertisements in the gateway’s name',
    how: `my $ra = pack('C C n N N', 64, 0, 1800, 0, 0) . pack('C C a6', 1, 1, $mac) . pack('C C a14', 253, 2, mark());
      my $na = pack('N a16 C C a6', 0xe0000000, at('fd42:90::1'), 2, 1, $mac) . pack('C C a14', 253, 2, mark());
      out(icmp(at('ff02::1'), 134, 0, $ra, from => $link6, hops => 255), to => hw('33:33:00:00:00:01'));
      out(icmp($his6, 136, 0, $na, from => at('fd42:90::1'), hops => 255), to => $hisMac)`,
    bare: ['sibling'],
  },
  {
    name: 'ICMP redirects in the gateway’s name',
    how: `my $was = udp(at('203.0.113.10'), 443, from => $his4);
      out(icmp($his4, 5, 1, $own4 . $was, from => at('10.90.0.1')), to => $_) for $hisMac, $gw;
      my $was6 = udp(at('2001:db8:113::10'), 443, from => $his6);
      out(icmp($his6, 137, 0, pack('N', 0) . $own6 . at('2001:db8:113::10') . $was6, from => $hostLink, hops => 255), to => $hisMac)`,
    bare: ['sibling'],
  },
  {
    name: 'DHCP answers to a sibling',
    how: `my $offer = pack('C4 N n n a4 a4 a4 a4 a16 a192 N', 2, 1, 6, 0, 7, 0, 0x8000, "", $his4, $own4, "", $hisMac, mark(), 0x63825363) . pack('C*', 53, 1, 2, 3, 4, unpack('C4', $own4), 255);
      out(udp(at('255.255.255.255'), 68, from => $_, sport => 67, data => $offer), to => $all),
      out(udp($his4, 68, from => $_, sport => 67, data => $offer), to => $hisMac) for $own4, at('10.90.0.1')`,
    bare: ['sibling'],
  },
];
