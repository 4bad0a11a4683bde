import type { Lab } from '../lab/lab.ts';
import type { Agent } from '../host/nft/world.ts';
import { addPerlImage, rawSockets } from './perl-image.ts';

/** What the flooder sends, each to a port of its own. Sources: its own, a sibling's, somebody's outside of the bridge. */
export const kinds = {
  own4: 7001,
  own6: 7002,
  sibling4: 7003,
  sibling6: 7004,
  outside4: 7005,
  outside6: 7006,
  link6: 7007,
} as const;

/**
 * What no policy of the second layer can tell from other links: one-way packets with an IPv6 source outside of the bridge's
 * prefix, which nobody can answer, and link-local sources on their way to addresses that the host has on other links. No
 * other kind may pass while the ruleset is gone.
 */
export function isKnownGap(caught: string): boolean {
  return /^\S+ outside6$|^host link6$/.test(caught);
}

/** Imports an image whose init does nothing but flood, from its first instruction on. */
export async function addFlooder(lab: Lab): Promise<void> {
  const gateway = (await lab.inside.output(['cat', '/sys/class/net/coibr0/address'])).trim();
  await addPerlImage(lab, 'flooder', `${rawSockets}\nour $gw = hw('${gateway}');\n${flood}`);
}

const flood = String.raw`
$SIG{PWR} = $SIG{TERM} = sub { exit };
up();
my @from4 = ([7001, $own4], [7003, ip4('10.90.200.200')], [7005, ip4('198.51.100.77')]);
my @from6 = ([7002, $own6], [7004, ip6('fd42:90::9999')], [7006, ip6('2001:db8:ffff::1')], [7007, $link6]);
my @frames;
for my $to (map { ip4($_) } qw(203.0.113.10 10.7.0.10 10.90.0.1 203.0.113.1 10.7.0.1)) {
  push @frames, frame($gw, 0x0800, udp4($_->[1], $to, $_->[0])) for @from4;
}
for my $to (map { ip6($_) } qw(2001:db8:113::10 fd77::10 fd42:90::1 2001:db8:113::1 fd77::1)) {
  push @frames, frame($gw, 0x86dd, udp6($_->[1], $to, $_->[0])) for @from6;
}
# To group addresses of bridges, which take another way into the host: see the bridge's settings.
for my $group (map { hw("01:80:c2:00:00:$_") } qw(03 0e)) {
  push @frames, frame($group, 0x0800, udp4($_->[1], ip4('10.90.0.1'), $_->[0])) for @from4;
  push @frames, frame($group, 0x86dd, udp6($_->[1], ip6('fd42:90::1'), $_->[0])) for @from6;
}
# A bridge knows nobody by IP yet: the host finds the way back by asking, which only matters for answers.
# At full rate at first, and then so that others get something done, too.
my $calm = time + 2;
while (1) { put($_) for @frames; select(undef, undef, undef, 0.001) if time > $calm }
`;

/** Packets of each kind that have arrived somewhere; kinds of which none came are left out. */
export class Catcher {
  readonly #agents: Readonly<Record<string, Agent>>;
  #before = new Map<string, number>();

  constructor(agents: Readonly<Record<string, Agent>>) {
    this.#agents = agents;
  }

  async open(): Promise<void> {
    for (const agent of Object.values(this.#agents)) {
      for (const port of Object.values(kinds)) await agent.order({ do: 'serve', port });
    }
  }

  /** What came since the last call, as `PLACE KIND`. */
  async caught(): Promise<Record<string, number>> {
    const caught: Record<string, number> = {};
    for (const [name, agent] of Object.entries(this.#agents)) {
      for (const [kind, port] of Object.entries(kinds)) {
        const key = `${name} ${kind}`;
        const count = (await agent.order({ do: 'received', port })) as number;
        const more = count - (this.#before.get(key) ?? 0);
        this.#before.set(key, count);
        if (more > 0) caught[key] = more;
      }
    }
    return caught;
  }
}
