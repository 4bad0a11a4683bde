import { rawSockets } from '../../network/perl-image.ts';
import { allowed } from './technique.ts';

/** What a sandbox's root has found out before it begins. Addresses as text. */
export interface Surroundings {
  readonly guest: number;
  readonly gatewayMac: string;
  readonly siblingMac: string;
  readonly sibling4: string;
  readonly sibling6: string;
  /** Every address of the host. */
  readonly hostAddresses: readonly string[];
  /** Link-local address of the bridge. */
  readonly hostLinkLocal: string;
}

const list = (texts: readonly string[]) => `(${texts.map((text) => `at('${text}')`).join(', ')})`;

/**
 * Perl that the techniques are written in. `at(TEXT)`: an address; `udp`, `syn`, `echo`, `proto` make packets of either
 * family that carry the mark; `out(PACKET)` sends one to the gateway, `out(PACKET, to => MAC, mac => MAC, as => TYPE)`
 * elsewhere, under another hardware address or as another type.
 */
const toolbox = String.raw`
our ($technique, @died);
sub at { $_[0] =~ /:/ ? ip6($_[0]) : ip4($_[0]) }
sub mark { "qz\${technique}x\${guest}q" }
sub sport { 20000 + $guest * 1000 + $technique }
sub own { length($_[0]) == 4 ? $own4 : $own6 }
sub is4 { length($_[0]) == 4 }
# Payload under a checksum over the pseudo header, which stands at $at.
sub sealed { my ($src, $dst, $next, $data, $at) = @_;
  my $pseudo = is4($dst) ? $src . $dst . pack('C C n', 0, $next, length $data) : $src . $dst . pack('N N', length $data, $next);
  substr($data, $at, 2) = pack 'n', sum($pseudo . $data); $data }
sub ip { my ($src, $dst, $next, $data, %o) = @_;
  return pack('N n C C', 6 << 28, length $data, $next, $o{hops} // 64) . $src . $dst . $data unless is4($dst);
  my $options = $o{options} // '';
  my $h = pack('C C n n n C C n', 0x45 + length($options) / 4, 0, 20 + length($options) + length $data, $o{id} // 7, $o{fragment} // 0, $o{hops} // 64, $next, 0) . $src . $dst . $options;
  substr($h, 10, 2) = pack 'n', sum($h); $h . $data }
sub udp { my ($dst, $port, %o) = @_; my $src = $o{from} // own($dst); my $data = $o{data} // mark();
  my $u = pack('n4', $o{sport} // sport(), $port, 8 + length $data, 0) . $data;
  $u = sealed($src, $dst, 17, $u, 6); ip($src, $dst, 17, $u, %o) }
sub syn { my ($dst, $port, %o) = @_; my $src = $o{from} // own($dst);
  my $t = pack('n n N N C C n n n', $o{sport} // sport(), $port, 1000 + $technique, 0, 0x50, 2, 64000, 0, 0) . mark();
  ip($src, $dst, 6, sealed($src, $dst, 6, $t, 16), %o) }
sub icmp { my ($dst, $type, $code, $rest, %o) = @_; my $src = $o{from} // own($dst);
  my $d = pack('C C n', $type, $code, 0) . $rest;
  return ip($src, $dst, 58, sealed($src, $dst, 58, $d, 2), %o) unless is4($dst);
  substr($d, 2, 2) = pack 'n', sum($d); ip($src, $dst, 1, $d, %o) }
sub echo { my ($dst, %o) = @_; icmp($dst, is4($dst) ? 8 : 128, 0, pack('n n', sport(), 1) . mark(), %o) }
sub proto { my ($dst, $next, $data, %o) = @_; ip($o{from} // own($dst), $dst, $next, ($data // '') . mark(), %o) }
sub out { my ($packet, %o) = @_;
  put(frame($o{to} // $gw, $o{as} // (ord($packet) >> 4 == 4 ? 0x0800 : 0x86dd), $packet, $o{mac})) or die "cannot send: $!\n" }
# ARP with the mark behind it: op, sender's MAC and IP, target's MAC and IP.
sub arp { my ($op, $sha, $spa, $tha, $tpa) = @_; pack('n n C C n', 1, 0x0800, 6, 4, $op) . $sha . $spa . $tha . $tpa . mark() }
sub sh { my $command = join ' ', @_; system('sh', '-c', "exec 2>&1; $command") == 0 or die "failed: $command\n" }
# Runs something with the kernel's own stack in a new network namespace, after a link was moved there under the name mv0.
sub nested { my ($link, $script) = @_;
  sh("mkfifo /tmp/go.$technique"); my $pid = open(my $in, '-|', 'unshare', '-n', 'sh', '-c', 'echo $$; read x < /tmp/go.'.$technique.'; '.$script) or die "no namespace: $!\n";
  my $inner = <$in>; chomp $inner; sh("ip link set $link netns $inner"); open(my $g, '>', "/tmp/go.$technique"); print $g "go\n"; close $g; unlink "/tmp/go.$technique";
  local $/; my $said = <$in>; close $in; $? == 0 or die "in the namespace: $said\n" }
$SIG{ALRM} = sub { die "took too long\n" };
sub technique { ($technique, my $run) = @_; eval { alarm 20; $run->(); alarm 0; 1 } or push @died, "$technique $@"; alarm 0 }
our @allowed = ${list([allowed.ipv4, allowed.ipv6])};
our @unlisted = ${list(['203.0.113.11', '2001:db8:113::11', '198.51.100.10'])};
our @private = ${list(['10.7.0.10', '192.168.77.10', '172.20.7.10', 'fd77::10'])};
our @otherHost = ${list(['192.168.55.10', 'fd55::10'])};
our @anywhere = (@allowed, @unlisted, @private, @otherHost);
our $all = hw('ff:ff:ff:ff:ff:ff');
`;

/** The whole program for some techniques, each with its number. Prints what went wrong, a line for each that died. */
export function senderProgram(surroundings: Surroundings, snippets: readonly (readonly [number, string])[]): string {
  const { guest, gatewayMac, siblingMac, sibling4, sibling6, hostAddresses, hostLinkLocal } = surroundings;
  return `${rawSockets}
our $guest = ${guest};
${toolbox.replaceAll('\\$', '$')}
our ($gw, $hisMac) = (hw('${gatewayMac}'), hw('${siblingMac}'));
our ($his4, $his6) = (at('${sibling4}'), at('${sibling6}'));
our @sibling = ($his4, $his6);
our $hostLink = at('${hostLinkLocal}');
our @host = ${list(hostAddresses)};
${snippets.map(([number, how]) => `technique(${number}, sub { ${how} });`).join('\n')}
print @died;
`;
}
