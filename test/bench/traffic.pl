# Sends or swallows packets as fast as one processor can. Needs perl with its core modules.
#   traffic.pl sink PORT                    reads TCP, and leaves UDP to a full buffer; says "ready"
#   traffic.pl tcp HOST PORT MS             one flow; prints bytes and milliseconds
#   traffic.pl udp HOST PORT MS SENDMMSG    one flow of 64 byte datagrams; prints datagrams and milliseconds
#   traffic.pl flows HOST PORT MS           a flow for each datagram; prints datagrams and milliseconds
# The third number printed is the processor time it took, in milliseconds, with what the kernel did on its behalf.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID);

my ($what, @args) = @ARGV;
$| = 1;
$SIG{CHLD} = 'IGNORE';

sub seconds { clock_gettime(CLOCK_MONOTONIC) }

sub opened {
  my ($type) = @_;
  socket(my $socket, PF_INET, $type, 0) or die "socket: $!";
  return $socket;
}

sub connected {
  my ($type, $host, $port) = @_;
  my $socket = opened($type);
  connect($socket, sockaddr_in($port, inet_aton($host))) or die "connect: $!";
  return $socket;
}

if ($what eq 'sink') {
  my ($port) = @args;
  my ($tcp, $udp) = (opened(SOCK_STREAM), opened(SOCK_DGRAM));
  setsockopt($tcp, SOL_SOCKET, SO_REUSEADDR, 1) or die "setsockopt: $!";
  # Nobody reads it: a reader would compete with the sender for the machine.
  setsockopt($udp, SOL_SOCKET, SO_RCVBUF, 1) or die "setsockopt: $!";
  for my $socket ($tcp, $udp) { bind($socket, sockaddr_in($port, INADDR_ANY)) or die "bind: $!" }
  listen($tcp, 16) or die "listen: $!";
  print "ready\n";
  while (accept(my $client, $tcp)) {
    next if fork;
    1 while sysread($client, my $buffer, 1 << 20);
    exit;
  }
  die "accept: $!";
}

my ($host, $port, $ms, $sendmmsg) = @args;
my ($began, $count) = (seconds(), 0);
my $end = $began + $ms / 1000;

if ($what eq 'tcp') {
  my $socket = connected(SOCK_STREAM, $host, $port);
  my $chunk = 'x' x (1 << 18);
  while (seconds() < $end) { $count += syswrite($socket, $chunk) // die "write: $!" }
  # What is on its way counts with the time that it takes.
  shutdown($socket, 1);
  sysread($socket, my $rest, 1);
} elsif ($what eq 'udp') {
  my $socket = connected(SOCK_DGRAM, $host, $port);
  my $payload = 'x' x 64;
  my $vector = pack 'PQ', $payload, length $payload;
  # struct mmsghdr: name, its length, vector, its length, control, its length, flags, bytes sent; see sendmmsg(2).
  my $messages = pack('QQPQQQQQ', 0, 0, $vector, 1, 0, 0, 0, 0) x 64;
  while (seconds() < $end) {
    my $sent = syscall($sendmmsg + 0, fileno $socket, $messages, 64, 0);
    # Refusals of earlier datagrams are told once.
    $count += $sent if $sent > 0;
  }
} elsif ($what eq 'flows') {
  while (seconds() < $end) {
    for (1 .. 32) { $count += defined send(connected(SOCK_DGRAM, $host, $port), 'x' x 64, 0) }
  }
} else {
  die "traffic.pl: $what?";
}
printf "%d %.3f %.3f\n", $count, 1000 * (seconds() - $began), 1000 * clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
