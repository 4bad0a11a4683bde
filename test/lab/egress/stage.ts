import { Place, type Guest } from '../../network/place.ts';
import { addPerlImage } from '../../network/perl-image.ts';
import { hostAddresses } from '../../network/targets.ts';
import type { Lab } from '../lab.ts';
import type { Neighbour } from '../neighbour.ts';
import { Upstream } from '../upstream.ts';
import { until } from '../until.ts';
import { senderProgram, type Surroundings } from './sender.ts';
import { Tap, tapArgv, type Sighting } from './tap.ts';
import { listedNames, turns, zone } from './techniques/names.ts';
import { allowed, markOf, modeNames, modes, type Mode, type Spot, type Technique } from './technique.ts';

const neighbours = ['internet', 'private', 'otherHost'] as const;

/** Mark of packets that the host itself sends to the sibling. */
const hostsOwn = 9;

/** Packets and bytes of one technique by one sandbox. */
export interface Count {
  packets: number;
  bytes: number;
}

/** What came of a run: by `TECHNIQUE GUEST`, what went out on the sandbox's link, and what arrived where. */
export interface Outcome {
  readonly sent: Map<string, Count>;
  readonly arrived: Map<string, Map<Spot, Count>>;
  /** What the programs said that could not be sent. */
  readonly died: readonly string[];
  /** Frames that arrived somewhere and belong to nobody, by spot. */
  readonly stray: readonly string[];
}

/** Sandboxes in every mode, a sibling, and taps wherever something could arrive. */
export class Stage implements AsyncDisposable {
  readonly place: Place;
  readonly guests: ReadonlyMap<Mode, Guest>;
  readonly sibling: Guest;
  readonly techniques: readonly Technique[];
  readonly #surroundings: Omit<Surroundings, 'guest'>;
  readonly #taps: ReadonlyMap<string, Tap>;

  constructor(init: {
    place: Place;
    guests: ReadonlyMap<Mode, Guest>;
    sibling: Guest;
    techniques: readonly Technique[];
    surroundings: Omit<Surroundings, 'guest'>;
    taps: ReadonlyMap<string, Tap>;
  }) {
    this.place = init.place;
    this.guests = init.guests;
    this.sibling = init.sibling;
    this.techniques = init.techniques;
    this.#surroundings = init.surroundings;
    this.#taps = init.taps;
  }

  static async open(techniques: readonly Technique[]): Promise<Stage> {
    const opened: { upstream?: Upstream } = {};
    const prepare = async (lab: Lab) => {
      await addPerlImage(lab, 'perl');
      opened.upstream = await Upstream.open(lab);
      await opened.upstream.behave({ zone, turns });
    };
    const place = await Place.open({ name: 'egress', prepare });
    try {
      return await Stage.#fill(place, techniques, opened.upstream!);
    } catch (error) {
      await place[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #fill(place: Place, techniques: readonly Technique[], upstream: Upstream): Promise<Stage> {
    const outside = await Promise.all(neighbours.map((name) => place.lab.neighbour(name)));
    await prepareHost(place.lab, outside[1]!);
    for (const port of [80, 443]) await outside[0]!.serve({ proto: 'tcp', port });
    const sibling = await place.guest('sibling', 'image = "perl"', 'network.mode = "open"');
    const own = { 'sibling.wild.test': [{ type: 'A', data: sibling.ipv4 }] as const };
    await upstream.behave({ zone: { ...zone, ...own }, turns });
    const guests = new Map<Mode, Guest>();
    const opened = modeNames.map(async (mode, index) => [mode, await openGuest(place, mode, index)] as const);
    for (const [mode, guest] of await Promise.all(opened)) guests.set(mode, guest);
    const taps = await openTaps(place, [...guests, ['sibling', sibling] as const]);
    const surroundings = await surroundingsOf(place.lab, sibling);
    return new Stage({ place, guests, sibling, techniques, surroundings, taps });
  }

  /** Has sandboxes carry techniques out, and looks what became of them. */
  async run(list: readonly Technique[], by: readonly Mode[] = modeNames): Promise<Outcome> {
    await this.#look();
    await this.#settleSibling();
    const batch = list.filter(({ draws }) => !draws);
    const said = batch.length > 0 ? await this.#send(batch, by) : [];
    const outcome = await this.#outcome(said);
    for (const technique of list.filter(({ draws }) => draws)) {
      await this.#settleSibling();
      const died = await this.#send([technique], by);
      await this.#callSibling(technique);
      merge(outcome, await this.#outcome(died));
    }
    return outcome;
  }

  /** Takes every layer away for good, the kernel's own checks too. */
  async bare(): Promise<void> {
    await this.place.bare(...this.guests.values(), this.sibling);
    const scopes = ['all', 'default', 'coibr0', ...[...this.guests.values()].map(({ port }) => port)];
    await this.place.lab.inside.output([
      'sysctl',
      '-qw',
      ...scopes.map((scope) => `net.ipv4.conf.${scope}.rp_filter=0`),
    ]);
  }

  async #send(list: readonly Technique[], by: readonly Mode[]): Promise<string[]> {
    const snippets = list.map((technique) => [this.techniques.indexOf(technique), technique.how] as const);
    const runs = by.map(async (mode) => {
      const program = senderProgram({ ...this.#surroundings, guest: modeNames.indexOf(mode) }, snippets);
      const argv = ['incus', 'exec', '-T', this.guests.get(mode)!.instance, '--', 'perl', '-'];
      const { stdout, stderr, exitCode } = await this.place.lab.run(argv, { input: program, timeoutMs: 120_000 });
      if (exitCode !== 0) throw new Error(`In ${mode}: ${stdout}\n${stderr}`);
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `${mode}: ${this.#named(line)}`);
    });
    return (await Promise.all(runs)).flat();
  }

  #named(line: string): string {
    return line.replace(/^\d+/, (number) => this.techniques[Number(number)]?.name ?? number);
  }

  /** Puts right what the host knows of the sibling. */
  async #settleSibling(): Promise<void> {
    const { inside } = this.place.lab;
    await inside.output(['sysctl', '-qw', 'net.ipv4.neigh.coibr0.locktime=0']);
    for (const address of [this.sibling.ipv4, this.sibling.ipv6]) {
      const seat = ['lladdr', this.sibling.mac, 'nud', 'stale', 'dev', 'coibr0'];
      await inside.output(['ip', 'neigh', 'replace', address, ...seat]);
    }
    await inside.output(['bridge', 'fdb', 'replace', this.sibling.mac, 'dev', this.sibling.port, 'master', 'dynamic']);
  }

  /** The host sends the sibling something that carries the technique's mark. */
  async #callSibling(technique: Technique): Promise<void> {
    const payload = markOf(this.techniques.indexOf(technique), hostsOwn);
    const argv = ['perl', '-MSocket=:all', '-e', callPerl, payload, this.sibling.ipv4, this.sibling.ipv6];
    await this.place.lab.inside.output(argv);
  }

  async #outcome(died: readonly string[]): Promise<Outcome> {
    const outcome: Outcome = { sent: new Map(), arrived: new Map(), died, stray: [] };
    // What is under way between two namespaces has arrived by the time that two looks see the same.
    let quiet = 0;
    while (quiet < 2) {
      const more = await this.#look();
      quiet = more.sent.size + more.arrived.size === 0 ? quiet + 1 : 0;
      merge(outcome, more);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return outcome;
  }

  async #look(): Promise<Outcome> {
    const outcome: Outcome = { sent: new Map(), arrived: new Map(), died: [], stray: [] };
    const looks = [...this.#taps].map(async ([spot, tap]) => [spot, await tap.look()] as const);
    for (const [spot, { sightings, stray }] of await Promise.all(looks)) {
      for (const sighting of sightings) this.#place(outcome, spot, sighting);
      if (neighbours.some((name) => name === spot))
        (outcome.stray as string[]).push(...stray.map((text) => `${spot} ${text}`));
    }
    return outcome;
  }

  /** Puts one sighting where it belongs. */
  #place({ sent, arrived }: Outcome, tap: string, { technique, guest, packets, bytes, place }: Sighting): void {
    const count = { packets, bytes };
    if (tap === 'ports') {
      if (this.guests.get(modeNames[guest]!)?.port === place) add(sent, `${technique} ${guest}`, count);
      return;
    }
    const owner = modeNames.findIndex((mode) => mode === tap);
    const isDrawn = guest === hostsOwn && owner >= 0;
    if (guest === hostsOwn ? !isDrawn : owner === guest) return;
    const spot: Spot = isDrawn ? 'self' : owner >= 0 ? 'sibling' : (tap as Spot);
    const key = `${technique} ${isDrawn ? owner : guest}`;
    const spots = arrived.get(key) ?? new Map<Spot, Count>();
    arrived.set(key, spots);
    add(spots, spot, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place[Symbol.asyncDispose]();
  }
}

const callPerl = `
my ($payload, @to) = @ARGV;
for my $to (@to) {
  my ($family, $name) = $to =~ /:/ ? (AF_INET6, pack_sockaddr_in6(7777, inet_pton(AF_INET6, $to))) : (AF_INET, pack_sockaddr_in(7777, inet_aton($to)));
  socket(my $socket, $family, SOCK_DGRAM, 0) or die $!;
  for (1 .. 3) { send($socket, $payload, 0, $name); select(undef, undef, undef, 0.02) }
}`;

function add<Key>(counts: Map<Key, Count>, key: Key, { packets, bytes }: Count): void {
  const count = counts.get(key) ?? { packets: 0, bytes: 0 };
  counts.set(key, { packets: count.packets + packets, bytes: count.bytes + bytes });
}

/** Adds what came of one run to that of others. */
export function merge(into: Outcome, more: Outcome): void {
  for (const [key, count] of more.sent) add(into.sent, key, count);
  for (const [key, spots] of more.arrived) {
    const known = into.arrived.get(key) ?? new Map<Spot, Count>();
    into.arrived.set(key, known);
    for (const [spot, count] of spots) add(known, spot, count);
  }
  (into.died as string[]).push(...more.died);
  (into.stray as string[]).push(...more.stray);
}

/** What the techniques need of the world: metadata by IPv6, and a host that does what careless ones do. */
async function prepareHost(lab: Lab, inner: Neighbour): Promise<void> {
  for (const address of ['fd00:ec2::254', '169.254.170.2', '100.100.100.200']) {
    await inner.addAddress(address);
    const via = address.includes(':') ? inner.ipv6 : inner.ipv4;
    await lab.inside.output(['ip', 'route', 'add', address, 'via', via, 'dev', 'lab-private']);
  }
  // Whose packets come from anywhere, and who passes on what a packet asks for.
  const links = ['ipv6.conf.all', 'ipv6.conf.coibr0'];
  await lab.inside.output([
    'sysctl',
    '-qw',
    ...links.flatMap((scope) => [`net.${scope}.seg6_enabled=1`, `net.${scope}.rpl_seg_enabled=1`]),
  ]);
  await lab.inside.output([
    'sysctl',
    '-qw',
    'net.ipv4.conf.coibr0.route_localnet=1',
    'net.ipv6.conf.coibr0.suppress_frag_ndisc=0',
  ]);
  const settings = ['ipv4.conf.all', 'ipv4.conf.default', 'ipv4.conf.coibr0', 'ipv6.conf.all', 'ipv6.conf.coibr0'];
  await lab.inside.output(['sysctl', '-qw', ...settings.map((scope) => `net.${scope}.accept_source_route=1`)]);
}

async function openGuest(place: Place, mode: Mode, index: number): Promise<Guest> {
  const keys = modes[mode].map((line) => `network.${line}`);
  const list = `network.allowed_domains = ${JSON.stringify([allowed.ipv4, allowed.ipv6, ...listedNames])}`;
  const guest = await place.guest(
    `g${index}`,
    'image = "perl"',
    ...keys,
    ...(mode.startsWith('allowlist') ? [list] : []),
  );
  await until('its addresses', async () => {
    const { stdout } = await place.inside(guest, 'ip', 'address', 'show', 'dev', 'eth0');
    return stdout.includes(guest.ipv4) && stdout.includes(guest.ipv6) && !stdout.includes('tentative');
  });
  return guest;
}

/** By spot; those of sandboxes by mode. */
async function openTaps(place: Place, guests: readonly (readonly [string, Guest])[]): Promise<Map<string, Tap>> {
  const { lab } = place;
  const taps = new Map<string, Tap>([
    ['ports', new Tap(lab.spawn(tapArgv('links')))],
    ['host', new Tap(lab.spawn(tapArgv('programs')))],
  ]);
  for (const name of neighbours) taps.set(name, new Tap((await lab.neighbour(name)).spawn(tapArgv('links'))));
  for (const [name, { instance }] of guests) {
    const netns = `/proc/${await place.pid(instance)}/ns/net`;
    taps.set(name, new Tap(lab.spawn(['nsenter', `--net=${netns}`, ...tapArgv('links')])));
  }
  await Promise.all([...taps.values()].map((tap) => tap.ready()));
  return taps;
}

async function surroundingsOf(lab: Lab, sibling: Guest): Promise<Omit<Surroundings, 'guest'>> {
  const all = await hostAddresses(lab);
  const linkLocal = all.find((address) => address.startsWith('fe80')) ?? '';
  return {
    gatewayMac: (await lab.inside.output(['cat', '/sys/class/net/coibr0/address'])).trim(),
    siblingMac: sibling.mac,
    sibling4: sibling.ipv4,
    sibling6: sibling.ipv6,
    hostAddresses: all.filter((address) => !address.includes('%')),
    hostLinkLocal: linkLocal.replace('%eth0', ''),
  };
}
