import { pause, type Clock } from '../../../base/clock.ts';
import type { Asked, OnAsked } from '../../../host/dns/answers.ts';
import type { Sensor, SensorInit, SensorStatus, WatchedContainer } from '../../sensor.ts';

/** What a {@link NamesSensor} works with besides what all do. */
export interface NamesSensorInit extends SensorInit {
  readonly clock: Clock;
  /** Tells of every question to our resolver until disposed of: see `NameService.listen`. */
  readonly listen: (onAsked: OnAsked) => Disposable;
}

/** How often questions are told that were too many to be told one by one, in milliseconds. */
const tellMs = 2_000;

/**
 * Questions of watched sandboxes for names, as our resolver gets them: those of sandboxes with an allowlist. The resolver
 * looks at 100 a second of each; those above are counted, and those above 200 nobody sees.
 *
 * Other sandboxes ask the bridge's own server, dnsmasq of Incus, which tells nobody what is asked: how often they do, the
 * flows to it say, and the network's sensor has an event without a name for each.
 */
export class NamesSensor implements Sensor {
  readonly name = 'names';
  readonly #init: NamesSensorInit;
  #watched: ReadonlyMap<string, WatchedContainer> = new Map();
  readonly #unseen = new Map<string, number>();
  #isListening = false;
  #seen = 0;
  #dropped = 0;

  constructor(init: NamesSensorInit) {
    this.#init = init;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.refresh();
    using _ = this.#init.listen((uid, asked) => this.#take(uid, asked));
    this.#isListening = true;
    while (!signal.aborted) {
      await pause(this.#init.clock, tellMs, signal);
      this.#tellUnseen();
    }
    this.#isListening = false;
  }

  refresh(): void {
    const watched = this.#init
      .watched()
      .filter(({ monitoring: { enabled, network } }) => enabled && network.enabled && network.logsNames);
    this.#watched = new Map(watched.map((container) => [container.uid, container]));
  }

  status(): SensorStatus {
    const isActive = this.#isListening && this.#watched.size > 0;
    return {
      sensor: this.name,
      state: isActive ? 'active' : 'off',
      source: 'resolver',
      seen: this.#seen,
      dropped: this.#dropped,
    };
  }

  #take(uid: string, { name, type, result }: Asked): void {
    if (!this.#watched.has(uid)) return;
    if (result === 'limited') {
      this.#unseen.set(uid, (this.#unseen.get(uid) ?? 0) + 1);
      return;
    }
    this.#seen += 1;
    this.#init.onEvent({ kind: 'name', uid, at: this.#init.clock.now(), name, type, result });
  }

  #tellUnseen(): void {
    for (const [uid, count] of this.#unseen) {
      this.#dropped += count;
      this.#init.onEvent({ kind: 'unseen', uid, at: this.#init.clock.now(), sensor: this.name, count });
    }
    this.#unseen.clear();
  }
}
