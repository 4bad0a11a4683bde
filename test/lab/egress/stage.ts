import { Place, type Guest } from '../../network/place.ts';
import { addPerlImage } from '../../network/perl-image.ts';
import type { Lab } from '../lab.ts';
import { Upstream } from '../upstream.ts';
import { until } from '../until.ts';
import { bootProgram, senderProgram, type Surroundings } from './sender.ts';
import { add, emptyOutcome, merge, type Count, type Outcome } from './outcome.ts';
import { neighbours, openGuest, openTaps, prepareHost, surroundingsOf, tapInside } from './surroundings.ts';
import type { Sighting, Tap } from './tap.ts';
import { turns, zone } from './techniques/names.ts';
import { markOf, modeNames, type Mode, type Spot, type Technique } from './technique.ts';

/** Mark of packets that the host itself sends to the sibling. */
const hostsOwn = 9;

/** Sandboxes in every mode, a sibling, and taps wherever something could arrive. */
export class Stage implements AsyncDisposable {
  readonly place: Place;
  readonly guests: ReadonlyMap<Mode, Guest>;
  readonly sibling: Guest;
  readonly techniques: readonly Technique[];
  readonly #surroundings: Omit<Surroundings, 'guest'>;
  readonly #taps: Map<string, Tap>;

  constructor(init: {
    place: Place;
    guests: ReadonlyMap<Mode, Guest>;
    sibling: Guest;
    techniques: readonly Technique[];
    surroundings: Omit<Surroundings, 'guest'>;
    taps: Map<string, Tap>;
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
    const batch = list.filter(({ kind }) => !kind);
    const said = batch.length > 0 ? await this.#send(batch, by) : [];
    const outcome = await this.#outcome(said);
    for (const technique of list.filter(({ kind }) => kind === 'draws')) {
      await this.#settleSibling();
      const died = await this.#send([technique], by);
      await this.#callSibling(technique);
      merge(outcome, await this.#outcome(died));
    }
    for (const technique of list.filter(({ kind }) => kind === 'boots')) {
      await Promise.all(by.map((mode) => this.#boot(technique, mode)));
      merge(outcome, await this.#outcome([]));
      // The links that were looked at are gone.
      for (const mode of by) this.#taps.set(mode, await tapInside(this.place, this.guests.get(mode)!.instance));
    }
    return outcome;
  }

  /** Has a sandbox come up with a network of its own making, by a changed init, and waits until it has tried. */
  async #boot(technique: Technique, mode: Mode): Promise<void> {
    const guest = this.guests.get(mode)!;
    const snippet = [this.techniques.indexOf(technique), technique.how] as const;
    const program = senderProgram({ ...this.#surroundings, guest: modeNames.indexOf(mode) }, [snippet]);
    const input = bootProgram(program, guest.mac);
    const argv = ['incus', 'exec', '-T', guest.instance, '--', 'sh'];
    const { exitCode, stderr } = await this.place.lab.run(argv, { input, timeoutMs: 60_000 });
    if (exitCode !== 0) throw new Error(`In ${mode}: ${stderr}`);
    const hasTried = async () => (await this.place.inside(guest, 'cat', '/tried')).stdout.includes('tried');
    await until(`${mode} to come up`, hasTried, { timeoutMs: 60_000, everyMs: 300 });
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
    const outcome: Outcome = { ...emptyOutcome(), died: [...died] };
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
    const outcome = emptyOutcome();
    const looks = [...this.#taps].map(async ([spot, tap]) => [spot, await tap.look()] as const);
    for (const [spot, { sightings, stray }] of await Promise.all(looks)) {
      for (const sighting of sightings) this.#place(outcome, spot, sighting);
      if (neighbours.some((name) => name === spot)) outcome.stray.push(...stray.map((text) => `${spot} ${text}`));
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
