import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cachedImage } from '../lab/image-cache.ts';
import type { Lab } from '../lab/lab.ts';

/** Every Debian and Ubuntu has it: perl-base is an essential package. */
const perl = '/usr/bin/perl';

/**
 * Imports the small image under another alias, with perl in it and, where given, a perl script as its init: raw sockets
 * from the first instruction on, without a compiler.
 */
export async function addPerlImage(lab: Lab, alias: string, init?: string): Promise<void> {
  const { meta, rootfs } = await cachedImage('busybox');
  const stage = join(lab.dir, `stage-${alias}`);
  const needed = (await lab.inside.output(['ldd', perl])).match(/\/\S+(?= \()/g) ?? [];
  for (const file of [perl, ...needed]) {
    await mkdir(join(stage, dirname(file)), { recursive: true });
    await copyFile(file, join(stage, file));
    await chmod(join(stage, file), 0o755);
  }
  if (init !== undefined) {
    await mkdir(join(stage, 'sbin'), { recursive: true });
    await writeFile(join(stage, 'sbin/init'), `#!${perl}\n${init}`, { mode: 0o755 });
  }
  const tar = join(lab.dir, `${alias}.tar`);
  await copyFile(rootfs, tar);
  // What is appended under the same name wins.
  await lab.inside.output(['tar', '--append', '--file', tar, '--owner=0', '--group=0', '--directory', stage, '.']);
  await lab.incus('image', 'import', meta, tar, '--alias', alias);
}

/**
 * Perl that speaks Ethernet: `$out` is a raw socket, `$mac`, `$own4`, `$own6`, `$link6` are the sandbox's own addresses in
 * network order, `put(FRAME)` sends, `frame(TO, TYPE, PAYLOAD)` makes. See packet(7).
 */
export const rawSockets = String.raw`
sub text { open(my $f, '<', $_[0]) or return ''; local $/; my $t = <$f>; chomp $t; $t }
sub ip4 { pack 'C4', split /\./, $_[0] }
sub ip6 { my ($a, $b) = split /::/, $_[0], -1; my @a = split /:/, $a; my @b = split /:/, $b // '';
  pack 'n8', map { hex } @a, (0) x (8 - @a - @b), @b }
sub hw { pack 'H12', join '', split /:/, $_[0] }
sub sum { my $d = $_[0]; $d .= "\0" if length($d) % 2; my $s = unpack('%32n*', $d); $s = ($s >> 16) + ($s & 0xffff) while $s >> 16; ~$s & 0xffff }
our $mac = hw(text('/sys/class/net/eth0/address'));
our @m = unpack 'C6', $mac;
our $own4 = pack 'C4', 10, 90, $m[4], $m[5];
our $eui = pack 'C8', $m[0] ^ 2, $m[1], $m[2], 0xff, 0xfe, @m[3 .. 5];
our $own6 = pack('n4', 0xfd42, 0x90, 0, 0) . $eui;
our $link6 = pack('n4', 0xfe80, 0, 0, 0) . $eui;
socket(our $out, 17, 3, 0) or die "socket: $!";
our $to = pack 'S n i S C C a8', 17, 0, text('/sys/class/net/eth0/ifindex'), 0, 0, 6, '';
sub up { my $request = pack('Z16 s x22', 'eth0', 0x1043); ioctl($out, 0x8914, $request) }
sub put { send($out, $_[0], 0, $to) }
sub frame { my ($dst, $type, $payload, $src) = @_; $dst . ($src // $mac) . pack('n', $type) . $payload }
sub udp4 { my ($src, $dst, $port) = @_; my $u = pack('n4 a', 7, $port, 9, 0, 'x');
  my $h = pack 'C C n n n C C n a4 a4', 0x45, 0, 20 + length $u, 0, 0, 64, 17, 0, $src, $dst;
  substr($h, 10, 2) = pack 'n', sum($h); $h . $u }
sub over6 { my ($src, $dst, $next, $hops, $data, $at) = @_;
  substr($data, $at, 2) = pack 'n', sum($src . $dst . pack('N N', length $data, $next) . $data);
  pack('N n C C a16 a16', 6 << 28, length $data, $next, $hops, $src, $dst) . $data }
sub udp6 { my ($src, $dst, $port) = @_; over6($src, $dst, 17, 64, pack('n4 a', 7, $port, 9, 0, 'x'), 6) }
`;
