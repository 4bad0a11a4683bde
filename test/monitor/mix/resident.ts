import { setTimeout as sleep } from 'node:timers/promises';
import type { LabController } from '../../lab/controller.ts';
import type { RunResult } from '../../lab/inside.ts';
import { until } from '../../lab/until.ts';
import { pick } from '../../helpers/random.ts';
import { holds, type Attack } from './attacks.ts';
import type { Watcher } from './watcher.ts';

/** Longest way from an attack to what follows, and from letting go to running again, in milliseconds. */
const patienceMs = 30_000;

/** How long after an act it may be answered on a busy machine, in milliseconds. */
const seenMs = 5_000;

/** What came of an attack. */
export interface Tried {
  readonly sandbox: string;
  readonly attack: Attack;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Whether anything held the sandbox then. */
  readonly wasHeld: boolean;
  /** How its program ended, for people. */
  readonly how: string;
}

/** Work of every kind that an image without packages can do, again and again. */
const work = `
cd /tmp && mkdir -p work && cd work || exit 1
while :; do
  for n in 1 2 3 4 5 6 7 8; do echo "a keyboard and $n keys" >file$n; sort file$n | uniq -c >out$n; done
  tar -cf all.tar file* && gzip -f all.tar && tar -tzf all.tar.gz >/dev/null
  grep -r keyboard . | wc -l; find / -xdev -name 'file*' 2>/dev/null | head -3
  env X=1 sh -c 'echo $X'; echo cGluZwo= | base64 -d; awk 'BEGIN { print "a:b" }'
  dd if=/dev/zero of=block bs=64k count=64 2>/dev/null; sha256sum block; cp block other; cmp block other; rm -f block other
  (echo through | cat) ; id; ps >/dev/null; df >/dev/null; ls -lR /etc >/dev/null; sed s/a/b/ file1; sleep 1
done >/dev/null`;

/** What is done by hand beside it. */
const errands = [
  'printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc -w 2 203.0.113.10 80',
  'mkdir -p /home/code/project && cd /home/code/project && echo x >a && tar -cf - . | wc -c',
  'vi --help >/dev/null 2>&1; mktemp; date; uname -a; hostname; cat /etc/passwd | cut -d: -f1',
  'i=0; while [ $i -lt 40 ]; do i=$((i + 1)); true | cat; done; seq 1000 | sort -n | tail -1',
  'echo "echo ssh -i key host" >/tmp/note; grep "sh -i" /tmp/note; sh /tmp/note',
];

/** Somebody who lives in a sandbox: works there, and attacks from there if given attacks. */
export class Resident {
  readonly tried: Tried[] = [];
  /** Attacks that the image turned out to lack a program for. */
  readonly impossible = new Set<string>();
  /** What went wrong with letting it go on. */
  readonly failures: string[] = [];
  readonly name: string;
  readonly #controller: LabController;
  readonly #watcher: Watcher;
  readonly #random: () => number;

  constructor(init: { name: string; controller: LabController; watcher: Watcher; random: () => number }) {
    this.name = init.name;
    this.#controller = init.controller;
    this.#watcher = init.watcher;
    this.#random = init.random;
  }

  /** Works until the signal aborts, with an attack now and then if there are any, each before one comes again. */
  async live(attacks: readonly Attack[], signal: AbortSignal): Promise<void> {
    this.#begin();
    for (let turn = 0; !signal.aborted; turn += 1) {
      await sleep(500 + 2_500 * this.#random());
      const attack = attacks[turn % attacks.length];
      if (!attack || this.impossible.has(attack.rule)) await this.#run(['sh', '-c', pick(errands, this.#random)]);
      else await this.#attack(attack);
    }
  }

  /** The work goes on by itself, frozen and thawed with the sandbox. */
  #begin(): void {
    this.#controller.lab.spawn(['incus', 'exec', `coi-${this.name}`, '--user', '1000', '--', 'sh', '-c', work]);
  }

  async #attack(attack: Attack): Promise<void> {
    this.#watcher.suspects.add(this.name);
    const from = Date.now();
    const isHeld = () => this.#watcher.heldBecause(this.name) !== undefined;
    const ended = this.#run(attack.argv);
    const first = await Promise.race([
      ended,
      this.#watcher.waitFor(this.name, isHeld, patienceMs).then(() => undefined),
    ]);
    if (first && lacksProgram(first)) {
      this.impossible.add(attack.rule);
    } else {
      // Another rule may see more in it than the one that it is an example of.
      const wasHeld = await this.#watcher.waitFor(this.name, isHeld, holds(attack.response) ? patienceMs : 2_000);
      const how = first === undefined ? 'held' : `${first.exitCode} ${first.stderr.trim()}`;
      this.tried.push({ sandbox: this.name, attack, from, to: Date.now(), wasHeld, how });
      // Once let go it does what it had not done yet, which may be answered by more: over is what has come to its end, and was seen.
      for (let again = 0; again < 4 && (await this.#isHeld()); again += 1) {
        await this.#goOn();
        await Promise.race([ended, this.#watcher.waitFor(this.name, isHeld, patienceMs)]);
        await sleep(seenMs);
      }
      if (await this.#isHeld()) this.failures.push(`${this.name} is held all the time`);
    }
    this.#watcher.suspects.delete(this.name);
  }

  async #goOn(): Promise<void> {
    // What was frozen first may be ended yet. To let go before that is carried out would be another race, and not what people do.
    await sleep(3_000);
    await until(`${this.name} to be as the rule has it`, () => this.#isReady(), { timeoutMs: 3 * patienceMs });
    const wasEnded = (await this.#controller.sandbox(this.name))?.state !== 'frozen';
    const { exitCode, stderr } = await this.#controller.coi('resume', this.name);
    if (exitCode !== 0) this.failures.push(`${this.name}: coi resume ended with ${exitCode}: ${stderr}`);
    // Twenty of them on two processors: one that was ended takes its time to run again.
    const now = await until(`${this.name} to go on`, () => this.#settled(), { timeoutMs: 3 * patienceMs }).catch(
      String,
    );
    if (now !== 'free' && now !== 'held') this.failures.push(now);
    if (now === 'free' && wasEnded) this.#begin();
  }

  /** Not by what the watcher saw, which may be from before. */
  async #isHeld(): Promise<boolean> {
    return (await this.#controller.sandbox(this.name))!.overrides.length > 0;
  }

  /** Also what is held is ready, once it is as it has to be. */
  async #isReady(): Promise<boolean> {
    return (await this.#controller.sandbox(this.name))!.ready;
  }

  /** Whether it is free again, or was held anew; undefined while neither is so. */
  async #settled(): Promise<'free' | 'held' | undefined> {
    if (await this.#isHeld()) return 'held';
    const { state, ready } = (await this.#controller.sandbox(this.name))!;
    return state === 'running' && ready ? 'free' : undefined;
  }

  #run(argv: readonly string[]): Promise<RunResult> {
    return this.#controller.lab.run(['incus', 'exec', `coi-${this.name}`, '--', ...argv], { timeoutMs: 60_000 });
  }
}

/** By what shells say; not what busybox says of a name that it was copied to. */
function lacksProgram({ stderr }: RunResult): boolean {
  return /^\S*sh: (?:line )?(?:\d+: )?[^:]+: (?:command )?not found$/m.test(stderr);
}
