import { rawSockets } from '../../network/perl-image.ts';
import { allowed, listed, modeNames } from './technique.ts';

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
# Fragments of a packet, each with its own share of the payload: 24 bytes or what is told.
sub pieces { my ($packet, $size) = @_; $size //= 24; my @pieces;
  if (ord($packet) >> 4 == 4) { my $data = substr $packet, 20;
    for (my $at = 0; $at < length $data; $at += $size) { my $more = $at + $size < length $data ? 0x2000 : 0;
      push @pieces, ip(substr($packet, 12, 4), substr($packet, 16, 4), ord(substr $packet, 9, 1), substr($data, $at, $size), id => 77 + $technique, fragment => $more | $at / 8) }
    return @pieces }
  my $data = substr $packet, 40;
  for (my $at = 0; $at < length $data; $at += $size) { my $more = $at + $size < length $data ? 1 : 0;
    push @pieces, ip(substr($packet, 8, 16), substr($packet, 24, 16), 44, pack('C C n N', ord(substr $packet, 6, 1), 0, $at | $more, 77 + $technique) . substr($data, $at, $size), hops => ord substr $packet, 7, 1) }
  @pieces }
# An IPv6 packet with extension headers put in before its payload: [TYPE, BYTES BEHIND THE LENGTH] each.
sub extended { my ($packet, @headers) = @_; my $next = ord substr $packet, 6, 1; my $data = substr $packet, 40;
  for (reverse @headers) { my ($type, $body) = @$_; $data = pack('C C', $next, (length($body) + 2) / 8 - 1) . $body . $data; $next = $type }
  ip(substr($packet, 8, 16), substr($packet, 24, 16), $next, $data, hops => ord substr $packet, 7, 1) }
our $pad = pack('C C a4', 1, 4, '');
sub crc32c { my $crc = 0xffffffff; for (unpack 'C*', $_[0]) { $crc ^= $_; $crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 for 1 .. 8 } $crc ^ 0xffffffff }
sub sctp { my ($dst, $port) = @_; my $init = pack('n n N N', sport(), $port, 0, 0) . pack('C C n N N n n N', 1, 0, 20, 7, 65536, 1, 1, 7);
  my $note = mark() . "\0" x 8; $note = substr $note, 0, 8; $init .= pack('n n', 0x8008, 12) . $note; substr($init, 14, 2) = pack 'n', 32;
  substr($init, 8, 4) = pack 'V', crc32c($init); ip(own($dst), $dst, 132, $init) }
sub segment { my ($dst, $port, $flags) = @_; my $src = own($dst);
  ip($src, $dst, 6, sealed($src, $dst, 6, pack('n n N N C C n n n', sport(), $port, 5, 5, 0x50, $flags, 64000, 0, 0) . mark(), 16)) }
# BOOTP (RFC 2131): the mark stands where a hardware address of 16 bytes would.
sub bootp { my (%o) = @_; my $name = mark();
  pack('C4 N n n a4 a4 a4 a4 a6 a10 a192 N', 1, 1, 6, 0, 77, 0, $o{flags} // 0, $o{ciaddr} // '', '', '', $o{giaddr} // '', $o{mac} // $mac, mark(), '', 0x63825363)
  . pack('C3', 53, 1, $o{type}) . pack('C C/a', 12, $name) . pack('C C/a', 61, "\0" . $name) . ($o{more} // '') . "\xff" }
sub ask { my ($name, $type) = @_; pack('n6', 7, 0x0100, 1, 0, 0, 0) . join('', map { pack 'C/a', $_ } split /\./, $name) . pack('C n n', 0, $type // 1, 1) }
# A connection by the kernel, from a port that tells the technique; sends something once it is open.
sub talk { my ($dst, $port, $data) = @_; my $four = is4($dst);
  my $name = sub { my ($address, $port) = @_; $four ? pack('S n a4 x8', 2, $port, $address) : pack('S n N a16 N', 10, $port, 0, $address, 0) };
  socket(my $s, $four ? 2 : 10, 1, 6) or die "socket: $!\n"; setsockopt($s, 1, 2, pack 'i', 1); setsockopt($s, 1, 13, pack 'i i', 1, 0);
  bind($s, $name->(own($dst), sport())) or die "bind: $!\n"; fcntl($s, 4, 04000); connect($s, $name->($dst, $port));
  my $w = ''; vec($w, fileno $s, 1) = 1; select(undef, my $ready = $w, undef, 2); getpeername($s) or return; send($s, $data, 0);
  select(my $answer = $w, undef, undef, 0.3) }
sub hello { my $name = shift; my $sni = pack('n/a', pack('C n/a', 0, $name)); my $ext = pack('n n/a', 0, $sni);
  my $body = pack('n a32 C n/a C C', 0x0303, 'r' x 32, 0, pack('n', 0x1301), 1, 0) . pack('n/a', $ext); my $hs = pack('C C n', 1, 0, length $body) . $body; pack('C n n/a', 22, 0x0301, $hs) }
# Has the gateway look a name up, and waits for what it says.
sub resolve { my ($name) = @_; socket(my $s, 2, 2, 17) or die "socket: $!\n"; connect($s, pack('S n a4 x8', 2, 53, $gw4)) or die "connect: $!\n";
  my $w = ''; vec($w, fileno $s, 1) = 1; 
  for (1 .. 3) { send($s, ask($name), 0) or return; select(my $ready = $w, undef, undef, 2) or next; return recv($s, my $answer, 4096, 0) } }
sub sh { my $command = join ' ', @_; system('sh', '-c', "exec 2>&1; $command") == 0 or die "failed: $command\n" }
# Runs a shell script as a container of its own would: in new namespaces, after a link was moved there.
sub nested { my ($link, $script) = @_;
  sh("mkfifo /tmp/go.$technique"); my $pid = open(my $in, '-|', 'unshare', '-n', '-m', '-u', '-i', 'sh', '-c', 'echo $$; read x < /tmp/go.'.$technique.'; '.$script) or die "no namespace: $!\n";
  my $inner = <$in>; chomp $inner; sh("ip link set $link netns $inner"); open(my $g, '>', "/tmp/go.$technique"); print $g "go\n"; close $g; unlink "/tmp/go.$technique";
  local $/; my $said = <$in>; close $in; $? == 0 or die "in the namespace: $said\n" }
$SIG{ALRM} = sub { die "took too long\n" };
sub technique { ($technique, my $run) = @_; eval { alarm 20; $run->(); alarm 0; 1 } or push @died, "$technique $@"; alarm 0 }
our @allowed = ${list([allowed.ipv4, allowed.ipv6])};
our @unlisted = ${list(['203.0.113.11', '2001:db8:113::11', '198.51.100.10'])};
our @private = ${list(['10.7.0.10', '192.168.77.10', '172.20.7.10', 'fd77::10'])};
our @otherHost = ${list(['192.168.55.10', 'fd55::10'])};
our @metadata = ${list(['169.254.169.254', '169.254.170.2', '100.100.100.200', 'fd00:ec2::254'])};
our ($gw4, $gw6) = (at('10.90.0.1'), at('fd42:90::1'));
our @anywhere = (@allowed, @unlisted, @private, @otherHost);
our $all = hw('ff:ff:ff:ff:ff:ff');
`;

/** The whole program for some techniques, each with its number. Prints what went wrong, a line for each that died. */
export function senderProgram(surroundings: Surroundings, snippets: readonly (readonly [number, string])[]): string {
  const { guest, gatewayMac, siblingMac, sibling4, sibling6, hostAddresses, hostLinkLocal } = surroundings;
  return `${rawSockets}
our ($guest, $listed) = (${guest}, ${listed.includes(modeNames[guest]!) ? 1 : 0});
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

/**
 * A shell script for a sandbox's root: from the next start on, init changes the link's hardware address and adds others,
 * tries what the program does, and goes on as it always did. Then it starts anew.
 */
export function bootProgram(program: string, mac: string): string {
  return `set -e
cat >/boot.pl <<'END'
${program}END
[ -e /sbin/init.own ] || mv /sbin/init /sbin/init.own
cat >/sbin/init <<'END'
#!/bin/sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin
ip link set eth0 address 10:66:6a:c0:77:99
ip link set eth0 up
ip address add 10.90.119.153/16 dev eth0
ip route add default via 10.90.0.1
for round in 1 2 3; do perl /boot.pl; sleep 0.3; done >/tried 2>&1
ip link set eth0 down
ip address flush dev eth0
ip link set eth0 address ${mac}
echo tried >>/tried
exec /sbin/init.own
END
chmod 755 /sbin/init
rm -f /tried
sync
(sleep 0.3; kill -TERM 1) >/dev/null 2>&1 </dev/null &
`;
}
