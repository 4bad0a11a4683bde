import { watchLines } from '../link/watch-lines.ts';
import type { LineWatch } from '../link/watch-lines.ts';
import { busctl, service } from './bus.ts';
import type { BusScope } from './bus.ts';

/** A change of a mangle table, where our direct rules are, as `nft monitor` tells it. */
const mangle = /^(?:add|delete|insert|replace|flush) (?:rule|chain|table) ip6? mangle\b/;

/** What {@link watchFirewalld} needs. */
export interface FirewalldWatch extends LineWatch, BusScope {
  /** firewalld has reloaded, or another one has started. */
  readonly onReload: () => void;
}

/**
 * Hints until the signal aborts when firewalld has reloaded or started anew, which loses all rules that were given to it
 * while it ran (`onReload`), and when somebody wrote to the tables that its rules are in. What coi writes itself shows there, too.
 */
export async function watchFirewalld(watch: FirewalldWatch): Promise<void> {
  const signals = `type='signal',interface='${service}'`;
  const owner = `type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='${service}'`;
  const { namespace: _, ...here } = watch;
  await Promise.all([
    watchLines(busctl(watch, 'monitor', `--match=${signals}`, `--match=${owner}`), { ...here, onHint: watch.onReload }),
    watchLines(['nft', 'monitor'], { ...watch, isHint: (line) => mangle.test(line) }),
  ]);
}
