# Counts packets that carry the mark of a technique, at one spot. Usage: perl tap.pl links|programs
# Each line on standard input is answered with one line of what came since the last:
# "answer NUMBER: TECHNIQUE GUEST PACKETS BYTES PLACE; …; stray COUNT HEX".
# `links` looks at frames as they come in on every link, PLACE is the link's name; `programs` takes what the kernel
# delivers to programs, past every rule, PLACE is the protocol's number.
use strict;
use warnings;

my (%seen, %stray, @sockets);
my $answers = 0;
my $packetSocket = 17;
my ($outgoing, $loopback) = (4, 5);

sub open_socket {
  my ($family, $type, $proto) = @_;
  socket(my $socket, $family, $type, $proto) or return;
  setsockopt($socket, 1, 33, pack('i', 1 << 26)) or setsockopt($socket, 1, 8, pack('i', 1 << 22));
  push @sockets, [$socket, $proto, $family];
}

if ($ARGV[0] eq 'links') {
  open_socket($packetSocket, 3, unpack('S', pack('n', 3))) or die "no packet socket: $!";
} else {
  open_socket(2, 3, $_) for 1, 2, 4, 6, 17, 41, 47, 50, 51, 94, 115, 132, 136, 137, 253;
  open_socket(10, 3, $_) for 4, 6, 17, 41, 47, 50, 51, 58, 115, 132, 136, 137, 253;
}

sub links { my %names; opendir(my $dir, '/sys/class/net') or return;
  for my $name (readdir $dir) { open(my $file, '<', "/sys/class/net/$name/ifindex") or next; chomp(my $index = <$file>); $names{$index} = $name }
  \%names }

# Where there is no room for a mark in letters, the source port is one.
sub port_mark {
  my ($ip, $known) = @_;
  my $version = ord($ip) >> 4;
  my ($next, $at) = $known ? ($known, 0) : $version == 4 ? (ord(substr $ip, 9, 1), (ord($ip) & 15) * 4) : (ord(substr $ip, 6, 1), 40);
  return unless ($next == 6 || $next == 17) && length $ip >= $at + 4;
  my ($source) = unpack 'n', substr $ip, $at, 2;
  return $source >= 20000 && $source < 32000 ? ($source % 1000, int(($source - 20000) / 1000)) : ();
}

# What every link carries without anybody's doing.
sub is_chatter {
  my ($type, $ip) = @_;
  return 1 if $type == 0x0806;
  return ord(substr $ip, 9, 1) == 2 if $type == 0x0800 && length $ip > 9;
  return 0 unless $type == 0x86dd && length $ip > 48;
  my $next = ord substr $ip, 6, 1;
  my $icmp = $next == 58 ? ord substr $ip, 40, 1 : $next == 0 ? ord substr $ip, 48, 1 : 0;
  return $icmp >= 130 && $icmp <= 143;
}

sub take {
  my ($data, $from, $proto, $family) = @_;
  my ($place, $ip, $type) = ($proto, $data, 0);
  if ($ARGV[0] eq 'links') {
    my (undef, undef, $index, undef, $kind) = unpack 'S n i S C', $from;
    return if $kind == $outgoing;
    ($place, $type, $ip) = ($index, unpack('n', substr $data, 12, 2), substr $data, 14);
  }
  my ($technique, $guest) = $data =~ /qz(\d+)x(\d+)q/i;
  ($technique, $guest) = port_mark($ip, $family == 10 && $proto) if !defined $technique && $type != 0x0806 && length $ip > 8;
  if (defined $technique) {
    my $count = $seen{"$technique $guest $place"} //= [0, 0];
    $count->[0]++;
    $count->[1] += length $data;
  } elsif ($type && !is_chatter($type, $ip)) {
    $stray{unpack 'H160', $data}++;
  }
}

$| = 1;
print "tapping\n";
while (1) {
  my $wanted = '';
  vec($wanted, fileno($_), 1) = 1 for \*STDIN, map { $_->[0] } @sockets;
  select(my $ready = $wanted, undef, undef, undef) > 0 or next;
  for (@sockets) {
    my ($socket, $proto, $family) = @$_;
    for (1 .. 5000) {
      my $from = recv($socket, my $data, 65536, 0x40);
      last unless defined $from;
      take($data, $from, $proto, $family);
    }
  }
  next unless vec($ready, fileno(STDIN), 1);
  sysread(STDIN, my $line, 1) or exit;
  next unless $line eq "\n";
  my $names = $ARGV[0] eq 'links' ? links() : {};
  my @counts = map { my ($technique, $guest, $place) = split / /; "$technique $guest @{$seen{$_}} " . ($names->{$place} // $place) } sort keys %seen;
  $answers++;
  print "answer $answers: ", join('; ', @counts, map { "stray $stray{$_} $_" } sort keys %stray), "\n";
  (%seen, %stray) = ();
}
