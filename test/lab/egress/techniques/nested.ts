import type { Technique } from '../technique.ts';

const say = (to: string) =>
  `perl -e "socket(my \\$s, 2, 2, 17) or die; setsockopt(\\$s, 1, 6, pack q(i), 1); send(\\$s, q(MARK), 0, pack(q(S n C4 x8), 2, 443, split /[.]/, \\$_)) or die qq(send: \\$!) for qw(${to})"`;

const everybody = '203.0.113.10 203.0.113.11 10.7.0.10 192.168.55.10 10.90.0.1';

/** The kernel's own links and namespaces, as a container inside of the sandbox would have them. */
export const nested: readonly Technique[] = [
  {
    name: 'a macvlan child in a nested container, with an address of its own',
    how: String.raw`sh('ip link add link eth0 mv0 type macvlan'); my $script = q(
        set -e; ip link set mv0 up; ip addr add 10.90.201.9/16 dev mv0; ip route add default via 10.90.0.1
        arp -i mv0 -s 10.90.0.1 GATEWAY; ${say(everybody)}); $script =~ s/MARK/mark()/ge;
      my $text = join ':', unpack '(H2)6', $gw; $script =~ s/GATEWAY/$text/; nested('mv0', $script)`,
    bare: ['internet', 'private', 'otherHost', 'host'],
  },
  {
    name: 'a macvlan child with the sandbox’s own address',
    how: String.raw`sh('ip link add link eth0 mv0 type macvlan'); my $script = q(
        set -e; ip link set mv0 up; ip addr add OWN/16 dev mv0; ip route add default via 10.90.0.1
        arp -i mv0 -s 10.90.0.1 GATEWAY; ${say(everybody)}); $script =~ s/MARK/mark()/ge;
      my $own = join '.', unpack 'C4', $own4; $script =~ s/OWN/$own/;
      my $text = join ':', unpack '(H2)6', $gw; $script =~ s/GATEWAY/$text/; nested('mv0', $script)`,
    bare: ['internet', 'private', 'otherHost', 'host'],
  },
  {
    name: 'a nested container behind the sandbox as its router',
    how: String.raw`sh('ip link add ve0 type veth; ip link set ve0 up; ip addr add 172.31.9.1/24 dev ve0; echo 1 >/proc/sys/net/ipv4/ip_forward');
      my $script = q(set -e; ip link set veth0 up; ip addr add 172.31.9.2/24 dev veth0; ip route add default via 172.31.9.1; ${say(everybody)});
      $script =~ s/MARK/mark()/ge; nested('veth0', $script)`,
    bare: ['internet', 'private', 'otherHost', 'host'],
  },
  {
    name: 'a restart with another hardware address and other addresses, set from inside',
    how: `out(udp($_, 443, data => mark())), out(syn($_, 443)) for @anywhere, @host; out(udp($_, 443), to => $hisMac) for @sibling`,
    // The link that comes with a restart is kept apart from its siblings by Incus.
    bare: ['internet', 'private', 'otherHost', 'host'],
    kind: 'boots',
  },
];
