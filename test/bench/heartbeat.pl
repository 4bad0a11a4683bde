# A heartbeat of datagrams, to see when they are let through and when no longer. Needs perl with its core modules.
#   heartbeat.pl beat HOST PORT   sends two each millisecond: "o" in a flow that stays, "n" in a flow of its own
#   heartbeat.pl hear PORT        answers each line on stdin with four times, in seconds of the monotonic clock: when the
#                                 last "o" and the last "n" came, and when either first came after a pause
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

my ($what, @args) = @ARGV;
my $pause = 0.15;
$| = 1;

sub opened {
  socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
  return $socket;
}

if ($what eq 'beat') {
  my ($host, $port) = @args;
  my $to = sockaddr_in($port, inet_aton($host));
  my $old = opened();
  while (1) {
    # What is refused is told to the sender, who goes on.
    send($old, 'o', 0, $to);
    send(opened(), 'n', 0, $to);
    sleep 0.001;
  }
}

my $socket = opened();
bind($socket, sockaddr_in($args[0], INADDR_ANY)) or die "bind: $!";
print "ready\n";
my %last = (o => 0, n => 0);
my %resumed = (o => 0, n => 0);
while (1) {
  my $ready = '';
  vec($ready, fileno $socket, 1) = 1;
  vec($ready, fileno STDIN, 1) = 1;
  select($ready, undef, undef, undef) // next;
  if (vec($ready, fileno $socket, 1)) {
    recv($socket, my $kind, 8, 0);
    my $now = clock_gettime(CLOCK_MONOTONIC);
    $resumed{$kind} = $now if $now - $last{$kind} > $pause;
    $last{$kind} = $now;
  } else {
    sysread(STDIN, my $question, 64) or exit;
    printf "heard %s %.6f %.6f %.6f %.6f\n", $question =~ /(\S+)/, @last{qw(o n)}, @resumed{qw(o n)};
  }
}
